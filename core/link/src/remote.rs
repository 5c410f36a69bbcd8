//! The device's side of the link: a store that is asked over a line.

use super::{
    settings::{Millis, Session, Stats, Tick, Timing},
    state::State,
};
use cachify_core::{
    Instance,
    codec::Postcard,
    instance::IsInstance,
    key::{Key, KeyBuf},
    store::{
        Platform,
        lock::{Lock, NoLock},
    },
    time::Timer,
    token::HolderToken,
};
use core::{cell::RefCell, fmt, task::Waker};

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
/// use cachify_link::{RemoteStore, Session};
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
    /// What attributes call that were given a store in the place of an instance.
    #[doc(hidden)]
    pub fn instance(&self) -> &Instance<Self>
    where
        Self: IsInstance,
    {
        self.itself()
    }

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
    /// Call it once; before that, every operation fails with
    /// [`Cause::NotInitialised`](cachify_core::Cause::NotInitialised).
    pub fn start(&self, session: Session) {
        self.start_with(session, Timing::DEFAULT);
    }

    /// Begins this life of the device, with times of its own.
    pub fn start_with(&self, session: Session, timing: Timing) {
        let timing = Millis::of(timing);
        self.step(|state| state.start(session, timing));
    }

    /// What went wrong on the line so far.
    pub fn stats(&self) -> Stats {
        self.step(|state| state.stats)
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
    RemoteStore<cachify_core::store::lock::CriticalSection, C, SLOTS, FRAME, KEY, WAITERS>
{
    /// A store behind a critical section.
    pub const fn new(clock: C) -> Self {
        Self::over(critical_section::Mutex::new(RefCell::new(State::new())), clock)
    }
}

impl<L: Lock, C: Timer, const SLOTS: usize, const FRAME: usize, const KEY: usize, const WAITERS: usize>
    RemoteStore<L, C, SLOTS, FRAME, KEY, WAITERS>
{
    /// Gives back what a token may hold, or only a turn, when there is a place to remember it; or tells that a run
    /// succeeded whose marker is kept for so many milliseconds.
    pub(super) fn forget(&self, key: &Key<'_>, token: HolderToken, may_be_held: bool, keep: u64) {
        let now = Tick::of(self.clock.now());
        self.wake(|state| state.forget(key, token, may_be_held, keep, now));
    }
}

impl<L: Lock, C: Timer, const SLOTS: usize, const FRAME: usize, const KEY: usize, const WAITERS: usize> Platform
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
