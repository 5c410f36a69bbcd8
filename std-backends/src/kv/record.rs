//! What lies in a key: a fixed layout, so that whoever compares bytes compares what they say.
//!
//! A version, what it is, then words of 64 bits, least significant byte first. Not here: what follows from it.

use super::beside::Beside;
use cachify_core::{Label, time::Instant, token::HolderToken};
use std::time::Duration;

/// Who asks, and for how long.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ask {
    pub(super) token: HolderToken,
    pub(super) ttl: Duration,
    /// Whether it waits if somebody else has it.
    pub(super) waits: bool,
    pub(super) label: Label,
}

const VERSION: u8 = 3;
const VALUE: u8 = 6;
const COUNTER: u8 = 7;
const BESIDE: u8 = 8;

/// How far a right has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Of a permit: nobody else can have it, but its fence is not known yet.
    Asked = 1,
    /// It is held; of a lock or run granted once its fence is known to be its own.
    Held = 2,
    /// It ended well, and a marker is kept.
    Done = 3,
    /// It was given back; remembers the last fence.
    Free = 4,
    /// It was given back, and belongs to the token for a while.
    Called = 5,
}

/// Fences that were reserved at once: those up to a bound, and by whom.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Block {
    pub(super) bound: u64,
    pub(super) by: HolderToken,
}

/// A right, or the marker of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) state: State,
    pub(super) token: HolderToken,
    pub(super) fence: u64,
    pub(super) block: Block,
    ttl: u64,
    /// Of whoever holds it.
    pub(super) label: Label,
}

impl Record {
    pub(super) fn held(ask: &Ask, fence: u64, block: Block) -> Self {
        Self { state: State::Held, token: ask.token, fence, block, ttl: millis(ask.ttl), label: ask.label }
    }

    pub(super) fn with_ttl(self, ttl: Duration) -> Self {
        Self { ttl: millis(ttl), ..self }
    }

    /// The marker that takes its place.
    pub(super) fn done(self, keep: Duration) -> Self {
        Self { state: State::Done, label: Label::NONE, ..self.with_ttl(keep) }
    }

    /// The same before its fence is known.
    pub(super) fn asked(self) -> Self {
        Self { state: State::Asked, ..self }
    }

    /// What it leaves when it is given back.
    pub(super) fn free(self, linger: Duration) -> Self {
        Self { state: State::Free, label: Label::NONE, ..self.with_ttl(linger) }
    }

    /// Nothing but the turn of one who waits.
    pub(super) fn turn(token: HolderToken, turn: Duration) -> Self {
        Self::held(&Ask { token, ttl: turn, waits: true, label: Label::NONE }, 0, Block::default()).called(token, turn)
    }

    /// The same kept for one who waited.
    pub(super) fn called(self, token: HolderToken, turn: Duration) -> Self {
        Self { state: State::Called, token, ..self.with_ttl(turn) }
    }

    /// Whether it is somebody's.
    pub(super) const fn is_held(&self) -> bool {
        matches!(self.state, State::Asked | State::Held)
    }

    /// Of the whole right, which is the most that can remain of it.
    pub(super) const fn ttl(&self) -> Duration {
        Duration::from_millis(self.ttl)
    }

    pub(super) const fn millis(&self) -> u64 {
        self.ttl
    }

    /// How many bytes one without a label has.
    const LENGTH: usize = 2 + 8 * 7;

    /// A flight that ends then beside a value, as it lies in its key.
    pub(super) fn beside(self, ends: u64, value: &Value<'_>) -> Vec<u8> {
        let flight = Self { label: Label::NONE, ..self }.bytes();
        [&[VERSION, BESIDE], &flight[..], &ends.to_le_bytes(), &value.until.to_le_bytes(), value.bytes].concat()
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        let ([a, b], [c, d]) = (halves(self.token), halves(self.block.by));
        let mut bytes = spell(self.state as u8, &[a, b, self.fence, self.block.bound, c, d, self.ttl]);
        bytes.extend_from_slice(self.label.as_str().as_bytes());
        bytes
    }
}

/// What is remembered of a key beside its right, and outlives it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Counter {
    /// The fences that were reserved last: none above them was ever given.
    pub(super) block: Block,
    /// Of a pool, how many indices were ever in use.
    pub(super) top: u32,
    /// When it may be forgotten, in microseconds of the store's clock; zero where there is none.
    pub(super) until: u64,
    /// Who waits, in the order of arrival, as far as there is room.
    pub(super) line: Vec<HolderToken>,
    /// Of a pool, whose turn was announced; zeros for nobody's.
    pub(super) called: HolderToken,
}

