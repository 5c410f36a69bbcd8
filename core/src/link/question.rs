//! What a bracket asks about one right, and what it is told: a few fields instead of the enums of all messages.
//!
//! On the line they are the messages of the same numbers. A device that only uses brackets needs no more of them.

use super::{
    OTHER_QUESTION,
    frame::Encoder,
    message::Skipped,
    number,
    settings::after,
    wire::{Parse, Put, Reader},
};
use crate::{
    cell::Holding,
    key::Kind,
    op::{Answer, Inspection},
    patience::Ticket,
    store::Fault,
    time::Instant,
    token::{FencingToken, HolderToken},
};

/// A request about one right; times in milliseconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Question {
    /// Which also tells what of the rest is sent.
    pub(super) number: u8,
    /// Of a pool; or of the longest value there is room for.
    pub(super) size: u16,
    pub(super) token: HolderToken,
    /// Of a right, or of the marker of a run that succeeded.
    pub(super) ttl: u32,
    /// For how long the caller waits; `None` without limit.
    pub(super) patience: Option<u32>,
    /// Of the bytes that the caller cannot read.
    pub(super) foreign: u32,
}

impl Question {
    /// One that only names a right.
    pub(super) const fn new(number: u8, token: HolderToken) -> Self {
        Self { number, size: 0, token, ttl: 0, patience: None, foreign: 0 }
    }

    /// What gives back a right of that kind.
    pub(super) const fn give_back(kind: Kind, token: HolderToken) -> Self {
        Self::new(give_back(kind), token)
    }
}

/// What asks for the right that a key of this kind stands for.
pub(super) const fn ask(kind: Kind) -> u8 {
    match kind {
        Kind::Lock => number::ACQUIRE,
        Kind::Pool => number::TAKE,
        Kind::Once => number::BEGIN,
        Kind::Cache => number::JOIN,
    }
}

/// What extends it.
pub(super) const fn prolong(kind: Kind) -> u8 {
    match kind {
        Kind::Lock => number::RENEW,
        Kind::Pool => number::EXTEND,
        Kind::Once => number::TOUCH,
        Kind::Cache => number::KEEP_FLYING,
    }
}

/// What gives it back.
pub(super) const fn give_back(kind: Kind) -> u8 {
    match kind {
        Kind::Lock => number::RELEASE,
        Kind::Pool => number::GIVE_BACK,
        Kind::Once => number::FAIL,
        Kind::Cache => number::ABANDON,
    }
}

impl Put for Question {
    fn put(&self, to: &mut Encoder<'_>) {
        let number = self.number;
        number.put(to);
        if matches!(number, number::TAKE | number::JOIN | number::HEAL) {
            self.size.put(to);
        }
        self.token.put(to);
        if matches!(number, number::RELEASE | number::GIVE_BACK | number::FAIL | number::ABANDON) {
            return;
        }
        self.ttl.put(to);
        if number != number::COMPLETE {
            self.patience.put(to);
        }
        if number == number::HEAL {
            self.foreign.put(to);
        }
    }
}

/// A request about a key, whoever holds it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Query {
    pub(super) number: u8,
    /// Of the longest value there is room for, where it looks at one.
    pub(super) room: u16,
}

impl Put for Query {
    fn put(&self, to: &mut Encoder<'_>) {
        self.number.put(to);
        if self.number == number::GET {
            self.room.put(to);
        }
    }
}

/// Reads the answer to a query; a value is read by [`value`].
#[cfg_attr(not(target_pointer_width = "64"), inline(never))]
pub(super) fn answer(mut from: Reader<'_>, now: Instant) -> Result<Answer, Fault> {
    let number = from.byte();
    if number == Some(number::FAILED) {
        return Err(Fault::parse(&mut from).unwrap_or(OTHER_QUESTION));
    }
    let answer = match number {
        Some(number::COUNT) => u16::parse(&mut from).map(|held| Answer::Inspected(Inspection::new(held, Instant::MAX))),
        Some(number::FLAG) => bool::parse(&mut from).map(Answer::Cleared),
        Some(number::REMAINING_IS) => Option::<u32>::parse(&mut from).map(|left| {
            let until = left.map(|left| after(now, left));
            Answer::Inspected(Inspection::new(until.is_some().into(), until.unwrap_or_default()))
        }),
        Some(number::VALUE) => {
            Option::<&[u8]>::parse(&mut from).map(|value| if value.is_some() { Answer::Filled } else { Answer::Absent })
        }
        _ => None,
    };
    answer.filter(|_| from.is_empty()).ok_or(OTHER_QUESTION)
}

