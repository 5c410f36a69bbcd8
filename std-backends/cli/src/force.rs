//! `force-release`: takes a lock or a run from whoever holds it.

use crate::{
    connect::{Fleet, Rendered},
    consent::consent,
    failure::Failure,
    inspect::look_at,
    look::{Seen, State},
    options::{Forced, Forcible},
    output::{Out, counted, shown, time},
};
use cachify::cachify_core::key::Kind;
use serde_json::json;
use std::process::ExitCode;

/// Takes it, and says from whom.
pub(crate) fn run(fleet: &Fleet, asked: &Forced, out: &mut Out) -> Result<ExitCode, Failure> {
    let seen = found(fleet, asked)?;
    let question = match seen.state {
        State::Done => format!("Forget that {} is done?", seen.name()),
        State::Unknown => format!("Take {}, whose holder may not be seen?", seen.name()),
        _ => format!("Take {} from {}?", seen.name(), seen.held_by()),
    };
    consent(&question, asked.yes)?;
    release(fleet, &seen)?;
    if out.json {
        out.value(&json!({ "done": "force-release", "was": seen.json(fleet.prefix()) }))?;
    } else {
        out.line(&told(&seen))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Takes what was seen; refused if nobody holds it any more.
pub(crate) fn release(fleet: &Fleet, seen: &Seen) -> Result<(), Failure> {
    let key = Rendered(&seen.place.key);
    let was_held = match seen.place.kind {
        Kind::Once => fleet.instance.once(key).force_release_blocking()?,
        Kind::Lock => fleet.instance.lock(key).force_release_blocking()?,
        Kind::Pool | Kind::Cache => return Err(Failure::Wrong("only locks and runs can be taken".into())),
    };
    if was_held { Ok(()) } else { Err(Failure::Refused(format!("{} was given back meanwhile", seen.name()))) }
}

/// What was done, to whom.
pub(crate) fn told(seen: &Seen) -> String {
    let done = match seen.state {
        State::Done => format!("{} counts as done no more; it would have for {}", seen.name(), seen.left()),
        State::Unknown => format!("{} was taken from whoever held it", seen.name()),
        _ => format!(
            "{} was taken from {}; {} were left",
            seen.name(),
            seen.held_by(),
            time(seen.remaining.unwrap_or_default())
        ),
    };
    match seen.waiting {
        Some(waiting @ 1..) => {
            format!("{done}; of {} the first is called", counted(waiting, "one who waits", "who wait"))
        }
        _ => done,
    }
}

fn found(fleet: &Fleet, asked: &Forced) -> Result<Seen, Failure> {
    let kinds = match asked.kind {
        Some(Forcible::Lock) => vec![Kind::Lock],
        Some(Forcible::Once) => vec![Kind::Once],
        None => vec![Kind::Lock, Kind::Once],
    };
    let (seen, _) = look_at(fleet, &asked.key, None, &kinds)?;
    let key = shown(&asked.key, 60);
    let mut held = seen.into_iter().map(|(_, seen)| seen).filter(|seen| seen.state != State::Free);
    match (held.next(), held.next()) {
        (None, _) => Err(Failure::Refused(format!("nobody holds a lock or a run `{key}`"))),
        (Some(_), Some(_)) => Err(Failure::Wrong(format!("both a lock and a run `{key}` are held: say --kind"))),
        (Some(seen), None) if matches!(seen.state, State::Foreign | State::OtherLayout) => {
            Err(Failure::Refused(format!("under {} lies {}: it is left alone", seen.name(), whose(seen.state))))
        }
        (Some(seen), None) => Ok(seen),
    }
}

/// What is left alone.
pub(crate) const fn whose(state: State) -> &'static str {
    match state {
        State::Foreign => "another program's data",
        _ => "a record of another release",
    }
}