impl Counter {
    /// How many places a line has: one for each process that waits, whose own callers stand in a line there.
    const PLACES: usize = 16;

    pub(super) fn bytes(&self) -> Vec<u8> {
        let [by, and] = halves(self.block.by);
        let [called, too] = halves(self.called);
        let mut words = vec![self.block.bound, by, and, u64::from(self.top), self.until, called, too];
        words.extend(self.line.iter().flat_map(|token| halves(*token)));
        spell(COUNTER, &words)
    }

    /// The same with one more who waits; `None` if it stands there, or there is no room.
    pub(super) fn with(&self, token: HolderToken) -> Option<Self> {
        let fits = self.line.len() < Self::PLACES && !self.line.contains(&token);
        fits.then(|| Self { line: [&self.line[..], &[token]].concat(), ..self.clone() })
    }

    /// The same without one who waited; `None` if it did not stand there.
    pub(super) fn without(&self, token: HolderToken) -> Option<Self> {
        let mut left = self.clone();
        left.line.retain(|other| *other != token);
        if left.called == token {
            left.called = HolderToken::default();
        }
        (left.line.len() < self.line.len()).then_some(left)
    }
}

/// A cached value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Value<'a> {
    /// When it ends, in microseconds of the store's clock; zero where there is none, `u64::MAX` for one without an end.
    pub(super) until: u64,
    pub(super) bytes: &'a [u8],
}

impl Value<'_> {
    /// How bytes lie in their key, and for how long; `fresh` is in milliseconds, `u64::MAX` for ever.
    pub(super) fn kept(bytes: &[u8], fresh: u64, micros: Option<u64>) -> (Vec<u8>, Option<Duration>) {
        if fresh == u64::MAX {
            return (Value { until: u64::MAX, bytes }.spelled(), None);
        }
        let until = micros.map_or(0, |now| now.saturating_add(fresh.saturating_mul(1_000)));
        // what is to last no time at all is gone as soon as can be
        (Value { until, bytes }.spelled(), Some(Duration::from_millis(fresh.max(1))))
    }

    /// For how many microseconds it is fresh, `u64::MAX` for ever; `None` where that cannot be told.
    pub(super) fn left(&self, micros: Option<u64>) -> Option<u64> {
        match (self.until, micros) {
            (u64::MAX, _) => Some(u64::MAX),
            (0, _) | (_, None) => None,
            (until, Some(now)) => Some(until.saturating_sub(now)),
        }
    }

    pub(super) fn is_fresh(&self, micros: Option<u64>) -> bool {
        self.left(micros).is_some_and(|left| left > 0)
    }

    /// As it lies in its key.
    pub(super) fn spelled(&self) -> Vec<u8> {
        [&[VERSION, VALUE], &self.until.to_le_bytes()[..], self.bytes].concat()
    }
}

/// What a key holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Content<'a> {
    Nothing,
    Right(Record),
    Value(Value<'a>),
    Counter(Counter),
    Beside(Beside<'a>),
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
            4 => State::Free,
            5 => State::Called,
            VALUE => {
                let (until, bytes) = rest.split_first_chunk()?;
                return Some(Self::Value(Value { until: u64::from_le_bytes(*until), bytes }));
            }
            COUNTER => return Self::counter(rest).map(Self::Counter),
            BESIDE => return Self::beside(rest),
            _ => return None,
        };
        let (right, label) = rest.split_first_chunk::<56>()?;
        let [a, b, fence, bound, c, d, ttl] = words(right)?[..].try_into().ok()?;
        let (block, label) = (Block { bound, by: whole(c, d) }, Label::exactly(label)?);
        Some(Self::Right(Record { state, token: whole(a, b), fence, block, ttl, label }))
    }

    fn beside(bytes: &'a [u8]) -> Option<Self> {
        let (right, rest) = bytes.split_first_chunk::<{ Record::LENGTH }>()?;
        let (ends, rest) = rest.split_first_chunk()?;
        let (until, bytes) = rest.split_first_chunk()?;
        let [ends, until] = [ends, until].map(|time| u64::from_le_bytes(*time));
        let Self::Right(flight) = Self::read(right)? else { return None };
        flight.is_held().then_some(Self::Beside(Beside { flight, ends, value: Value { until, bytes } }))
    }

    fn counter(bytes: &[u8]) -> Option<Counter> {
        let words = words(bytes)?;
        let (&[bound, by, and, top, until, called, too], line) = words.split_first_chunk()?;
        let (line, odd) = line.as_chunks();
        let is_whole = odd.is_empty() && line.len() <= Counter::PLACES;
        let line = line.iter().map(|[a, b]| whole(*a, *b)).collect();
        let block = Block { bound, by: whole(by, and) };
        let top = u32::try_from(top).ok()?;
        is_whole.then_some(Counter { block, top, until, line, called: whole(called, too) })
    }

    /// The right, if it is this token's.
    pub(super) fn own(&self, token: HolderToken) -> Option<Record> {
        match self {
            Self::Right(own) if own.is_held() && own.token == token => Some(*own),
            _ => None,
        }
    }
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

