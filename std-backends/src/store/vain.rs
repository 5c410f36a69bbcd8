//! Threads that waited in vain for what they dropped to be given back leave that to the background for a while.

use cachify_core::time::Instant;
use std::{cell::Cell, time::Duration};

thread_local! {
    /// When this thread waited in vain.
    static VAIN: Cell<Option<Instant>> = const { Cell::new(None) };
}

/// For how long a thread that waited in vain leaves giving back to the background.
const DISTRUST: Duration = Duration::from_secs(10);

/// This thread waited in vain for what it dropped to be given back.
pub(super) fn waited_in_vain(now: Instant) {
    let _ = VAIN.try_with(|vain| vain.set(Some(now)));
}

/// Whether this thread may wait for that.
pub(super) fn trusts(now: Instant) -> bool {
    VAIN.try_with(|vain| vain.get().is_none_or(|at| now.since(at) > DISTRUST)).unwrap_or(false)
}
