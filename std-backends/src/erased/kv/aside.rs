//! Operations of tasks, on tokio's blocking threads.
//!
//! Whoever stops waiting does not stop what has begun; what has not begun is not done any more.

use super::{Answer, Fault, Key, Kv, KvStore, Operation, OwnKey, dispatch_blocking, turn};
use cachify_core::{cell::Ask, token::HolderToken};
use std::{
    panic::resume_unwind,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    time::Duration,
};
use tokio::runtime::Handle;

pub(super) async fn call<S: KvStore + Clone + Send + Sync + 'static>(
    store: &Kv<S>,
    key: Key<'_>,
    operation: Operation<'_>,
) -> Result<Answer, Fault> {
    let Ok(runtime) = Handle::try_current() else { return dispatch_blocking(store, key, operation) };
    let (store, work, caller) = (store.clone(), Work::of(key, operation), Caller::default());
    let gone = caller.0.clone();
    let done = runtime.spawn_blocking(move || {
        let _turn = work.token().map(turn);
        if gone.load(SeqCst) { Err(Fault::TimedOut) } else { work.run(&store) }
    });
    let done = done.await;
    drop(caller);
    match done {
        Ok(answer) => answer,
        Err(e) if e.is_panic() => resume_unwind(e.into_panic()),
        // the runtime ended before the call began
        Err(_) => Err(Fault::Unreachable),
    }
}

/// Tells the work that nobody waits for it any more.
#[derive(Default)]
struct Caller(Arc<AtomicBool>);

impl Drop for Caller {
    fn drop(&mut self) {
        self.0.store(true, SeqCst);
    }
}

/// An operation that can change threads. Of what is asked, [`Kv`] needs no more than token and TTL.
struct Work {
    key: OwnKey,
    ask: Option<Ask<'static>>,
    bytes: Vec<u8>,
    operation: Operation<'static>,
}

impl Work {
    fn of(key: Key<'_>, operation: Operation<'_>) -> Self {
        static NOBODY: Ask<'static> = Ask::new(HolderToken([0; 4]), Duration::ZERO);
        let ask = operation.ask().map(|ask| Ask::new(ask.token, ask.ttl));
        let bytes = if let Operation::Heal(_, bytes) = operation { bytes.to_vec() } else { Vec::new() };
        Self { key: OwnKey::of(key), ask, bytes, operation: operation.asked_by(&NOBODY, &[]) }
    }

    fn token(&self) -> Option<HolderToken> {
        self.ask.map(|ask| ask.token)
    }

    fn run<S: KvStore>(self, store: &Kv<S>) -> Result<Answer, Fault> {
        let operation = match &self.ask {
            Some(ask) => self.operation.asked_by(ask, &self.bytes),
            None => self.operation,
        };
        dispatch_blocking(store, self.key.key(), operation)
    }
}

impl<'a> Operation<'a> {
    /// What is asked, where something is.
    fn ask(&self) -> Option<&'a Ask<'a>> {
        match self {
            Self::Acquire(ask)
            | Self::Renew(ask)
            | Self::Take(_, ask)
            | Self::Extend(ask)
            | Self::Begin(ask)
            | Self::Touch(ask)
            | Self::Join(ask)
            | Self::Heal(ask, _)
            | Self::KeepFlying(ask) => Some(ask),
            _ => None,
        }
    }

    /// The same operation with all that it borrows replaced.
    fn asked_by<'b>(self, ask: &'b Ask<'b>, bytes: &'b [u8]) -> Operation<'b> {
        match self {
            Self::Acquire(_) => Operation::Acquire(ask),
            Self::Renew(_) => Operation::Renew(ask),
            Self::Release(token) => Operation::Release(token),
            Self::Take(size, _) => Operation::Take(size, ask),
            Self::Extend(_) => Operation::Extend(ask),
            Self::GiveBack(token) => Operation::GiveBack(token),
            Self::InUse => Operation::InUse,
            Self::Begin(_) => Operation::Begin(ask),
            Self::Touch(_) => Operation::Touch(ask),
            Self::Complete(token, keep) => Operation::Complete(token, keep),
            Self::Fail(token) => Operation::Fail(token),
            Self::Remaining => Operation::Remaining,
            Self::ForceRelease => Operation::ForceRelease,
            Self::Get => Operation::Get,
            Self::Join(_) => Operation::Join(ask),
            Self::Heal(..) => Operation::Heal(ask, bytes),
            Self::Publish(token, value, life) => Operation::Publish(token, value, life),
            Self::KeepFlying(_) => Operation::KeepFlying(ask),
            Self::Abandon(token) => Operation::Abandon(token),
            Self::Invalidate => Operation::Invalidate,
        }
    }
}
