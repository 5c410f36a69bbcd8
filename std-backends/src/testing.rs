//! For tests of your own store and of code that uses this crate (feature `testing`): what `cachify_core::testing` has,
//! and what stores outside the process promise besides.
//!
//! | suite | asks |
//! |---|---|
//! | [`conformance::all`], [`conformance::all_blocking`] | an instance over any store, for each promise of the operations |
//! | [`backend`] | a [`Backend`](crate::Backend) in tasks: the same, keys and values of any kind, what is left behind |
//! | [`backend_blocking`] | a backend in threads: the same as the first, many calls at once, what is left behind |
//! | [`two_processes`] | the instances of two processes on one store |
//! | [`key_values`], [`key_values_blocking`] | a key-value store itself |
//!
//! Each needs keys that nobody else uses, hence a namespace (where an instance is handed over: its prefix), and not an
//! empty server; what is kept must not be evicted meanwhile. Time passes as [`Time`] says, which a closure is:
//! `&std::thread::sleep`, or of a store on a manual clock `&|by| clock.advance(by)`; [`Coarse`] where the store counts
//! whole seconds.

mod backend;
mod kv;
mod processes;

pub use backend::{backend, backend_blocking};
pub use cachify_core::testing::*;
pub use kv::{key_values, key_values_blocking};
pub use processes::{peer, two_processes};

/// Each is another key: by a space at its end, the case or the composition of a letter, what ends or quotes texts.
#[rustfmt::skip]
const NAMES: &[&str] = &[
    "", " ", "a", "a ", "A", "a\0", "a\0b", "a\n", "a\r\n", "a'", "a\"", "a\\", "a`", "a%", "a_", "a*", "a;", "a:", "a{b}",
    "\u{7f}", "\u{e9}", "e\u{301}", "\u{df}", "ss", "\u{130}", "i", "\u{1f980}", "\u{202e}a", "\u{feff}a", "a/../b",
];

/// Keys of any character, and some of 4 KiB that differ at their ends.
fn names() -> impl Iterator<Item = String> {
    let long = "k".repeat(4096);
    let long = ["", "a", "b"].into_iter().map(move |end| format!("{long}{end}"));
    NAMES.iter().map(ToString::to_string).chain(long)
}

const SILENT: Broken = Broken("answer while it is reachable");

fn must(holds: bool, what: &'static str) -> Result<(), Broken> {
    if holds { Ok(()) } else { Err(Broken(what)) }
}

/// A value of a mebibyte.
fn large() -> Vec<u8> {
    (0..1_u32 << 20).map(|at| (at % 251) as u8).collect()
}
