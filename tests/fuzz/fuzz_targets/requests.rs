//! A gateway is sent anything, as bytes and in whole frames: it serves until the line ends.
#![no_main]

use cachify_core::{
    link::Gateway,
    store::{growing::MapStore, lock::NoLock},
    testing::{ManualClock, block_on},
};
use cachify_fuzz::{Line, framed};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let clock = ManualClock::new();
    let store = MapStore::<NoLock, _, Vec<u8>>::new(&clock);
    let mut gateway = Gateway::new(&store, &clock).prefix("fuzz");
    let frames = framed(data);
    block_on(gateway.serve(Line(data), Line(&[])));
    block_on(gateway.serve(Line(&frames), Line(&[])));
});
