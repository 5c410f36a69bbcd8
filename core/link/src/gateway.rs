//! The gateway's side of the link (feature `alloc`): does what a device asks for on a store of its own.
//!
//! Several requests are under way at once, each a boxed future: safe Rust cannot pin an array of them in place, hence
//! `alloc`. Everything else is bounded by [`Limits`], whatever comes over the line.

mod admission;
mod ear;
mod ledger;
mod limits;
mod pace;
mod perform;
mod roster;
mod session;
mod watch;
mod window;

use super::{LineEnd, write_all};
pub use admission::{Admission, Became, Denied, DeviceRequest, Identity};
use alloc::{boxed::Box, string::String, vec::Vec};
use cachify_core::{
    codec::AsIs,
    key::{Key, Kind},
    op::Left,
    store::{Values, abandon},
    time::Timer,
    token::HolderToken,
};
use core::{
    fmt,
    future::{Future, poll_fn},
    pin::{Pin, pin},
    task::{Context, Poll},
};
use ear::Ear;
use embedded_io_async::{Read, Write};
pub use limits::{Limits, Served};
use perform::perform;
pub use roster::{Lines, Roster};
use watch::{Watches, wait};
use window::{Frame, Window};

/// What the keys of a device become on the store.
#[derive(Debug)]
struct Place {
    prefix: String,
    seed: u64,
    /// Mixed into every token.
    mark: u64,
}

impl Place {
    /// The token of a device as the store knows it.
    fn token(&self, token: HolderToken) -> HolderToken {
        let HolderToken([session, count, a, b]) = token;
        let (high, low) = ((self.mark >> 32) as u32, self.mark as u32);
        // what nobody holds is nobody's
        if token == HolderToken::default() { token } else { HolderToken([session, count, a ^ high, b ^ low]) }
    }
}

/// A key of a request, kept while it is under way.
#[derive(Clone, Debug, PartialEq, Eq)]
struct OwnName {
    kind: Kind,
    key: Vec<u8>,
}

impl OwnName {
    fn on<'a>(&'a self, place: &'a Place) -> Key<'a> {
        Key::new(self.kind, &place.prefix, &self.key, place.seed)
    }
}

/// Serves devices from a store; what it remembers of their sessions outlives a line.
///
/// ```
/// use cachify_core::{store::{growing::MapStore, lock::NoLock}, testing::ManualClock};
/// use cachify_link::Gateway;
/// let clock = ManualClock::new();
/// let store = MapStore::<NoLock, _, Vec<u8>>::new(&clock);
/// let mut gateway = Gateway::new(&store, &clock).prefix("app");
/// # async fn on<R: embedded_io_async::Read, W: embedded_io_async::Write>(
/// #     gateway: &mut Gateway<'_, MapStore<NoLock, &ManualClock, Vec<u8>>, &ManualClock>, reader: R, writer: W) {
/// let why = gateway.serve(reader, writer).await; // until the line ends; then with the next one
/// # let _ = why; }
/// assert_eq!(gateway.served().done, 0);
/// ```
pub struct Gateway<'s, S, C> {
    store: &'s S,
    clock: C,
    place: Place,
    limits: Limits,
    admission: Option<&'s dyn Admission>,
    window: Window,
}

impl<S, C> fmt::Debug for Gateway<'_, S, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gateway").field("limits", &self.limits).field("window", &self.window).finish_non_exhaustive()
    }
}

impl<'s, S, C> Gateway<'s, S, C> {
    /// Serves from `store`; values are bytes.
    pub fn new(store: &'s S, clock: C) -> Self {
        let place = Place { prefix: String::new(), seed: 0, mark: 0 };
        Self { store, clock, place, limits: Limits::DEFAULT, admission: None, window: Window::default() }
    }

    /// What the keys of devices begin with; empty unless said.
    #[must_use]
    pub fn prefix(mut self, prefix: &str) -> Self {
        self.place.prefix = prefix.into();
        self
    }

    /// The seed of key hashes; that of the store's host, zero unless said.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.place.seed = seed;
        self
    }

    /// A number of this gateway's own, mixed into every token: two units that were flashed alike, on two gateways, then hold
    /// nothing together. The same after a restart, and in whatever takes this gateway's place; zero unless said.
    #[must_use]
    pub fn mark(mut self, mark: u64) -> Self {
        self.place.mark = mark;
        self
    }

    /// How much it takes on.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Who decides which devices are served on this line; shared by all lines of a gateway. Everybody is unless said.
    #[must_use]
    pub fn admission(mut self, admission: &'s dyn Admission) -> Self {
        self.admission = Some(admission);
        self
    }

    /// What it did so far.
    pub fn served(&self) -> Served {
        self.window.served
    }
}