/// What is answered to a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reply {
    /// To [`ask`].
    Granted {
        fence: FencingToken,
        index: u16,
        /// Milliseconds that it lasts.
        remaining: u32,
    },
    /// To [`ask`].
    Busy {
        /// Milliseconds until it may be free.
        remaining: u32,
        /// Of a notice that will come; [`Ticket::NONE`] if none will.
        ticket: Ticket,
        /// It is a run that was done.
        done: bool,
    },
    /// To a join or a heal: a value, which [`value`] reads.
    Filled,
    /// To everything else.
    Held(Holding),
}

impl Reply {
    pub(super) const fn holding(self) -> Result<Holding, Fault> {
        match self {
            Self::Held(holding) => Ok(holding),
            _ => Err(OTHER_QUESTION),
        }
    }
}

/// Reads an answer.
#[cfg_attr(not(target_pointer_width = "64"), inline(never))]
pub(super) fn reply(mut from: Reader<'_>) -> Result<Reply, Fault> {
    let number = from.byte();
    if number == Some(number::FAILED) {
        return Err(Fault::parse(&mut from).unwrap_or(OTHER_QUESTION));
    }
    let reply = parse(number, &mut from).filter(|_| from.is_empty());
    reply.ok_or(OTHER_QUESTION)
}

/// Reads the value of an answer that is [`Reply::Filled`], or [`Answer::Filled`].
pub(super) fn value(mut from: Reader<'_>) -> Option<&[u8]> {
    let is_value = match [from.byte()?, from.byte()?] {
        [number::LOOKUP, 0] => is_value(from.byte()?),
        looked => looked == [number::VALUE, 1],
    };
    if is_value { <&[u8]>::parse(&mut from) } else { None }
}

/// Whether a lookup found one: fresh or stale.
const fn is_value(found: u8) -> bool {
    found < 2
}

/// A value that ends a flight.
#[derive(Clone, Copy, Debug)]
pub(super) struct Publication<'a> {
    pub(super) token: HolderToken,
    /// `None` without end.
    pub(super) ttl: Option<u32>,
    pub(super) value: &'a [u8],
}

/// As [`Command::Publish`](super::command::Command) is laid out.
impl Put for Publication<'_> {
    fn put(&self, to: &mut Encoder<'_>) {
        number::PUBLISH.put(to);
        self.token.put(to);
        self.ttl.put(to);
        // never served past its time
        0_u32.put(to);
        self.value.put(to);
    }
}

/// As [`Grant`] is laid out.
fn granted(from: &mut Reader<'_>) -> Option<Reply> {
    let (fence, index) = (FencingToken(u64::parse(from)?), u16::parse(from)?);
    Some(Reply::Granted { fence, index, remaining: u32::parse(from)? })
}

