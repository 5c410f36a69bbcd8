//! What a guard keeps of its lease's renewal.

use super::{Held, Keeper};
use crate::locked;
use cachify_core::{store::Monitor, validity::Validity};
use std::{
    fmt,
    sync::Arc,
    task::{Context, Poll},
};

/// A lease that is renewed in the background, which ends with the guard that owns it; or nothing, for one that is not.
#[derive(Default)]
pub struct Attended(Option<(Arc<Held>, Keeper)>);

impl fmt::Debug for Attended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Attended").field(&self.validity()).finish()
    }
}

impl Attended {
    pub(super) const fn kept(held: Arc<Held>, keeper: Keeper) -> Self {
        Self(Some((held, keeper)))
    }
}

impl Monitor for Attended {
    fn renews(&self) -> bool {
        self.0.is_some()
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

impl Drop for Attended {
    fn drop(&mut self) {
        if let Some((held, keeper)) = &self.0 {
            keeper.forget(held);
        }
    }
}
