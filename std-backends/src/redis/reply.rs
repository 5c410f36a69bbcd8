//! What the server answers, as an answer or as the failure it is. Both faces read the same.

use crate::backend::{Inspection, Op, Reply};
use cachify_core::{Cause, Holding, Label, key::Kind, patience::Ticket, token::FencingToken};
use redis::{ErrorKind, RedisError, ServerError, ServerErrorKind, Value};
use std::{sync::Arc, time::Duration};

/// What the server said, read.
pub(super) enum Read {
    /// The command came after its sender gave up, and nothing was done.
    Late { now: u64 },
    /// It was done.
    Done {
        reply: Reply,
        /// The server's time in milliseconds, if it was told.
        now: Option<u64>,
        /// Since when the caller waits, in microseconds of the server.
        arrived: u64,
    },
}

/// What went wrong on the way.
#[derive(Clone, Debug)]
pub(super) enum Failure {
    /// The server does not know the script by its digest.
    NoScript,
    /// It was not sent.
    NotSent(Cause),
    /// The connection broke; it may have been done.
    Broken,
    /// No answer came in time; it may have been done.
    TimedOut,
    /// It came after its time; nothing was done.
    Late,
    /// Nothing was done: another node of the cluster serves the key's slot.
    Elsewhere(Redirect),
    /// Nothing was done: the slot is on its way from one node to another, and the records of the key lie on both.
    Underway,
    /// The server refused.
    Refused(Cause),
}

/// Where a node of a cluster sends us.
#[derive(Clone, Debug)]
pub(super) struct Redirect {
    pub(super) slot: u16,
    /// `host:port`; without a host at the one who was asked.
    pub(super) at: Arc<str>,
    /// For this question only: the slot is on its way.
    pub(super) is_ask: bool,
}

impl Redirect {
    fn of(error: &RedisError) -> Option<Self> {
        let (at, slot) = error.redirect_node()?;
        Some(Self { slot, at: at.into(), is_ask: error.kind() == ErrorKind::Server(ServerErrorKind::Ask) })
    }
}

impl Failure {
    /// Whether it is about the server and not about the question: another one may serve the key by now.
    pub(super) const fn is_of_server(&self) -> bool {
        matches!(self, Self::NotSent(_) | Self::Broken | Self::TimedOut | Self::Refused(Cause::NotNow(_)))
    }

    /// Whether the server said that it is no master any more: then its address may be another's.
    pub(super) fn is_demotion(&self) -> bool {
        matches!(self, Self::Refused(Cause::NotNow(READ_ONLY | NO_MASTER)))
    }
}

const STRANGE: Cause =
    Cause::rejected("the server answered what none of our scripts answers: is the key another program's?");

/// Reads the reply to an operation; whoever is to wait gets `ticket`.
pub(super) fn read(op: &Op, kind: Kind, value: Value, ticket: Ticket) -> Result<Read, Cause> {
    let done = |reply| Ok(Read::Done { reply, now: None, arrived: 0 });
    match op {
        Op::Get => match value {
            Value::BulkString(bytes) => done(Reply::Filled(bytes)),
            Value::Nil => done(Reply::Absent),
            _ => Err(STRANGE),
        },
        Op::Inspect => {
            let [held, remaining, fence, age, waiting, label] = parts(&value)?;
            let few = |value| int(value).map(|n| u32::try_from(n).unwrap_or(u32::MAX));
            let remaining = u64::try_from(signed(remaining)?).unwrap_or(u64::MAX);
            let (seen, waiting) = (Inspection::new(few(held)?, remaining), few(waiting)?);
            let age = u64::try_from(signed(age)?).unwrap_or(u64::MAX);
            let seen = seen.by(FencingToken(int(fence)?), age).waited_for_by(waiting);
            done(Reply::Inspected(seen.labelled(text(label)?)))
        }
        Op::Clear => done(Reply::Cleared(int(&value)? > 0)),
        Op::Acquire(_) => contended(kind, value, ticket),
        Op::Renew { .. } | Op::Release(_) | Op::Insert { .. } => {
            let [code, now] = parts(&value)?;
            let holding = match signed(code)? {
                -1 => return Ok(Read::Late { now: int(now)? }),
                0 => Holding::Lost,
                _ => Holding::Held,
            };
            Ok(Read::Done { reply: Reply::Held(holding), now: Some(int(now)?), arrived: 0 })
        }
    }
}

