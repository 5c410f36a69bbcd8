//! Holder tokens: the process's number and 96 random bits, of xoshiro256++ (Blackman and Vigna), one per thread.

use crate::process;
use cachify_core::token::HolderToken;
use std::cell::Cell;

/// A thread's generator, and the process it was seeded in.
#[derive(Clone, Copy)]
struct Generator {
    process: u32,
    words: [u64; 4],
}

thread_local!(static GENERATOR: Cell<Generator> = Cell::new(Generator::seeded(process::id())));

impl Generator {
    fn seeded(process: u32) -> Self {
        Self { process, words: [(); 4].map(|()| random_word()) }
    }

    fn token(&mut self) -> HolderToken {
        let (a, b) = (next(&mut self.words), next(&mut self.words));
        HolderToken([a as u32, (a >> 32) as u32, b as u32, self.process])
    }
}

/// A word of the system's randomness, which a forked child draws anew.
pub(crate) fn random_word() -> u64 {
    #[cfg(target_os = "linux")]
    {
        let mut word = [0; 8];
        if rustix::rand::getrandom(&mut word, rustix::rand::GetRandomFlags::empty()) == Ok(word.len()) {
            return u64::from_ne_bytes(word);
        }
    }
    keyed_word()
}

/// The standard library seeds its hasher once a thread; what is hashed tells one process, and one moment, from another.
fn keyed_word() -> u64 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one((process::id(), crate::clock::wall_micros()))
}

/// A token for a store that other processes share: a forked child, whose generator is its parent's copy, seeds it anew.
pub(crate) fn shared() -> HolderToken {
    let process = process::id();
    GENERATOR.with(|cell| {
        let mut generator = cell.get();
        if generator.process != process {
            generator = Generator::seeded(process);
        }
        let token = generator.token();
        cell.set(generator);
        token
    })
}

/// A token for memory, where a child has a copy of all there is: without asking the system who we are.
pub(crate) fn local() -> HolderToken {
    GENERATOR.with(|cell| {
        let mut generator = cell.get();
        let token = generator.token();
        cell.set(generator);
        token
    })
}

/// Whether a token was made by [`shared`] in this process.
pub(crate) fn is_ours(token: HolderToken) -> bool {
    token.0[3] == process::id()
}

fn next(s: &mut [u64; 4]) -> u64 {
    let result = s[0].wrapping_add(s[3]).rotate_left(23).wrapping_add(s[0]);
    let t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = s[3].rotate_left(45);
    result
}
