//! `watch`: what changed from one look to the next.

use crate::{
    connect::Fleet,
    failure::{Failure, warn_of},
    look::{Seen, State, kind},
    options::Watched,
    output::{Out, Style},
    scan::Which,
    survey::{survey, unseen},
};
use cachify::tool::Place;
use serde_json::json;
use std::{
    collections::{BTreeMap, BTreeSet},
    process::ExitCode,
    thread,
    time::Duration,
};

/// Says what changes, until it is interrupted, nobody reads any more, or it has looked as often as was said.
pub(crate) fn run(fleet: &Fleet, asked: &Watched, out: &mut Out) -> Result<ExitCode, Failure> {
    let which = Which::of(&asked.filter);
    let (mut before, mut told) = (None, BTreeSet::new());
    for look in 1_u64.. {
        let survey = survey(fleet, &which, 0, true)?;
        let new: Vec<_> = survey.unseen.into_iter().filter(|sentence| told.insert(sentence.clone())).collect();
        match out.json {
            true if new.is_empty() => {}
            true => out.value(&unseen(&new))?,
            false => warn_of(&new),
        }
        let now: BTreeMap<_, _> = survey.seen.into_iter().map(|seen| (seen.place.clone(), seen)).collect();
        match &before {
            None => say_beginning(out, &now)?,
            Some(before) => changes(before, &now).iter().try_for_each(|change| say(fleet, out, change))?,
        }
        out.flush()?;
        before = Some(now);
        if look == asked.looks {
            break;
        }
        thread::sleep(Duration::from_secs_f64(asked.every));
    }
    Ok(ExitCode::SUCCESS)
}

/// So many stand there; a program is told nothing, for nothing has changed yet.
fn say_beginning(out: &mut Out, now: &BTreeMap<Place, Seen>) -> Result<(), Failure> {
    let held = now.values().filter(|seen| seen.state != State::Free).count();
    if out.json { Ok(()) } else { out.line(&format!("{held} held, done or kept; what changes follows")) }
}

#[derive(Debug)]
enum Change<'s> {
    Began(&'s Seen),
    Ended(&'s Seen),
    Differs(&'s Seen, &'s Seen),
}

/// What is another's, or waited for by others, than it was. That something was renewed is no change.
fn changes<'s>(before: &'s BTreeMap<Place, Seen>, now: &'s BTreeMap<Place, Seen>) -> Vec<Change<'s>> {
    let is_there = |seen: &&Seen| seen.state != State::Free || seen.waiting > Some(0);
    let places: BTreeSet<_> = before.keys().chain(now.keys()).collect();
    let change = |place| match (before.get(place).filter(is_there), now.get(place).filter(is_there)) {
        (None, Some(now)) => Some(Change::Began(now)),
        (Some(before), None) => Some(Change::Ended(before)),
        (Some(before), Some(now)) if differ(before, now) => Some(Change::Differs(before, now)),
        _ => None,
    };
    places.into_iter().filter_map(change).collect()
}

fn differ(before: &Seen, now: &Seen) -> bool {
    let what = |seen: &Seen| {
        (seen.state, seen.holder.clone(), seen.fence, seen.waiting, seen.held, seen.bytes, seen.is_loading)
    };
    // a value that lives longer than before was stored again
    let is_stored = now.state == State::Kept && now.remaining > before.remaining;
    what(before) != what(now) || is_stored
}

fn say(fleet: &Fleet, out: &mut Out, change: &Change<'_>) -> Result<(), Failure> {
    let (word, mark, style, seen) = match change {
        Change::Began(seen) => ("began", '+', Style::Green, seen),
        Change::Ended(seen) => ("ended", '-', Style::Red, seen),
        Change::Differs(_, seen) => ("differs", '~', Style::Yellow, seen),
    };
    if out.json {
        let before = if let Change::Differs(before, _) = change { before.json(fleet.prefix()) } else { json!(null) };
        return out.value(&json!({ "change": word, "seen": seen.json(fleet.prefix()), "before": before }));
    }
    let describe = |seen: &Seen| {
        let waiting = seen.waiting.filter(|waiting| *waiting > 0).map(|waiting| format!("{waiting} wait"));
        let words = [seen.stand(), seen.who(), waiting.unwrap_or_default()];
        words.into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join(", ")
    };
    let what = match change {
        Change::Began(seen) => describe(seen),
        Change::Ended(seen) => format!("was {}", describe(seen)),
        Change::Differs(before, seen) => format!("{}; was {}", describe(seen), describe(before)),
    };
    let head = out.styled(style, &format!("{mark} {} {}", kind(seen.place.kind), seen.key()));
    out.line(&format!("{head}  {what}"))
}
