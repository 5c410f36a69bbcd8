//! One device on one line, from its first byte to its last, with a line of log for each end.
//!
//! Not here: who it may be, and what it may do.

use crate::{
    counts,
    doorway::{Doorway, Names},
    options::Options,
    registry::{Known, Registry},
    seats::{Seat, Seats},
};
use cachify::{RawStore, clock::StdClock, secs};
use cachify_link::{Gateway, LineEnd, Served, keyed::Gate};
use embedded_io_adapters::tokio_1::FromTokio;
use std::{
    fmt,
    io::{self, Write},
    sync::Arc,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::timeout,
};

/// All devices, present and past.
#[derive(Debug)]
pub(crate) struct Devices {
    store: RawStore,
    names: Names,
    seats: Seats,
    registry: Registry,
    prefix: String,
    /// Of this gateway; in every token.
    mark: u64,
}

impl Devices {
    pub(crate) fn new(store: RawStore, options: &Options, known: Known) -> Self {
        let seats = Seats::new(options.devices, secs(options.silence.into()));
        let registry = Registry::new(!options.is_insecure, known);
        Self {
            store,
            names: Names::default(),
            seats,
            registry,
            prefix: options.prefix.clone(),
            mark: mark(&options.id),
        }
    }

    /// How many there have been.
    pub(crate) fn count(&self) -> usize {
        self.seats.count()
    }

    /// What serves a line; a device with a namespace under that.
    fn gateway<'s>(&'s self, doorway: &'s Doorway, device: Option<[u32; 2]>) -> Gateway<'s, RawStore, StdClock> {
        let gateway = self.store.gateway().admission(doorway).mark(self.mark).limits(self.registry.limits());
        match device.and_then(|device| self.registry.namespace(device)) {
            Some(namespace) => gateway.prefix(&format!("{}:{namespace}", self.prefix)),
            None => gateway,
        }
    }

    pub(crate) const fn registry(&self) -> &Registry {
        &self.registry
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

/// What serves a line, and what it remembers of its device; of another one it is another.
pub(crate) type Remembered<'s> = Option<(Option<[u32; 2]>, Gateway<'s, RawStore, StdClock>)>;

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
                counts::turned_away();
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
        counts::came();
        say(format_args!("device {}: came on {line}", seat.number));
        Self { devices: devices.clone(), seat, line }
    }

    /// Serves it until its line ends, or another one takes its place; `known` is what a gateway remembers that outlives the
    /// line.
    pub(crate) async fn serve<'s>(
        &self,
        devices: &'s Devices,
        doorway: &'s Doorway,
        known: &mut Remembered<'s>,
        stream: impl AsyncRead + AsyncWrite,
    ) {
        let (reader, writer) = tokio::io::split(stream);
        let (mut reader, mut writer) = (FromTokio::new(reader), FromTokio::new(writer));
        if !devices.registry.is_secure() {
            let gateway = self.gateway_of(devices, doorway, known, None);
            let before = gateway.served();
            let why = self.until_given_away(gateway.serve(reader, writer)).await;
            return self.log(doorway, before, gateway.served(), &why);
        }
        let (gate, mut hello) = (Gate::new(&devices.registry), None);
        loop {
            let proof = gate.admit(&mut reader, &mut writer, hello.take());
            let proof = async {
                if doorway.is_open_for_long() { Ok(proof.await) } else { timeout(devices.seats.silence(), proof).await }
            };
            let mut device = match proof.await {
                Ok(Ok(device)) => device,
                Ok(Err(why)) => return self.log_unproven(&format!("; {}", end(why))),
                Err(_) => return self.log_unproven(&format!(" within {} s", devices.seats.silence().as_secs())),
            };
            let identity = device.identity;
            say(format_args!("device {}: is {}", self.seat.number, devices.registry.name(identity.device)));
            let gateway = self.gateway_of(devices, doorway, known, Some(identity.device));
            let before = gateway.served();
            let served = gateway.serve_device(identity, &mut device.reader, &mut device.writer);
            let why = self.until_given_away(served).await;
            self.log(doorway, before, gateway.served(), &why);
            hello = device.hello();
            if hello.is_none() {
                return;
            }
        }
    }

    /// The gateway of this device: the last one, where that was the same.
    fn gateway_of<'s, 'k>(
        &self,
        devices: &'s Devices,
        doorway: &'s Doorway,
        known: &'k mut Remembered<'s>,
        device: Option<[u32; 2]>,
    ) -> &'k mut Gateway<'s, RawStore, StdClock> {
        if known.as_ref().is_none_or(|(of, _)| *of != device) {
            *known = None;
        }
        let gateway = &mut known.get_or_insert_with(|| (device, devices.gateway(doorway, device))).1;
        doorway.enter(&self.seat, gateway.served());
        gateway
    }

    async fn until_given_away<R: fmt::Display, W: fmt::Display>(
        &self,
        served: impl Future<Output = LineEnd<R, W>>,
    ) -> String {
        tokio::select! {
            why = served => end(why),
            () = self.seat.given_away() => "it was silent, and another one came".to_owned(),
        }
    }

    fn log(&self, doorway: &Doorway, before: Served, after: Served, why: &str) {
        doorway.count(after);
        self.log_end(&format!("{}; {why}", told(before, after)));
    }

    fn log_unproven(&self, why: &str) {
        counts::unproven();
        self.log_end(&format!("it proved nothing{why}"));
    }

    fn log_end(&self, why: &str) {
        say(format_args!("device {}: {why}", self.seat.number));
    }
}

fn end<R: fmt::Display, W: fmt::Display>(why: LineEnd<R, W>) -> String {
    match why {
        LineEnd::Closed => "it closed the line".to_owned(),
        LineEnd::Read(why) => why.to_string(),
        LineEnd::Write(why) => why.to_string(),
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
        counts::left();
        say(format_args!("device {}: has left {}", self.seat.number, self.line));
    }
}
