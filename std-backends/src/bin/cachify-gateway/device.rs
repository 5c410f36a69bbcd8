//! One device on one line, from its first byte to its last, with a line of log for each end.

use crate::doorway::Names;
use cachify::{RawStore, clock::StdClock};
use cachify_link::{Gateway, LineEnd, Served};
use embedded_io_adapters::tokio_1::FromTokio;
use std::{
    fmt,
    io::{self, Write},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};
use tokio::io::{AsyncRead, AsyncWrite};

/// How many connections are served at a time; whoever comes above that is turned away.
const MOST: usize = 256;

/// All devices, present and past.
#[derive(Debug)]
pub(crate) struct Devices {
    store: RawStore,
    names: Names,
    came: AtomicUsize,
    here: AtomicUsize,
}

impl Devices {
    pub(crate) fn new(store: RawStore) -> Self {
        Self { store, names: Names::default(), came: AtomicUsize::new(0), here: AtomicUsize::new(0) }
    }

    /// How many there have been.
    pub(crate) fn count(&self) -> usize {
        self.came.load(Relaxed)
    }

    pub(crate) const fn store(&self) -> &RawStore {
        &self.store
    }

    pub(crate) const fn names(&self) -> &Names {
        &self.names
    }
}

/// A line of log. Nobody may read it any more; devices are served all the same.
pub(crate) fn say(line: fmt::Arguments<'_>) {
    let _ = writeln!(io::stdout(), "{line}");
}

/// One device on its line.
pub(crate) struct Visit {
    devices: Arc<Devices>,
    number: usize,
    line: String,
}

impl Visit {
    /// A device has come; `None` if there is no room.
    pub(crate) fn begin(devices: &Arc<Devices>, line: String) -> Option<Self> {
        if devices.here.fetch_add(1, Relaxed) >= MOST {
            devices.here.fetch_sub(1, Relaxed);
            say(format_args!("gateway: {line} was turned away: {MOST} devices are here"));
            return None;
        }
        Some(Self::of(devices, line))
    }

    /// A device has come on a line of its own, for which there is always room.
    pub(crate) fn on_own_line(devices: &Arc<Devices>, line: String) -> Self {
        devices.here.fetch_add(1, Relaxed);
        Self::of(devices, line)
    }

    fn of(devices: &Arc<Devices>, line: String) -> Self {
        let number = devices.came.fetch_add(1, Relaxed) + 1;
        say(format_args!("device {number}: came on {line}"));
        Self { devices: devices.clone(), number, line }
    }

    /// Serves it until its line ends.
    pub(crate) async fn serve(
        &self,
        gateway: &mut Gateway<'_, RawStore, StdClock>,
        stream: impl AsyncRead + AsyncWrite,
    ) {
        let before = gateway.served();
        let (reader, writer) = tokio::io::split(stream);
        let why = match gateway.serve(FromTokio::new(reader), FromTokio::new(writer)).await {
            LineEnd::Closed => "it closed the line".to_owned(),
            LineEnd::Read(why) | LineEnd::Write(why) => why.to_string(),
        };
        say(format_args!("device {}: {}; {why}", self.number, told(before, gateway.served())));
    }
}

fn told(before: Served, after: Served) -> String {
    format!(
        "{} requests done, {} repeated, {} crowded, {} of another version, {} pieces of rubbish, {} notices, {} of a rival",
        after.done - before.done,
        after.repeated - before.repeated,
        after.crowded - before.crowded,
        after.other_version - before.other_version,
        after.rubbish - before.rubbish,
        after.notices - before.notices,
        after.rivals - before.rivals,
    )
}

impl Drop for Visit {
    fn drop(&mut self) {
        self.devices.here.fetch_sub(1, Relaxed);
        say(format_args!("device {}: has left {}", self.number, self.line));
    }
}
