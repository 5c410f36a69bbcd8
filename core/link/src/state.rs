//! What the device remembers behind its lock: requests under way, rights to give back, and who waits.
//!
//! Every method is one short step without user code: frames are made and read outside. All zero when new, so a static
//! store lies in `.bss`.

mod slot;

use super::{
    crowd::{Crowd, Place},
    message::Head,
    settings::{Millis, Session, Stats, Tick},
};
use cachify_core::{
    key::{Key, Kind},
    store::Cause,
    token::HolderToken,
};
use core::task::{Poll, Waker};
use slot::{Dropped, Sends, Slot, Stage, copy};

/// What the lock of a [`RemoteStore`](super::RemoteStore) guards; for [`RemoteStore::over`](super::RemoteStore::over).
#[derive(Debug)]
pub struct State<const SLOTS: usize, const FRAME: usize, const KEY: usize, const WAITERS: usize> {
    session: Option<Session>,
    pub(super) timing: Millis,
    /// The last request and the last token that were given out.
    request: u32,
    token: u32,
    slots: [Slot<FRAME>; SLOTS],
    dropped: [Dropped<KEY>; WAITERS],
    /// Who waits for a release, or for a slot.
    pub(super) waiters: Crowd<WAITERS>,
    pump: Option<Waker>,
    /// Something became due since the pump looked.
    kicked: bool,
    down: bool,
    /// How many slots are kept for callers who were woken and did not come yet.
    kept: u8,
    pub(super) stats: Stats,
}

const OTHER_VERSION: Cause = Cause::Unsupported("another version of the link");
/// Who waits for a slot waits for no key.
const CROWD: Key<'static> = Key { kind: Kind::Pool, prefix: "", bytes: b"", hash: 0 };

/// What the pump does next.
#[derive(Clone, Copy, Debug)]
pub(super) enum Due<const KEY: usize> {
    /// A frame was copied out.
    Send { request: u32, len: usize, again: bool },
    /// A frame is to be made.
    GiveBack { session: u32, dropped: Dropped<KEY>, again: bool },
    /// For so many milliseconds.
    Wait(i32),
}

