//! Any text is a template or is refused.
#![no_main]

use cachify_core::key::KeyTemplate;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let _ = KeyTemplate::parse(text);
});
