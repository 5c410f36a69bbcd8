//! What a guard keeps of its right's renewal.

use super::{Held, Keeper};
use crate::locked;
use cachify_core::{store::Monitor, validity::Validity};
use std::{
    fmt,
    sync::Arc,
    task::{Context, Poll},
};

/// A right that is being renewed; ends with the guard that owns it.
pub struct Attended(Watch);

enum Watch {
    Kept { held: Arc<Held>, keeper: Keeper },
    Alone(Validity),
}

impl Default for Attended {
    fn default() -> Self {
        Self::alone(Validity::ended())
    }
}

impl fmt::Debug for Attended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Attended").field(&self.validity()).finish()
    }
}

impl Attended {
    pub(super) const fn kept(held: Arc<Held>, keeper: Keeper) -> Self {
        Self(Watch::Kept { held, keeper })
    }

    /// A right that nobody renews in the background.
    pub(crate) const fn alone(validity: Validity) -> Self {
        Self(Watch::Alone(validity))
    }
}

impl Monitor for Attended {
    fn renews(&self) -> bool {
        matches!(self.0, Watch::Kept { .. })
    }

    fn validity(&self) -> Option<&Validity> {
        Some(match &self.0 {
            Watch::Kept { held, .. } => &held.validity,
            Watch::Alone(validity) => validity,
        })
    }

    /// Beside the machine's own heartbeats, whoever finds it lost wakes the task that looks here.
    fn poll_alarm(&self, cx: &mut Context<'_>) -> Poll<()> {
        let Watch::Kept { held, .. } = &self.0 else { return Poll::Pending };
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
        if let Watch::Kept { held, keeper } = &self.0 {
            keeper.forget(held);
        }
    }
}
