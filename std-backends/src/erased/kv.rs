//! A blocking [`KvStore`] made fit for tasks: its operations run aside, and what is dropped is given back aside.
//!
//! Invariant: the operations of one token are done one after another, so what a dropped call still takes is given
//! back after it was taken.

#[cfg(feature = "tokio")]
mod aside;
mod reaper;

use super::{Answer, BoxFuture, ErasedStore, Operation, dispatch_blocking};
use crate::{clock::StdClock, locked};
use cachify_core::{
    Fault,
    key::{Key, Kind},
    patience::Ticket,
    store::{Kv, KvStore},
    time::Clock,
    token::HolderToken,
};
use std::{future::pending, sync::Mutex, time::Duration};

/// A blocking store, for threads and tasks; `S` is cloned for every call of a task, so let it be an `Arc`.
///
/// Inside a tokio runtime (feature `tokio`) calls of tasks run on its blocking threads, elsewhere in the task itself.
/// What is dropped without `release` is given back by one thread per process. So is told, until the store answers or the
/// run's TTL is over, that a run succeeded whose completion had no answer.
impl<S: KvStore + Clone + Send + Sync + 'static> ErasedStore for Kv<S> {
    fn call<'a>(&'a self, key: Key<'a>, operation: Operation) -> BoxFuture<'a, Result<Answer, Fault>> {
        Box::pin(aside::call(self, key, operation))
    }
    fn call_blocking(&self, key: Key<'_>, operation: Operation) -> Result<Answer, Fault> {
        dispatch_blocking(self, key, operation)
    }
    fn changed<'a>(&'a self, _: Key<'a>, _: Ticket) -> BoxFuture<'a, ()> {
        Box::pin(pending())
    }
    fn dropped(&self, key: Key<'_>, token: HolderToken) {
        let (store, key) = (self.clone(), OwnKey::of(key));
        reaper::reap(Box::new(move || {
            let _turn = turn(token);
            let give_back = Operation::give_back(key.kind, token);
            // nobody is left to be told, and the right ends by itself
            let _ = dispatch_blocking(&store, key.key(), give_back);
            true
        }));
    }
    fn unfinished(&self, key: Key<'_>, token: HolderToken, ttl: Duration, keep: Duration) {
        let (store, key) = (self.clone(), OwnKey::of(key));
        let clock = StdClock::system();
        let ends = clock.now().saturating_add(ttl);
        reaper::reap(Box::new(move || {
            let _turn = turn(token);
            let told = dispatch_blocking(&store, key.key(), Operation::Complete(token, keep));
            told.is_ok() || clock.now() >= ends
        }));
    }
    fn blocks(&self) -> bool {
        true
    }
    fn flush(&self) -> BoxFuture<'_, ()> {
        Box::pin(reaper::idle())
    }
}

/// Without tokio there is nowhere else to run it.
#[cfg(not(feature = "tokio"))]
mod aside {
    use super::{Answer, Fault, Key, Kv, KvStore, Operation, dispatch_blocking};

    #[expect(clippy::unused_async, reason = "with tokio it waits")]
    pub(super) async fn call<S: KvStore>(store: &Kv<S>, key: Key<'_>, operation: Operation) -> Result<Answer, Fault> {
        dispatch_blocking(store, key, operation)
    }
}

struct OwnKey {
    kind: Kind,
    prefix: Box<str>,
    bytes: Box<[u8]>,
    hash: u64,
}

impl OwnKey {
    fn of(key: Key<'_>) -> Self {
        Self { kind: key.kind, prefix: key.prefix.into(), bytes: key.bytes.into(), hash: key.hash }
    }

    fn key(&self) -> Key<'_> {
        Key { kind: self.kind, prefix: &self.prefix, bytes: &self.bytes, hash: self.hash }
    }
}

/// Taken for as long as an operation of this token is done.
fn turn(token: HolderToken) -> std::sync::MutexGuard<'static, ()> {
    static TURNS: [Mutex<()>; 64] = [const { Mutex::new(()) }; 64];
    locked(&TURNS[token.0[0] as usize % TURNS.len()])
}
