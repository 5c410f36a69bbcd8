//! What lies in a key: a fixed layout, so that whoever compares bytes compares what they say.
//!
//! A version, what it is, then words of 64 bits, least significant byte first. Not here: what follows from it.

use cachify_core::{time::Instant, token::HolderToken};
use std::time::Duration;

/// Who asks, and for how long.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ask {
    pub(super) token: HolderToken,
    pub(super) ttl: Duration,
}

const VERSION: u8 = 1;
const VALUE: u8 = 4;
const COUNTER: u8 = 5;

/// How far a right has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Nobody else can have it, but its fence is not known yet.
    Asked = 1,
    /// It is held.
    Held = 2,
    /// It ended well, and a marker is kept.
    Done = 3,
}

/// A right, or the marker of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) state: State,
    pub(super) token: HolderToken,
    /// While it is [`State::Asked`], the last fence given before: a request that arrives after others had their turn
    /// then finds other bytes than it expects.
    pub(super) fence: u64,
    ttl: u64,
}

impl Record {
    pub(super) fn new(state: State, ask: &Ask, fence: u64) -> Self {
        Self { state, token: ask.token, fence, ttl: millis(ask.ttl) }
    }

    pub(super) fn with_ttl(self, ttl: Duration) -> Self {
        Self { ttl: millis(ttl), ..self }
    }

    /// The marker that takes its place.
    pub(super) fn done(self, keep: Duration) -> Self {
        Self { state: State::Done, ..self.with_ttl(keep) }
    }

    /// Of the whole right, which is the most that can remain of it.
    pub(super) const fn ttl(&self) -> Duration {
        Duration::from_millis(self.ttl)
    }

    pub(super) const fn millis(&self) -> u64 {
        self.ttl
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        let [a, b, c, d] = self.token.0.map(u64::from);
        spell(self.state as u8, &[a | b << 32, c | d << 32, self.fence, self.ttl])
    }
}

/// The last fence of a key, and for a pool how many indices were ever in use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counter {
    pub(super) last: u64,
    pub(super) top: u32,
    /// When it may be forgotten, in microseconds of the store's clock; zero where there is none.
    pub(super) until: u64,
}

impl Counter {
    pub(super) fn bytes(self) -> Vec<u8> {
        spell(COUNTER, &[self.last, u64::from(self.top), self.until])
    }
}

/// What a key holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Content<'a> {
    Nothing,
    Right(Record),
    Value(&'a [u8]),
    Counter(Counter),
    /// Not written by this version of the library.
    Foreign,
}

impl<'a> Content<'a> {
    pub(super) fn of(bytes: Option<&'a [u8]>) -> Self {
        bytes.map_or(Self::Nothing, |bytes| Self::read(bytes).unwrap_or(Self::Foreign))
    }

    fn read(bytes: &'a [u8]) -> Option<Self> {
        let (&[version, what], rest) = bytes.split_first_chunk()?;
        let state = match what {
            _ if version != VERSION => return None,
            1 => State::Asked,
            2 => State::Held,
            3 => State::Done,
            VALUE => return Some(Self::Value(rest)),
            COUNTER => {
                let [last, top, until] = words(rest)?;
                return Some(Self::Counter(Counter { last, top: u32::try_from(top).ok()?, until }));
            }
            _ => return None,
        };
        let [a, b, fence, ttl] = words(rest)?;
        let token = HolderToken([a as u32, (a >> 32) as u32, b as u32, (b >> 32) as u32]);
        Some(Self::Right(Record { state, token, fence, ttl }))
    }

    /// The right, if it is this token's.
    pub(super) fn own(self, token: HolderToken) -> Option<Record> {
        match self {
            Self::Right(own) if own.state != State::Done && own.token == token => Some(own),
            _ => None,
        }
    }
}

/// A cached value, as it lies in its key.
pub(super) fn value(bytes: &[u8]) -> Vec<u8> {
    let mut spelled = Vec::with_capacity(2 + bytes.len());
    spelled.extend_from_slice(&[VERSION, VALUE]);
    spelled.extend_from_slice(bytes);
    spelled
}

/// Whole milliseconds, rounded up, never none.
fn millis(ttl: Duration) -> u64 {
    Instant::ZERO.saturating_add(ttl).as_millis().max(1)
}

fn spell(what: u8, words: &[u64]) -> Vec<u8> {
    let mut spelled = Vec::with_capacity(2 + 8 * words.len());
    spelled.extend_from_slice(&[VERSION, what]);
    for word in words {
        spelled.extend_from_slice(&word.to_le_bytes());
    }
    spelled
}

fn words<const N: usize>(mut bytes: &[u8]) -> Option<[u64; N]> {
    let mut words = [0; N];
    for word in &mut words {
        let (first, rest) = bytes.split_first_chunk()?;
        (*word, bytes) = (u64::from_le_bytes(*first), rest);
    }
    bytes.is_empty().then_some(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ASK: Ask = Ask { token: HolderToken([1, 2, 3, u32::MAX]), ttl: Duration::from_micros(1_500) };

    #[test]
    fn what_is_spelled_can_be_read() {
        for state in [State::Asked, State::Held, State::Done] {
            let record = Record::new(state, &ASK, u64::MAX);
            assert_eq!(record.ttl(), Duration::from_millis(2));
            assert_eq!(Content::of(Some(&record.bytes())), Content::Right(record));
        }
        let counter = Counter { last: 7, top: u32::MAX, until: 9 };
        assert_eq!(Content::of(Some(&counter.bytes())), Content::Counter(counter));
        assert_eq!(Content::of(Some(&value(b"v"))), Content::Value(b"v"));
        assert_eq!(Content::of(None), Content::Nothing);
    }

    #[test]
    fn bytes_cut_lengthened_or_of_another_version_are_foreign() {
        let whole = Record::new(State::Held, &ASK, 1).bytes();
        for cut in 0..whole.len() {
            assert_eq!(Content::of(Some(&whole[..cut])), Content::Foreign, "{cut}");
        }
        let longer = [&whole[..], &[0]].concat();
        let mut newer = whole.clone();
        newer[0] = 2;
        let mut unknown = whole;
        unknown[1] = 9;
        let too_many = spell(COUNTER, &[1, 1 << 32, 0]);
        for bytes in [longer, newer, unknown, too_many] {
            assert_eq!(Content::of(Some(&bytes)), Content::Foreign, "{bytes:?}");
        }
    }

    #[test]
    fn a_marker_is_nobodys() {
        let done = Content::Right(Record::new(State::Done, &ASK, 1));
        assert_eq!(done.own(ASK.token), None);
    }
}
