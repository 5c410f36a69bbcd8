//! What a device asks about one key, and what it is told: a few fields instead of the enums of all messages.

use super::{
    OTHER_QUESTION,
    frame::Encoder,
    number,
    settings::after,
    wire::{Parse, Put, Reader},
};
use cachify_core::{
    cell::Holding,
    key::Kind,
    op::{Answer, Inspection},
    patience::Ticket,
    store::Cause,
    time::Instant,
    token::{FencingToken, HolderToken},
};

/// A request about one key; times in milliseconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Question {
    /// Which tells, with the kind, what of the rest is sent.
    pub(super) number: u8,
    pub(super) kind: Kind,
    /// Of a pool; or of the longest value there is room for.
    pub(super) size: u32,
    pub(super) token: HolderToken,
    /// Of a lease, or of the marker of a run that succeeded.
    pub(super) ttl: u64,
    /// For how long the caller waits; `None` without limit.
    pub(super) patience: Option<u32>,
    /// Checksum of the bytes that the caller cannot read.
    pub(super) foreign: Option<u32>,
    /// Of a flight, how much longer than this a value must be fresh to count.
    pub(super) window: u32,
}

impl Question {
    /// One that only names a lease.
    pub(super) const fn new(number: u8, kind: Kind, token: HolderToken) -> Self {
        Self { number, kind, size: 0, token, ttl: 0, patience: None, foreign: None, window: 0 }
    }
}

impl Put for Question {
    fn put(&self, to: &mut Encoder<'_>) {
        let number = self.number;
        number.put(to);
        if number == number::GET {
            self.size.put(to);
        }
        if !number::has_token(number) {
            return;
        }
        self.token.put(to);
        if number == number::RELEASE {
            return;
        }
        self.ttl.put(to);
        if number != number::ACQUIRE {
            return;
        }
        self.patience.put(to);
        if matches!(self.kind, Kind::Pool | Kind::Cache) {
            self.size.put(to);
        }
        if self.kind == Kind::Cache {
            self.foreign.put(to);
            self.window.put(to);
        }
    }
}

/// A reply that came at `now`, with how many milliseconds that lasts which it grants.
pub(super) type Read = fn(Reader<'_>, Instant) -> Result<(Answer, u32), Cause>;

/// Reads a reply to one who asks for a lease or holds one.
#[cfg_attr(not(target_pointer_width = "64"), inline(never))]
pub(super) fn to_holder(from: Reader<'_>, now: Instant) -> Result<(Answer, u32), Cause> {
    whole(from, now, held)
}

/// Reads a reply about a key, whoever holds it; apart, for most devices ask no such thing.
#[cfg_attr(not(target_pointer_width = "64"), inline(never))]
pub(super) fn to_anybody(from: Reader<'_>, now: Instant) -> Result<(Answer, u32), Cause> {
    whole(from, now, |number, from, _| Some((seen(number, from)?, u32::MAX)))
}

fn whole(
    mut from: Reader<'_>,
    now: Instant,
    read: impl FnOnce(u8, &mut Reader<'_>, Instant) -> Option<(Answer, u32)>,
) -> Result<(Answer, u32), Cause> {
    let number = from.byte().ok_or(OTHER_QUESTION)?;
    if number == number::FAILED {
        return Err(Cause::parse(&mut from).unwrap_or(OTHER_QUESTION));
    }
    let reply = read(number, &mut from, now).filter(|_| from.is_empty());
    reply.ok_or(OTHER_QUESTION)
}

fn seen(number: u8, from: &mut Reader<'_>) -> Option<Answer> {
    Some(match number {
        number::FILLED => {
            <&[u8]>::parse(from)?;
            Answer::Filled
        }
        number::ABSENT => Answer::Absent,
        number::CLEARED => Answer::Cleared(bool::parse(from)?),
        number::INSPECTED => Answer::Inspected(Inspection::parse(from)?),
        _ => return None,
    })
}

fn held(number: u8, from: &mut Reader<'_>, now: Instant) -> Option<(Answer, u32)> {
    let mut lasts = u32::MAX;
    let answer = match number {
        number::GRANTED => {
            let (fence, index) = (FencingToken(u64::parse(from)?), u32::parse(from)?);
            lasts = u32::parse(from)?;
            Answer::Granted { fence, index }
        }
        number::BUSY => {
            let remaining = u32::parse(from)?;
            // the longest is without an end that is known
            let until = if remaining == u32::MAX { Instant::MAX } else { after(now, remaining) };
            Answer::Busy { until, ticket: if bool::parse(from)? { from.ticket } else { Ticket::NONE } }
        }
        number::DONE => Answer::Done { until: after(now, u32::parse(from)?) },
        number::FILLED | number::STALE => {
            <&[u8]>::parse(from)?;
            if number == number::FILLED { Answer::Filled } else { Answer::Stale }
        }
        number::HELD => Answer::Held(Holding::parse(from)?),
        _ => return None,
    };
    Some((answer, lasts))
}

/// Reads the value of a reply that is [`Answer::Filled`] or [`Answer::Stale`].
pub(super) fn value(mut from: Reader<'_>) -> Option<&[u8]> {
    if matches!(from.byte()?, number::FILLED | number::STALE) { <&[u8]>::parse(&mut from) } else { None }
}

/// A value that ends a flight.
#[derive(Clone, Copy, Debug)]
pub(super) struct Publication<'a> {
    /// Whose flight; `None` for one that is kept whoever loads another.
    pub(super) token: Option<HolderToken>,
    /// `None` without end.
    pub(super) ttl: Option<u64>,
    pub(super) value: &'a [u8],
}

impl Put for Publication<'_> {
    fn put(&self, to: &mut Encoder<'_>) {
        match self.token {
            Some(token) => {
                number::PUBLISH.put(to);
                token.put(to);
            }
            None => number::INSERT.put(to),
        }
        self.ttl.put(to);
        self.value.put(to);
    }
}

