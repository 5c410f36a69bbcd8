//! What the suites share: a store of somebody else's, and real servers to talk to.

#![allow(clippy::missing_errors_doc, reason = "nothing here is published")]

pub mod crew;
pub mod labels;
pub mod linked;
pub mod numbers;
mod over;
pub mod program;
pub mod proxy;
pub mod record;
pub mod resp;
pub mod server;
pub mod spans;

use cachify::{
    AsIs, Cause, HolderToken, ManualClock, StdLock,
    backend::{About, Backend, BoxFuture, Call, OwnedKey, Reply},
    cachify_core::{
        cell::MaybeOwned,
        drive::ready,
        key::{Key, Kind},
        op::{Answer, Left, Op, Outcome},
        patience::Ticket,
        store::{self, Asking, Values, growing::MapStore},
        time::Instant,
    },
    clock::StdClock,
};
pub use over::Over;
use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Duration,
};

/// Polls once, for a caller whom nothing wakes.
pub fn poll<F: Future + ?Sized>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// Lets the renewer come to rest, so that moving the clock is seen by it.
pub fn rest(clock: &ManualClock) {
    while clock.sleepers() == 0 {
        std::thread::yield_now();
    }
}

/// A store as a user would bring it: bytes under texts, in one place that several instances can share.
///
/// Like a store outside the process it spells the whole key, prefix included, and hashes it by itself.
#[derive(Clone)]
pub struct Guest(Arc<MapStore<StdLock, StdClock, Vec<u8>>>);

impl fmt::Debug for Guest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Guest")
    }
}

impl Guest {
    /// An empty store that tells the time by `clock`.
    pub fn new(clock: impl Into<StdClock>) -> Self {
        Self(Arc::new(MapStore::new(clock.into())))
    }

    fn with<T>(&self, key: Key<'_>, operation: impl FnOnce(&MapStore<StdLock, StdClock, Vec<u8>>, Key<'_>) -> T) -> T {
        let text = key.to_string();
        operation(&self.0, Key::new(key.kind, "", text.as_bytes(), 0))
    }
}

/// One call, done on a store of core's.
async fn perform<S: Values<Vec<u8>, AsIs>>(store: &S, key: Key<'_>, call: &Call) -> Result<Reply, Cause> {
    let asking = |op| Asking::new(store, true, key, call.token, op);
    let mut asked = asking(call.op);
    let answer = match (call.op, &call.bytes) {
        (Op::Acquire(_), Some(foreign)) => {
            let mut look = asking(Op::Get);
            if look.answer().await? == Answer::Filled && look.fetch(&AsIs).as_ref() == Some(foreign) {
                asking(Op::Clear).answer().await?;
            }
            asked.answer().await?
        }
        (Op::Insert { .. }, Some(value)) => asked.insert(&AsIs, MaybeOwned::Borrowed(value)).await?,
        (Op::Release(Outcome::Done { .. }), Some(value)) if key.kind == Kind::Cache => {
            asked.publish(&AsIs, MaybeOwned::Borrowed(value)).await?
        }
        _ => asked.answer().await?,
    };
    let now = asked.answered_at();
    let left = |until: Instant| if until == Instant::MAX { Duration::MAX } else { until.since(now) };
    Ok(match answer {
        Answer::Granted { fence, index } => Reply::Granted { fence, index, remaining: asked.remaining() },
        Answer::Busy { until, ticket } => Reply::Busy { remaining: left(until), ticket },
        Answer::Done { until } => Reply::Done { remaining: left(until) },
        Answer::Filled => asked.fetch(&AsIs).map_or(Reply::Absent, Reply::Filled),
        Answer::Stale => asked.fetch(&AsIs).map_or(Reply::Absent, Reply::Stale),
        Answer::Absent => Reply::Absent,
        Answer::Held(holding) => Reply::Held(holding),
        Answer::Cleared(was) => Reply::Cleared(was),
        Answer::Inspected(seen) => Reply::Inspected(seen),
        Answer::Full => return Err(Cause::Full),
        Answer::Recursive => return Err(Cause::Unsupported("recursion is seen before it is asked")),
    })
}

impl Backend for Guest {
    fn call(self: Arc<Self>, call: Call) -> BoxFuture<'static, Result<Reply, Cause>> {
        Box::pin(async move { self.call_blocking(call) })
    }
    fn call_blocking(self: Arc<Self>, call: Call) -> Result<Reply, Cause> {
        self.with(call.key.key(), |store, key| ready(perform(store, key, &call)))
    }
    fn changed(self: Arc<Self>, key: OwnedKey, ticket: Ticket) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            let (kind, text) = (key.key().kind, key.to_string());
            store::changed(&*self.0, Key::new(kind, "", text.as_bytes(), 0), ticket).await;
        })
    }
    fn abandon(self: Arc<Self>, key: OwnedKey, token: HolderToken, left: Left) {
        self.with(key.key(), |store, key| store::abandon(store, key, token, left));
    }
}

/// The same store, but only for tasks.
#[derive(Clone, Debug)]
pub struct AsyncGuest(Arc<Guest>);

impl AsyncGuest {
    /// Another look at `guest`.
    #[must_use]
    pub fn new(guest: Guest) -> Self {
        Self(Arc::new(guest))
    }

    fn guest(&self) -> Arc<Guest> {
        self.0.clone()
    }
}

impl Backend for AsyncGuest {
    fn call(self: Arc<Self>, call: Call) -> BoxFuture<'static, Result<Reply, Cause>> {
        self.guest().call(call)
    }
    fn changed(self: Arc<Self>, key: OwnedKey, ticket: Ticket) -> BoxFuture<'static, ()> {
        Backend::changed(self.guest(), key, ticket)
    }
    fn abandon(self: Arc<Self>, key: OwnedKey, token: HolderToken, left: Left) {
        self.guest().abandon(key, token, left);
    }
    fn about(&self) -> About {
        About::tasks_only()
    }
}
