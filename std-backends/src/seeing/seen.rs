//! One lease as it is seen, from its first question to its end.

use super::{
    Context, Seeing,
    here::inside,
    labels::{Got, Loaded},
    spans::Traced,
};
use cachify_core::{
    Cause, Holding,
    key::{Key, Kind},
    op::Answer,
    token::FencingToken,
};
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

/// How far it has come; what the gauges count follows from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Asking,
    Waiting,
    Held,
    Ending,
    Over,
}

/// What is seen of a lease.
pub(super) struct Seen {
    seeing: Arc<Seeing>,
    kind: Kind,
    name: u16,
    phase: Phase,
    /// Since when it is asked for; once it is held, since when it is.
    since: Duration,
    /// How long it took from its grant to its end.
    took: Duration,
    /// Whether it was said what asking came to.
    is_told: AtomicBool,
    /// Whether something woke it while it waited.
    is_woken: bool,
    traced: Traced,
}

impl Seen {
    pub(super) fn begin(seeing: &Arc<Seeing>, key: &Key<'_>, name: u16) -> Self {
        let seeing = seeing.clone();
        let traced = seeing.spans.begin(key, seeing.names.text(name));
        let (since, took) = (seeing.clock.exact(), Duration::ZERO);
        let (phase, is_told) = (Phase::Asking, AtomicBool::new(false));
        Self { seeing, kind: key.kind, name, phase, since, took, is_told, is_woken: false, traced }
    }

    pub(super) const fn kind(&self) -> Kind {
        self.kind
    }

    /// Goes on inside of its span.
    pub(super) fn within<T>(&self, step: impl FnOnce() -> T) -> T {
        inside(self.name, self.traced.parent(), step)
    }

    pub(super) fn context(&self) -> Context {
        Context::new(self.name, self.traced.parent().clone())
    }

    fn lasted(&self) -> Duration {
        self.seeing.clock.exact().saturating_sub(self.since)
    }

    /// Goes from one phase to another; the gauges follow.
    fn enter(&mut self, phase: Phase) {
        let before = std::mem::replace(&mut self.phase, phase);
        let counts = |phase, of: Phase| i8::from(phase == of);
        let waiting = counts(phase, Phase::Waiting) - counts(before, Phase::Waiting);
        let holds = |phase| i8::from(matches!(phase, Phase::Held | Phase::Ending));
        let held = holds(phase) - holds(before);
        let Seeing { meters, names, .. } = &*self.seeing;
        if waiting != 0 {
            meters.waiting(names, self.kind, self.name, waiting);
        }
        if held != 0 {
            meters.held(names, self.kind, self.name, held);
        }
    }

    /// Something woke it.
    pub(super) const fn is_called(&mut self) {
        self.is_woken = true;
    }

    /// It asks, once more perhaps.
    pub(super) fn asks(&mut self) {
        if self.phase == Phase::Waiting {
            self.seeing.meters.woken(std::mem::take(&mut self.is_woken));
        }
    }

    /// What it was answered; whether it is held now.
    pub(super) fn answered(&mut self, answer: Result<Answer, Cause>, waits: bool) -> bool {
        match answer {
            Ok(Answer::Granted { fence, .. }) => {
                self.granted(fence);
                return true;
            }
            Ok(Answer::Busy { .. }) if waits => {
                self.enter(Phase::Waiting);
                self.traced.waits();
            }
            // asked again perhaps, or refused, which is told
            Err(_) | Ok(Answer::Busy { .. }) => {}
            Ok(_) => {
                self.enter(Phase::Asking);
                self.traced.turns();
            }
        }
        false
    }

    fn granted(&mut self, fence: FencingToken) {
        let waited = self.lasted();
        self.enter(Phase::Held);
        self.is_told.store(true, Relaxed);
        self.traced.granted(fence, waited);
        self.seeing.meters.waited(&self.seeing.names, self.kind, self.name, Got::Granted, waited);
        self.since = self.seeing.clock.exact();
    }

    /// What asking came to, if it was not granted; told once.
    pub(super) fn came(&self, got: Got) {
        if !self.is_told.swap(true, Relaxed) {
            self.traced.came(got);
            self.seeing.meters.waited(&self.seeing.names, self.kind, self.name, got, self.lasted());
        }
    }

    /// It is given back: its body has ended.
    pub(super) fn ends(&mut self) {
        if self.phase == Phase::Held {
            self.took = self.lasted();
            self.enter(Phase::Ending);
            self.traced.ends();
        }
    }

    /// It was given back, or could not be.
    pub(super) fn ended(&mut self, loaded: Loaded) {
        if self.phase == Phase::Ending {
            self.over(loaded);
        }
    }

    pub(super) const fn is_held(&self) -> bool {
        matches!(self.phase, Phase::Held | Phase::Ending)
    }

    /// It waits for nothing any more.
    pub(super) fn rests(&mut self) {
        self.traced.turns();
        if self.phase == Phase::Waiting {
            self.enter(Phase::Asking);
        }
    }

    /// Whether there is nothing left to be seen of it.
    pub(super) fn is_over(&self) -> bool {
        self.phase == Phase::Over
    }

    fn over(&mut self, loaded: Loaded) {
        let Seeing { meters, names, .. } = &*self.seeing;
        match (self.phase, self.kind) {
            (Phase::Asking | Phase::Waiting | Phase::Over, _) => {}
            (_, Kind::Cache) => meters.loaded(names, self.name, loaded, self.took),
            _ => meters.hold(names, self.kind, self.name, self.took),
        }
        self.enter(Phase::Over);
    }

    /// A caller that went before it was told anything.
    fn leave(&mut self) {
        if !self.is_told.load(Relaxed) {
            self.seeing.meters.acquired(&self.seeing.names, self.kind, self.name, Got::Dropped);
            self.came(Got::Dropped);
        }
        self.ends();
        self.over(Loaded::Dropped);
    }
}

/// What a release of a flight says of its load.
pub(super) fn loaded(answer: &Result<Option<Answer>, Cause>, has_value: bool) -> Loaded {
    match answer {
        Err(_) => Loaded::Failed,
        Ok(Some(Answer::Held(Holding::Held)) | None) if has_value => Loaded::Stored,
        Ok(Some(Answer::Held(Holding::Held)) | None) => Loaded::NotKept,
        Ok(_) => Loaded::Lost,
    }
}

impl Drop for Seen {
    fn drop(&mut self) {
        if self.phase != Phase::Over {
            // in a panic perhaps: that of a recorder would end the process
            let _ = catch_unwind(AssertUnwindSafe(|| self.leave()));
        }
    }
}
