//! Which device is on which line: two that were flashed alike would hold one lock together, by the same tokens.
//!
//! Invariant: of one identity at most one line is served, the one that was heard last. A line that ended is forgotten;
//! one that fell silent, as that of a device without power does, gives way after a while.

use super::{
    Limits,
    admission::{Admission, Became, Denied, DeviceRequest, Identity},
    ledger::Ledger,
};
use alloc::{collections::BTreeMap, vec::Vec};
use cachify_core::{store::lock::Lock, time::Instant};
use core::{fmt, time::Duration};

/// One device on its line.
#[derive(Debug)]
struct Entry {
    line: u64,
    sender: Identity,
    heard: Instant,
}

/// What a roster keeps behind its lock.
#[derive(Debug, Default)]
pub struct Lines {
    last: u64,
    entries: Vec<Entry>,
    ledgers: BTreeMap<[u32; 2], Ledger>,
}

/// Whose ledger that is which no device has named itself for.
const NOBODY: [u32; 2] = [0; 2];

impl Lines {
    fn admits(&mut self, line: u64, request: &DeviceRequest<'_>, now: Instant, limits: &Limits) -> Result<(), Denied> {
        if request.sender.is_some_and(|sender| !self.hears(line, sender, now, limits)) {
            return Err(Denied::Rival);
        }
        let device = self.device(line, request);
        if !self.ledgers.contains_key(&device) && self.ledgers.len() >= limits.devices {
            self.ledgers.retain(|_, ledger| !ledger.is_empty(now));
            if self.ledgers.len() >= limits.devices {
                return Err(Denied::Devices);
            }
        }
        self.ledgers.entry(device).or_default().ask(request, now, limits)
    }

    fn told(&mut self, line: u64, request: &DeviceRequest<'_>, became: Became, now: Instant) {
        let device = self.device(line, request);
        if let Some(ledger) = self.ledgers.get_mut(&device) {
            ledger.told(request, became, now);
        }
    }

    /// Whose request it is: of one that names nobody, the device's that was heard last on the line.
    fn device(&self, line: u64, request: &DeviceRequest<'_>) -> [u32; 2] {
        let heard = || self.entries.iter().filter(|entry| entry.line == line).max_by_key(|entry| entry.heard);
        let sender = request.sender.or_else(|| heard().map(|entry| entry.sender));
        sender.map_or(NOBODY, |sender| sender.device)
    }

    /// Whether the device is heard on this line, and on no other.
    fn hears(&mut self, line: u64, sender: Identity, now: Instant, limits: &Limits) -> bool {
        let known = self.entries.iter_mut().find(|entry| entry.sender.device == sender.device);
        match known {
            Some(entry) if entry.line != line && now.since(entry.heard) < entry.silence(sender, limits.silence) => {
                false
            }
            Some(entry) => {
                *entry = Entry { line, sender, heard: now };
                true
            }
            None => {
                self.make_room(line, limits.sessions);
                self.entries.push(Entry { line, sender, heard: now });
                true
            }
        }
    }

    /// A line that carries more devices than are remembered loses the one it heard longest ago.
    fn make_room(&mut self, line: u64, most: usize) {
        let of_line = || self.entries.iter().enumerate().filter(|(_, entry)| entry.line == line);
        if of_line().count() >= most.max(1)
            && let Some((at, _)) = of_line().min_by_key(|(_, entry)| entry.heard)
        {
            self.entries.swap_remove(at);
        }
    }
}

impl Entry {
    /// How long it must have said nothing before `sender` may have its place on another line.
    fn silence(&self, sender: Identity, silence: Duration) -> Duration {
        // a device that began anew has left its old line, and its tokens are others
        if self.sender.session == sender.session { silence } else { silence / 5 }
    }
}

