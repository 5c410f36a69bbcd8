//! A key-value store as a backend: its operations are steps of compare and exchange, done by core's rules.
//!
//! Invariant: the operations of one token on a blocking store are done one after another, so what a dropped call still
//! takes is given back after it was taken.

#[cfg(feature = "tokio")]
mod aside;

use super::{Answer, Backend, BoxFuture, Call, Operation, dispatch, dispatch_blocking, reaper};
use crate::{clock::StdClock, locked};
use cachify_core::{
    Fault,
    op::Left,
    store::{AsyncKvStore, Kv, KvStore},
    time::Clock,
    token::HolderToken,
};
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

/// An async key-value store as a backend: `Cachify::builder().store(AsyncKv(my_store))`.
///
/// Threads park on its futures, renewal and giving back go on in the background: its futures must run on any thread. For
/// a store whose client needs the runtime of its caller, write [`Backend`] with [`About::tasks_only`](super::About).
#[derive(Clone, Copy, Debug, Default)]
pub struct AsyncKv<S>(
    /// The store.
    pub S,
);

impl<S: AsyncKvStore + 'static> Backend for AsyncKv<S> {
    fn call(self: Arc<Self>, call: Call) -> BoxFuture<'static, Result<Answer, Fault>> {
        Box::pin(async move { dispatch(&Kv(&self.0), call.key.key(), call.operation).await })
    }
}

/// A blocking store, for threads and tasks; `S` is cloned for every call of a task, so let it be an `Arc`.
///
/// Inside a tokio runtime (feature `tokio`) calls of tasks run on its blocking threads, elsewhere in the task itself.
/// What is dropped without `release` is given back by one thread per process. So is told, until the store answers or the
/// run's TTL is over, that a run succeeded whose completion had no answer.
impl<S: KvStore + Clone + 'static> Backend for Kv<S> {
    fn call(self: Arc<Self>, call: Call) -> BoxFuture<'static, Result<Answer, Fault>> {
        Box::pin(aside::call(self, call))
    }
    fn call_blocking(self: Arc<Self>, call: Call) -> Result<Answer, Fault> {
        dispatch_blocking(&*self, call.key.key(), call.operation)
    }
    fn abandon(self: Arc<Self>, key: super::OwnedKey, token: HolderToken, left: Left) {
        let clock = StdClock::system();
        let (ends, operation) = match left {
            Left::Done { fresh, ttl } => {
                let ends = clock.now().saturating_add(Duration::from_millis(ttl));
                (Some(ends), Operation::Complete(token, Duration::from_millis(fresh)))
            }
            // its waiters poll: there is no turn to pass on
            Left::Turn => return,
            Left::Lease | Left::WakeUp => (None, Operation::give_back(key.key().kind, token)),
        };
        reaper::reap(Box::new(move || {
            let _turn = turn(token);
            let told = dispatch_blocking(&*self, key.key(), operation.clone());
            // nobody is left to be told, and a lease ends by itself
            told.is_ok() || ends.is_none_or(|ends| clock.now() >= ends)
        }));
    }
}

/// Without tokio there is nowhere else to run it.
#[cfg(not(feature = "tokio"))]
mod aside {
    use super::{Answer, Arc, Call, Fault, Kv, KvStore, dispatch_blocking};

    #[expect(clippy::unused_async, reason = "with tokio it waits")]
    pub(super) async fn call<S: KvStore>(store: Arc<Kv<S>>, call: Call) -> Result<Answer, Fault> {
        dispatch_blocking(&*store, call.key.key(), call.operation)
    }
}

/// Taken for as long as an operation of this token is done.
fn turn(token: HolderToken) -> std::sync::MutexGuard<'static, ()> {
    static TURNS: [Mutex<()>; 64] = [const { Mutex::new(()) }; 64];
    locked(&TURNS[token.0[0] as usize % TURNS.len()])
}
