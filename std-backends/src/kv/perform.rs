//! Each operation as steps of compare and exchange.

use super::{
    AsyncKvStore, KvStore, entries,
    leases::{self, Then},
    permits,
    record::Ask,
};
use crate::backend::{Call, NO_CLEARING, OTHER, Op, Outcome, Reply, lasting};
use cachify_core::{Cause, Label, drive::ready, key::Kind};
use std::time::Duration;

/// Does one operation.
pub(super) async fn perform<S: AsyncKvStore>(kv: &S, call: &Call) -> Result<Reply, Cause> {
    let (key, token, bytes) = (call.key.key(), call.token, call.bytes.as_deref());
    let (waits, label) = match call.op {
        Op::Acquire(wanted) => (wanted.wait > 0, wanted.label),
        Op::Renew { .. } | Op::Release(_) | Op::Clear | Op::Insert { .. } | Op::Inspect | Op::Get => {
            (false, Label::NONE)
        }
    };
    let ask = |ttl| Ask { token, ttl: lasting(ttl), waits, label };
    let then = match (call.op, key.kind) {
        (Op::Acquire(wanted), Kind::Lock | Kind::Once) => return leases::acquire(kv, key, &ask(wanted.ttl)).await,
        (Op::Acquire(wanted), Kind::Pool) => return permits::take(kv, key, wanted.size, &ask(wanted.ttl)).await,
        (Op::Acquire(wanted), Kind::Cache) => {
            let wanted = entries::Wanted { ask: ask(wanted.ttl), window: wanted.window, foreign: bytes };
            return entries::join(kv, key, &wanted).await;
        }
        (Op::Renew { ttl }, Kind::Pool) => return permits::extend(kv, key, &ask(ttl)).await.map(Reply::Held),
        (Op::Release(_), Kind::Pool) => return permits::give_back(kv, key, token).await.map(Reply::Held),
        (Op::Insert { fresh }, Kind::Cache) => {
            return entries::insert(kv, key, bytes.ok_or(OTHER)?, fresh).await.map(Reply::Held);
        }
        (Op::Insert { .. }, Kind::Lock | Kind::Once | Kind::Pool) => return Err(OTHER),
        (Op::Clear, Kind::Cache) => return entries::invalidate(kv, key).await.map(Reply::Cleared),
        (Op::Clear, Kind::Lock | Kind::Once) => return leases::clear(kv, key).await.map(Reply::Cleared),
        (Op::Clear, Kind::Pool) => return Err(NO_CLEARING),
        (Op::Inspect, Kind::Pool) => return permits::inspect(kv, key).await.map(Reply::Inspected),
        (Op::Inspect, Kind::Lock | Kind::Once) => return leases::inspect(kv, key).await.map(Reply::Inspected),
        (Op::Inspect, Kind::Cache) => return entries::life(kv, key).await.map(Reply::Inspected),
        (Op::Get, _) => return entries::look(kv, key).await,
        (Op::Renew { ttl }, Kind::Lock | Kind::Once | Kind::Cache) => Then::Renewed(lasting(ttl)),
        (Op::Release(Outcome::Free), Kind::Lock | Kind::Once) | (Op::Release(Outcome::Done { .. }), Kind::Lock) => {
            return leases::give_back(kv, key, token).await.map(Reply::Held);
        }
        (Op::Release(Outcome::Free), Kind::Cache) => Then::Gone,
        (Op::Release(Outcome::Done { fresh }), Kind::Once) => Then::Marked(lasting(fresh)),
        (Op::Release(Outcome::Done { fresh }), Kind::Cache) => {
            bytes.map_or(Then::Gone, |bytes| Then::Filled(bytes, fresh))
        }
    };
    leases::settle(kv, &key.to_string(), token, then).await.map(Reply::Held)
}

/// A blocking store as an async one, whose futures are ready at the first poll.
pub(crate) struct Blocking<'s, S>(pub(crate) &'s S);

impl<S: KvStore> AsyncKvStore for Blocking<'_, S> {
    type Error = S::Error;
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, S::Error> {
        self.0.get(key)
    }
    async fn compare_exchange(
        &self,
        key: &str,
        old: Option<&[u8]>,
        new: Option<&[u8]>,
        ttl: Option<Duration>,
    ) -> Result<bool, S::Error> {
        self.0.compare_exchange(key, old, new, ttl)
    }
    async fn remove(&self, key: &str) -> Result<bool, S::Error> {
        self.0.remove(key)
    }
    async fn get_many(&self, keys: &[String]) -> Result<Vec<Option<Vec<u8>>>, S::Error> {
        self.0.get_many(keys)
    }
    fn at_once(&self) -> usize {
        self.0.at_once()
    }
    fn micros(&self) -> Option<u64> {
        self.0.micros()
    }
}

pub(super) fn perform_blocking<S: KvStore>(kv: &S, call: &Call) -> Result<Reply, Cause> {
    ready(perform(&Blocking(kv), call))
}
