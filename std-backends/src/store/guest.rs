//! A store of the user's own, with what an instance adds to it: a time limit, and renewal.

use crate::{
    backend::{Answer, Backend, Call, Operation, OwnedKey, Runtime},
    clock::StdClock,
    keeper::{Keeper, Renew},
    process::PerProcess,
};
use cachify_core::{
    Fault, Holding,
    cell::Ask,
    drive::beside,
    key::Key,
    op::Left,
    patience::Ticket,
    time::{Clock, Timer},
    token::HolderToken,
};
use std::{
    fmt,
    sync::{Arc, OnceLock, Weak},
    time::Duration,
};

/// An erased store at work.
#[derive(Clone)]
pub(crate) struct Guest(Arc<Inner>);

struct Inner {
    store: Arc<dyn Backend>,
    clock: StdClock,
    keeper: PerProcess<Keeper>,
    op_timeout: Duration,
    /// Where tasks called from: threads call inside of it.
    runtime: OnceLock<Runtime>,
}

impl fmt::Debug for Guest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Guest")
    }
}

impl Guest {
    pub(crate) fn new(store: Arc<dyn Backend>, clock: StdClock, op_timeout: Duration) -> Self {
        Self(Arc::new(Inner { store, keeper: PerProcess::new(), clock, op_timeout, runtime: OnceLock::new() }))
    }

    pub(super) async fn changed(&self, key: OwnedKey, ticket: Ticket) {
        self.0.store.clone().changed(key, ticket).await;
    }

    pub(super) fn abandon(&self, key: OwnedKey, token: HolderToken, left: Left) {
        self.0.store.clone().abandon(key, token, left);
    }

    pub(super) async fn flush(&self) {
        self.0.store.clone().flush().await;
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

    /// Only a store that any thread may call is renewed from one; another is renewed beside the body.
    pub(super) fn renewer(&self) -> Option<Weak<dyn Renew>> {
        let store: Arc<dyn Renew> = self.0.clone();
        self.0.store.about().anywhere.then(|| Arc::downgrade(&store))
    }

    /// One operation, within the time limit; past it the outcome is unknown.
    pub(super) async fn call(&self, key: OwnedKey, operation: Operation) -> Result<Answer, Fault> {
        if self.0.runtime.get().is_none() {
            let runtime = Runtime::current();
            if runtime.is_any() {
                let _ = self.0.runtime.set(runtime);
            }
        }
        let until = self.0.clock.now().saturating_add(self.0.op_timeout);
        let limit = async {
            self.0.clock.sleep_until(until).await;
            Fault::TimedOut
        };
        let call = Call { key, operation, limit: self.0.op_timeout };
        beside(self.0.store.clone().call(call), limit).await.and_then(std::convert::identity)
    }

    /// One operation, blocking, within the time limit.
    pub(super) fn call_blocking(&self, key: OwnedKey, operation: Operation) -> Result<Answer, Fault> {
        self.0.call_blocking(key, operation)
    }
}

impl Inner {
    fn call_blocking(&self, key: OwnedKey, operation: Operation) -> Result<Answer, Fault> {
        let _inside = self.runtime.get().map(Runtime::enter);
        self.store.clone().call_blocking(Call { key, operation, limit: self.op_timeout })
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
        self.call_blocking(OwnedKey::of(key), operation)?.holding()
    }

    fn give_back(&self, key: Key<'_>, token: HolderToken) {
        self.store.clone().abandon(OwnedKey::of(key), token, Left::Lease);
    }
}
