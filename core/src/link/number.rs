//! The numbers of all messages. What is added later gets a new one, and none is used again.

pub(super) const ACQUIRE: u8 = 0;
pub(super) const RENEW: u8 = 1;
pub(super) const RELEASE: u8 = 2;
pub(super) const TAKE: u8 = 3;
pub(super) const EXTEND: u8 = 4;
pub(super) const GIVE_BACK: u8 = 5;
pub(super) const IN_USE: u8 = 6;
pub(super) const BEGIN: u8 = 7;
pub(super) const TOUCH: u8 = 8;
pub(super) const COMPLETE: u8 = 9;
pub(super) const FAIL: u8 = 10;
pub(super) const REMAINING: u8 = 11;
pub(super) const FORCE_RELEASE: u8 = 12;
pub(super) const GET: u8 = 13;
pub(super) const JOIN: u8 = 14;
pub(super) const HEAL: u8 = 15;
pub(super) const PUBLISH: u8 = 16;
pub(super) const KEEP_FLYING: u8 = 17;
pub(super) const ABANDON: u8 = 18;
pub(super) const INVALIDATE: u8 = 19;

// not among those of the requests: a line that echoes must not look like answers
pub(super) const GRANT: u8 = 64;
pub(super) const HOLDING: u8 = 65;
pub(super) const COUNT: u8 = 66;
pub(super) const BEGUN: u8 = 67;
pub(super) const REMAINING_IS: u8 = 68;
pub(super) const FLAG: u8 = 69;
pub(super) const VALUE: u8 = 70;
pub(super) const LOOKUP: u8 = 71;
pub(super) const FAILED: u8 = 72;
pub(super) const OTHER_VERSION: u8 = 73;