#[cfg(all(test, feature = "alloc"))]
mod tests {
    use super::*;
    use crate::{
        command::{Asked, Command, Reply},
        frame::{Decoder, encode},
        message::Name,
    };
    use cachify_core::{
        Label,
        op::{Ask, Op, Outcome},
    };
    use std::vec::Vec;

    const TOKEN: HolderToken = HolderToken([1, 2, 3, 4]);
    const KINDS: [Kind; 4] = [Kind::Cache, Kind::Lock, Kind::Once, Kind::Pool];

    fn bytes(value: &dyn Put) -> Vec<u8> {
        let mut line = [0; 100];
        let len = encode(&mut line, |to| value.put(to)).unwrap();
        let mut decoder = Decoder::new([0; 100]);
        line[..len].iter().find_map(|byte| decoder.feed(*byte).map(<[u8]>::to_vec)).unwrap()
    }

    type Taken = (Op, HolderToken, u16, Option<u32>, Vec<u8>);

    /// What a gateway takes a request for.
    fn read(kind: Kind, question: &dyn Put) -> Option<Taken> {
        let whole = [bytes(&Name { kind, key: b"k" }), bytes(question)].concat();
        let read = |bytes: &[u8]| {
            let Asked(_, Command { op, token, room, foreign, value }) = Asked::read(Reader::new(bytes, Ticket::NONE))?;
            Some((op, token, room, foreign, value.to_vec()))
        };
        assert_eq!(read(&[&whole[..], &[0]].concat()), None, "and more");
        (3..whole.len()).for_each(|len| assert_eq!(read(&whole[..len]), None, "cut to {len}"));
        read(&whole)
    }

    #[test]
    fn a_question_is_the_operation_of_its_number_on_the_kinds_that_have_it() {
        let none = HolderToken::default();
        for kind in KINDS {
            let of = |number| Question { size: 5, ttl: 1_000, ..Question::new(number, kind, TOKEN) };
            let asked = Question { patience: Some(300), foreign: Some(9), window: 700, ..of(number::ACQUIRE) };
            let sized = matches!(kind, Kind::Pool | Kind::Cache);
            let window = if kind == Kind::Cache { 700 } else { 0 };
            let ask = Ask { ttl: 1_000, wait: 300, size: if sized { 5 } else { 1 }, window, label: Label::NONE };
            let (room, foreign) = if kind == Kind::Cache { (5, Some(9)) } else { (0, None) };
            assert_eq!(read(kind, &asked), Some((Op::Acquire(ask), TOKEN, room, foreign, Vec::new())));
            let forever = read(kind, &Question { patience: None, ..asked }).unwrap();
            assert_eq!(forever.0, Op::Acquire(Ask { wait: u64::MAX, ..ask }));
            assert_eq!(read(kind, &Question { ttl: 0, ..asked }), None, "a lease of no length");
            let renewed = Some((Op::Renew { ttl: 1_000 }, TOKEN, 0, None, Vec::new()));
            assert_eq!(read(kind, &of(number::RENEW)), renewed);
            let free = Some((Op::Release(Outcome::Free), TOKEN, 0, None, Vec::new()));
            assert_eq!(read(kind, &of(number::RELEASE)), free);
            let done = (Op::Release(Outcome::Done { fresh: 1_000 }), TOKEN, 0, None, Vec::new());
            assert_eq!(read(kind, &of(number::COMPLETE)), (kind == Kind::Once).then_some(done));
            let clear = (Op::Clear, none, 0, None, Vec::new());
            assert_eq!(read(kind, &of(number::CLEAR)), (kind != Kind::Pool).then_some(clear));
            let look = (Op::Inspect, none, 0, None, Vec::new());
            assert_eq!(read(kind, &of(number::INSPECT)), Some(look));
            let get = (Op::Get, none, 5, None, Vec::new());
            assert_eq!(read(kind, &of(number::GET)), (kind == Kind::Cache).then_some(get));
            for (ttl, fresh) in [(None, u64::MAX), (Some(1_000), 1_000)] {
                let landed = (Op::Release(Outcome::Done { fresh }), TOKEN, 0, None, b"bytes".to_vec());
                let publication = Publication { token: Some(TOKEN), ttl, value: b"bytes" };
                assert_eq!(read(kind, &publication), (kind == Kind::Cache).then_some(landed));
                let inserted = (Op::Insert { fresh }, none, 0, None, b"bytes".to_vec());
                let insertion = Publication { token: None, ttl, value: b"bytes" };
                assert_eq!(read(kind, &insertion), (kind == Kind::Cache).then_some(inserted));
            }
        }
    }