/// The devices of one gateway, behind a lock that its lines share.
///
/// ```
/// use cachify_core::{key::Kind, op::Op, time::Instant, token::HolderToken};
/// use cachify_link::{Admission, Denied, DeviceRequest, Identity, Limits, Roster};
/// # #[derive(Debug)] struct StdLock;
/// # impl cachify_core::store::lock::Lock for StdLock {
/// #     type Of<T> = std::sync::Mutex<T>;
/// #     fn new<T>(value: T) -> Self::Of<T> { std::sync::Mutex::new(value) }
/// #     fn with<T, R>(cell: &Self::Of<T>, f: impl FnOnce(&mut T) -> R) -> R { f(&mut cell.lock().unwrap()) }
/// # }
/// let (roster, limits) = (Roster::<StdLock>::new(), Limits::DEFAULT);
/// let (one, two) = (roster.begin(), roster.begin());
/// let unit = Identity { device: [0x0042_1337, 7], session: 1 };
/// let release = DeviceRequest::of(unit, 1, Kind::Lock, b"door", Op::Renew { ttl: 1_000 });
/// assert!(roster.admits(one, &release, Instant::ZERO, &limits).is_ok());
/// assert_eq!(roster.admits(two, &release, Instant::ZERO, &limits), Err(Denied::Rival)); // flashed alike
/// roster.end(one);
/// assert!(roster.admits(two, &release, Instant::ZERO, &limits).is_ok()); // the same device on a new line
/// ```
pub struct Roster<L: Lock>(L::Of<Lines>);

impl<L: Lock> Roster<L> {
    /// Nobody is there.
    #[must_use]
    pub fn new() -> Self {
        Self(L::new(Lines::default()))
    }

    /// The line on which a device was heard last, while that line has not ended.
    pub fn line_of(&self, device: [u32; 2]) -> Option<u64> {
        L::with(&self.0, |lines| {
            lines.entries.iter().find(|entry| entry.sender.device == device).map(|entry| entry.line)
        })
    }
}

impl<L: Lock> Default for Roster<L> {
    fn default() -> Self {
        Self::new()
    }
}

impl<L: Lock> fmt::Debug for Roster<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        L::with(&self.0, |lines| f.debug_tuple("Roster").field(&lines.entries.len()).finish())
    }
}

impl<L: Lock> Admission for Roster<L>
where
    L::Of<Lines>: Sync,
{
    fn begin(&self) -> u64 {
        L::with(&self.0, |lines| {
            lines.last += 1;
            lines.last
        })
    }

    fn admits(&self, line: u64, request: &DeviceRequest<'_>, now: Instant, limits: &Limits) -> Result<(), Denied> {
        L::with(&self.0, |lines| lines.admits(line, request, now, limits))
    }

    fn told(&self, line: u64, request: &DeviceRequest<'_>, became: Became, now: Instant) {
        L::with(&self.0, |lines| lines.told(line, request, became, now));
    }

    fn end(&self, line: u64) {
        L::with(&self.0, |lines| lines.entries.retain(|entry| entry.line != line));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits::DEFAULT;

    fn at(ms: u64) -> Instant {
        Instant::from_millis(ms)
    }

    fn unit(device: u32, session: u32) -> Identity {
        Identity { device: [device, 0], session }
    }

    #[test]
    fn who_speaks_keeps_its_place_and_who_falls_silent_loses_it() {
        let mut lines = Lines::default();
        assert!(lines.hears(1, unit(7, 1), at(0), &LIMITS));
        assert!(!lines.hears(2, unit(7, 1), at(9_999), &LIMITS), "not silent for long enough");
        assert!(lines.hears(1, unit(7, 1), at(9_999), &LIMITS));
        assert!(!lines.hears(2, unit(7, 1), at(19_998), &LIMITS), "counted from when it was heard last");
        assert!(lines.hears(2, unit(7, 1), at(19_999), &LIMITS));
        assert!(!lines.hears(1, unit(7, 1), at(20_000), &LIMITS), "it is the other one now");
    }

    #[test]
    fn a_device_that_began_anew_waits_a_fifth_of_that() {
        let mut lines = Lines::default();
        assert!(lines.hears(1, unit(7, 1), at(0), &LIMITS));
        assert!(!lines.hears(2, unit(7, 2), at(1_999), &LIMITS));
        assert!(lines.hears(2, unit(7, 2), at(2_000), &LIMITS));
        assert!(lines.hears(2, unit(7, 3), at(2_000), &LIMITS), "on its own line at once");
    }

    #[test]
    fn others_are_nobody_s_rivals_and_a_line_fills_no_memory() {
        let mut lines = Lines::default();
        for device in 0..1_000 {
            assert!(lines.hears(1, unit(device, 1), at(device.into()), &LIMITS));
        }
        assert_eq!(lines.entries.len(), LIMITS.sessions);
        assert!(lines.hears(2, unit(0, 1), at(1_000), &LIMITS), "forgotten");
        assert!(!lines.hears(2, unit(999, 1), at(1_000), &LIMITS));
    }
}
