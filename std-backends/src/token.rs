//! Holder tokens at random: xoshiro256++ (Blackman and Vigna) per thread, seeded from the system.

use cachify_core::token::HolderToken;
use std::{
    cell::Cell,
    hash::{BuildHasher, RandomState},
};

thread_local!(static STATE: Cell<[u64; 4]> = Cell::new([(); 4].map(|()| random_word())));

/// A word of the system's randomness: the standard library seeds its hasher with it.
pub(crate) fn random_word() -> u64 {
    RandomState::new().hash_one(0_u64)
}

/// A token never given before, as far as 128 random bits can tell.
pub(crate) fn random() -> HolderToken {
    STATE.with(|state| {
        let mut s = state.get();
        let (a, b) = (next(&mut s), next(&mut s));
        state.set(s);
        HolderToken([a as u32, (a >> 32) as u32, b as u32, (b >> 32) as u32])
    })
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
