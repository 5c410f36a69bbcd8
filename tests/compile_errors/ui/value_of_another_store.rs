use cachify_core::{FixedStore, Instance, cached, store::lock::NoLock, testing::ManualClock};

type Device<'c> = Instance<FixedStore<NoLock, &'c ManualClock, 8, u32>>;

#[cached(instance = device, key = "name", companions = false)]
async fn name(device: &Device<'_>) -> [u8; 4] {
    [1; 4]
}

fn main() {}