    #[test]
    fn a_reply_is_the_answer_of_its_number_and_nothing_else_is() {
        let (ticket, now) = (Ticket(7), Instant::from_millis(50));
        let (soon, fence) = (Instant::from_millis(1_050), FencingToken(u64::MAX));
        let ok = |answer| Ok((answer, u32::MAX));
        let (pool, lock) = (Inspection::new(300, u64::MAX), Inspection::new(1, 1_000).by(fence, 50).waited_for_by(3));
        for (said, expected) in [
            (Reply::Granted { fence, index: 3, remaining: 1_000 }, Ok((Answer::Granted { fence, index: 3 }, 1_000))),
            (Reply::Busy { remaining: 1_000, ticket }, ok(Answer::Busy { until: soon, ticket })),
            (Reply::Busy { remaining: u32::MAX, ticket }, ok(Answer::Busy { until: Instant::MAX, ticket })),
            (
                Reply::Busy { remaining: 1_000, ticket: Ticket::NONE },
                ok(Answer::Busy { until: soon, ticket: Ticket::NONE }),
            ),
            (Reply::Done { remaining: 1_000 }, ok(Answer::Done { until: soon })),
            (Reply::Filled(b"v".to_vec()), ok(Answer::Filled)),
            (Reply::Stale(b"v".to_vec()), ok(Answer::Stale)),
            (Reply::Absent, ok(Answer::Absent)),
            (Reply::Held(Holding::Held), ok(Answer::Held(Holding::Held))),
            (Reply::Held(Holding::Lost), ok(Answer::Held(Holding::Lost))),
            (Reply::Cleared(true), ok(Answer::Cleared(true))),
            (Reply::Inspected(pool), ok(Answer::Inspected(pool))),
            (Reply::Inspected(lock), ok(Answer::Inspected(lock))),
            (Reply::Failed(Cause::Full), Err(Cause::Full)),
            (Reply::OtherVersion(2), Err(OTHER_QUESTION)),
        ] {
            let bytes = bytes(&said);
            let filled = value(Reader::new(&bytes, ticket));
            let has_value = expected == ok(Answer::Filled) || expected == ok(Answer::Stale);
            assert_eq!(filled, has_value.then_some(&b"v"[..]), "{said:?}");
            let [holder, anybody]: [Read; 2] = [to_holder, to_anybody];
            let queried = matches!(said, Reply::Absent | Reply::Cleared(_) | Reply::Inspected(_));
            let both = matches!(said, Reply::Filled(_) | Reply::Failed(_));
            let (read, other) = if queried { (anybody, holder) } else { (holder, anybody) };
            assert_eq!(read(Reader::new(&bytes, ticket), now), expected, "{said:?}");
            let elsewhere = if both { expected } else { Err(OTHER_QUESTION) };
            assert_eq!(other(Reader::new(&bytes, ticket), now), elsewhere, "{said:?}");
            for len in 0..bytes.len() {
                let cut = read(Reader::new(&bytes[..len], ticket), now);
                assert_eq!(cut, Err(OTHER_QUESTION), "{said:?} cut to {len}");
            }
            let longer = [&bytes[..], &[0]].concat();
            assert!(read(Reader::new(&longer, ticket), now).is_err(), "{said:?} and more");
        }
    }
}
