//! What a key holds, as far as this version of the library can read it.

use super::{
    beside::Beside,
    record::{BESIDE, Block, COUNTER, Counter, Record, State, VALUE, VERSION, whole, words},
    value::Value,
};
use cachify_core::{Label, token::HolderToken};

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

#[cfg(test)]
mod tests {
    use super::{
        super::record::{Ask, spell},
        *,
    };
    use std::time::Duration;

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
        let beside = Beside { flight, ends: 8, value };
        assert_eq!(Content::of(Some(&beside.spelled())), Content::Beside(beside));
        assert_eq!(Content::of(Some(&beside.spelled()[..2 + Record::LENGTH + 15])), Content::Foreign, "cut");
        let over = Beside { flight: flight.done(ASK.ttl), ..beside };
        assert_eq!(Content::of(Some(&over.spelled())), Content::Foreign, "no flight");
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
