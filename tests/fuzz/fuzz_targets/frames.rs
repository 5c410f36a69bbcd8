//! Whatever stood on a line, nothing panics, nothing is found that was not there, and the next good frame is.
#![no_main]

use cachify_link::frame::{Decoder, encode};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let mut decoder = Decoder::new([0; 64]);
    for (at, byte) in data.iter().enumerate() {
        if let Some(message) = decoder.feed(*byte) {
            let mut frame = [0; 80];
            let len = encode(&mut frame, |to| to.put(message)).expect("it fits");
            // there is one way to write so few bytes; the zero before them may be missing
            assert!(data[..=at].ends_with(&frame[1..len]), "{message:?}");
        }
    }
    let mut buf = [0; 32];
    let len = encode(&mut buf, |to| to.put(b"a good one")).expect("it fits");
    let found = buf[..len].iter().filter_map(|byte| decoder.feed(*byte).map(<[u8]>::to_vec)).last();
    assert_eq!(found.as_deref(), Some(&b"a good one"[..]));
});
