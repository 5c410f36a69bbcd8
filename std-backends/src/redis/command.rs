//! Operations as commands: which script, which records, which arguments. Both faces send the same.

use super::{
    inbox::{Place, hex},
    name::{FLIGHT, HOLDERS, LINE, Name},
    script::{self, Script},
};
use crate::backend::{Call, Op, Outcome};
use cachify_core::{Cause, key::Kind, token::HolderToken};
use redis::{Cmd, Value};

/// What is asked of a name.
#[derive(Clone, Copy, Debug)]
pub(super) struct Question<'a> {
    pub(super) op: Op,
    pub(super) token: HolderToken,
    /// See [`Call::bytes`].
    pub(super) bytes: Option<&'a [u8]>,
    /// See [`Call::room`].
    pub(super) room: Option<usize>,
}

impl<'a> Question<'a> {
    pub(super) const fn new(op: Op, token: HolderToken) -> Self {
        Self { op, token, bytes: None, room: None }
    }

    pub(super) fn of(call: &'a Call) -> Self {
        let bytes = call.bytes.as_deref();
        // a flight without its value ends like one that failed
        let op = match (call.op, call.key.key().kind, bytes) {
            (Op::Release(_), Kind::Cache, None) => Op::Release(Outcome::Free),
            (op, ..) => op,
        };
        Self { op, token: call.token, bytes, room: call.room }
    }

    /// A value of which only so much was asked for that its length shows, as if all of it had been.
    pub(super) fn whole(&self, value: Value) -> Result<Value, Cause> {
        match (self.op, self.room, value) {
            (Op::Get, Some(_), Value::BulkString(bytes)) if bytes.is_empty() => Ok(Value::Nil),
            (Op::Get, Some(room), Value::BulkString(bytes)) if bytes.len() > room => Err(Cause::NO_ROOM),
            (.., value) => Ok(value),
        }
    }
}

/// What a command says beside its operation.
pub(super) struct Context<'a> {
    pub(super) name: &'a Name,
    /// Past this time of the server nothing is taken any more, in milliseconds; zero while its time is not known.
    pub(super) not_after: u64,
    /// Where the caller stands, or will.
    pub(super) place: &'a Place,
    /// Whether the server is told to keep what is held.
    pub(super) blesses: bool,
}

/// How a script is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum By {
    /// By its digest; a server that has not seen it refuses.
    Digest,
    /// By its whole text, which the server remembers.
    Body,
}

/// The command for one operation.
pub(super) fn command(question: &Question<'_>, context: &Context<'_>, by: By) -> Cmd {
    let Some((script, records)) = script_of(question, context.name.kind) else {
        return match question.room {
            // a byte more than there is room for: then it is too long, however long it is
            Some(room) => redis::Cmd::getrange(&context.name.text, 0, isize::try_from(room).unwrap_or(isize::MAX)),
            None => redis::Cmd::get(&context.name.text),
        };
    };
    let mut cmd = match by {
        By::Digest => redis::cmd("EVALSHA"),
        By::Body => redis::cmd("EVAL"),
    };
    let text = script.text(context.blesses);
    cmd.arg(match by {
        By::Digest => text.digest(),
        By::Body => text.body,
    });
    cmd.arg(records.len());
    for suffix in records {
        cmd.arg([context.name.text.as_str(), suffix].concat());
    }
    arguments(&mut cmd, question, context);
    cmd
}

