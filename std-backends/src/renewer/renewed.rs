//! What a guard keeps of its lease's renewal.

use super::{Held, Renewer};
use crate::sync::locked;
use cachify_core::{store::Monitor, validity::Validity};
use std::{
    fmt,
    sync::Arc,
    task::{Context, Poll},
};

/// A lease that is renewed in the background, which ends with the guard that owns it; or nothing, for one that is not.
#[derive(Default)]
pub struct Renewed(Option<(Arc<Held>, Renewer)>);

impl fmt::Debug for Renewed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Renewed").field(&self.validity()).finish()
    }
}

impl Renewed {
    pub(super) const fn kept(held: Arc<Held>, renewer: Renewer) -> Self {
        Self(Some((held, renewer)))
    }
}

impl Monitor for Renewed {
    fn renews(&self) -> bool {
        self.0.is_some()
    }

    fn end(&self) {
        if let Some((held, renewer)) = &self.0 {
            renewer.forget(held);
        }
    }

    fn validity(&self) -> Option<&Validity> {
        self.0.as_ref().map(|(held, _)| &held.validity)
    }

    fn poll_alarm(&self, cx: &mut Context<'_>) -> Poll<()> {
        let Some((held, _)) = &self.0 else { return Poll::Pending };
        let waker = cx.waker().clone();
        let mut alarm = locked(&held.alarm);
        if alarm.rung {
            return Poll::Ready(());
        }
        let replaced: Vec<_> = alarm.waiting.extract_if(.., |old| old.will_wake(&waker)).collect();
        alarm.waiting.push(waker);
        drop(alarm);
        drop(replaced);
        Poll::Pending
    }
}

impl Drop for Renewed {
    fn drop(&mut self) {
        self.end();
    }
}
