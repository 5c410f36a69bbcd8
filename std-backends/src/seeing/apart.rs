//! What recorders and subscribers do is not seen itself: one that asks the instance would be told of that, and ask again.

use std::cell::Cell;

thread_local!(static APART: Cell<bool> = const { Cell::new(false) });

/// Whether a recorder or a subscriber is running on this thread.
#[inline]
pub(super) fn is_apart() -> bool {
    APART.try_with(Cell::get).unwrap_or(true)
}

/// Runs what is the user's own.
pub(super) fn apart<T>(tell: impl FnOnce() -> T) -> T {
    let _back = Back(APART.try_with(|apart| apart.replace(true)).unwrap_or(true));
    tell()
}

struct Back(bool);

impl Drop for Back {
    fn drop(&mut self) {
        let _ = APART.try_with(|apart| apart.set(self.0));
    }
}
