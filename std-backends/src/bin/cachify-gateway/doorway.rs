//! Who may come in on a line, and do what: of two devices that were flashed alike the second one is refused, and the log
//! names both lines; it says once of each line why a request was denied.

use crate::{
    counts,
    device::{Devices, say},
    seats::Seat,
};
use cachify::{
    StdLock,
    cachify_core::{key::Kind, time::Instant},
};
use cachify_link::{Admission, Became, Denied, DeviceRequest, Limits, Roster, Served};
use std::{
    collections::HashMap,
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
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
    /// Whether the line is a device's own, which may be silent for as long as it likes.
    is_own: bool,
    /// On a line of its own the next device takes the same.
    seat: Mutex<Option<Arc<Seat>>>,
    /// What was counted on it until now.
    counted: Mutex<Served>,
    /// Of what the log says already that it was denied here.
    told: Mutex<Vec<Denied>>,
}

impl Doorway {
    pub(crate) fn new(devices: Arc<Devices>, line: String, is_own: bool) -> Self {
        Self { devices, line, is_own, seat: Mutex::new(None), counted: Mutex::default(), told: Mutex::new(Vec::new()) }
    }

    /// Who comes in now, and what its gateway has counted before.
    pub(crate) fn enter(&self, seat: &Arc<Seat>, before: Served) {
        *self.seat.lock().unwrap_or_else(PoisonError::into_inner) = Some(seat.clone());
        *self.counted.lock().unwrap_or_else(PoisonError::into_inner) = before;
    }

    /// Counts what is new.
    pub(crate) fn count(&self, served: Served) {
        let before = mem::replace(&mut *self.counted.lock().unwrap_or_else(PoisonError::into_inner), served);
        counts::add(before, served);
    }

    pub(crate) const fn is_open_for_long(&self) -> bool {
        self.is_own
    }

    fn said(&self) -> MutexGuard<'_, Vec<Denied>> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn log(&self, denied: Denied, request: &DeviceRequest<'_>) {
        {
            let mut told = self.said();
            if told.contains(&denied) {
                return;
            }
            told.push(denied);
        }
        match (denied, request.sender) {
            (Denied::Rival, Some(sender)) => {
                let other = self.devices.names().of(sender.device);
                say(format_args!(
                    "gateway: {} is refused: a device with its identity, {sender}, is on {other}",
                    self.line
                ));
            }
            (Denied::Forbidden, Some(sender)) => say(format_args!(
                "gateway: device {} is denied {}: its `allow` does not say so, or it wants `force`",
                self.devices.registry().name(sender.device),
                pattern(request),
            )),
            _ => say(format_args!("gateway: a request of {} is denied: {denied}", self.line)),
        }
    }
}

impl Admission for Doorway {
    fn begin(&self) -> u64 {
        let names = self.devices.names();
        let line = names.roster.begin();
        names.lines().insert(line, self.line.clone());
        line
    }

    fn admits(&self, line: u64, request: &DeviceRequest<'_>, now: Instant, limits: &Limits) -> Result<(), Denied> {
        if let Some(seat) = &*self.seat.lock().unwrap_or_else(PoisonError::into_inner) {
            seat.heard(now);
        }
        let DeviceRequest { sender, kind, key, ref op, .. } = *request;
        if !self.devices.registry().allows(sender, kind, key, op) {
            self.log(Denied::Forbidden, request);
            return Err(Denied::Forbidden);
        }
        let admitted = self.devices.names().roster.admits(line, request, now, limits);
        if let Err(denied) = admitted {
            self.log(denied, request);
        }
        admitted
    }

    fn told(&self, line: u64, request: &DeviceRequest<'_>, became: Became, now: Instant) {
        self.devices.names().roster.told(line, request, became, now);
    }

    fn counted(&self, _: u64, served: &Served) {
        self.count(*served);
    }

    fn end(&self, line: u64) {
        let names = self.devices.names();
        names.roster.end(line);
        names.lines().remove(&line);
        self.said().clear();
    }
}

/// What a file would allow it by; whatever the key is made of, it is one line of log.
fn pattern(request: &DeviceRequest<'_>) -> String {
    let kind = match request.kind {
        Kind::Lock => "lock",
        Kind::Once => "once",
        Kind::Pool => "pool",
        Kind::Cache => "cached",
    };
    format!("{kind}:{}", request.key.escape_ascii())
}
