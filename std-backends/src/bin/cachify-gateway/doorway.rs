//! Who may come in on a line, and do what: of two devices that were flashed alike the second one is refused, and the log
//! names both lines; it says once of each line why a request was denied.

use crate::{
    device::{Devices, say},
    seats::Seat,
};
use cachify::{
    StdLock,
    cachify_core::{key::Kind, time::Instant},
};
use cachify_link::{Admission, Became, Denied, DeviceRequest, Limits, Roster};
use std::{
    collections::HashMap,
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
    /// Of what the log says already that it was denied here.
    told: Mutex<Vec<Denied>>,
}

impl Doorway {
    pub(crate) const fn new(devices: Arc<Devices>, line: String, is_own: bool) -> Self {
        Self { devices, line, is_own, seat: Mutex::new(None), told: Mutex::new(Vec::new()) }
    }

    /// Who comes in now.
    pub(crate) fn enter(&self, seat: &Arc<Seat>) {
        *self.seat.lock().unwrap_or_else(PoisonError::into_inner) = Some(seat.clone());
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
