//! What lies under keys, read by commands that change nothing and need no script.
//!
//! What a user may not read is not known, and noted; what another program or release laid out is told apart.

mod seen;

use crate::{connect::Node, failure::Failure};
use cachify::{
    cachify_core::key::Kind,
    tool::{LENGTH, Lease, MARKER, NOBODY, Place, is_pool, whole},
};
use redis::{Cmd, FromRedisValue, ServerErrorKind, Value, cmd};
pub(crate) use seen::{Seen, State, kind, table};
use std::{
    collections::BTreeSet,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
    vec,
};

/// How many bytes of a label are read: ours have 32, another program's may have any number.
const LABEL: usize = 256;

/// Reads keys of one server.
pub(crate) struct Look<'n> {
    pub(crate) node: &'n mut Node,
    prefix: &'n str,
    /// When it was asked for the time, and what it said, in milliseconds.
    clock: (Instant, u64),
    /// What may not be read, as sentences.
    pub(crate) denied: BTreeSet<String>,
}

/// What a server said to one command.
enum Answer {
    There(Value),
    /// The access list forbids it, or the key has moved.
    Unknown,
    /// The key holds data of another type.
    Foreign,
}

impl<'n> Look<'n> {
    pub(crate) fn at(node: &'n mut Node, prefix: &'n str) -> Result<Self, Failure> {
        let mut look = Self { node, prefix, clock: (Instant::now(), 0), denied: BTreeSet::new() };
        let time = look.node.ask(&[cmd("TIME")])?.pop().and_then(|time| look.read("TIME", time));
        let [seconds, micros] = time.map_or([0, 0], |time: (u64, u64)| [time.0, time.1]);
        let ours = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let theirs = Duration::from_secs(seconds) + Duration::from_micros(micros);
        let now = if seconds == 0 { ours } else { theirs };
        look.clock = (Instant::now(), u64::try_from(now.as_millis()).unwrap_or_default());
        Ok(look)
    }

    /// The server's time in milliseconds.
    fn now(&self) -> u64 {
        let since = u64::try_from(self.clock.0.elapsed().as_millis()).unwrap_or_default();
        self.clock.1.saturating_add(since)
    }

    /// What is there of these keys, in their order; nothing of some.
    pub(crate) fn all(&mut self, places: &[Place]) -> Result<Vec<Seen>, Failure> {
        let now = self.now();
        let commands: Vec<_> = places.iter().flat_map(|place| self.commands(place, now)).collect();
        let mut answers = self.node.ask(&commands)?.into_iter();
        let seen = places.iter().filter_map(|place| match place.kind {
            Kind::Lock | Kind::Once => self.lease(place, now, &mut answers),
            Kind::Pool => self.pool(place, now, &mut answers),
            Kind::Cache => self.cache(place, now, &mut answers),
        });
        Ok(seen.collect())
    }

    /// Who waits for a key, the first ones first: their tokens, and since when; none of one whose turn it is.
    pub(crate) fn line(&mut self, place: &Place, most: usize) -> Result<Vec<(String, Option<u64>)>, Failure> {
        let (line, now) = (Place { record: ":q", ..place.clone() }.name(self.prefix), self.now());
        let asked = cmd("ZRANGE").arg(line).arg(0).arg(most - 1).arg("WITHSCORES").clone();
        let members = self.node.ask(&[asked])?.pop().and_then(|members| self.read("ZRANGE", members));
        let members: Vec<(String, f64)> = members.unwrap_or_default();
        let waits = |(member, at): (String, f64)| {
            let token = member.split(' ').next().unwrap_or_default().to_owned();
            // who is called has the end of its turn there, as a negative number
            (token, (at >= 0.0).then(|| now.saturating_sub(whole(at / 1_000.0))))
        };
        Ok(members.into_iter().map(waits).collect())
    }

    fn commands(&self, place: &Place, now: u64) -> Vec<Cmd> {
        let name = |record| Place { record, ..place.clone() }.name(self.prefix);
        let of = |words: &[&str], key: &str, rest: &[&str]| {
            let mut command = cmd(words[0]);
            command.arg(key).arg(rest);
            command
        };
        let (first, line) = (name(""), name(":q"));
        let waiting = of(&["ZCARD"], &line, &[]);
        let lease = |key: &str| of(&["GETRANGE"], key, &["0", &(LENGTH + LABEL - 1).to_string()]);
        match place.kind {
            Kind::Lock | Kind::Once => vec![lease(&first), waiting],
            Kind::Cache => {
                vec![of(&["PTTL"], &first, &[]), of(&["STRLEN"], &first, &[]), lease(&name(":f")), waiting]
            }
            Kind::Pool => {
                let after = format!("({now}");
                vec![
                    of(&["ZCOUNT"], &first, &[&after, "+inf"]),
                    of(&["ZRANGEBYSCORE"], &first, &[&after, "+inf", "WITHSCORES", "LIMIT", "0", "1"]),
                    of(&["HMGET"], &name(":h"), &["v", "n", "f"]),
                    waiting,
                ]
            }
        }
    }

