//! The numbers of all messages. What is added later gets a new one, and none is used again.

/// Asks for the lease, or joins the flight, of the key that is named.
pub(super) const ACQUIRE: u8 = 0;
pub(super) const RENEW: u8 = 1;
/// Nothing is kept.
pub(super) const RELEASE: u8 = 2;
/// A run succeeded.
pub(super) const COMPLETE: u8 = 3;
/// A flight ended with its value.
pub(super) const PUBLISH: u8 = 4;
pub(super) const CLEAR: u8 = 5;
pub(super) const INSPECT: u8 = 6;
pub(super) const GET: u8 = 7;
/// A value is kept, whoever loads another.
pub(super) const INSERT: u8 = 8;

/// A life of the device begins: what is remembered of an older one of the same number is forgotten.
pub(super) const BEGIN: u8 = 9;

/// Whether a request is about who holds the lease, whose token comes with it.
pub(super) const fn has_token(number: u8) -> bool {
    matches!(number, ACQUIRE | RENEW | RELEASE | COMPLETE | PUBLISH)
}

// not among those of the requests: a line that echoes must not look like answers
pub(super) const GRANTED: u8 = 64;
pub(super) const BUSY: u8 = 65;
pub(super) const DONE: u8 = 66;
pub(super) const FILLED: u8 = 67;
pub(super) const ABSENT: u8 = 68;
pub(super) const HELD: u8 = 69;
pub(super) const CLEARED: u8 = 70;
pub(super) const INSPECTED: u8 = 71;
pub(super) const FAILED: u8 = 72;
/// A value that is near its end, which another caller loads again.
pub(super) const STALE: u8 = 74;
/// The same in every version.
pub(super) const OTHER_VERSION: u8 = 73;
