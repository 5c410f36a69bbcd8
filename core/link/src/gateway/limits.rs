//! How much a gateway takes on, and what it counts.

use core::time::Duration;

/// How much a gateway takes on for one line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The longest frame in bytes: 1024. What is longer is skipped.
    pub frame: usize,
    /// Requests under way or waiting for one on the same key: 16. What comes above that is to be sent again.
    pub requests: usize,
    /// Refused requests whose device is told of the next release: 16. Others poll.
    pub watches: usize,
    /// For how long a refused request is watched unless it asks again: 10 s.
    pub watch: Duration,
    /// For how long a device that was told of a release has the turn: 500 ms.
    pub turn: Duration,
    /// The largest pool that is served: 4096 permits.
    pub permits: u32,
    /// Sessions that are remembered: 4, the ones used last.
    pub sessions: usize,
    /// Answers that are remembered in each session: 16.
    pub answers: usize,
    /// The longest time that a device may hold a right before it is renewed: a day. What is to last longer is refused.
    pub lease: Duration,
    /// The longest time that what a device stores is kept: 30 days. Longer for a run is refused; a value is kept for so long.
    pub keep: Duration,
    /// Rights that a device may hold at a time: 64.
    pub held: usize,
    /// How much a device may have stored at a time, in bytes: 32 KiB. Each value and marker counts 64 beside its key.
    pub stored: usize,
    /// Devices that may hold or store something at a time: 1,024.
    pub devices: usize,
    /// Requests a second: 500, and as many at once. A line that says more is read later.
    pub rate: u32,
    /// Bytes a second: 512 KiB, and as many at once. A line that says more is read later.
    pub bytes: u32,
    /// How long a line says nothing before a device of the same identity and session is served on another one: 10 s.
    /// Of another session, which is a device that began anew, a fifth of it.
    pub silence: Duration,
}

impl Limits {
    /// The values named at each field.
    pub const DEFAULT: Self = Self {
        frame: 1024,
        requests: 16,
        watches: 16,
        watch: Duration::from_secs(10),
        turn: Duration::from_millis(500),
        permits: 4_096,
        sessions: 4,
        answers: 16,
        lease: Duration::from_secs(24 * 3_600),
        keep: Duration::from_secs(30 * 24 * 3_600),
        held: 64,
        stored: 32 * 1_024,
        devices: 1_024,
        rate: 500,
        bytes: 512 * 1_024,
        silence: Duration::from_secs(10),
    };
}

impl Default for Limits {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// What a gateway did so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Served {
    /// Requests that were done.
    pub done: u64,
    /// Lives of devices that began, each as often as it said so.
    pub lives: u64,
    /// Requests that came again; answered from memory, or still under way.
    pub repeated: u64,
    /// Requests there was no room for.
    pub crowded: u64,
    /// Requests of another version.
    pub other_version: u64,
    /// Pieces between zeros that were no frames, and frames that were no requests.
    pub rubbish: u64,
    /// Notices that a key was released.
    pub notices: u64,
    /// Requests of a device whose identity another line has.
    pub rivals: u64,
    /// Requests that were denied for another reason.
    pub denied: u64,
    /// How often a line was read later, for it said too much.
    pub paced: u64,
}