    fn answer(&mut self, command: &str, value: Value) -> Answer {
        let Value::ServerError(error) = &value else { return Answer::There(value) };
        let why = match error.kind() {
            _ if error.code() == "WRONGTYPE" => return Answer::Foreign,
            Some(ServerErrorKind::NoPerm) => format!("the access list does not allow `{}`", command.to_lowercase()),
            Some(ServerErrorKind::Moved | ServerErrorKind::Ask | ServerErrorKind::TryAgain) => {
                "some keys were moving to another node".into()
            }
            _ => format!("`{}` was refused", command.to_lowercase()),
        };
        self.denied.insert(format!("{}: {why}", self.node.address));
        Answer::Unknown
    }

    /// What was said, if it was said and is what it should be.
    fn read<T: FromRedisValue>(&mut self, command: &str, value: Value) -> Option<T> {
        match self.answer(command, value) {
            Answer::There(value) => redis::from_redis_value(value).ok(),
            Answer::Unknown | Answer::Foreign => None,
        }
    }

    fn lease(&mut self, place: &Place, now: u64, answers: &mut vec::IntoIter<Value>) -> Option<Seen> {
        let record = answers.next()?;
        let record = self.answer("GETRANGE", record);
        let seen = Seen { waiting: self.read("ZCARD", answers.next()?), ..Seen::new(place) };
        match record {
            Answer::Foreign => Some(seen.that_is(State::Foreign)),
            Answer::Unknown => Some(seen.that_is(State::Unknown)),
            Answer::There(record) => match bytes(record) {
                // who waits may have come before anybody holds it again
                record if record.is_empty() => (seen.waiting > Some(0)).then(|| seen.that_is(State::Free)),
                record => Some(leased(seen, &record, now)),
            },
        }
    }

    fn pool(&mut self, place: &Place, now: u64, answers: &mut vec::IntoIter<Value>) -> Option<Seen> {
        let held = answers.next()?;
        let held = self.answer("ZCOUNT", held);
        let first: Option<Vec<(String, f64)>> = self.read("ZRANGEBYSCORE", answers.next()?);
        let about: Option<(Vec<u8>, Option<u64>, Option<u64>)> = self.read("HMGET", answers.next()?);
        let mut seen = Seen { waiting: self.read("ZCARD", answers.next()?), ..Seen::new(place) };
        let held: u64 = match held {
            Answer::Foreign => return Some(seen.that_is(State::Foreign)),
            Answer::Unknown => return Some(seen.that_is(State::Unknown)),
            Answer::There(held) => redis::from_redis_value(held).unwrap_or_default(),
        };
        let is_there = held > 0 || seen.waiting > Some(0) || about.as_ref().is_some_and(|about| !about.0.is_empty());
        if about.as_ref().is_some_and(|about| !about.0.is_empty() && !is_pool(&about.0)) {
            return Some(seen.that_is(State::OtherLayout));
        }
        (seen.held, seen.size) = (Some(held), about.and_then(|about| about.1));
        let ends = first.and_then(|first| Some(first.first()?.1));
        seen.remaining = ends.map(|ends| whole(ends).saturating_sub(now));
        is_there.then(|| seen.that_is(if held > 0 { State::Held } else { State::Free }))
    }

    fn cache(&mut self, place: &Place, now: u64, answers: &mut vec::IntoIter<Value>) -> Option<Seen> {
        let left: Option<i64> = self.read("PTTL", answers.next()?);
        let size = answers.next()?;
        let size = self.answer("STRLEN", size);
        let flight = self.read::<Vec<u8>>("GETRANGE", answers.next()?).unwrap_or_default();
        let seen = Seen { waiting: self.read("ZCARD", answers.next()?), ..Seen::new(place) };
        let flown = leased(seen.clone(), &flight, now);
        let seen = if flown.state == State::Held { Seen { is_loading: true, ..flown } } else { seen };
        let there: Option<u64> = match size {
            Answer::Foreign => return Some(seen.that_is(State::Foreign)),
            Answer::Unknown => None,
            Answer::There(size) => Some(redis::from_redis_value(size).unwrap_or_default()),
        };
        let remaining = left.and_then(|left| left.try_into().ok());
        match (there, left) {
            (None, None) => Some(seen.that_is(State::Unknown)),
            (Some(1..), Some(-1..) | None) | (None, Some(-1..)) => {
                Some(Seen { state: State::Kept, bytes: there, remaining, ..seen })
            }
            _ if seen.is_loading => Some(seen.that_is(State::Loading)),
            _ => (seen.waiting > Some(0)).then(|| seen.that_is(State::Free)),
        }
    }
}

fn bytes(value: Value) -> Vec<u8> {
    match value {
        Value::BulkString(bytes) => bytes,
        _ => Vec::new(),
    }
}

/// What a record of a lease says.
fn leased(mut seen: Seen, record: &[u8], now: u64) -> Seen {
    let Some(lease) = Lease::of(record) else { return seen.that_is(State::OtherLayout) };
    let state = match lease.owner.as_str() {
        NOBODY => State::Free,
        _ if lease.ends <= now => State::Free,
        MARKER => State::Done,
        _ => State::Held,
    };
    seen.age = Some(now.saturating_sub(lease.since));
    if state != State::Free {
        seen.remaining = Some(lease.ends - now);
    }
    if state == State::Held {
        seen.fence = Some(lease.fence);
        seen.label = Some(lease.label).filter(|label| !label.is_empty());
        seen.holder = Some(lease.owner);
    }
    seen.that_is(state)
}
