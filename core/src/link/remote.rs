//! The device's side of the link: a store that is asked over a line.

use super::{
    call::{Call, Ending},
    message::Name,
    settings::{Millis, Session, Tally, Tick, Timing, after},
    state::State,
    wire::{Put, Reader},
};
use crate::{
    cell::waiters::Place,
    codec::Postcard,
    drive::beside,
    key::{Key, KeyBuf},
    patience::Ticket,
    store::{
        Fault, Host, Store,
        lock::{Lock, NoLock},
    },
    time::{Timer, millis, short},
    token::HolderToken,
};
use core::{
    cell::RefCell,
    fmt,
    future::{Future, poll_fn},
    pin::{Pin, pin},
    task::{Context, Poll, Waker},
    time::Duration,
};

/// A store behind a gateway, for up to `SLOTS` requests under way and `WAITERS` waiters, without a heap.
///
/// `FRAME` is the longest frame in bytes, both ways; a value takes at most [`RemoteStore::VALUE`] of them.
/// Keys have up to `KEY` bytes. As many dropped rights as waiters are remembered until they are given back.
///
/// [`pump`](Self::pump) must run beside the callers; without it every operation fails after its time. More requests than
/// slots wait for one, as far as there are places for waiters; the others try again every 10 ms.
///
/// ```
/// use cachify_core::{FixedStore, Instance, drive::beside, store::lock::NoLock};
/// # use cachify_core::testing::{ManualClock, block_on};
/// use cachify_core::link::{RemoteStore, Session};
///
/// # struct Line;
/// # impl embedded_io_async::ErrorType for Line { type Error = core::convert::Infallible; }
/// # impl embedded_io_async::Read for Line {
/// #     async fn read(&mut self, _: &mut [u8]) -> Result<usize, Self::Error> { core::future::pending().await }
/// # }
/// # impl embedded_io_async::Write for Line {
/// #     async fn write(&mut self, bytes: &[u8]) -> Result<usize, Self::Error> { Ok(bytes.len()) }
/// #     async fn flush(&mut self) -> Result<(), Self::Error> { Ok(()) }
/// # }
/// # let (clock, reader, writer) = (ManualClock::new(), Line, Line);
/// let fleet = Instance::new(RemoteStore::<NoLock, _>::new(&clock));
/// fleet.store().start(Session { id: 7, device: [1, 2] });
/// let task = async {
///     let _ = fleet.lock("ota").try_acquire().await; // nobody answers on this line
/// };
/// # let task = async { beside(task, async { while { clock.advance(core::time::Duration::from_millis(1)); true } {
/// #     let mut once = false;
/// #     core::future::poll_fn(|_| if core::mem::replace(&mut once, true) { core::task::Poll::Ready(()) } else { core::task::Poll::Pending }).await;
/// # } }).await };
/// # block_on(
/// beside(task, fleet.store().pump(reader, writer)) // in firmware: a task of its own
/// # );
/// ```
pub struct RemoteStore<
    L: Lock,
    C,
    const SLOTS: usize = 4,
    const FRAME: usize = 128,
    const KEY: usize = 32,
    const WAITERS: usize = 4,
> {
    state: L::Of<State<SLOTS, FRAME, KEY, WAITERS>>,
    pub(super) clock: C,
}

impl<L: Lock, C, const SLOTS: usize, const FRAME: usize, const KEY: usize, const WAITERS: usize> fmt::Debug
    for RemoteStore<L, C, SLOTS, FRAME, KEY, WAITERS>
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RemoteStore")
    }
}

impl<L: Lock, C, const SLOTS: usize, const FRAME: usize, const KEY: usize, const WAITERS: usize>
    RemoteStore<L, C, SLOTS, FRAME, KEY, WAITERS>
{
    /// What every answer with a value has beside it, at most.
    const BESIDE: usize = 52 + FRAME / 254;
    /// The longest value in bytes, encoded and with the 6 that tell its type.
    pub const VALUE: usize = FRAME.saturating_sub(Self::BESIDE + KEY);
    /// The longest value that a gateway may answer with.
    pub(super) const ROOM: u16 = {
        assert!(FRAME >= KEY + 72, "a frame must hold a request: 72 bytes and the key");
        assert!(FRAME <= u16::MAX as usize, "a frame has at most 65535 bytes");
        FRAME.saturating_sub(Self::BESIDE) as u16
    };

    /// A store behind a mutex that was made elsewhere.
    pub const fn over(state: L::Of<State<SLOTS, FRAME, KEY, WAITERS>>, clock: C) -> Self {
        Self { state, clock }
    }

    /// Begins this life of the device, with [`Timing::DEFAULT`].
    ///
    /// Call it once; before that, every operation fails with [`Fault::NotInitialised`].
    pub fn start(&self, session: Session) {
        self.start_with(session, Timing::DEFAULT);
    }

    /// Begins this life of the device, with times of its own.
    pub fn start_with(&self, session: Session, timing: Timing) {
        let timing = Millis::of(timing);
        self.step(|state| state.start(session, timing));
    }

    fn timing(&self) -> Millis {
        self.step(|state| state.timing)
    }

    /// What went wrong on the line so far.
    pub fn tally(&self) -> Tally {
        self.step(|state| state.tally)
    }

    pub(super) fn step<R>(&self, f: impl FnOnce(&mut State<SLOTS, FRAME, KEY, WAITERS>) -> R) -> R {
        L::with(&self.state, f)
    }

    /// Does a step that may have somebody to wake, after leaving the lock.
    pub(super) fn wake(&self, f: impl FnOnce(&mut State<SLOTS, FRAME, KEY, WAITERS>) -> Option<Waker>) -> bool {
        let waker = self.step(f);
        let found = waker.is_some();
        if let Some(waker) = waker {
            waker.wake();
        }
        found
    }
}