/// Granted (1), busy (0), a marker is kept (2), a value is there (3), near its end (4) or too long (5), late (-1).
fn contended(kind: Kind, value: Value, ticket: Ticket) -> Result<Read, Cause> {
    let Value::Array(mut fields) = value else { return Err(STRANGE) };
    let value = if fields.len() == 7 { fields.pop() } else { None };
    let [code, fence, remaining, index, now, arrived] = fields.as_slice() else { return Err(STRANGE) };
    let (code, fence, now, arrived) = (signed(code)?, FencingToken(int(fence)?), int(now)?, int(arrived)?);
    let remaining = Duration::from_millis(int(remaining)?);
    let reply = match (code, kind, value) {
        (-1, ..) => return Ok(Read::Late { now }),
        (5, ..) => return Err(Cause::NO_ROOM),
        (4, Kind::Cache, Some(Value::BulkString(bytes))) => Reply::Stale(bytes),
        (_, Kind::Cache, Some(Value::BulkString(bytes))) => Reply::Filled(bytes),
        (0, ..) => Reply::Busy { remaining, ticket },
        (2, Kind::Once, _) => Reply::Done { remaining },
        _ => Reply::Granted { fence, index: u32::try_from(int(index)?).unwrap_or(u32::MAX), remaining },
    };
    Ok(Read::Done { reply, now: Some(now), arrived })
}

fn parts<const N: usize>(value: &Value) -> Result<&[Value; N], Cause> {
    match value {
        Value::Array(fields) => fields.as_slice().try_into().map_err(|_| STRANGE),
        _ => Err(STRANGE),
    }
}

fn signed(value: &Value) -> Result<i64, Cause> {
    match value {
        Value::Int(n) => Ok(*n),
        _ => Err(STRANGE),
    }
}

fn text(value: &Value) -> Result<Label, Cause> {
    match value {
        Value::BulkString(bytes) => Ok(Label::new(&String::from_utf8_lossy(bytes))),
        _ => Err(STRANGE),
    }
}

fn int(value: &Value) -> Result<u64, Cause> {
    signed(value).and_then(|n| u64::try_from(n).map_err(|_| STRANGE))
}

/// What an error means: whether it was sent, and why it was refused.
pub(super) fn failure(error: &RedisError) -> Failure {
    if error.is_connection_refusal() {
        return Failure::NotSent(Cause::Unreachable);
    }
    match error.kind() {
        ErrorKind::Server(ServerErrorKind::NoScript) => Failure::NoScript,
        ErrorKind::Server(ServerErrorKind::TryAgain) => Failure::Underway,
        ErrorKind::Server(ServerErrorKind::Moved | ServerErrorKind::Ask) if let Some(to) = Redirect::of(error) => {
            Failure::Elsewhere(to)
        }
        ErrorKind::Io | ErrorKind::Parse => Failure::Broken,
        _ => Failure::Refused(refusal(error)),
    }
}

/// Whether an answer says that the server is no master any more.
pub(super) fn is_demoted(value: &Value) -> bool {
    match value {
        Value::ServerError(error) => failure(&RedisError::from(error.clone())).is_demotion(),
        _ => false,
    }
}

/// Whether the server does not know a command.
pub(super) fn is_unknown(error: &ServerError) -> bool {
    error.details().is_some_and(|detail| detail.contains("unknown command"))
}

/// Whether a server has no such command for us: it was built without it, lost it, or its access list forbids it.
pub(super) fn has_no(error: &ServerError) -> bool {
    let is_missing = |detail: &str| SCRIPTLESS.iter().any(|words| detail.contains(words));
    error.kind() == Some(ServerErrorKind::NoPerm) || error.details().is_some_and(is_missing)
}

