//! What a guard keeps of its right's renewal.

use super::{Held, Keeper};
use crate::locked;
use cachify_core::{store::Attendance, validity::Validity};
use std::{fmt, future::poll_fn, sync::Arc, task::Poll};

/// A right that is being renewed; ends with the guard that owns it.
pub struct Attended(Watch);

enum Watch {
    Kept { held: Arc<Held>, keeper: Keeper },
    Alone(Validity),
}

impl fmt::Debug for Attended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Attended").field(self.validity()).finish()
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

impl Attendance for Attended {
    fn renews(&self) -> bool {
        matches!(self.0, Watch::Kept { .. })
    }

    fn validity(&self) -> &Validity {
        match &self.0 {
            Watch::Kept { held, .. } => &held.validity,
            Watch::Alone(validity) => validity,
        }
    }

    async fn alarm(&self) {
        let Watch::Kept { held, .. } = &self.0 else { return std::future::pending().await };
        poll_fn(|cx| {
            let mut alarm = locked(&held.alarm);
            if alarm.rung {
                return Poll::Ready(());
            }
            alarm.waiting.retain(|waker| !waker.will_wake(cx.waker()));
            alarm.waiting.push(cx.waker().clone());
            Poll::Pending
        })
        .await;
    }
}

impl Drop for Attended {
    fn drop(&mut self) {
        if let Watch::Kept { held, keeper } = &self.0 {
            keeper.forget(held);
        }
    }
}
