//! Two devices that were flashed alike: the second one is refused, and the log names both lines.

use crate::device::{Devices, say};
use cachify::{StdLock, cachify_core::time::Instant};
use cachify_link::{Admission, Identity, Limits, Roster};
use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

/// Who is on which line, and what the lines are called.
#[derive(Debug, Default)]
pub(crate) struct Names {
    roster: Roster<StdLock>,
    lines: Mutex<HashMap<u64, String>>,
}

impl Names {
    fn lines(&self) -> MutexGuard<'_, HashMap<u64, String>> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn of(&self, device: [u32; 2]) -> String {
        let line = self.roster.line_of(device);
        line.and_then(|line| self.lines().get(&line).cloned()).unwrap_or_else(|| "another line".to_owned())
    }
}

/// Where the devices of one line come in.
pub(crate) struct Doorway {
    devices: Arc<Devices>,
    line: String,
    /// Whether the log says already that one was refused here.
    told: AtomicBool,
}

impl Doorway {
    pub(crate) const fn new(devices: Arc<Devices>, line: String) -> Self {
        Self { devices, line, told: AtomicBool::new(false) }
    }
}

impl Admission for Doorway {
    fn begin(&self) -> u64 {
        let names = self.devices.names();
        let line = names.roster.begin();
        names.lines().insert(line, self.line.clone());
        line
    }

    fn admits(&self, line: u64, sender: Identity, now: Instant, limits: &Limits) -> bool {
        let names = self.devices.names();
        let admitted = names.roster.admits(line, sender, now, limits);
        if !admitted && !self.told.swap(true, Relaxed) {
            let other = names.of(sender.device);
            say(format_args!("gateway: {} is refused: a device with its identity, {sender}, is on {other}", self.line));
        }
        admitted
    }

    fn end(&self, line: u64) {
        let names = self.devices.names();
        names.roster.end(line);
        names.lines().remove(&line);
        self.told.store(false, Relaxed);
    }
}
