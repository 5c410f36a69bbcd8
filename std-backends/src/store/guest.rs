//! A store of the user's own, with what an instance adds to it: a time limit, and renewal.

use crate::{
    clock::StdClock,
    erased::{Answer, ErasedStore, Operation},
    keeper::{Keeper, Renew},
    process::PerProcess,
};
use cachify_core::{
    Fault, Holding,
    cell::Ask,
    drive::beside,
    key::Key,
    patience::Ticket,
    time::{Clock, Timer},
    token::HolderToken,
};
use std::{
    fmt,
    sync::{Arc, Weak},
    time::Duration,
};

/// An erased store at work.
#[derive(Clone)]
pub(crate) struct Guest(Arc<Inner>);

struct Inner {
    store: Arc<dyn ErasedStore>,
    clock: StdClock,
    keeper: PerProcess<Keeper>,
    op_timeout: Duration,
}

impl fmt::Debug for Guest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Guest")
    }
}

impl Guest {
    pub(crate) fn new(store: Arc<dyn ErasedStore>, clock: StdClock, op_timeout: Duration) -> Self {
        Self(Arc::new(Inner { store, keeper: PerProcess::new(), clock, op_timeout }))
    }

    pub(super) async fn changed(&self, key: Key<'_>, ticket: Ticket) {
        self.0.store.changed(key, ticket).await;
    }

    pub(super) fn dropped(&self, key: Key<'_>, token: HolderToken) {
        self.0.store.dropped(key, token);
    }

    pub(super) fn unfinished(&self, key: Key<'_>, token: HolderToken, ttl: Duration, keep: Duration) {
        self.0.store.unfinished(key, token, ttl, keep);
    }

    pub(super) fn waiter_gone(&self, key: Key<'_>, _: HolderToken) {
        // giving back what nobody holds calls the next one
        self.dropped(key, HolderToken::default());
    }

    pub(super) async fn flush(&self) {
        self.0.store.flush().await;
    }

    #[expect(clippy::unused_self, reason = "every store outside has it")]
    pub(super) const fn evicts(&self) -> Option<&str> {
        None
    }

    pub(super) fn keeper(&self) -> &Keeper {
        self.0.keeper.get_or_init(|| Keeper::new(self.0.clock.clone()))
    }

    pub(super) fn id(&self) -> usize {
        Arc::as_ptr(&self.0) as usize
    }

    /// Only a store that blocks can be renewed from a thread; another is renewed beside the body.
    pub(super) fn renewer(&self) -> Option<Weak<dyn Renew>> {
        let store: Arc<dyn Renew> = self.0.clone();
        self.0.store.blocks().then(|| Arc::downgrade(&store))
    }

    /// One operation, within the time limit; past it the outcome is unknown.
    pub(super) async fn call(&self, key: Key<'_>, operation: Operation) -> Result<Answer, Fault> {
        let until = self.0.clock.now().saturating_add(self.0.op_timeout);
        let limit = async {
            self.0.clock.sleep_until(until).await;
            Fault::TimedOut
        };
        beside(self.0.store.call(key, operation), limit).await.and_then(std::convert::identity)
    }

    /// One operation on the blocking face; its time limit is the store's own.
    pub(super) fn call_blocking(&self, key: Key<'_>, operation: Operation) -> Result<Answer, Fault> {
        self.0.store.call_blocking(key, operation)
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        if let Some(keeper) = self.keeper.get() {
            keeper.stop();
        }
    }
}

impl Renew for Inner {
    fn renew(&self, key: Key<'_>, ask: &Ask) -> Result<Holding, Fault> {
        let operation = Operation::renewal(key.kind, *ask);
        self.store.call_blocking(key, operation)?.holding()
    }

    fn give_back(&self, key: Key<'_>, token: HolderToken) {
        self.store.dropped(key, token);
    }
}
