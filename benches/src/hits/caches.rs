//! Caches without attributes: the key is rendered by hand.

use super::{User, load};
use std::{
    convert::Infallible,
    sync::{Arc, LazyLock},
    time::Duration,
};

/// Twice the keys: nothing is evicted, whatever the shards.
const ROOM: u32 = 20_000;
const TTL: Duration = Duration::from_hours(1);

type Quick = quick_cache::sync::Cache<String, Arc<User>>;
type Moka = moka::sync::Cache<String, Arc<User>>;
type MokaAsync = moka::future::Cache<String, Arc<User>>;

static QUICK: LazyLock<Quick> = LazyLock::new(|| Quick::new(ROOM as usize));
static MOKA: LazyLock<Moka> = LazyLock::new(|| Moka::builder().max_capacity(ROOM.into()).time_to_live(TTL).build());
static MOKA_ASYNC: LazyLock<MokaAsync> =
    LazyLock::new(|| MokaAsync::builder().max_capacity(ROOM.into()).time_to_live(TTL).build());

pub(super) fn quick(id: u64) -> Arc<User> {
    let Ok(user) = QUICK.get_or_insert_with(&format!("user:{id}"), || Ok::<_, Infallible>(load(id)));
    user
}

pub(super) async fn quick_async(id: u64) -> Arc<User> {
    let key = format!("user:{id}");
    let Ok(user) = QUICK.get_or_insert_async(&key, async { Ok::<_, Infallible>(load(id)) }).await;
    user
}

pub(super) fn moka(id: u64) -> Arc<User> {
    MOKA.get_with(format!("user:{id}"), || load(id))
}

pub(super) async fn moka_async(id: u64) -> Arc<User> {
    MOKA_ASYNC.get_with(format!("user:{id}"), async { load(id) }).await
}
