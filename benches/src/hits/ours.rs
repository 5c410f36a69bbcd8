//! This library, as a user writes it.

use super::{User, load};
use cachify::{Cachify, Memory, cached};
use std::sync::{Arc, LazyLock};

static LOCAL: LazyLock<Cachify<Memory>> = LazyLock::new(|| Cachify::builder().build_memory());

#[cached(key = "user:{id}", ttl = 3600)]
pub(super) fn global(id: u64) -> Arc<User> {
    load(id)
}

#[cached(key = "user:{id}", ttl = 3600)]
pub(super) async fn global_async(id: u64) -> Arc<User> {
    load(id)
}

#[cached(instance = LOCAL, key = "user:{id}", ttl = 3600)]
pub(super) fn local(id: u64) -> Arc<User> {
    load(id)
}

#[cached(instance = LOCAL, key = "user:{id}", ttl = 3600)]
pub(super) async fn local_async(id: u64) -> Arc<User> {
    load(id)
}
