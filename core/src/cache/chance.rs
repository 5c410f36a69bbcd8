//! Early loads by chance: the nearer the end and the longer a load takes, the likelier; so of many callers, or processes, about
//! one loads before the value ends. `XFetch` (Vattani, Chierichetti, Lowenstein, PVLDB 2015), with its beta of one.

use crate::{instance::Handle, key::Kind, store::Platform, time::short};
use core::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// When a value is loaded again before its end.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Early {
    /// When this part of its TTL is over, from 0.0 to 1.0.
    Part(f64),
    /// By chance: the nearer its end, and the longer its load took, the likelier (Vattani et al. 2015). How long loads take is
    /// known to the process that loads; one that never did leaves it to the others.
    XFetch,
}

impl From<f64> for Early {
    fn from(part: f64) -> Self {
        Self::Part(part)
    }
}

/// For how many keys it is known how long their loads take.
const SLOTS: usize = if cfg!(feature = "alloc") { 1_024 } else { 16 };
/// Bits of a slot that tell a time, in milliseconds: up to 69 minutes. The others are of its key's hash.
const TIME: u32 = 22;
const MOST: u32 = (1 << TIME) - 1;

/// How long loads took of late; of two keys that meet in a slot the one that loaded last.
static TOOK: [AtomicU32; SLOTS] = [const { AtomicU32::new(0) }; SLOTS];

/// Where it stands how long loads of a key take.
struct Slot {
    of: &'static AtomicU32,
    tag: u32,
}

impl Slot {
    fn of<H: Handle>(handle: &H, key: &<H::Store as Platform>::KeyBuf) -> Option<Self> {
        let hash = handle.instance().store().key(Kind::Cache, key).ok()?.hash;
        Some(Self { of: TOOK.get(hash as usize % SLOTS)?, tag: hash as u32 & !MOST })
    }

    /// In milliseconds; zero where it is not known.
    fn millis(&self) -> u32 {
        let known = self.of.load(Relaxed);
        if known & !MOST == self.tag { known & MOST } else { 0 }
    }

    fn note(&self, millis: u64) {
        let (before, now) = (self.millis(), short(millis).min(MOST));
        let mean = if before == 0 { now } else { before - before / 4 + now / 4 };
        // two at once may lose one of them, which another load makes good
        self.of.store(self.tag | mean, Relaxed);
    }
}

/// Notes how long a load took.
pub(crate) fn took<H: Handle>(handle: &H, key: &<H::Store as Platform>::KeyBuf, millis: u64) {
    if let Some(slot) = Slot::of(handle, key) {
        slot.note(millis);
    }
}

/// How many milliseconds before its end a value is due this time.
pub(super) fn gap<H: Handle>(handle: &H, key: &<H::Store as Platform>::KeyBuf) -> u32 {
    let took = Slot::of(handle, key).map_or(0, |slot| slot.millis());
    if took == 0 { 0 } else { ahead(took, handle.instance().store().token().0.into_iter().fold(0, u32::wrapping_add)) }
}

/// So many times as long as a number drawn evenly becomes by `-ln`, which is one in the mean.
fn ahead(took: u32, drawn: u32) -> u32 {
    // tokens of a device differ by a count: its bits go round (the finaliser of MurmurHash3, Appleby)
    let mut even = drawn;
    even = (even ^ even >> 16).wrapping_mul(0x85EB_CA6B);
    even = (even ^ even >> 13).wrapping_mul(0xC2B2_AE35);
    short((u64::from(took) * u64::from(exponential(even ^ even >> 16))) >> 16)
}

/// `-ln` of a part of 2^32, the whole one not counted out, in parts of 2^16.
fn exponential(even: u32) -> u32 {
    let number = u64::from(even) + 1;
    let whole = number.ilog2();
    // log2(1 + f), to less than 0.01
    let part = (((number << (32 - whole)) & 0xFFFF_FFFF) >> 16) as u32;
    let bent = (u64::from(part) * u64::from(0x1_0000 - part) * 22_525) >> 32;
    let log2 = (whole << 16) + part + bent as u32;
    let left = (32_u32 << 16).saturating_sub(log2);
    // ln 2
    ((u64::from(left) * 45_426) >> 16) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_logarithm_is_right_to_a_hundredth() {
        for even in [0, 1, 2, 1_000, 1 << 16, 1 << 31, (1 << 31) + 12_345, u32::MAX - 1, u32::MAX] {
            let exact = -((f64::from(even) + 1.0) / 4_294_967_296.0).ln();
            let ours = f64::from(exponential(even)) / 65_536.0;
            assert!((exact - ours).abs() < 0.01, "{even}: {ours} for {exact}");
        }
    }

    #[test]
    fn tokens_that_count_draw_a_mean_of_one_and_a_third_of_them_more() {
        let drawn = || (0..10_000).map(|count| ahead(1_000, count));
        let mean = drawn().map(u64::from).sum::<u64>() / 10_000;
        assert!((950..1_050).contains(&mean), "{mean}");
        let longer = drawn().filter(|drawn| *drawn > 1_000).count();
        assert!((3_500..3_900).contains(&longer), "{longer}: e^-1 of them");
    }
}
