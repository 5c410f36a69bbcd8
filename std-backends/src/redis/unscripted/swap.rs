//! One compare-and-exchange, by the best means that its server has.

use super::{Answer, STRANGE, read};
use crate::redis::{
    command::LONGEST,
    reply::{Failure, failure, has_no, is_lacking},
    server::{
        node::{Lacks, Node},
        threads::Talk,
    },
};
use cachify_core::time::Instant;
use redis::{Cmd, Value};
use std::time::Duration;

/// What is to become of a key, if it holds exactly what it held.
#[derive(Clone, Copy)]
pub(super) struct Swap<'a> {
    pub(super) key: &'a str,
    pub(super) old: Option<&'a [u8]>,
    pub(super) new: Option<&'a [u8]>,
    pub(super) ttl: Option<Duration>,
}

impl Swap<'_> {
    /// Whether it was done at this server.
    pub(super) fn at(&self, node: &Node, talk: &mut Talk<'_>, is_asked: bool) -> Result<Answer<bool>, Failure> {
        if self.new.is_none() && node.lacks(Lacks::Question) {
            find_out(node, talk)?;
        }
        // what a server once did not know it is not asked again
        for (cmd, needs) in self.in_one() {
            if needs.is_some_and(|needs| node.lacks(needs) || self.new.is_none() && node.lacks(Lacks::Question)) {
                continue;
            }
            match (talk.value(&cmd, is_asked)?, needs) {
                (Value::ServerError(error), Some(needs)) if is_lacking(&error) => node.found_lacking(needs),
                (value, _) => return Ok(read(value).and_then(|value| done(&value))),
            }
        }
        // what is watched during a move would be watched at one of two nodes
        if is_asked { Ok(Err(Failure::Underway)) } else { self.watched(talk) }
    }

    /// The single commands that do it, each with what not every server has.
    fn in_one(&self) -> Vec<(Cmd, Option<Lacks>)> {
        match (self.old, self.new) {
            (None, Some(new)) => vec![(self.set(new).arg("NX").clone(), None)],
            (Some(old), Some(new)) => vec![(self.set(new).arg("IFEQ").arg(old).clone(), Some(Lacks::SetIfEqual))],
            (Some(old), None) => {
                let delete = |name, words: &[&str]| redis::cmd(name).arg(self.key).arg(words).arg(old).clone();
                vec![
                    (delete("DELIFEQ", &[]), Some(Lacks::DelIfEqual)),
                    (delete("DELEX", &["IFEQ"]), Some(Lacks::DelExtended)),
                ]
            }
            (None, None) => Vec::new(),
        }
    }

    /// By a transaction that is not done if anybody writes the key meanwhile.
    fn watched(&self, talk: &mut Talk<'_>) -> Result<Answer<bool>, Failure> {
        // what was watched in vain before is of no interest; and what is written is written in a transaction that is known
        // to have begun
        let of_key = |name| redis::cmd(name).arg(self.key).clone();
        let look = [redis::cmd("UNWATCH"), of_key("WATCH"), of_key("GET"), redis::cmd("MULTI")];
        let found = match talk.answers(&look, false)?.as_deref() {
            Ok([_, _, Value::BulkString(bytes), _]) => Ok(Some(bytes.clone())),
            Ok([_, _, Value::Nil, _]) => Ok(None),
            Ok(_) => Err(Failure::Refused(STRANGE)),
            Err(why) => Err(why.clone()),
        };
        let is_same = found.map(|found| found.as_deref() == self.old);
        if !matches!(is_same, Ok(true)) {
            // whether it had begun or not; a connection on which it cannot be ended is left
            return match talk.value(&redis::cmd("DISCARD"), false)? {
                Value::ServerError(error) if has_no(&error) => Err(failure(&error.into())),
                _ => Ok(is_same),
            };
        }
        let write = match self.new {
            Some(new) => self.set(new),
            None => of_key("DEL"),
        };
        let answers = talk.answers(&[write, redis::cmd("EXEC")], false)?;
        Ok(answers.and_then(|mut answers| match answers.pop() {
            Some(Value::Nil) => Ok(false),
            Some(Value::Array(mut done)) => done.pop().ok_or(Failure::Refused(STRANGE)).and_then(read).map(|_| true),
            _ => Err(Failure::Refused(STRANGE)),
        }))
    }

    fn set(&self, new: &[u8]) -> Cmd {
        let mut set = redis::cmd("SET");
        set.arg(self.key).arg(new);
        if let Some(ttl) = self.ttl {
            // whole milliseconds, rounded up
            let millis = Instant::ZERO.saturating_add(ttl).as_millis();
            set.arg("PX").arg(millis.clamp(1, LONGEST));
        }
        set
    }
}

/// Which commands that delete it has. One that it has not would be refused with the bytes that were to be compared, in which
/// no client looks for the end of a line; and who may not ask does without.
fn find_out(node: &Node, talk: &mut Talk<'_>) -> Result<(), Failure> {
    let deletes = [("DELIFEQ", Lacks::DelIfEqual), ("DELEX", Lacks::DelExtended)];
    let question = redis::cmd("COMMAND").arg("INFO").arg(deletes.map(|(name, _)| name).as_slice()).clone();
    let told = match talk.value(&question, false)? {
        Value::Array(told) => told,
        Value::ServerError(error) if has_no(&error) => Vec::new(),
        // for now without
        _ => return Ok(()),
    };
    for (at, (_, needs)) in deletes.into_iter().enumerate() {
        if told.get(at).is_none_or(|told| *told == Value::Nil) {
            node.found_lacking(needs);
        }
    }
    node.answered();
    Ok(())
}

fn done(value: &Value) -> Answer<bool> {
    match value {
        Value::Nil | Value::Int(0) => Ok(false),
        Value::Okay | Value::Int(_) => Ok(true),
        _ => Err(Failure::Refused(STRANGE)),
    }
}
