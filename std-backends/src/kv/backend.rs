//! Key-value stores as backends: for tasks, for threads, and what is left behind.
//!
//! Invariant: the operations of one token on a blocking store are done one after another, so what a dropped call still
//! takes is given back after it was taken.

use super::{
    AsyncKv, AsyncKvStore, Kv, KvStore,
    perform::{perform, perform_blocking, turn},
};
use crate::backend::{Backend, BoxFuture, Call, OwnedKey, Reply, abandoned, give_back};
use cachify_core::{Cause, op::Left, token::HolderToken};
use std::sync::Arc;

impl<S: AsyncKvStore + 'static> Backend for AsyncKv<S> {
    fn call(self: Arc<Self>, call: Call) -> BoxFuture<'static, Result<Reply, Cause>> {
        Box::pin(async move { perform(&self.0, &call).await })
    }
    fn abandon(self: Arc<Self>, key: OwnedKey, token: HolderToken, left: Left) {
        // waiters poll: there is no turn to pass on
        if left != Left::HandOff {
            give_back(self, key, token, left);
        }
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
        Box::pin(async move { perform_blocking(&self, &call) })
    }
    fn call_blocking(self: Arc<Self>, call: Call) -> Result<Reply, Cause> {
        perform_blocking(&self, &call)
    }
    fn abandon(self: Arc<Self>, key: OwnedKey, token: HolderToken, left: Left) {
        if left != Left::HandOff {
            abandoned(key, token, left, move |call| {
                let _turn = turn(token);
                perform_blocking(&self, &call).is_ok()
            });
        }
    }
}
