//! One look at all keys that are meant, on all servers: what was seen, and what could not be.

use crate::{
    connect::{Fleet, Node},
    failure::{Failure, warn_of},
    look::{Look, Seen, State},
    output::Out,
    scan::{Which, scan},
};
use cachify::{cachify_core::key::Kind, tool::Place};
use serde_json::{Value, json};
use std::{collections::BTreeSet, ops::ControlFlow};

/// How many keys are read in one go.
const AT_ONCE: usize = 100;

/// What was seen, by kind, group and key; and what was not, as sentences.
#[derive(Debug, Default)]
pub(crate) struct Survey {
    pub(crate) seen: Vec<Seen>,
    pub(crate) unseen: Vec<String>,
}

/// Looks at the keys of all servers; at so many of them at most, unless that is zero, and at what nobody holds if it is to.
pub(crate) fn survey(fleet: &Fleet, which: &Which, limit: usize, also_free: bool) -> Result<Survey, Failure> {
    let mut survey = Survey::default();
    let (mut found, mut why) = (BTreeSet::new(), None);
    let masters = fleet.masters()?;
    for master in &masters {
        let looked =
            Node::of(master).and_then(|mut node| survey.add(fleet, &mut node, which, limit, also_free, &mut found));
        if let Err(Failure::Server(sentence)) = looked {
            survey.unseen.push(sentence.clone());
            why = Some((survey.unseen.len(), sentence));
        } else {
            looked?;
        }
    }
    // a part of a cluster is something, a server that fails is nothing
    if let Some((_, sentence)) = why.filter(|(failed, _)| *failed == masters.len() && survey.seen.is_empty()) {
        return Err(Failure::Server(sentence));
    }
    // what is held first
    survey.seen.sort_by_cached_key(|seen| (seen.place.kind == Kind::Cache, seen.place.clone()));
    Ok(survey)
}

impl Survey {
    fn add(
        &mut self,
        fleet: &Fleet,
        node: &mut Node,
        which: &Which,
        limit: usize,
        also_free: bool,
        found: &mut BTreeSet<Place>,
    ) -> Result<(), Failure> {
        let mut denied = BTreeSet::new();
        let is_full = |survey: &Self| limit != 0 && survey.seen.len() >= limit;
        let ended = scan(node, fleet.prefix(), which, |node, places| {
            let firsts = places.into_iter().map(|place| Place { record: "", ..place });
            let new: Vec<_> = firsts.filter(|place| found.insert(place.clone())).collect();
            for some in new.chunks(AT_ONCE) {
                let mut look = Look::at(node, fleet.prefix())?;
                let seen = look.all(some)?;
                denied.append(&mut look.denied);
                self.seen.extend(
                    seen.into_iter().filter(|seen| also_free || seen.state != State::Free || seen.waiting > Some(0)),
                );
            }
            Ok(if is_full(self) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
        })?;
        if is_full(self) && self.seen.len() > limit {
            self.seen.truncate(limit);
        }
        self.unseen.extend(denied);
        self.unseen.extend(ended);
        Ok(())
    }

    /// What could not be seen, beside the output.
    pub(crate) fn tell_unseen(&self, out: &mut Out) -> Result<(), Failure> {
        match out.json {
            true if self.unseen.is_empty() => Ok(()),
            true => out.value(&unseen(&self.unseen)),
            false => {
                out.flush()?;
                warn_of(&self.unseen);
                Ok(())
            }
        }
    }
}

/// What could not be seen, for a program.
pub(crate) fn unseen(sentences: &[String]) -> Value {
    json!({ "unseen": sentences })
}
