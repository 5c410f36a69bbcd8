//! The attributes of `cached`: one lock round a map, or shards.
#![expect(clippy::unused_async, reason = "the attribute's expansion awaits")]

use super::{User, load};
use cached::macros::{cached, concurrent_cached};
use std::sync::Arc;

#[cached(ttl_secs = 3600)]
pub(super) fn cached(id: u64) -> Arc<User> {
    load(id)
}

#[cached(ttl_secs = 3600)]
pub(super) async fn cached_async(id: u64) -> Arc<User> {
    load(id)
}

#[cached(ttl_secs = 3600, key = "String", convert = { format!("user:{id}") })]
pub(super) fn formatted(id: u64) -> Arc<User> {
    load(id)
}

#[cached(ttl_secs = 3600, key = "String", convert = { format!("user:{id}") })]
pub(super) async fn formatted_async(id: u64) -> Arc<User> {
    load(id)
}

#[concurrent_cached(ttl_secs = 3600)]
pub(super) fn sharded(id: u64) -> Arc<User> {
    load(id)
}

#[concurrent_cached(ttl_secs = 3600)]
pub(super) async fn sharded_async(id: u64) -> Arc<User> {
    load(id)
}
