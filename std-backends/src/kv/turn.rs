//! The operations of one token on a blocking store, one after another in this process.

use crate::{process::PerProcess, sync::locked};
use cachify_core::token::HolderToken;
use std::{
    collections::HashSet,
    sync::{Condvar, Mutex},
};

/// Whose operations are under way.
#[derive(Default)]
struct UnderWay {
    tokens: Mutex<HashSet<HolderToken>>,
    changed: Condvar,
}

static UNDER_WAY: PerProcess<UnderWay> = PerProcess::new();

fn under_way() -> &'static UnderWay {
    UNDER_WAY.get_or_init(UnderWay::default)
}

/// The right to ask the store for this token, until it is dropped.
#[derive(Debug)]
pub(super) struct Turn(HolderToken);

impl Turn {
    /// Takes it if no operation of the token is under way.
    pub(super) fn try_take(token: HolderToken) -> Option<Self> {
        locked(&under_way().tokens).insert(token).then(|| Self(token))
    }

    /// Blocks until no other operation of the token is under way; `None` once this one `is_gone`, see [`look`].
    #[cfg(feature = "tokio")]
    pub(super) fn take(token: HolderToken, is_gone: impl Fn() -> bool) -> Option<Self> {
        let UnderWay { tokens, changed } = under_way();
        let is_taken = |tokens: &mut HashSet<_>| tokens.contains(&token) && !is_gone();
        let mut tokens =
            changed.wait_while(locked(tokens), is_taken).unwrap_or_else(std::sync::PoisonError::into_inner);
        (!is_gone() && tokens.insert(token)).then(|| Self(token))
    }
}

/// Has those who wait for their turn look whether they are gone.
#[cfg(feature = "tokio")]
pub(super) fn look() {
    let UnderWay { tokens, changed } = under_way();
    // nobody is between its own look and its sleep
    drop(locked(tokens));
    changed.notify_all();
}

impl Drop for Turn {
    fn drop(&mut self) {
        let UnderWay { tokens, changed } = under_way();
        locked(tokens).remove(&self.0);
        changed.notify_all();
    }
}