/// How servers say so of scripts; the second is Valkey's without its module.
const SCRIPTLESS: [&str; 2] = ["unknown command", "Could not find scripting engine"];

/// The same of a command or an option of one, and not of the key.
pub(super) fn is_lacking(error: &ServerError) -> bool {
    let says = |words: &str| error.details().is_some_and(|detail| detail.contains(words));
    has_no(error) && !says(" key") || says("syntax error")
}

/// What a batch is left without: a refusal, or not knowing.
pub(super) fn unanswered(failure: &Failure) -> Cause {
    match failure {
        Failure::NotSent(cause) | Failure::Refused(cause) => *cause,
        Failure::Elsewhere(_) | Failure::Underway => MOVING,
        Failure::Broken => Cause::Unknown,
        Failure::TimedOut | Failure::NoScript | Failure::Late => Cause::TimedOut,
    }
}

/// Refusals that pass by themselves: what is refused so is worth trying again.
const PASSING: [&str; 9] = [READ_ONLY, LOADING, CANNOT_SAVE, BUSY, NO_MASTER, TOO_FEW, NO_MEMORY, FULL, CLUSTER_DOWN];
const CLUSTER_DOWN: &str = "the cluster does not serve this key's slot now";
/// A slot that takes longer to move than an operation may.
pub(super) const MOVING: Cause = Cause::NotNow("the key's slot is moving from one node of the cluster to another");
/// What one server says that is a node of a cluster.
pub(super) const IN_CLUSTER: Cause =
    Cause::rejected("the server is a node of a cluster: its URL is `redis+cluster://..`");
/// What a node of a cluster says that is none.
const NO_CLUSTER: &str = "the server is no node of a cluster: its URL is `redis://..`";
const READ_ONLY: &str = "the server is a read-only replica";
const LOADING: &str = "the server is still loading its data";
const CANNOT_SAVE: &str = "the server cannot save its data and refuses to write";
const BUSY: &str = "the server is busy with a script that does not end";
const NO_MASTER: &str = "the server has lost its master";
const TOO_FEW: &str = "the server has fewer replicas than it wants for a write";
const NO_MEMORY: &str = "the server is out of memory and evicts nothing";
pub(super) const FULL: &str = "the server has as many clients as it takes";

/// One sentence for what a server refuses with; its own text may repeat what a client sent, and is not shown.
pub(super) fn refusal(error: &RedisError) -> Cause {
    let denied = |detail: &str| detail.contains("NOPERM") || detail.contains("no permissions");
    let why = match (error.kind(), error.code()) {
        (ErrorKind::AuthenticationFailed, _) | (_, Some("NOAUTH" | "WRONGPASS")) => PASSWORD,
        (ErrorKind::Server(ServerErrorKind::NoPerm), _) => NO_PERMISSION,
        (ErrorKind::Server(ServerErrorKind::ReadOnly), _) => READ_ONLY,
        (ErrorKind::Server(ServerErrorKind::BusyLoading), _) => LOADING,
        (ErrorKind::Server(ServerErrorKind::ClusterDown), _) => CLUSTER_DOWN,
        (_, Some("OOM")) => NO_MEMORY,
        (_, Some("WRONGTYPE")) => "the key holds another program's data",
        (_, Some("MISCONF")) => CANNOT_SAVE,
        (_, Some("BUSY")) => BUSY,
        (_, Some("MASTERDOWN")) => NO_MASTER,
        (_, Some("NOREPLICAS")) => TOO_FEW,
        (_, Some("DENIED")) => PROTECTED,
        _ if error.detail().is_some_and(|detail| detail.contains("max number of clients")) => FULL,
        // the client wraps what it is told while it connects
        _ if error.detail().is_some_and(denied) => NO_PERMISSION,
        _ if error.detail().is_some_and(|detail| {
            [SCRIPTLESS[1], "unknown command 'EVAL"].iter().any(|words| detail.contains(words))
        }) =>
        {
            NO_SCRIPTS
        }
        _ if error.detail().is_some_and(|detail| detail.contains("cachify: another layout")) => LAYOUT,
        _ if error.detail().is_some_and(|detail| detail.contains("cluster support disabled")) => NO_CLUSTER,
        _ if error.detail().is_some_and(|detail| detail.contains("DB index")) => "the server has no such database",
        _ => "the server answered with an error",
    };
    if PASSING.contains(&why) { Cause::NotNow(why) } else { Cause::rejected(why) }
}