/// As `Contended<Grant>`, `Contended<Lookup>`, `Begun` and `Holding` are laid out, but in milliseconds.
fn parse(number: Option<u8>, from: &mut Reader<'_>) -> Option<Reply> {
    match (number?, from.byte()?) {
        (number::GRANT | number::BEGUN, 0) => granted(from),
        (number::LOOKUP, 0) => match from.byte()? {
            found if is_value(found) => <&[u8]>::parse(from).map(|_| Reply::Filled),
            2 => {
                // one that is past its time is not served
                Option::<Skipped>::parse(from)?;
                granted(from)
            }
            _ => None,
        },
        (number::GRANT | number::BEGUN | number::LOOKUP, 1) => {
            let remaining = u32::parse(from)?;
            let ticket = if bool::parse(from)? { from.ticket } else { Ticket::NONE };
            Some(Reply::Busy { remaining, ticket, done: false })
        }
        (number::BEGUN, 2) => Some(Reply::Busy { remaining: u32::parse(from)?, ticket: Ticket::NONE, done: true }),
        (number::HOLDING, 0) => Some(Reply::Held(Holding::Kept)),
        (number::HOLDING, 1) => Some(Reply::Held(Holding::Lost)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        cell::{Ask, Begun, Grant, Life, Lookup},
        link::{
            command::{Answer, Command},
            frame::{Decoder, encode},
        },
        patience::{Busy, Contended},
        ttl::Ttl,
    };
    use core::time::Duration;
    use std::vec::Vec;

    const TOKEN: HolderToken = HolderToken([1, 2, 3, 4]);

    fn bytes(value: &dyn Put) -> Vec<u8> {
        let mut line = [0; 100];
        let len = encode(&mut line, |to| value.put(to)).unwrap();
        let mut decoder = Decoder::new([0; 100]);
        line[..len].iter().find_map(|byte| decoder.feed(*byte).map(<[u8]>::to_vec)).unwrap()
    }

    #[test]
    fn a_question_is_the_command_of_its_number() {
        let mut ask = Ask::new(TOKEN, Duration::from_secs(1));
        let renewal = ask;
        ask.within = Some(Duration::from_millis(300));
        let of = |number| Question { size: 5, ttl: 1_000, ..Question::new(number, TOKEN) };
        let asked = |kind| Question { patience: Some(300), ..of(super::ask(kind)) };
        for (question, command) in [
            (asked(Kind::Lock), Command::Acquire(ask)),
            (asked(Kind::Pool), Command::Take(5, ask)),
            (asked(Kind::Once), Command::Begin(ask)),
            (of(prolong(Kind::Lock)), Command::Renew(renewal)),
            (of(prolong(Kind::Pool)), Command::Extend(renewal)),
            (of(prolong(Kind::Once)), Command::Touch(renewal)),
            (of(prolong(Kind::Cache)), Command::KeepFlying(renewal)),
            (Question::give_back(Kind::Lock, TOKEN), Command::Release(TOKEN)),
            (Question::give_back(Kind::Pool, TOKEN), Command::GiveBack(TOKEN)),
            (Question::give_back(Kind::Once, TOKEN), Command::Fail(TOKEN)),
            (Question::give_back(Kind::Cache, TOKEN), Command::Abandon(TOKEN)),
            (of(number::COMPLETE), Command::Complete(TOKEN, Duration::from_secs(1))),
            (asked(Kind::Cache), Command::Join(5, ask)),
            (Question { foreign: 9, ..of(number::HEAL) }, Command::Heal(5, renewal, 9)),
        ] {
            assert_eq!(bytes(&question), bytes(&command), "{command:?}");
        }
        for (ttl, life) in [(None, Ttl::Forever), (Some(1_000), Ttl::For(Duration::from_secs(1)))] {
            let publication = Publication { token: TOKEN, ttl, value: b"bytes" };
            assert_eq!(bytes(&publication), bytes(&Command::Publish(TOKEN, Life::new(life), b"bytes")));
        }
    }

    #[test]
    fn a_reply_is_the_answer_of_its_number_and_nothing_else_is() {
        let ticket = Ticket(7);
        let second = Duration::from_secs(1);
        let grant = Grant { fence: FencingToken(u64::MAX), index: 3, remaining: second };
        let granted = |index| Ok(Reply::Granted { fence: grant.fence, index, remaining: 1_000 });
        let fill = |stale| Lookup::Fill { stale, fence: grant.fence, remaining: second };
        let refused = Busy { remaining: second, ticket };
        let silent = Busy { ticket: Ticket::NONE, ..refused };
        let busy = |ticket| Ok(Reply::Busy { remaining: 1_000, ticket, done: false });
        let done = Ok(Reply::Busy { remaining: 1_000, ticket: Ticket::NONE, done: true });
        for (answer, expected) in [
            (Answer::<Vec<u8>>::Grant(Contended::Granted(grant)), granted(3)),
            (Answer::Grant(Contended::Busy(refused)), busy(ticket)),
            (Answer::Grant(Contended::Busy(silent)), busy(Ticket::NONE)),
            (Answer::Begun(Begun::Run(grant)), granted(3)),
            (Answer::Begun(Begun::Busy(refused)), busy(ticket)),
            (Answer::Begun(Begun::Done { remaining: second }), done),
            (Answer::Lookup(Contended::Granted(Lookup::Fresh(b"v".to_vec()))), Ok(Reply::Filled)),
            (Answer::Lookup(Contended::Granted(Lookup::Stale(b"v".to_vec()))), Ok(Reply::Filled)),
            (Answer::Lookup(Contended::Granted(fill(None))), granted(0)),
            (Answer::Lookup(Contended::Granted(fill(Some(b"v".to_vec())))), granted(0)),
            (Answer::Lookup(Contended::Busy(refused)), busy(ticket)),
            (Answer::Holding(Holding::Kept), Ok(Reply::Held(Holding::Kept))),
            (Answer::Holding(Holding::Lost), Ok(Reply::Held(Holding::Lost))),
            (Answer::Failed(Fault::Full), Err(Fault::Full)),
            (Answer::Flag(true), Err(OTHER_QUESTION)),
            (Answer::Count(1), Err(OTHER_QUESTION)),
        ] {
            let bytes = bytes(&answer);
            let filled = value(Reader::new(&bytes, ticket));
            assert_eq!(filled, (expected == Ok(Reply::Filled)).then_some(&b"v"[..]), "{answer:?}");
            assert_eq!(reply(Reader::new(&bytes, ticket)), expected, "{answer:?}");
            for len in 0..bytes.len() {
                assert_eq!(reply(Reader::new(&bytes[..len], ticket)), Err(OTHER_QUESTION), "{answer:?} cut to {len}");
            }
            let longer = [&bytes[..], &[0]].concat();
            assert!(reply(Reader::new(&longer, ticket)).is_err(), "{answer:?} and more");
        }
    }

    #[test]
    fn an_answer_to_a_query_is_that_of_its_number_and_nothing_else_is() {
        use crate::op::Answer as Told;
        let second = Duration::from_secs(1);
        for (said, expected) in [
            (Answer::<Vec<u8>>::Count(300), Ok(Told::Inspected(Inspection::new(300, Instant::MAX)))),
            (Answer::Flag(true), Ok(Told::Cleared(true))),
            (Answer::Flag(false), Ok(Told::Cleared(false))),
            (Answer::Remaining(None), Ok(Told::Inspected(Inspection::default()))),
            (Answer::Remaining(Some(second)), Ok(Told::Inspected(Inspection::new(1, Instant::from_millis(1_000))))),
            (Answer::Value(None), Ok(Told::Absent)),
            (Answer::Value(Some(b"v".to_vec())), Ok(Told::Filled)),
            (Answer::Failed(Fault::Full), Err(Fault::Full)),
            (Answer::Holding(Holding::Kept), Err(OTHER_QUESTION)),
        ] {
            let bytes = bytes(&said);
            assert_eq!(answer(Reader::new(&bytes, Ticket::NONE), Instant::ZERO), expected, "{said:?}");
            let value = value(Reader::new(&bytes, Ticket::NONE));
            assert_eq!(value, (expected == Ok(Told::Filled)).then_some(&b"v"[..]), "{said:?}");
            for len in 0..bytes.len() {
                assert!(
                    answer(Reader::new(&bytes[..len], Ticket::NONE), Instant::ZERO).is_err(),
                    "{said:?} cut to {len}"
                );
            }
            let longer = [&bytes[..], &[0]].concat();
            assert!(answer(Reader::new(&longer, Ticket::NONE), Instant::ZERO).is_err(), "{said:?} and more");
        }
    }
}
