//! `reset`: forgets a cached value, or all values of a group.

use crate::{
    connect::{Fleet, Rendered, command},
    consent::consent,
    failure::Failure,
    force::whose,
    inspect::look_at,
    look::{Seen, State},
    options::Forgotten,
    output::{Out, shown},
};
use cachify::{cachify_core::key::Kind, tool::Place};
use redis::Value;
use serde_json::json;
use std::process::ExitCode;

/// Forgets what was said, and says what that was.
pub(crate) fn run(fleet: &Fleet, asked: &Forgotten, out: &mut Out) -> Result<ExitCode, Failure> {
    match (&asked.key, &asked.group) {
        (Some(key), group) => value(fleet, key, group.as_deref(), asked.yes, out)?,
        (None, Some(group)) => all(fleet, group, asked.yes, out)?,
        (None, None) => return Err(Failure::Wrong("a key or --group is needed".into())),
    }
    Ok(ExitCode::SUCCESS)
}

fn value(fleet: &Fleet, key: &str, group: Option<&str>, yes: bool, out: &mut Out) -> Result<(), Failure> {
    let (seen, _) = look_at(fleet, key, group, &[Kind::Cache])?;
    let Some((_, seen)) = seen.into_iter().next() else {
        return Err(Failure::Refused(format!("no value is kept under `{}`", shown(key, 60))));
    };
    if matches!(seen.state, State::Foreign | State::OtherLayout) {
        return Err(Failure::Refused(format!("under `{}` lies {}: it is left alone", seen.key(), whose(seen.state))));
    }
    let was = if seen.left().is_empty() { seen.stand() } else { format!("{}, {} left", seen.stand(), seen.left()) };
    consent(&format!("Forget the cached value `{}` ({was})?", seen.key()), yes)?;
    if !forget(fleet, &seen)? && seen.state == State::Kept {
        return Err(Failure::Refused(format!("the cached value `{}` ended meanwhile", seen.key())));
    }
    if out.json {
        return out.value(&json!({ "done": "reset", "was": seen.json(fleet.prefix()) }));
    }
    let loader = if seen.is_loading { "; what is being loaded now is not kept" } else { "" };
    out.line(&format!("the cached value `{}` is forgotten ({was}){loader}", seen.key()))
}

fn forget(fleet: &Fleet, seen: &Seen) -> Result<bool, Failure> {
    let key = Rendered(&seen.place.key);
    Ok(match &seen.place.group {
        Some(group) => fleet.instance.group(group).cache(key).reset_blocking()?,
        None => fleet.instance.cache(key).reset_blocking()?,
    })
}

fn all(fleet: &Fleet, group: &str, yes: bool, out: &mut Out) -> Result<(), Failure> {
    let (place, name) = (Place::generation(group), shown(group, 60));
    // a group is made by whoever names it: a slip of the keyboard would make one for ever
    let is_there = fleet.node_of(&place)?.one(&command(&["EXISTS", &place.name(fleet.prefix())]))?;
    if is_there == Ok(Value::Int(0)) {
        return Err(Failure::Refused(format!("there is no group `{name}`")));
    }
    consent(&format!("Forget all values of the group `{name}`?"), yes)?;
    fleet.instance.group(group).reset_all_blocking()?;
    if out.json {
        return out.value(&json!({ "done": "reset", "group": group }));
    }
    out.line(&format!("all values of the group `{name}` are forgotten; they lie on the server until their ends"))
}
