//! A gateway is sent anything, as bytes, in whole frames and as whole requests: it serves until the line ends.
#![no_main]

use cachify_core::{
    link::Gateway,
    store::{growing::MapStore, lock::NoLock},
    testing::{ManualClock, block_on},
};
use cachify_fuzz::{Kind, Line, framed, messages};
use libfuzzer_sys::fuzz_target;

const REQUESTS: [Kind; 20] = [
    (0, "tn?n"),
    (1, "tn?n"),
    (2, "t"),
    (3, "ntn?n"),
    (4, "tn?n"),
    (5, "t"),
    (6, ""),
    (7, "tn?n"),
    (8, "tn?n"),
    (9, "tn"),
    (10, "t"),
    (11, ""),
    (12, ""),
    (13, "n"),
    (14, "ntn?n"),
    (15, "ntn?nn"),
    (16, "t?nnv"),
    (17, "tn?n"),
    (18, "t"),
    (19, ""),
];

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