impl<S, C> Gateway<'_, S, C>
where
    S: Values<Vec<u8>, AsIs>,
    C: Timer,
{
    /// Does what comes over the line until it ends; requests under way are finished then.
    ///
    /// Dropping the future leaves each of them done or not done; the devices ask again by the same tokens.
    pub async fn serve<R: Read, W: Write>(&mut self, reader: R, writer: W) -> LineEnd<R::Error, W::Error> {
        self.serve_any(None, reader, writer).await
    }

    /// The same for a device that proved who it is: requests that say something else are denied, and those that say nothing are
    /// its own.
    pub async fn serve_device<R: Read, W: Write>(
        &mut self,
        identity: Identity,
        reader: R,
        writer: W,
    ) -> LineEnd<R::Error, W::Error> {
        self.serve_any(Some(identity), reader, writer).await
    }

    async fn serve_any<R: Read, W: Write>(
        &mut self,
        known: Option<Identity>,
        reader: R,
        writer: W,
    ) -> LineEnd<R::Error, W::Error> {
        let Self { store, ref clock, ref place, limits, admission, ref mut window } = *self;
        let (mut ear, mut jobs) =
            (Ear::new(place, clock, limits, admission::Line::begin(admission, known)), Vec::new());
        let mut watches = Watches::new(
            |name, ticket, limit| wait(store, clock, place, name, ticket, limit),
            |name, token| abandon(store, name.on(place), token, Left::HandOff),
        );
        let (mut reading, mut writing, mut resting) = (pin!(Some(read(reader))), pin!(None), pin!(None));
        let (mut idle, mut end, mut told) = (Some(writer), None, window.served);
        window.line_up();
        poll_fn(|cx| {
            for _ in 0..ROUNDS {
                let mut moved = polled(&mut resting, cx).is_some();
                let listens = end.is_none() && !window.is_behind(&limits) && resting.is_none();
                let heard = listens.then(|| polled(&mut reading, cx)).flatten();
                let is_quiet = heard.is_none() || window.is_full(&limits, jobs.len());
                match heard {
                    Some(Ok((reader, chunk, len))) => {
                        if let Some(until) = ear.hear(chunk.get(..len).unwrap_or_default(), window, jobs.len()) {
                            resting.set(Some(clock.sleep_until(until)));
                        }
                        reading.set(Some(read(reader)));
                        moved = true;
                    }
                    // what is still under way may take its time: the device may be on its next line by now
                    Some(Err(why)) => {
                        ear.line_ended();
                        (end, moved) = (Some(why), true);
                    }
                    None => {}
                }
                // nothing is begun for a line that has ended: first all is read that is there
                while end.is_none()
                    && is_quiet
                    && let Some(incoming) = window.next(|name| jobs.iter().any(|job: &Job<_>| job.name == *name))
                {
                    watches.asked(incoming.token);
                    let name = incoming.name.clone();
                    jobs.push(Job { name, future: Box::pin(perform(store, place, limits.permits, incoming)) });
                }
                moved |= finish(&mut jobs, cx, |(incoming, mut reply)| {
                    ear.told(&incoming, &reply);
                    watches.refused(&incoming, &mut reply, &limits);
                    window.answer(&incoming, &reply, &limits);
                });
                // also who waits behind another request has asked in its turn
                window.tokens().for_each(|token| watches.asked(token));
                moved |= watches.poll(cx, &limits, |session, name| window.notice(session, name, &limits));
                if let Some(written) = polled(&mut writing, cx) {
                    moved = true;
                    match written {
                        Ok(writer) => idle = Some(writer),
                        Err(why) => {
                            ear.line_ended();
                            end = Some(why);
                        }
                    }
                }
                if let Some(frame) = idle.as_ref().and_then(|_| window.outgoing()) {
                    moved = true;
                    writing.set(idle.take().map(|writer| write(writer, frame)));
                }
                ear.counted(&window.served, &mut told);
                if !moved {
                    return if jobs.is_empty() { end.take().map_or(Poll::Pending, Poll::Ready) } else { Poll::Pending };
                }
            }
            // a line that never runs dry leaves others their turn
            cx.waker().wake_by_ref();
            Poll::Pending
        })
        .await
    }
}

/// How often a gateway goes round before it lets other tasks run.
const ROUNDS: usize = 64;

/// A request under way.
struct Job<F> {
    name: OwnName,
    future: Pin<Box<F>>,
}

/// Polls all requests under way; whether any ended.
fn finish<F: Future>(jobs: &mut Vec<Job<F>>, cx: &mut Context<'_>, mut done: impl FnMut(F::Output)) -> bool {
    let before = jobs.len();
    jobs.retain_mut(|job| match job.future.as_mut().poll(cx) {
        Poll::Ready(out) => {
            done(out);
            false
        }
        Poll::Pending => true,
    });
    jobs.len() < before
}

/// What a future brings that may be there; it is gone then.
fn polled<F: Future>(future: &mut Pin<&mut Option<F>>, cx: &mut Context<'_>) -> Option<F::Output> {
    match future.as_mut().as_pin_mut()?.poll(cx) {
        Poll::Ready(out) => {
            future.set(None);
            Some(out)
        }
        Poll::Pending => None,
    }
}

type Chunk = [u8; 64];

// a read is never dropped: its reader goes in and comes out with what was read
async fn read<R: Read, E>(mut reader: R) -> Result<(R, Chunk, usize), LineEnd<R::Error, E>> {
    let mut chunk = [0; 64];
    match reader.read(&mut chunk).await {
        Ok(0) => Err(LineEnd::Closed),
        Ok(len) => Ok((reader, chunk, len)),
        Err(error) => Err(LineEnd::Read(error)),
    }
}

async fn write<W: Write, E>(mut writer: W, frame: Frame) -> Result<W, LineEnd<E, W::Error>> {
    write_all(&mut writer, frame.bytes()).await.map_err(|(_, why)| why)?;
    Ok(writer)
}
