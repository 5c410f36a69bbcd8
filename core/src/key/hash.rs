//! Seeded hash of a key; not cryptographic.

use super::Kind;

/// A kind's share of the seed: spread out, so that it cancels against no character of a key.
#[cfg(target_pointer_width = "64")]
#[inline]
pub(super) const fn spread(kind: Kind) -> u64 {
    (kind as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// The same above the length, with which it is spread out.
#[cfg(not(target_pointer_width = "64"))]
pub(super) const fn spread(kind: Kind) -> u64 {
    (kind as u64) << 8
}

/// Multiply and fold, 8 bytes a step (the scheme of wyhash and foldhash).
#[cfg(target_pointer_width = "64")]
#[inline]
pub(super) fn hash(bytes: &[u8], seed: u64) -> u64 {
    const STEP: u64 = 0xa076_1d64_78bd_642f;
    const LAST: u64 = 0xe703_7ed1_a0b4_28db;
    #[inline]
    fn fold(a: u64, b: u64) -> u64 {
        let product = u128::from(a) * u128::from(b);
        (product as u64) ^ ((product >> 64) as u64)
    }
    let mut h = seed ^ bytes.len() as u64 ^ 0x9e37_79b9_7f4a_7c15;
    let (eights, rest) = bytes.as_chunks::<8>();
    for eight in eights {
        h = fold(h ^ u64::from_le_bytes(*eight), STEP);
    }
    if !rest.is_empty() {
        let last = match bytes.last_chunk::<8>() {
            Some(overlapping) => u64::from_le_bytes(*overlapping),
            None => rest.iter().fold(0, |word, b| word << 8 | u64::from(*b)),
        };
        h = fold(h ^ last, LAST);
    }
    fold(h, STEP)
}

/// The same in 32 bits, 4 bytes a step, with a shift for the fold: not every small core multiplies to 64 bits.
#[cfg(not(target_pointer_width = "64"))]
#[inline(never)]
pub(super) fn hash(bytes: &[u8], seed: u64) -> u64 {
    const STEP: u32 = 0x9e37_79b1;
    fn fold(h: u32, word: u32) -> u32 {
        let product = (h ^ word).wrapping_mul(STEP);
        product ^ product >> 15
    }
    let start = (seed as u32 ^ bytes.len() as u32).wrapping_mul(STEP);
    let (fours, rest) = bytes.as_chunks::<4>();
    let h = fours.iter().fold(start, |h, four| fold(h, u32::from_le_bytes(*four)));
    rest.iter().fold(h, |h, byte| fold(h, u32::from(*byte))).into()
}

/// Whether two texts are the same.
#[cfg(target_pointer_width = "64")]
#[inline]
pub(crate) fn same(one: &[u8], other: &[u8]) -> bool {
    one == other
}

/// The same, 4 bytes a step: the compiler's library compares one at a time at opt-level "s".
#[cfg(not(target_pointer_width = "64"))]
#[inline]
pub(crate) fn same(one: &[u8], other: &[u8]) -> bool {
    let ((fours, rest), (others, last)) = (one.as_chunks::<4>(), other.as_chunks::<4>());
    one.len() == other.len()
        && fours.iter().zip(others).all(|(four, other)| u32::from_le_bytes(*four) == u32::from_le_bytes(*other))
        && rest.iter().eq(last)
}
