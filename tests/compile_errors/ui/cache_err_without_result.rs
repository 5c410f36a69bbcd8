use cachify::{Cachify, Memory, cached};
use std::sync::LazyLock;

static DEVICE: LazyLock<Cachify<Memory>> = LazyLock::new(|| Cachify::builder().build_memory());

#[cached(key = "option:{id}", cache_err = true)]
fn option(id: u64) -> Option<u64> {
    Some(id)
}

#[cached(key = "plain:{id}", cache_err = true)]
async fn plain(id: u64) -> u64 {
    id
}

#[cached(key = "both:{id}", cache_none = true, cache_err = true)]
fn both(id: u64) -> Option<u64> {
    Some(id)
}

#[cached(key = "nothing", cache_err = true)]
fn nothing() {}

#[cachify_core::cached(key = "device", instance = DEVICE, cache_err = true)]
async fn of_a_device() -> u64 {
    1
}

/// Of the surrounding `impl`: a bound says that it is one.
struct Repo<T>(T);

impl<T: Clone + Send + Sync + 'static> Repo<T> {
    #[cached(key = "load", instance = DEVICE, cache_err = true)]
    fn load(&self) -> T {
        self.0.clone()
    }
}

fn main() {}
