//! A gateway is sent anything, as bytes, in whole frames and as whole requests: it serves until the line ends.
#![no_main]

use cachify_core::{
    store::{growing::MapStore, lock::NoLock},
    testing::{ManualClock, block_on},
};
use cachify_fuzz::{Line, REQUESTS, framed, messages};
use cachify_link::Gateway;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let clock = ManualClock::new();
    let store = MapStore::<NoLock, _, Vec<u8>>::new(&clock);
    let mut gateway = Gateway::new(&store, &clock).prefix("fuzz");
    let frames = framed(data);
    block_on(gateway.serve(Line(data), Line(&[])));
    block_on(gateway.serve(Line(&frames), Line(&[])));
    let whole = messages(data, &REQUESTS, |choice, request, to| {
        to.extend([request & 0x7f, 1 + choice % 4, 1, b'a' + choice / 4 % 2]);
    });
    block_on(gateway.serve(Line(&whole), Line(&[])));
});
