//! What watches over a lease, in what its store keeps of it from poll to poll.

use super::{
    Context, Sight,
    apart::is_apart,
    labels::{Came, Got, Loaded},
    seen::{Seen, loaded},
};
use cachify_core::{
    Cause,
    key::Kind,
    observe::Event,
    op::{Answer, Op, Outcome, Request},
};
use std::{fmt, task::Poll};

/// Whose number says that an attribute made the key.
pub(super) const OF_ATTRIBUTE: u16 = 1 << 15;

/// The name of a lease, and what is seen of it since it was asked for; of a state that is no lease's nothing.
#[derive(Default)]
pub(crate) struct Watch {
    name: u16,
    kind: Option<Kind>,
    seen: Option<Box<Seen>>,
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch").field("name", &self.name).field("kind", &self.kind).finish_non_exhaustive()
    }
}

impl Watch {
    /// Whose lease it is.
    pub(crate) fn named(&mut self, name: u16, kind: Kind) {
        (self.name, self.kind) = (name, Some(kind));
    }

    /// Runs what is part of it: its body, or one step of that.
    pub(crate) fn within<T>(&self, step: impl FnOnce() -> T) -> T {
        match &self.seen {
            Some(seen) => seen.within(step),
            None => step(),
        }
    }

    /// What the background keeps of it.
    pub(crate) fn context(&self) -> Context {
        self.seen.as_ref().map(|seen| seen.context()).unwrap_or_default()
    }

    /// Something woke it while it waited.
    pub(crate) fn is_called(&mut self) {
        if let Some(seen) = &mut self.seen {
            seen.is_called();
        }
    }

    /// An operation of it, or a part of one.
    pub(crate) fn polled(
        &mut self,
        sight: Sight<'_>,
        request: &Request<'_>,
        ask: impl FnOnce() -> Poll<Result<Answer, Cause>>,
    ) -> Poll<Result<Answer, Cause>> {
        match request.op {
            Op::Acquire(what) => {
                self.begin(sight, request);
                let polled = self.within(ask);
                if let (Some(seen), Poll::Ready(answer)) = (&mut self.seen, &polled)
                    && seen.answered(*answer, what.wait > 0)
                    && request.may_block
                    && self.name & OF_ATTRIBUTE != 0
                    && seen.kind() != Kind::Cache
                {
                    seen.context().hand_over();
                }
                polled
            }
            Op::Release(outcome) => {
                let has_value = matches!(outcome, Outcome::Done { .. });
                self.ending(ask, |answer| loaded(&answer.map(Some), has_value))
            }
            Op::Renew { .. } | Op::Clear | Op::Insert { .. } | Op::Inspect | Op::Get => self.within(ask),
        }
    }

    /// A flight of it lands, or goes on to.
    pub(crate) fn landed(
        &mut self,
        _: Sight<'_>,
        request: &Request<'_>,
        ask: impl FnOnce() -> Poll<Result<Option<Answer>, Cause>>,
    ) -> Poll<Result<Option<Answer>, Cause>> {
        if !matches!(request.op, Op::Release(_)) {
            return ask();
        }
        self.ending(ask, |answer| loaded(&answer, true))
    }

    fn begin(&mut self, sight: Sight<'_>, request: &Request<'_>) {
        if self.kind.is_none() || !sight.follows() || is_apart() {
            return;
        }
        if self.seen.as_ref().is_none_or(|seen| seen.is_over()) {
            let name = sight.name(self.name & !OF_ATTRIBUTE);
            self.seen = Some(Box::new(Seen::begin(sight.seeing, request.key, name)));
        }
        if let Some(seen) = &mut self.seen {
            seen.asks();
        }
    }

    fn ending<A: Copy>(
        &mut self,
        ask: impl FnOnce() -> Poll<Result<A, Cause>>,
        says: impl FnOnce(Result<A, Cause>) -> Loaded,
    ) -> Poll<Result<A, Cause>> {
        if let Some(seen) = &mut self.seen {
            seen.ends();
        }
        let polled = self.within(ask);
        let Poll::Ready(answer) = polled else { return polled };
        // one without an answer is told again, when it is dropped
        if answer.is_ok() || self.kind == Some(Kind::Cache) {
            if let Some(seen) = &mut self.seen {
                seen.ended(says(answer));
            }
            self.left();
        }
        polled
    }

    /// It is nobody's any more: left to the background, or never granted. A call for a value goes on without its flight.
    pub(crate) fn left(&mut self) {
        match &mut self.seen {
            Some(seen) if self.kind == Some(Kind::Cache) && !seen.is_held() => seen.rests(),
            _ => self.seen = None,
        }
    }

    /// What an observer is told of it.
    pub(crate) fn noted(&self, sight: Option<Sight<'_>>, event: &Event<'_>) {
        let (Some(sight), Some(kind), false) = (sight, self.kind, is_apart()) else { return };
        let name = sight.name(self.name & !OF_ATTRIBUTE);
        let (meters, names) = (&sight.seeing.meters, &sight.seeing.names);
        let came = |got| {
            if let Some(seen) = &self.seen {
                seen.came(got);
            }
        };
        match event {
            Event::Granted { .. } => meters.acquired(names, kind, name, Got::Granted),
            Event::Refused { why, .. } => {
                let got = Got::refused(why);
                meters.acquired(names, kind, name, got);
                came(got);
            }
            Event::Hit { .. } | Event::Miss { .. } | Event::Joined { .. } | Event::Stale { .. } => {
                let of = Came::of(event);
                sight.counted(name, of);
                came(of.into());
            }
            Event::Lost { why, .. } => {
                meters.lost(names, kind, name, *why);
                self.within(|| sight.seeing.spans.told(event, names.text(name)));
            }
            Event::Failed { .. } => {
                came(Got::Unavailable);
                self.within(|| sight.seeing.spans.told(event, names.text(name)));
            }
            _ => {}
        }
    }
}
