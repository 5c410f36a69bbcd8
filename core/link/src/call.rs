//! One request from question to answer, polled by hand.

use super::{
    TOO_LONG,
    crowd::Place,
    message::{Head, Name, request_frame},
    remote::RemoteStore,
    settings::{Tick, after},
    wire::{Put, Reader},
};
use cachify_core::{
    patience::Ticket,
    store::{Cause, lock::Lock},
    time::{Instant, Timer},
};
use core::{
    fmt,
    task::{Context, Poll, Waker, ready},
};

/// Milliseconds until a request tries for a slot again that found no room to wait for one.
const CROWDED: u32 = 10;

/// A request under way; whoever drops it cancels it first.
pub struct Call<W> {
    /// Whether it has a slot, or a place among those who wait for one.
    active: bool,
    /// When it is given up.
    until: Instant,
    /// When it was asked first: what it is granted began then, or later.
    pub(super) since: Instant,
    /// For how many milliseconds, as the answer says.
    pub(super) lasts: u32,
    /// Checksum of a value that was answered and cannot be read.
    pub(super) foreign: Option<u32>,
    /// There was another one after that was said.
    pub(super) is_hopeless: bool,
    /// Why a value is not sent, and its flight given up instead.
    pub(super) unfit: Option<Cause>,
    /// Zero until it has a slot.
    request: u32,
    /// Read before anything is sent: a notice can overtake the answer.
    ticket: Ticket,
    /// Among those who wait for a slot; before it is asked, among those who wait for a release of its key.
    pub(super) place: Place,
    wait: W,
}

impl<W: Default> Default for Call<W> {
    fn default() -> Self {
        Self {
            active: false,
            until: Instant::ZERO,
            since: Instant::ZERO,
            lasts: u32::MAX,
            foreign: None,
            is_hopeless: false,
            unfit: None,
            request: 0,
            ticket: Ticket::NONE,
            place: Place::default(),
            wait: W::default(),
        }
    }
}

impl<W> fmt::Debug for Call<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call").field("request", &self.request).finish_non_exhaustive()
    }
}

impl<W> Call<W> {
    /// Whether it was begun, and not ended.
    pub(super) const fn is_active(&self) -> bool {
        self.active
    }

    pub(super) const fn is_sent(&self) -> bool {
        self.active && self.request != 0
    }

    #[cfg_attr(not(target_pointer_width = "64"), inline(never))]
    pub(super) fn end<L: Lock, C, const SLOTS: usize, const FRAME: usize, const KEY: usize, const WAITERS: usize>(
        &mut self,
        store: &RemoteStore<L, C, SLOTS, FRAME, KEY, WAITERS>,
    ) {
        if core::mem::take(&mut self.active) {
            let place = self.place.give_up();
            store.wake(|state| state.leave(self.request, place));
        }
    }

    /// Asks, and goes on asking until there is an answer, which is copied out, or the caller's patience is over, in
    /// milliseconds. No patience at all still waits for the answer.
    ///
    /// The answer stays in its slot until [`end`](Self::end).
    /// The question is looked at until it has a slot.
    #[cfg_attr(not(target_pointer_width = "64"), inline(never))]
    pub(super) fn poll<
        'a,
        L: Lock,
        C: Timer<Wait = W>,
        const SLOTS: usize,
        const FRAME: usize,
        const KEY: usize,
        const WAITERS: usize,
    >(
        &mut self,
        store: &RemoteStore<L, C, SLOTS, FRAME, KEY, WAITERS>,
        name: Name<'_>,
        question: &dyn Put,
        patience: Option<u32>,
        answer: &'a mut [u8; FRAME],
        cx: &mut Context<'_>,
    ) -> Poll<Result<Reader<'a>, Cause>> {
        let now = store.clock.now();
        if !self.active {
            let (limit, ticket) = store.step(|state| (state.timing.op_timeout, state.waiters.ticket()));
            (self.active, self.request, self.ticket) = (true, 0, ticket);
            (self.since, self.lasts) = (now, u32::MAX);
            let patience = patience.filter(|patience| *patience != 0);
            self.until = after(now, patience.map_or(limit, |patience| patience.min(limit)));
        }
        let done = match self.poll_answer(store, name, question, now, answer, cx) {
            Poll::Ready(done) => done,
            Poll::Pending => {
                let crowded = self.request == 0 && !self.place.stands();
                let at = if crowded { self.until.min(after(now, CROWDED)) } else { self.until };
                ready!(store.clock.poll_until(&mut self.wait, at, cx));
                Err(store.step(|state| state.unanswered(self.request)))
            }
        };
        let ticket = self.ticket;
        if done.is_err() {
            self.end(store);
        }
        Poll::Ready(done.map(|len| Reader::new(answer.get(..len).unwrap_or_default(), ticket)))
    }

    /// The answer, once more, while it is in its slot.
    pub(super) fn answer<
        'a,
        L: Lock,
        C: Timer<Wait = W>,
        const SLOTS: usize,
        const FRAME: usize,
        const KEY: usize,
        const WAITERS: usize,
    >(
        &self,
        store: &RemoteStore<L, C, SLOTS, FRAME, KEY, WAITERS>,
        to: &'a mut [u8; FRAME],
    ) -> Option<Reader<'a>> {
        if !self.active {
            return None;
        }
        let Poll::Ready(Ok(len)) = store.step(|state| state.poll_answer(self.request, Waker::noop(), to)) else {
            return None;
        };
        to.get(..len).map(|bytes| Reader::new(bytes, Ticket::NONE))
    }

    fn poll_answer<
        L: Lock,
        C: Timer<Wait = W>,
        const SLOTS: usize,
        const FRAME: usize,
        const KEY: usize,
        const WAITERS: usize,
    >(
        &mut self,
        store: &RemoteStore<L, C, SLOTS, FRAME, KEY, WAITERS>,
        name: Name<'_>,
        question: &dyn Put,
        now: Instant,
        frame: &mut [u8; FRAME],
        cx: &mut Context<'_>,
    ) -> Poll<Result<usize, Cause>> {
        if self.request == 0 {
            let (session, request) =
                ready!(store.step(|state| state.reserve(&mut self.place, Tick::of(now), cx.waker())))?;
            self.request = request;
            // outside the lock
            let head = Head { session, request };
            let len = request_frame(frame, head, name, question);
            let frame = len.and_then(|len| frame.get(..len)).ok_or(Cause::rejected(TOO_LONG))?;
            store.wake(|state| state.ask(request, frame));
        }
        store.step(|state| state.poll_answer(self.request, cx.waker(), frame))
    }
}
