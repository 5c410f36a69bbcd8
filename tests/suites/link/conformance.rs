//! The public suite over a device, a line and a gateway; what crosses the line besides.

use crate::pipe::Line;
use cachify_core::{
    Instance,
    drive::beside,
    store::{growing::MapStore, lock::NoLock},
    testing::{ManualClock, block_on, conformance},
};
use cachify_link::{Gateway, RemoteStore, Session};
use std::future::Future;

type Device<'c> = RemoteStore<NoLock, &'c ManualClock>;

/// Runs `body` beside a pump and a gateway on a whole line.
fn on_a_line<T>(
    device: &Device<'_>,
    gateway: &MapStore<NoLock, &ManualClock, Vec<u8>>,
    clock: &ManualClock,
    body: impl Future<Output = T>,
) -> T {
    let line = Line::new(1);
    let mut gateway = Gateway::new(gateway, clock);
    let pump = device.pump(line.down.clone(), line.up.clone());
    let serve = gateway.serve(line.up.clone(), line.down.clone());
    let out = block_on(beside(beside(body, pump), serve));
    out.expect("the gateway serves on").expect("the pump runs on")
}

#[test]
fn a_store_behind_a_gateway_conforms() {
    let clock = ManualClock::new();
    let store = MapStore::<NoLock, _, Vec<u8>>::new(&clock);
    let device = Instance::new(Device::new(&clock));
    device.store().start(Session { id: 1, device: [2, 3] });
    let advance = |by| clock.advance(by);
    let suite = conformance::all(&device, &advance, [1_u32, 2]);
    assert_eq!(on_a_line(device.store(), &store, &clock, suite), Ok(()));
}
