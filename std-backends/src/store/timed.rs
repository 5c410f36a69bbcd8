//! What is told of a question to a store outside the process, where that is counted: how long it took, and what came of it.

use crate::{
    backend::{Call, Op, OwnedKey, Reply},
    observe::Watcher,
    seeing::Since,
};
use cachify_core::{Cause, Holding, key::Kind, token::HolderToken};

/// One question on its way.
pub(super) struct Timed(Option<(Op, Kind, Since)>);

impl Timed {
    pub(super) fn of(watcher: &Watcher, call: &Call) -> Self {
        Self(watcher.sight().map(|sight| (call.op, call.key.key().kind, sight.asks())))
    }

    pub(super) fn over(self, watcher: &Watcher, answer: &Result<Reply, Cause>) {
        if let (Some((op, kind, since)), Some(sight)) = (self.0, watcher.sight()) {
            let answer = answer.as_ref().map_err(|cause| *cause);
            let held = answer.map(|reply| if let Reply::Held(holding) = reply { Some(*holding) } else { None });
            sight.answered(since, &op, kind, held);
        }
    }
}

/// Leases that are renewed at once, in their order.
pub(super) struct Renewing(Vec<Kind>);

impl Renewing {
    pub(super) fn of(watcher: &Watcher, due: &[(OwnedKey, HolderToken, u64)]) -> Self {
        let kinds = watcher.sight().map(|_| due.iter().map(|(key, ..)| key.key().kind).collect());
        Self(kinds.unwrap_or_default())
    }

    pub(super) fn over(self, watcher: &Watcher, answers: &[Result<Holding, Cause>]) {
        let Some(sight) = watcher.sight() else { return };
        for (kind, answer) in self.0.into_iter().zip(answers) {
            sight.renewed(kind, *answer);
        }
    }
}
