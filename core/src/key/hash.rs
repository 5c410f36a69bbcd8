//! Seeded hash of a key; not cryptographic.

use super::Kind;

/// A kind's share of the seed: spread out, so that it cancels against no character of a key.
#[cfg(target_pointer_width = "64")]
#[inline]
pub(super) const fn spread(kind: Kind) -> u64 {
    (kind as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// The same above the byte that the first character meets.
#[cfg(not(target_pointer_width = "64"))]
pub(super) const fn spread(kind: Kind) -> u64 {
    (kind as u64) << 24
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

/// FNV-1a in 32 bits (Fowler, Noll, Vo), where a 64-bit multiply is slow.
#[cfg(not(target_pointer_width = "64"))]
#[inline(never)]
pub(super) fn hash(bytes: &[u8], seed: u64) -> u64 {
    let start = 0x811c_9dc5_u32 ^ seed as u32;
    u64::from(bytes.iter().fold(start, |h, b| (h ^ u32::from(*b)).wrapping_mul(0x0100_0193)))
}
