//! Whatever stood on a line, nothing panics and the next good frame is found.
#![no_main]

use cachify_core::link::frame::{Decoder, encode};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let mut decoder = Decoder::new([0; 64]);
    for byte in data {
        let _ = decoder.feed(*byte);
    }
    let mut buf = [0; 32];
    let len = encode(&mut buf, |to| to.put(b"a good one")).expect("it fits");
    let found = buf[..len].iter().filter_map(|byte| decoder.feed(*byte).map(<[u8]>::to_vec)).last();
    assert_eq!(found.as_deref(), Some(&b"a good one"[..]));
});