/// What a message says.
#[derive(Clone, Copy, Debug)]
pub(super) enum News<'m> {
    /// Nothing that is understood.
    Rubbish,
    /// Something of this key was released.
    Released(Key<'m>),
    /// The gateway speaks another version.
    OtherVersion,
    /// It was not done, which may pass.
    Failed(&'m [u8]),
    /// It was not done, for the gateway hears this device on another line: perhaps one that ended unheard, on which an
    /// earlier copy was done.
    Elsewhere(&'m [u8]),
    /// What follows the head.
    Answer(&'m [u8]),
}

impl<const SLOTS: usize, const FRAME: usize, const KEY: usize, const WAITERS: usize> State<SLOTS, FRAME, KEY, WAITERS> {
    /// Nothing under way.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            session: None,
            timing: Millis::NONE,
            request: 0,
            token: 0,
            slots: [const { Slot::FREE }; SLOTS],
            dropped: [Dropped::FREE; WAITERS],
            waiters: Crowd::new(),
            pump: None,
            kicked: false,
            down: false,
            kept: 0,
            stats: Stats::NONE,
        }
    }

    pub(super) fn start(&mut self, session: Session, timing: Millis) {
        (self.session, self.timing) = (Some(session), timing);
        // before anything else the gateway hears that a life begins
        if let Some(place) = self.dropped.first_mut() {
            place.request = following(&mut self.request);
        }
    }

    pub(super) fn token(&mut self) -> HolderToken {
        self.token = self.token.wrapping_add(1);
        let Session { id, device: [a, b] } = self.session.unwrap_or_default();
        HolderToken([id, self.token, a, b])
    }

    fn slot(&mut self, request: u32) -> Option<&mut Slot<FRAME>> {
        self.slots.iter_mut().find(|slot| slot.request == request)
    }

    /// A slot for one more request: its session and number; else a place to wait in, while there are any.
    pub(super) fn reserve(&mut self, place: &mut Place, now: Tick, waker: &Waker) -> Poll<Result<(u32, u32), Cause>> {
        let Some(Session { id: session, .. }) = self.session else { return Poll::Ready(Err(Cause::NotInitialised)) };
        if self.down {
            return Poll::Ready(Err(Cause::Unreachable));
        }
        let waited = place.stands();
        if waited && !self.wait(place, waker) {
            return Poll::Pending;
        }
        // who waited was woken, and has one; others take what is kept for nobody
        self.kept = self.kept.saturating_sub(waited.into());
        let kept = usize::from(self.kept);
        let Some(slot) = self.slots.iter_mut().filter(|slot| slot.request == 0).nth(kept) else {
            self.wait(place, waker);
            return Poll::Pending;
        };
        let request = following(&mut self.request);
        slot.reserve(request, now);
        Poll::Ready(Ok((session, request)))
    }

    /// Puts the frame of a reserved request; gives the pump's waker.
    pub(super) fn ask(&mut self, request: u32, frame: &[u8]) -> Option<Waker> {
        let slot = self.slot(request)?;
        slot.fill(Stage::Asked, frame);
        self.kick()
    }

    /// Copies the answer out, or remembers who waits for it.
    pub(super) fn poll_answer(
        &mut self,
        request: u32,
        waker: &Waker,
        to: &mut [u8; FRAME],
    ) -> Poll<Result<usize, Cause>> {
        let Some(slot) = self.slot(request) else { return Poll::Ready(Err(Cause::Unreachable)) };
        match slot.stage {
            Stage::Answered => Poll::Ready(Ok(copy(slot.bytes(), to))),
            Stage::Failed => Poll::Ready(Err(slot.unanswered())),
            Stage::OtherVersion => Poll::Ready(Err(OTHER_VERSION)),
            Stage::Reserved | Stage::Asked => {
                match &mut slot.waker {
                    Some(known) => known.clone_from(waker),
                    none => *none = Some(waker.clone()),
                }
                Poll::Pending
            }
        }
    }

    /// What it means that a request was not answered; one without a slot was never sent.
    pub(super) fn unanswered(&mut self, request: u32) -> Cause {
        if request == 0 {
            // those for whom slots are kept may never be polled again
            self.kept = 0;
            return Cause::Unreachable;
        }
        self.slot(request).map_or(Cause::TimedOut, |slot| slot.unanswered())
    }

    /// Waits for a slot, if there is a place to wait in; whether one is kept for the caller.
    #[cfg_attr(not(target_pointer_width = "64"), inline(never))]
    fn wait(&mut self, place: &mut Place, waker: &Waker) -> bool {
        let ticket = self.waiters.counted();
        self.waiters.poll(place, &CROWD, ticket, waker)
    }

    /// Frees a slot, or the place of one who waited for it; gives the next one who waits, for whom it is kept.
    pub(super) fn leave(&mut self, request: u32, mut place: Place) -> Option<Waker> {
        if request != 0 {
            let slot = self.slot(request)?;
            (slot.request, slot.waker) = (0, None);
        } else if place.stands() && self.wait(&mut place, Waker::noop()) {
            // it was woken, and does not come
            self.kept = self.kept.saturating_sub(1);
        } else {
            return self.waiters.leave(&mut place, &CROWD);
        }
        // not a release, which would end every wait that is about to begin
        let next = self.waiters.next(&CROWD);
        self.kept = self.kept.saturating_add(next.is_some().into());
        next
    }

    /// Remembers a right to give back, if there is room; else in the place of one that is only a turn. Gives the pump's
    /// waker.
    pub(super) fn forget(
        &mut self,
        key: &Key<'_>,
        token: HolderToken,
        may_be_held: bool,
        keep: u64,
        now: Tick,
    ) -> Option<Waker> {
        let request = following(&mut self.request);
        let mut place = self.dropped.iter_mut().find(|dropped| dropped.request == 0);
        if place.is_none() && may_be_held {
            place = self.dropped.iter_mut().find(|dropped| !dropped.may_be_held);
            self.stats.forgotten = self.stats.forgotten.saturating_add(u32::from(place.is_none()));
        }
        let until = now.after(self.timing.give_back);
        let place = place?;
        *place = Dropped::new(request, key, token, may_be_held, Sends::new(now), until);
        place.keep = keep;
        self.kick()
    }

    /// Something became due.
    pub(super) fn kick(&mut self) -> Option<Waker> {
        self.kicked = true;
        self.pump.take()
    }

    /// For the pump: whether to look again, else its waker is remembered.
    pub(super) fn poll_kicked(&mut self, waker: &Waker) -> Poll<()> {
        if core::mem::take(&mut self.kicked) {
            return Poll::Ready(());
        }
        self.pump = Some(waker.clone());
        Poll::Pending
    }

    /// What is due first; copies its frame into `to`.
    pub(super) fn due(&mut self, now: Tick, to: &mut [u8; FRAME]) -> Due<KEY> {
        // before anything else the gateway hears that a life begins
        let greets = self.dropped.first().is_some_and(Dropped::is_greeting);
        let slots = self.slots.iter_mut().filter(|slot| slot.is_asked());
        let slot = slots.min_by_key(|slot| slot.sends.next.from(now));
        let places = self.dropped.iter_mut().filter(|place| place.request != 0);
        let place = places.min_by_key(|place| place.sends.next.from(now));
        let asked = slot.as_ref().filter(|_| !greets).map_or(i32::MAX, |slot| slot.sends.next.from(now));
        let dropped = place.as_ref().map_or(i32::MAX, |place| place.sends.next.from(now));
        match (slot, place) {
            (Some(slot), _) if asked <= 0 && asked <= dropped => {
                let again = slot.sends.sent(now, self.timing.resend);
                Due::Send { request: slot.request, len: copy(slot.bytes(), to), again }
            }
            (_, Some(place)) if dropped <= 0 => {
                if !greets && place.until.from(now) <= 0 {
                    place.request = 0;
                    self.stats.forgotten = self.stats.forgotten.saturating_add(place.may_be_held.into());
                    return Due::Wait(0);
                }
                let again = place.sends.sent(now, self.timing.resend);
                if again && !greets {
                    // by a new number: a gateway that was away for long takes the old one for done. Its token makes
                    // doing it twice harmless, and nobody reads the answer
                    place.request = following(&mut self.request);
                }
                Due::GiveBack { session: self.session.unwrap_or_default().id, dropped: *place, again }
            }
            _ => Due::Wait(asked.min(dropped)),
        }
    }

    /// The line took nothing of a request.
    pub(super) fn not_sent(&mut self, request: u32) {
        if let Some(slot) = self.slot(request) {
            slot.sends.count = 0;
        }
    }

    /// Takes what the gateway said; gives whom to wake.
    pub(super) fn hear(&mut self, head: Head, news: News<'_>) -> Option<Waker> {
        if self.session.map(|session| session.id) != Some(head.session) || matches!(news, News::Rubbish) {
            self.stats.rubbish = self.stats.rubbish.saturating_add(1);
            return None;
        }
        if let News::Released(key) = news {
            return self.waiters.release(&key);
        }
        let request = head.request;
        if let Some(place) = self.dropped.iter_mut().find(|place| place.request == request) {
            // what was not done is asked once more: by another number, for this one was answered
            // a gateway that does not know what a greeting is has heard it, too
            let is_over = place.kind.is_none() || matches!(news, News::Answer(_));
            place.request = if is_over { 0 } else { following(&mut self.request) };
            return self.kick();
        }
        let Some(slot) = self.slots.iter_mut().find(|slot| slot.is_asked() && slot.request == request) else {
            self.stats.strays = self.stats.strays.saturating_add(1);
            return None;
        };
        match news {
            News::Elsewhere(_) if slot.sends.count > 1 => return None,
            News::Answer(bytes) | News::Failed(bytes) | News::Elsewhere(bytes) => slot.fill(Stage::Answered, bytes),
            _ => slot.stage = Stage::OtherVersion,
        }
        slot.waker.take()
    }

    pub(super) fn line_up(&mut self, now: Tick) {
        (self.down, self.kicked) = (false, true);
        // what is under way is sent again at once
        self.slots.iter_mut().for_each(|slot| slot.sends.next = now);
        self.dropped.iter_mut().for_each(|place| place.sends.next = now);
    }

    pub(super) fn line_down(&mut self) {
        self.down = true;
    }

    /// Fails one request of a line that is down; gives its caller, until there is none left.
    pub(super) fn fail_one(&mut self) -> Option<Waker> {
        loop {
            let slot = self.slots.iter_mut().find(|slot| slot.is_asked())?;
            slot.stage = Stage::Failed;
            if let Some(waker) = slot.waker.take() {
                return Some(waker);
            }
        }
    }
}

/// The number after the last one, which it becomes; zero is none.
fn following(last: &mut u32) -> u32 {
    *last = last.wrapping_add(1).max(1);
    *last
}

impl<const SLOTS: usize, const FRAME: usize, const KEY: usize, const WAITERS: usize> Default
    for State<SLOTS, FRAME, KEY, WAITERS>
{
    fn default() -> Self {
        Self::new()
    }
}
