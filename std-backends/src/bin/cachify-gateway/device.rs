//! One device on one line, from its first byte to its last, with a line of log for each end.

use crate::{
    doorway::{Doorway, Names},
    options::Options,
    seats::{Seat, Seats},
};
use cachify::{RawStore, clock::StdClock, secs};
use cachify_link::{Gateway, LineEnd, Served};
use embedded_io_adapters::tokio_1::FromTokio;
use std::{
    fmt,
    io::{self, Write},
    sync::Arc,
};
use tokio::io::{AsyncRead, AsyncWrite};

/// All devices, present and past.
#[derive(Debug)]
pub(crate) struct Devices {
    store: RawStore,
    names: Names,
    seats: Seats,
    /// Of this gateway; in every token.
    mark: u64,
}

impl Devices {
    pub(crate) fn new(store: RawStore, options: &Options) -> Self {
        let seats = Seats::new(options.devices, secs(options.silence.into()));
        Self { store, names: Names::default(), seats, mark: mark(&options.id) }
    }

    /// How many there have been.
    pub(crate) fn count(&self) -> usize {
        self.seats.count()
    }

    /// What serves one line.
    pub(crate) fn gateway<'s>(&'s self, doorway: &'s Doorway) -> Gateway<'s, RawStore, StdClock> {
        self.store.gateway().admission(doorway).mark(self.mark)
    }

    pub(crate) const fn names(&self) -> &Names {
        &self.names
    }
}

/// A number of a text, the same in every version: FNV-1a, of 64 bits.
fn mark(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |mark, byte| (mark ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// A line of log. Nobody may read it any more; devices are served all the same.
pub(crate) fn say(line: fmt::Arguments<'_>) {
    let _ = writeln!(io::stdout(), "{line}");
}

/// One device on its line.
pub(crate) struct Visit {
    devices: Arc<Devices>,
    seat: Arc<Seat>,
    line: String,
}

impl Visit {
    /// A device has come; `None` if there is no room.
    pub(crate) fn begin(devices: &Arc<Devices>, line: String) -> Option<Self> {
        match devices.seats.take() {
            Some(seat) => Some(Self::of(devices, seat, line)),
            None => {
                say(format_args!("gateway: {line} was turned away: {} devices are here", devices.seats.most()));
                None
            }
        }
    }

    /// A device has come on a line of its own, for which there is always room.
    pub(crate) fn on_own_line(devices: &Arc<Devices>, line: String) -> Self {
        Self::of(devices, devices.seats.add(), line)
    }

    fn of(devices: &Arc<Devices>, seat: Arc<Seat>, line: String) -> Self {
        say(format_args!("device {}: came on {line}", seat.number));
        Self { devices: devices.clone(), seat, line }
    }

    pub(crate) const fn seat(&self) -> &Arc<Seat> {
        &self.seat
    }

    /// Serves it until its line ends, or another one takes its place.
    pub(crate) async fn serve(
        &self,
        gateway: &mut Gateway<'_, RawStore, StdClock>,
        stream: impl AsyncRead + AsyncWrite,
    ) {
        let before = gateway.served();
        let (reader, writer) = tokio::io::split(stream);
        let served = gateway.serve(FromTokio::new(reader), FromTokio::new(writer));
        let why = tokio::select! {
            end = served => match end {
                LineEnd::Closed => "it closed the line".to_owned(),
                LineEnd::Read(why) | LineEnd::Write(why) => why.to_string(),
            },
            () = self.seat.given_away() => "it was silent, and another one came".to_owned(),
        };
        say(format_args!("device {}: {}; {why}", self.seat.number, told(before, gateway.served())));
    }
}

fn told(before: Served, after: Served) -> String {
    format!(
        "{} requests done, {} repeated, {} crowded, {} of another version, {} pieces of rubbish, {} notices, {} of a rival, {} denied, paced {} times",
        after.done - before.done,
        after.repeated - before.repeated,
        after.crowded - before.crowded,
        after.other_version - before.other_version,
        after.rubbish - before.rubbish,
        after.notices - before.notices,
        after.rivals - before.rivals,
        after.denied - before.denied,
        after.paced - before.paced,
    )
}

impl Drop for Visit {
    fn drop(&mut self) {
        self.devices.seats.leave(&self.seat);
        say(format_args!("device {}: has left {}", self.seat.number, self.line));
    }
}
