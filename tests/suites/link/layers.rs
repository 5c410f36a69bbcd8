//! A device that keeps in its own RAM what the fleet caches: no longer than the fleet does.

use crate::{
    pipe::Line,
    world::{Device, LONG, MS, Memory, World, at, connected, device, pass, world},
};
use cachify_core::{FixedStore, Instance, cached, store::lock::NoLock, testing::ManualClock, time::Clock};
use std::cell::Cell;

type Near<'c> = Instance<FixedStore<NoLock, &'c ManualClock, 4, u32>>;

#[cached(instance = near, key = "near:{n}", ttl = 60, companions = false)]
#[cached(instance = device, key = "far:{n}", ttl = 10, companions = false)]
async fn layered(near: &Near<'_>, device: &Device<'_>, n: u8, loads: &Cell<u32>) -> u32 {
    loads.set(loads.get() + 1);
    loads.get() * 10 + u32::from(n)
}

#[test]
fn a_near_value_ends_with_that_of_the_fleet() {
    world!(clock, store, local, device, line, world);
    world.spawn(async {
        let loads = Cell::new(0);
        let nears = [(); 2].map(|()| Near::new(FixedStore::<NoLock, _, 4, u32>::new(&clock)));
        let call = async |near: usize| layered(&nears[near], &device, 1, &loads).await;
        assert_eq!(call(0).await, 11);
        pass(&clock, 8_000 * MS).await;
        // another device hears of it now
        assert_eq!((call(1).await, loads.get()), (11, 1));
        while clock.now() < at(9_900) {
            assert_eq!(call(1).await, 11);
            pass(&clock, 100 * MS).await;
        }
        pass(&clock, 400 * MS).await;
        assert_eq!((call(1).await, loads.get()), (21, 2), "it ended after ten seconds, at {:?}", clock.now());
        // while the fleet does not answer nobody knows where a value came from, so none is kept
        line.set(crate::pipe::Faults { cut: true, ..Default::default() });
        pass(&clock, 11_000 * MS).await;
        assert_eq!((call(1).await, call(1).await), (31, 41));
    });
    assert!(world.run(LONG * 10, || ()));
}
