//! What a device is told about itself, and what it tells about its line.

use cachify_core::time::{Instant, millis, short};
use core::time::Duration;

/// One life of one device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Session {
    /// Never the same in two lives of a device: a boot counter, or random.
    ///
    /// Devices that share a line need ids that differ among them, too.
    pub id: u32,
    /// Tells the device from all others of the fleet, for example its chip id.
    pub device: [u32; 2],
}

/// How long a device waits for what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// For the answer to one operation, sent again as it may be: 500 ms.
    pub op_timeout: Duration,
    /// Until a request is sent again, doubling each time: 100 ms. Longer than a round trip takes on the line.
    pub resend: Duration,
    /// Until a waiter asks again although nobody told of a release: 1 s.
    pub poll: Duration,
    /// For a right of a dropped holder to be taken back: 60 s.
    pub give_back: Duration,
}

impl Timing {
    /// The values named at each field.
    pub const DEFAULT: Self = Self {
        op_timeout: Duration::from_millis(500),
        resend: Duration::from_millis(100),
        poll: Duration::from_secs(1),
        give_back: Duration::from_secs(60),
    };
}

/// The same in milliseconds, as a device keeps it; all zero before the start, so that a static store lies in `.bss`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Millis {
    pub(super) op_timeout: u32,
    pub(super) resend: u32,
    pub(super) poll: u32,
    pub(super) give_back: u32,
}

impl Millis {
    pub(super) const NONE: Self = Self { op_timeout: 0, resend: 0, poll: 0, give_back: 0 };

    // constant where the timing is
    #[inline]
    pub(super) fn of(timing: Timing) -> Self {
        let Timing { op_timeout, resend, poll, give_back } = timing;
        let [op_timeout, resend, poll, give_back] = [op_timeout, resend, poll, give_back].map(|d| short(millis(d)));
        Self { op_timeout, resend, poll, give_back }
    }
}

/// A point in time in milliseconds of the device's clock, half of it: what is compared is less than 24 days apart.
///
/// Half as large as an [`Instant`] and less than half the code to compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tick(u32);

impl Tick {
    pub(super) const ZERO: Self = Self(0);

    pub(super) const fn of(at: Instant) -> Self {
        Self(at.as_millis() as u32)
    }

    /// So many milliseconds later, 24 days at most.
    pub(super) fn after(self, millis: u32) -> Self {
        Self(self.0.wrapping_add(millis.min(i32::MAX as u32)))
    }

    /// Milliseconds from `now` to it; none or less when it is reached.
    pub(super) const fn from(self, now: Self) -> i32 {
        self.0.wrapping_sub(now.0).cast_signed()
    }
}

/// So many milliseconds after `now`.
#[cfg_attr(not(target_pointer_width = "64"), inline(never))]
pub(super) fn after(now: Instant, millis: u32) -> Instant {
    Instant::from_millis(now.as_millis().saturating_add(millis.into()))
}

impl Default for Timing {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// What went wrong on the line so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Pieces between zeros that were no frames, and frames that were no answers.
    pub rubbish: u32,
    /// Answers that nobody waits for any more.
    pub strays: u32,
    /// Dropped rights that nothing remembers to give back; they end by themselves.
    pub forgotten: u32,
}

impl Stats {
    pub(super) const NONE: Self = Self { rubbish: 0, strays: 0, forgotten: 0 };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_compare_across_the_end_of_their_range() {
        for now in [0, (1 << 31) - 5, 1 << 31, u64::from(u32::MAX) - 5, u64::from(u32::MAX), 1 << 32, u64::MAX] {
            let now = Tick::of(Instant::from_millis(now));
            assert_eq!(now.from(now), 0);
            assert_eq!(now.after(10).from(now), 10);
            assert_eq!(now.from(now.after(10)), -10);
            assert_eq!(now.after(u32::MAX).from(now), i32::MAX, "24 days at most");
        }
    }
}