/// The script of an operation, with the records it touches; a hit needs none.
fn script_of(question: &Question<'_>, kind: Kind) -> Option<(&'static Script, &'static [&'static str])> {
    Some(match (question.op, kind) {
        (Op::Get, _) => return None,
        (Op::Acquire(_), Kind::Lock) => (&script::ACQUIRE, &["", LINE]),
        (Op::Acquire(_), Kind::Pool) => (&script::TAKE, &["", HOLDERS, LINE]),
        (Op::Acquire(_), Kind::Once) => (&script::BEGIN, &["", LINE]),
        (Op::Acquire(_), Kind::Cache) => (&script::JOIN, &["", FLIGHT, LINE]),
        (Op::Renew { .. }, Kind::Lock | Kind::Once) => (&script::RENEW, &[""]),
        (Op::Renew { .. }, Kind::Pool) => (&script::EXTEND, &["", HOLDERS]),
        (Op::Renew { .. }, Kind::Cache) => (&script::RENEW, &[FLIGHT]),
        (Op::Release(_), Kind::Lock) | (Op::Release(Outcome::Free), Kind::Once) => (&script::RELEASE, &["", LINE]),
        (Op::Release(_), Kind::Pool) => (&script::GIVE_BACK, &["", HOLDERS, LINE]),
        (Op::Release(Outcome::Done { .. }), Kind::Once) => (&script::COMPLETE, &["", LINE]),
        (Op::Release(Outcome::Free), Kind::Cache) => (&script::RELEASE, &[FLIGHT, LINE]),
        (Op::Release(Outcome::Done { .. }), Kind::Cache) => (&script::PUBLISH, &["", FLIGHT, LINE]),
        (Op::Clear, Kind::Lock | Kind::Once | Kind::Pool) => (&script::FORCE, &["", LINE]),
        (Op::Insert { .. }, _) => (&script::INSERT, &["", FLIGHT, LINE]),
        (Op::Clear, Kind::Cache) => (&script::INVALIDATE, &["", FLIGHT, LINE]),
        (Op::Inspect, Kind::Pool) => (&script::IN_USE, &["", LINE]),
        (Op::Inspect, Kind::Lock | Kind::Once) => (&script::INSPECT, &["", LINE]),
        (Op::Inspect, Kind::Cache) => (&script::LIFE, &[""]),
    })
}

fn arguments<'c>(cmd: &'c mut Cmd, question: &Question<'_>, context: &Context<'_>) -> &'c mut Cmd {
    let Question { op, token, bytes, room } = *question;
    match (op, context.name.kind) {
        (Op::Get | Op::Inspect | Op::Clear, _) => cmd,
        (Op::Insert { fresh }, _) => cmd.arg(context.not_after).arg(lasting(fresh)).arg(bytes.unwrap_or_default()),
        (Op::Acquire(ask), kind) => {
            cmd.arg(hex(token)).arg(millis(ask.ttl)).arg(context.not_after);
            let Place { member, arrived } = context.place;
            cmd.arg(member).arg(*arrived).arg(u8::from(ask.wait > 0 && !member.is_empty()));
            match (kind, bytes) {
                (Kind::Lock | Kind::Once, _) => cmd.arg(ask.label.as_str()),
                (Kind::Pool, _) => cmd.arg(ask.size),
                (Kind::Cache, foreign) => {
                    cmd.arg(if ask.takes_stale() { i64::from(ask.window) } else { -1 });
                    match (foreign, room) {
                        (Some(foreign), None) => cmd.arg(foreign),
                        (foreign, Some(room)) => cmd.arg(foreign.unwrap_or_default()).arg(room),
                        (None, None) => cmd,
                    }
                }
            }
        }
        (Op::Renew { ttl }, _) => cmd.arg(hex(token)).arg(millis(ttl)).arg(context.not_after),
        (Op::Release(Outcome::Done { fresh }), Kind::Cache) => {
            cmd.arg(hex(token)).arg(context.not_after).arg(lasting(fresh)).arg(bytes.unwrap_or_default())
        }
        (Op::Release(outcome), kind) => {
            cmd.arg(hex(token)).arg(&context.place.member);
            match (outcome, kind) {
                (_, Kind::Pool) => cmd,
                // a flight that ended without a value is news for everybody who waits for it
                (Outcome::Free, Kind::Cache) => cmd.arg("1"),
                (Outcome::Done { fresh }, Kind::Once) => cmd.arg(fresh.min(LONGEST)),
                (_, Kind::Lock | Kind::Once | Kind::Cache) => cmd.arg("0"),
            }
        }
    }
}

/// What the server can still add to its time.
pub(super) const LONGEST: u64 = 1 << 45;

/// A lease that asks for no time at all would be one the server refuses to end.
fn millis(ttl: u64) -> u64 {
    ttl.clamp(1, LONGEST)
}

/// How long a value lives on the server; zero is for ever.
fn lasting(fresh: u64) -> u64 {
    if fresh == u64::MAX { 0 } else { millis(fresh) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_never_zero_and_never_past_what_a_server_counts() {
        assert_eq!((millis(0), millis(1), millis(u64::MAX)), (1, 1, 1 << 45));
        assert_eq!((lasting(0), lasting(5), lasting(u64::MAX)), (1, 5, 0));
    }
}
