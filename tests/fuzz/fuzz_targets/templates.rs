//! Any text is a template or is refused.
#![no_main]

use cachify_core::key::KeyTemplate;
use libfuzzer_sys::fuzz_target;

/// What means something in a template, and some of what does not.
const WORDS: [&str; 21] =
    ["{", "}", "[", "]", "\"", ".", ":", "<", ">", "%", "+", "#", "0", "9", "a", "_", "x", "?", "é", "€", " "];

fuzz_target!(|data: &[u8]| {
    let words: String = data.iter().map(|byte| WORDS[usize::from(*byte) % WORDS.len()]).collect();
    for text in [str::from_utf8(data).unwrap_or_default(), &words] {
        let _ = KeyTemplate::parse(text);
    }
});