fn words(bytes: &[u8]) -> Option<Vec<u64>> {
    let (words, odd) = bytes.as_chunks();
    odd.is_empty().then(|| words.iter().map(|word| u64::from_le_bytes(*word)).collect())
}

fn halves(token: HolderToken) -> [u64; 2] {
    let [a, b, c, d] = token.0.map(u64::from);
    [a | b << 32, c | d << 32]
}

const fn whole(a: u64, b: u64) -> HolderToken {
    HolderToken([a as u32, (a >> 32) as u32, b as u32, (b >> 32) as u32])
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: HolderToken = HolderToken([1, 2, 3, u32::MAX]);
    const ASK: Ask = Ask { token: TOKEN, ttl: Duration::from_micros(1_500), waits: false, label: Label::NONE };
    const BLOCK: Block = Block { bound: u64::MAX, by: HolderToken([5, 6, 7, 8]) };

    #[test]
    fn what_is_spelled_can_be_read() {
        for state in [State::Asked, State::Held, State::Done, State::Free, State::Called] {
            let record = Record { state, ..Record::held(&ASK, u64::MAX - 1, BLOCK) };
            assert_eq!(record.ttl(), Duration::from_millis(2));
            assert_eq!(Content::of(Some(&record.bytes())), Content::Right(record));
        }
        let mut counter = Counter { block: BLOCK, top: u32::MAX, until: 9, line: vec![], called: TOKEN };
        for who in 0.. {
            assert_eq!(Content::of(Some(&counter.bytes())), Content::Counter(counter.clone()));
            let Some(more) = counter.with(HolderToken([who; 4])) else { break };
            assert_eq!(more.with(HolderToken([who; 4])), None, "nobody stands twice");
            counter = more;
        }
        assert_eq!(counter.line.len(), Counter::PLACES);
        assert_eq!(counter.without(TOKEN), None);
        assert_eq!(counter.without(HolderToken([1; 4])).map(|left| left.line[1]), Some(HolderToken([2; 4])));
        for value in [Value { until: 0, bytes: b"v" }, Value { until: u64::MAX, bytes: b"" }] {
            assert_eq!(Content::of(Some(&value.spelled())), Content::Value(value));
        }
        let (flight, value) = (Record::held(&ASK, 7, BLOCK), Value { until: 9, bytes: b"v" });
        assert_eq!(Content::of(Some(&flight.beside(8, &value))), Content::Beside(Beside { flight, ends: 8, value }));
        assert_eq!(Content::of(Some(&flight.beside(8, &value)[..2 + Record::LENGTH + 15])), Content::Foreign, "cut");
        assert_eq!(Content::of(Some(&flight.done(ASK.ttl).beside(8, &value))), Content::Foreign, "no flight");
        assert_eq!(Content::of(None), Content::Nothing);
    }

    #[test]
    fn bytes_cut_lengthened_or_of_another_version_are_foreign() {
        let whole = Record::held(&ASK, 1, BLOCK).bytes();
        for cut in 0..whole.len() {
            assert_eq!(Content::of(Some(&whole[..cut])), Content::Foreign, "{cut}");
        }
        let longer = [&whole[..], &[0]].concat();
        let mut newer = whole.clone();
        newer[0] = VERSION + 1;
        let mut unknown = whole;
        unknown[1] = 9;
        let too_many = spell(COUNTER, &[1, 0, 0, 1 << 32, 0, 0, 0]);
        let too_long = spell(COUNTER, &[1; 7 + 2 * (Counter::PLACES + 1)]);
        let odd = spell(COUNTER, &[1; 8]);
        for bytes in [longer, newer, unknown, too_many, too_long, odd] {
            assert_eq!(Content::of(Some(&bytes)), Content::Foreign, "{bytes:?}");
        }
    }

    #[test]
    fn only_what_is_held_is_somebodys() {
        let held = Record::held(&ASK, 1, BLOCK);
        for other in [held.done(ASK.ttl), held.free(ASK.ttl), held.called(TOKEN, ASK.ttl)] {
            assert_eq!(Content::Right(other).own(TOKEN), None);
        }
        assert_eq!(Content::Right(held).own(TOKEN), Some(held));
    }
}
