//! Operations as commands: which script, which records, which arguments. Both faces send the same.

use super::{
    name::{FLIGHT, HOLDERS, Name, WAITERS},
    script::{self, Script},
};
use crate::backend::Operation;
use cachify_core::{
    Ttl,
    cell::{Ask, Life},
    time::Instant,
    token::HolderToken,
};
use redis::Cmd;
use std::time::Duration;

/// What a command says beside its operation.
pub(super) struct Context<'a> {
    pub(super) name: &'a Name,
    /// Past this time of the server nothing is taken any more, in milliseconds; zero while its time is not known.
    pub(super) not_after: u64,
    /// Where to be told that it is worth asking again; empty for those who do not wait.
    pub(super) inbox: &'a str,
    /// When the caller first came, in microseconds of the server; zero if it comes now.
    pub(super) arrived: u64,
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
pub(super) fn command(operation: &Operation, context: &Context<'_>, by: By) -> Cmd {
    let Some((script, records)) = script_of(operation) else {
        let mut get = redis::cmd("GET");
        get.arg(&context.name.text);
        return get;
    };
    let mut cmd = match by {
        By::Digest => redis::cmd("EVALSHA"),
        By::Body => redis::cmd("EVAL"),
    };
    cmd.arg(match by {
        By::Digest => script.digest(),
        By::Body => script.body,
    });
    cmd.arg(records.len());
    for suffix in records {
        cmd.arg([context.name.text.as_str(), suffix].concat());
    }
    arguments(&mut cmd, operation, context);
    cmd
}

/// The script of an operation, with the records it touches; a hit needs none.
fn script_of(operation: &Operation) -> Option<(&'static Script, &'static [&'static str])> {
    use Operation as Op;
    Some(match operation {
        Op::Get => return None,
        Op::Acquire(_) => (&script::ACQUIRE, &["", WAITERS]),
        Op::Renew(_) | Op::Touch(_) => (&script::RENEW, &[""]),
        Op::KeepFlying(_) => (&script::RENEW, &[FLIGHT]),
        Op::Release(_) | Op::Fail(_) => (&script::RELEASE, &["", WAITERS]),
        Op::Abandon(_) => (&script::RELEASE, &[FLIGHT, WAITERS]),
        Op::Take(..) => (&script::TAKE, &["", HOLDERS, WAITERS]),
        Op::Extend(_) => (&script::EXTEND, &["", HOLDERS]),
        Op::GiveBack(_) => (&script::GIVE_BACK, &["", HOLDERS, WAITERS]),
        Op::InUse => (&script::IN_USE, &[""]),
        Op::Begin(_) => (&script::BEGIN, &["", WAITERS]),
        Op::Complete(..) => (&script::COMPLETE, &["", WAITERS]),
        Op::Remaining => (&script::REMAINING, &[""]),
        Op::ForceRelease => (&script::FORCE, &["", WAITERS]),
        Op::Join(_) | Op::Heal(..) => (&script::JOIN, &["", FLIGHT, WAITERS]),
        Op::Publish(..) => (&script::PUBLISH, &["", FLIGHT, WAITERS]),
        Op::Invalidate => (&script::INVALIDATE, &["", FLIGHT, WAITERS]),
    })
}

fn arguments<'c>(cmd: &'c mut Cmd, operation: &Operation, context: &Context<'_>) -> &'c mut Cmd {
    use Operation as Op;
    match operation {
        Op::Get | Op::InUse | Op::Remaining | Op::ForceRelease | Op::Invalidate => cmd,
        Op::Acquire(ask) | Op::Begin(ask) => asked(cmd, ask, context).arg(""),
        Op::Take(size, ask) => asked(cmd, ask, context).arg(*size),
        Op::Join(ask) => asked(cmd, ask, context),
        Op::Heal(ask, bytes) => asked(cmd, ask, context).arg(bytes.as_slice()),
        Op::Renew(ask) | Op::Touch(ask) | Op::KeepFlying(ask) | Op::Extend(ask) => {
            cmd.arg(hex(ask.token)).arg(millis(ask.ttl)).arg(context.not_after)
        }
        // a value that lands, or a flight that ended without one, is news for everybody who waits for it
        Op::Release(token) | Op::Fail(token) => cmd.arg(hex(*token)).arg("0"),
        Op::Abandon(token) => cmd.arg(hex(*token)).arg("1"),
        Op::GiveBack(token) => cmd.arg(hex(*token)),
        Op::Complete(token, keep) => cmd.arg(hex(*token)).arg(up(*keep)),
        Op::Publish(token, bytes, life) => {
            cmd.arg(hex(*token)).arg(context.not_after).arg(lasting(life)).arg(bytes.as_slice())
        }
    }
}

/// What all that may have to wait say alike.
fn asked<'c>(cmd: &'c mut Cmd, ask: &Ask, context: &Context<'_>) -> &'c mut Cmd {
    cmd.arg(hex(ask.token)).arg(millis(ask.ttl)).arg(context.not_after).arg(context.inbox).arg(context.arrived)
}

/// A right that asks for no time at all would be one the server refuses to end.
fn millis(ttl: Duration) -> u64 {
    up(ttl).max(1)
}

/// Whole milliseconds, rounded up; at most what the server can still add to its time.
fn up(ttl: Duration) -> u64 {
    Instant::ZERO.saturating_add(ttl).as_millis().min(1 << 45)
}

/// How long a value lives on the server; zero is for ever.
fn lasting(life: &Life) -> u64 {
    match life.ttl {
        Ttl::For(ttl) => millis(ttl),
        Ttl::Forever => 0,
    }
}

fn hex(token: HolderToken) -> String {
    let [a, b, c, d] = token.0;
    format!("{a:08x}{b:08x}{c:08x}{d:08x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_rounded_up_and_never_zero() {
        assert_eq!(millis(Duration::from_nanos(1)), 1);
        assert_eq!(millis(Duration::ZERO), 1);
        assert_eq!(up(Duration::ZERO), 0);
        assert_eq!(up(Duration::MAX), 1 << 45);
        assert_eq!(lasting(&Life::new(Ttl::Forever)), 0);
    }

    #[test]
    fn a_token_is_thirty_two_digits() {
        assert_eq!(hex(HolderToken([1, 0, 0xffff_ffff, 0x10])), "0000000100000000ffffffff00000010");
    }
}
