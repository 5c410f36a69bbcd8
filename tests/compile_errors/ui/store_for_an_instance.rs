use cachify_core::{FixedStore, Refused, cached, lock, store::lock::NoLock, testing::ManualClock};

type Store<'c> = FixedStore<NoLock, &'c ManualClock, 8, u32>;

#[lock(instance = store, key = "bus", companions = false)]
fn transfer(store: &Store<'_>) -> Result<(), Refused> {
    Ok(())
}

#[cached(instance = store, key = "level", companions = false)]
async fn level(store: &Store<'_>) -> u32 {
    1
}

fn main() {}
