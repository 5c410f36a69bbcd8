//! Key-value stores as backends: for tasks, for threads, and what is left behind.
//!
//! Invariant: the operations of one token on a blocking store are done one after another, so what a dropped call still
//! takes is given back after it was taken.

use super::{
    AsyncKv, AsyncKvStore, Kv, KvStore,
    noted::Noted,
    perform::{perform, perform_blocking},
    turn::Turn,
};
use crate::backend::{About, Backend, BoxFuture, Call, OwnedKey, Owner, Reply, abandoned, give_back, many, park};
use cachify_core::{Cause, op::Left, token::HolderToken};
use std::{sync::Arc, time::Duration};

/// How long a sweep may take.
const SWEEP: Duration = Duration::from_secs(60);

impl<S: AsyncKvStore + 'static> Backend for AsyncKv<S> {
    fn call(self: Arc<Self>, call: Call) -> BoxFuture<'static, Result<Reply, Cause>> {
        Box::pin(async move { perform(&Limited { kv: &self.0, call: &call }, &call).await })
    }
    fn call_blocking(self: Arc<Self>, call: Call) -> Result<Reply, Cause> {
        // each of its questions ends
        park(self.call(call), Duration::MAX).unwrap_or(Err(Cause::TimedOut))
    }
    fn about(&self) -> About {
        About { keeps_limits: true, ..About::default() }
    }
    fn evicts(&self) -> Option<String> {
        self.0.evicts()
    }
    fn sweep(self: Arc<Self>) {
        park(Box::pin(self.0.sweep()), SWEEP);
    }
    fn abandon(self: Arc<Self>, key: OwnedKey, token: HolderToken, left: Left) {
        // waiters poll: there is no turn to pass on
        if left != Left::HandOff {
            give_back(self, key, token, left);
        }
    }
}

impl<S: KvStore + 'static> Kv<S> {
    /// Many operations, by at least so many threads.
    fn many(self: Arc<Self>, calls: Vec<Call>, begin: usize) -> Vec<Result<Reply, Cause>> {
        many::threads(calls, begin, move |call, note| perform_blocking(&Noted { kv: &self.0, note }, call))
    }

    /// Many operations of a store that is far, rather than slow.
    #[cfg(feature = "redis")]
    pub(crate) fn renew_many(self: Arc<Self>, calls: Vec<Call>) -> Vec<Result<Reply, Cause>> {
        self.many(calls, many::MANY)
    }
}

impl<S: KvStore + 'static> Backend for Kv<S> {
    #[cfg(feature = "tokio")]
    fn call(self: Arc<Self>, call: Call) -> BoxFuture<'static, Result<Reply, Cause>> {
        Box::pin(super::aside::call(self, call))
    }
    /// Without tokio there is nowhere else to run it.
    #[cfg(not(feature = "tokio"))]
    fn call(self: Arc<Self>, call: Call) -> BoxFuture<'static, Result<Reply, Cause>> {
        Box::pin(async move { perform_blocking(&self.0, &call) })
    }
    fn call_blocking(self: Arc<Self>, call: Call) -> Result<Reply, Cause> {
        perform_blocking(&self.0, &call)
    }
    fn call_many_blocking(self: Arc<Self>, calls: Vec<Call>) -> Vec<Result<Reply, Cause>> {
        self.many(calls, many::FEW)
    }
    fn about(&self) -> About {
        About { keeps_limits: true, is_patient: true, ..About::default() }
    }
    fn evicts(&self) -> Option<String> {
        self.0.evicts()
    }
    fn sweep(self: Arc<Self>) {
        self.0.sweep();
    }
    fn abandon(self: Arc<Self>, key: OwnedKey, token: HolderToken, left: Left) {
        if left != Left::HandOff {
            abandoned(Owner::of(&self), key, token, left, move |call| {
                // this thread waits for no operation that is still under way
                Turn::try_take(token).map(|_turn| perform_blocking(&self.0, &call).is_ok())
            });
        }
    }
}

/// A store each of whose questions ends within the limit of the call that asks it.
struct Limited<'a, S> {
    kv: &'a S,
    call: &'a Call,
}

impl<S: AsyncKvStore> AsyncKvStore for Limited<'_, S> {
    type Error = Cause;
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, Cause> {
        self.call.question(async { self.kv.get(key).await.map_err(Into::into) }).await
    }
    async fn compare_exchange(
        &self,
        key: &str,
        old: Option<&[u8]>,
        new: Option<&[u8]>,
        ttl: Option<Duration>,
    ) -> Result<bool, Cause> {
        self.call.question(async { self.kv.compare_exchange(key, old, new, ttl).await.map_err(Into::into) }).await
    }
    async fn remove(&self, key: &str) -> Result<bool, Cause> {
        self.call.question(async { self.kv.remove(key).await.map_err(Into::into) }).await
    }
    async fn get_many(&self, keys: &[String]) -> Result<Vec<Option<Vec<u8>>>, Cause> {
        if self.kv.at_once() > 1 {
            return self.call.question(async { self.kv.get_many(keys).await.map_err(Into::into) }).await;
        }
        let mut found = Vec::with_capacity(keys.len());
        for key in keys {
            found.push(self.get(key).await?);
        }
        Ok(found)
    }
    fn at_once(&self) -> usize {
        self.kv.at_once()
    }
    fn micros(&self) -> Option<u64> {
        self.kv.micros()
    }
}