const PASSWORD: &str = "the server does not accept the user name or password";
pub(super) const PROTECTED: &str = "the server is in protected mode: it takes clients of its own machine only";
pub(super) const NO_SERVER: &str = "what answers there is no Redis server";
const NO_PERMISSION: &str = "the server's access list does not allow a command, key or channel that cachify needs";
pub(super) const NO_SCRIPTS: &str =
    "the server runs no scripts, but one did when this instance began: build it anew when all do, or none";
const LAYOUT: &str = "the key holds another program's data, or another release of cachify laid it out";

/// Why no connection could be made, in the words of whoever refused it.
pub(super) fn unconnected(error: &RedisError) -> Cause {
    match failure(error) {
        _ if let Some(why) = untrusted(&error.to_string()) => Cause::rejected(why),
        _ if error.kind() == ErrorKind::Parse => Cause::rejected(NO_SERVER),
        Failure::Refused(cause) | Failure::NotSent(cause) => cause,
        failed => unreached(&failed),
    }
}

/// What TLS says of certificates, in words for whoever has to mend it.
fn untrusted(text: &str) -> Option<&'static str> {
    const SAID: [(&str, &str); 6] = [
        ("CertificateRequired", "the server wants a certificate of its client"),
        ("Expired", "the server's certificate has ended, or this machine's clock is wrong"),
        ("expired", "the server's certificate has ended, or this machine's clock is wrong"),
        ("not valid for name", "the server's certificate is for another host than the URL names"),
        ("NotValidForName", "the server's certificate is for another host than the URL names"),
        ("certificate", "the server's certificate is not trusted: its authority is to be named (`tls_authority`)"),
    ];
    let speaks = text.contains("certificate") || text.contains("Certificate");
    SAID.into_iter().find(|(said, _)| speaks && text.contains(said)).map(|(_, why)| why)
}

/// Why there is no connection. Nothing was asked yet, so nothing is in doubt.
pub(super) fn unreached(failure: &Failure) -> Cause {
    match failure {
        Failure::Refused(cause) | Failure::NotSent(cause) => *cause,
        Failure::Elsewhere(_) | Failure::Underway => MOVING,
        Failure::Broken | Failure::TimedOut | Failure::NoScript | Failure::Late => Cause::Unreachable,
    }
}

/// Whether that may have another reason than the client believes, which whoever knocks is told.
pub(super) fn is_doubtful(error: &RedisError) -> bool {
    let is_silent = error.is_connection_refusal() || error.is_timeout();
    !is_silent && matches!(unconnected(error), Cause::Unreachable | Cause::Rejected { why: NO_SERVER | PASSWORD, .. })
}

#[cfg(all(test, feature = "redis-tls"))]
mod tests {
    use super::*;
    use rustls::{AlertDescription, CertificateError, Error};

    #[test]
    fn certificates_are_spoken_of_as_what_they_are() {
        let says = |error: Error| untrusted(&format!("{error} {error:?}")).unwrap();
        for (error, word) in [
            (CertificateError::Expired, "ended"),
            (CertificateError::NotValidForName, "another host"),
            (CertificateError::UnknownIssuer, "not trusted"),
            (CertificateError::BadSignature, "not trusted"),
        ] {
            assert!(says(Error::InvalidCertificate(error.clone())).contains(word), "{error:?}");
            let alone = Error::InvalidCertificate(error.clone()).to_string();
            assert!(untrusted(&alone).unwrap().contains(word), "{alone}");
        }
        assert!(says(Error::AlertReceived(AlertDescription::CertificateRequired)).contains("wants"));
        assert_eq!(untrusted("connection refused"), None);
    }
}
