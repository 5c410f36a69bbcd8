//! `inspect`: all that is known of one key.

use crate::{
    connect::{Fleet, Node, Rendered},
    failure::{Failure, warn_of},
    look::{Look, Seen, State, kind},
    options::Inspected,
    output::{Out, Style, counted, shown, time},
};
use cachify::{cachify_core::key::Kind, tool::Place};
use serde_json::json;
use std::{process::ExitCode, time::Duration};

/// How many of those who wait are shown.
const WAITERS: usize = 20;

/// Shows whatever there is of the key, of each kind.
pub(crate) fn run(fleet: &Fleet, asked: &Inspected, out: &mut Out) -> Result<ExitCode, Failure> {
    let kinds: Vec<_> = asked.kind.iter().map(|kind| kind.kind()).collect();
    let (seen, denied) = look_at(fleet, &asked.key, asked.group.as_deref(), &kinds)?;
    for (at, (node, seen)) in seen.iter().enumerate() {
        let waiting = line(fleet, seen)?;
        if out.json {
            let mut value = seen.json(fleet.prefix());
            value["server"] = json!(node);
            value["line"] = waiting.iter().map(|(token, age)| json!({ "holder": token, "age_ms": age })).collect();
            out.value(&value)?;
            continue;
        }
        if at > 0 {
            out.line("")?;
        }
        say(out, fleet, node, seen, &waiting)?;
    }
    out.flush()?;
    warn_of(&denied);
    if seen.is_empty() {
        return Err(Failure::Refused(format!("there is nothing under the key `{}`", shown(&asked.key, 60))));
    }
    Ok(ExitCode::SUCCESS)
}

/// What is seen, each with the address of its server; and what could not be.
type Looked = (Vec<(String, Seen)>, Vec<String>);

/// What there is of a key, of these kinds or of all.
pub(crate) fn look_at(fleet: &Fleet, key: &str, group: Option<&str>, kinds: &[Kind]) -> Result<Looked, Failure> {
    const ALL: [Kind; 4] = [Kind::Lock, Kind::Once, Kind::Pool, Kind::Cache];
    let places: Vec<_> = match fleet.place(key) {
        Ok(place) => vec![place],
        Err(key) if group.is_some() => vec![Place::new(Kind::Cache, group, key)],
        Err(key) => ALL.map(|kind| Place::new(kind, None, key)).into(),
    };
    let places: Vec<_> = places.into_iter().filter(|place| kinds.is_empty() || kinds.contains(&place.kind)).collect();
    // all records of a key lie in one slot
    let Some(first) = places.first() else { return Ok((Vec::new(), Vec::new())) };
    let mut node = fleet.node_of(first)?;
    let mut look = Look::at(&mut node, fleet.prefix())?;
    let seen = look.all(&places)?;
    let denied = std::mem::take(&mut look.denied).into_iter().collect();
    Ok((seen.into_iter().map(|seen| (node.address.clone(), unscripted(fleet, seen))).collect(), denied))
}

/// What the library knows of a lease in another layout: on a server without scripts it keeps them in one of its own.
fn unscripted(fleet: &Fleet, seen: Seen) -> Seen {
    let key = Rendered(&seen.place.key);
    let known = match (seen.state, seen.place.kind) {
        (State::OtherLayout, Kind::Lock) => fleet.instance.lock(key).inspect_blocking().ok(),
        (State::OtherLayout, Kind::Once) => fleet.instance.once(key).inspect_blocking().ok(),
        _ => None,
    };
    let Some(known) = known else { return seen };
    let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    Seen {
        state: match (known.held, known.fence()) {
            (0, _) => State::Free,
            (_, None) => State::Done,
            (_, Some(_)) => State::Held,
        },
        label: known.label().map(str::to_owned),
        fence: known.fence().map(|fence| fence.0),
        age: known.age().map(millis),
        remaining: known.remaining().map(millis),
        waiting: known.waiting().map(u64::from),
        ..seen
    }
}

/// Who waits first: their tokens, and for how long.
fn line(fleet: &Fleet, seen: &Seen) -> Result<Vec<(String, Option<u64>)>, Failure> {
    if seen.waiting.is_none_or(|waiting| waiting == 0) {
        return Ok(Vec::new());
    }
    let mut node: Node = fleet.node_of(&seen.place)?;
    let mut look = Look::at(&mut node, fleet.prefix())?;
    look.line(&seen.place, WAITERS)
}

fn say(out: &mut Out, fleet: &Fleet, node: &str, seen: &Seen, line: &[(String, Option<u64>)]) -> Result<(), Failure> {
    let head = format!("{} {}", kind(seen.place.kind), seen.key());
    let head = out.styled(Style::Bold, &head);
    out.line(&format!("{head}  {}", seen.stand()))?;
    let mut field =
        |name: &str, text: String| if text.is_empty() { Ok(()) } else { out.line(&format!("  {name:<10} {text}")) };
    field("holder", seen.holder.as_deref().map(|token| shown(token, 32)).unwrap_or_default())?;
    field("label", seen.label.as_deref().map(|label| shown(label, 200)).unwrap_or_default())?;
    field("fence", seen.fence.map(|fence| fence.to_string()).unwrap_or_default())?;
    field("since", seen.since())?;
    field(if seen.place.kind == Kind::Pool { "next end" } else { "remaining" }, seen.left())?;
    field("waiting", seen.waiting.map(|waiting| waiting.to_string()).unwrap_or_default())?;
    for (token, age) in line {
        let age = age.map_or("whose turn it is".into(), |age| format!("for {}", time(age)));
        field("", format!("  {} {age}", shown(token, 32)))?;
    }
    field("name", shown(&seen.place.name(fleet.prefix()), 400))?;
    field("server", shown(node, 100))?;
    match seen.state {
        State::Foreign => field("", "what lies there is no record of cachify's: another program uses this name".into()),
        State::OtherLayout => {
            field("", "another release of cachify laid it out, or one that uses a server without scripts".into())
        }
        _ if line.len() < usize::try_from(seen.waiting.unwrap_or_default()).unwrap_or_default() => {
            field("", format!("the first {} are shown", counted(line.len() as u64, "one", "of them")))
        }
        _ => Ok(()),
    }
}