impl<C, const SLOTS: usize, const FRAME: usize, const KEY: usize, const WAITERS: usize>
    RemoteStore<NoLock, C, SLOTS, FRAME, KEY, WAITERS>
{
    /// A store without a lock.
    pub const fn new(clock: C) -> Self {
        Self::over(RefCell::new(State::new()), clock)
    }
}

#[cfg(feature = "critical-section")]
impl<C, const SLOTS: usize, const FRAME: usize, const KEY: usize, const WAITERS: usize>
    RemoteStore<crate::store::lock::CriticalSection, C, SLOTS, FRAME, KEY, WAITERS>
{
    /// A store behind a critical section.
    pub const fn new(clock: C) -> Self {
        Self::over(critical_section::Mutex::new(RefCell::new(State::new())), clock)
    }
}

/// Waits for a release of a key.
struct Waiting<'s, 'k, L: Lock, C, const SLOTS: usize, const FRAME: usize, const KEY: usize, const WAITERS: usize> {
    store: &'s RemoteStore<L, C, SLOTS, FRAME, KEY, WAITERS>,
    key: Key<'k>,
    ticket: Ticket,
    place: Place,
}

impl<L: Lock, C, const SLOTS: usize, const FRAME: usize, const KEY: usize, const WAITERS: usize> Future
    for Waiting<'_, '_, L, C, SLOTS, FRAME, KEY, WAITERS>
{
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Self { store, key, ticket, place } = self.get_mut();
        match store.step(|state| state.waiters.poll(place, key, *ticket, cx.waker())) {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }
    }
}

impl<L: Lock, C, const SLOTS: usize, const FRAME: usize, const KEY: usize, const WAITERS: usize> Drop
    for Waiting<'_, '_, L, C, SLOTS, FRAME, KEY, WAITERS>
{
    fn drop(&mut self) {
        self.store.wake(|state| state.waiters.leave(self.place, &self.key));
    }
}

impl<L: Lock, C: Timer, const SLOTS: usize, const FRAME: usize, const KEY: usize, const WAITERS: usize>
    RemoteStore<L, C, SLOTS, FRAME, KEY, WAITERS>
{
    /// Gives back what a token may hold, or only a turn, when there is a place to remember it; or tells that a run
    /// succeeded whose marker is kept for so many milliseconds.
    pub(super) fn forget(&self, key: &Key<'_>, token: HolderToken, may_be_held: bool, keep: u32) {
        let now = Tick::of(self.clock.now());
        self.wake(|state| state.forget(key, token, may_be_held, keep, now));
    }

    /// One request from question to answer, which `read` makes something of. Dropping the future frees its slot.
    pub(super) async fn exchange<R>(
        &self,
        key: Key<'_>,
        question: &impl Put,
        patience: Option<Duration>,
        read: impl Fn(Reader<'_>) -> Result<R, Fault>,
    ) -> Result<R, Fault> {
        let mut call = Ending { store: self, call: Call::default() };
        let patience = patience.map(|patience| short(millis(patience)));
        poll_fn(|cx| {
            // here and not in the future, which lives as long as the wait
            let mut bytes = [0; FRAME];
            let name = Name { kind: key.kind, key: key.bytes };
            call.call.poll(self, name, question, patience, &mut bytes, cx).map(|answer| {
                call.call.end(self);
                read(answer?)
            })
        })
        .await
    }
}

impl<L: Lock, C: Timer, const SLOTS: usize, const FRAME: usize, const KEY: usize, const WAITERS: usize> Store
    for RemoteStore<L, C, SLOTS, FRAME, KEY, WAITERS>
{
    type Error = Fault;

    /// Ends at a notice of the gateway, at the latest after [`Timing::poll`].
    async fn changed(&self, key: Key<'_>, ticket: Ticket) {
        let at = after(self.clock.now(), self.timing().poll);
        let told = Waiting { store: self, key, ticket, place: Place::default() };
        // whichever it was, the caller asks again
        let _ = beside(pin!(told), pin!(self.clock.sleep_until(at))).await;
    }

    fn dropped(&self, key: Key<'_>, token: HolderToken) {
        self.forget(&key, token, true, 0);
    }

    fn turned_away(&self, key: Key<'_>, token: HolderToken) {
        self.forget(&key, token, false, 0);
    }

    fn unfinished(&self, key: Key<'_>, token: HolderToken, _: Duration, keep: Duration) {
        self.forget(&key, token, true, short(millis(keep)));
    }
}

impl<L: Lock, C: Timer, const SLOTS: usize, const FRAME: usize, const KEY: usize, const WAITERS: usize> Host
    for RemoteStore<L, C, SLOTS, FRAME, KEY, WAITERS>
{
    type Clock = C;
    type KeyBuf = KeyBuf<KEY>;
    type Monitor = ();
    type Codec = Postcard;

    fn clock(&self) -> &C {
        &self.clock
    }
    fn token(&self) -> HolderToken {
        self.step(State::token)
    }
}
