//! What the device remembers behind its lock: requests under way, rights to give back, and who waits.
//!
//! Every method is one short step without user code: frames are made and read outside. All zero when new, so a static
//! store lies in `.bss`.

mod slot;

pub(super) use slot::Dropped;

use super::settings::{Millis, Session, Tally};
use crate::{
    cell::waiters::{Place, Waiter, Waiters},
    key::{Key, Kind},
    store::Fault,
    time::Instant,
    token::HolderToken,
};
use core::task::{Poll, Waker};
use slot::{Slot, Stage, copy};

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
    pub(super) waiters: Waiters<[Option<Waiter>; WAITERS]>,
    pump: Option<Waker>,
    /// Something became due since the pump looked.
    kicked: bool,
    down: bool,
    pub(super) tally: Tally,
}

const OTHER_VERSION: Fault = Fault::Unsupported("the gateway speaks another version of the link");
/// Who waits for a slot waits for no key.
const CROWD: Key<'static> = Key { kind: Kind::Pool, prefix: "", bytes: b"", hash: 0 };

/// What the pump does next.
#[derive(Clone, Copy, Debug)]
pub(super) enum Due<const KEY: usize> {
    /// A frame was copied out.
    Send {
        request: u32,
        len: usize,
        again: bool,
    },
    /// A frame is to be made.
    GiveBack {
        dropped: Dropped<KEY>,
        again: bool,
    },
    Wait(Instant),
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
            waiters: Waiters::new([const { None }; WAITERS]),
            pump: None,
            kicked: false,
            down: false,
            tally: Tally::NONE,
        }
    }

    pub(super) fn start(&mut self, session: Session, timing: Millis) {
        (self.session, self.timing) = (Some(session), timing);
    }

    pub(super) fn session(&self) -> Option<u32> {
        self.session.map(|session| session.id)
    }

    pub(super) fn token(&mut self) -> HolderToken {
        self.token = self.token.wrapping_add(1);
        let Session { id, device: [a, b] } = self.session.unwrap_or_default();
        HolderToken([id, self.token, a, b])
    }

    fn next_request(&mut self) -> u32 {
        following(&mut self.request)
    }

    fn slot(&mut self, request: u32) -> Option<&mut Slot<FRAME>> {
        self.slots.iter_mut().find(|slot| slot.request == request)
    }

    /// A slot for one more request: its session and number; else a place to wait in, while there are any.
    pub(super) fn reserve(&mut self, place: &mut Place, waker: &Waker) -> Poll<Result<(u32, u32), Fault>> {
        let Some(session) = self.session() else { return Poll::Ready(Err(Fault::NotInitialised)) };
        if self.down {
            return Poll::Ready(Err(Fault::Unreachable));
        }
        let now = self.waiters.counted();
        if *place != Place::default() && !self.waiters.poll(place, &CROWD, now, waker) {
            return Poll::Pending;
        }
        let Some(slot) = self.slots.iter_mut().find(|slot| slot.request == 0) else {
            self.waiters.poll(place, &CROWD, now, waker);
            return Poll::Pending;
        };
        let request = following(&mut self.request);
        slot.reserve(request);
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
    ) -> Poll<Result<usize, Fault>> {
        let Some(slot) = self.slot(request) else { return Poll::Ready(Err(Fault::Unreachable)) };
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
    pub(super) fn unanswered(&mut self, request: u32) -> Fault {
        if request == 0 {
            return Fault::Unreachable;
        }
        self.slot(request).map_or(Fault::TimedOut, |slot| slot.unanswered())
    }

    /// Frees a slot, or the place of one who waited for it; gives the next one who waits.
    pub(super) fn leave(&mut self, request: u32, place: Place) -> Option<Waker> {
        if request == 0 {
            return self.waiters.leave(place, &CROWD);
        }
        let slot = self.slot(request)?;
        (slot.request, slot.waker) = (0, None);
        // not a release, which would end every wait that is about to begin
        self.waiters.next(&CROWD)
    }

    /// Remembers a right to give back, if there is room; gives the pump's waker.
    pub(super) fn drop_right(&mut self, key: &Key<'_>, token: HolderToken, until: Instant) -> Option<Waker> {
        let request = self.next_request();
        let Some(place) = self.dropped.iter_mut().find(|dropped| dropped.request == 0) else {
            self.tally.forgotten = self.tally.forgotten.saturating_add(1);
            return None;
        };
        *place = Dropped::new(request, key, token, until);
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
    pub(super) fn due(&mut self, now: Instant, to: &mut [u8; FRAME]) -> Due<KEY> {
        for place in self.dropped.iter_mut().filter(|place| place.request != 0 && now >= place.until) {
            place.request = 0;
            self.tally.forgotten = self.tally.forgotten.saturating_add(1);
        }
        let slot = self.slots.iter_mut().filter(|slot| slot.is_asked()).min_by_key(|slot| slot.sends.next);
        let dropped = self.dropped.iter_mut().filter(|place| place.request != 0).min_by_key(|place| place.sends.next);
        let asked_at = slot.as_ref().map_or(Instant::MAX, |slot| slot.sends.next);
        let dropped_at = dropped.as_ref().map_or(Instant::MAX, |place| place.sends.next);
        match (slot, dropped) {
            (Some(slot), _) if asked_at <= now && asked_at <= dropped_at => {
                let again = slot.sends.sent(now, self.timing.resend);
                Due::Send { request: slot.request, len: copy(slot.bytes(), to), again }
            }
            (_, Some(place)) if dropped_at <= now => {
                let again = place.sends.sent(now, self.timing.resend);
                if again {
                    // by a new number: a gateway that was away for long takes the old one for done. Its token makes
                    // doing it twice harmless, and nobody reads the answer
                    place.request = following(&mut self.request);
                }
                Due::GiveBack { dropped: *place, again }
            }
            _ => Due::Wait(asked_at.min(dropped_at)),
        }
    }

    /// The line took nothing of a request.
    pub(super) fn not_sent(&mut self, request: u32) {
        if let Some(slot) = self.slot(request) {
            slot.sends.count = 0;
        }
    }

    /// An answer came, or none for another version: gives its caller.
    pub(super) fn answered(&mut self, request: u32, answer: Option<&[u8]>) -> Option<Waker> {
        if let Some(place) = self.dropped.iter_mut().find(|place| place.request == request) {
            place.request = 0;
            return None;
        }
        let Some(slot) = self.slots.iter_mut().find(|slot| slot.is_asked() && slot.request == request) else {
            self.tally.strays = self.tally.strays.saturating_add(1);
            return None;
        };
        match answer {
            Some(bytes) => slot.fill(Stage::Answered, bytes),
            None => slot.stage = Stage::OtherVersion,
        }
        slot.waker.take()
    }

    /// The gateway's store failed to take a right back: that answer is remembered there, so it is another request now.
    pub(super) fn give_back_anew(&mut self, request: u32) -> bool {
        let anew = self.next_request();
        match self.dropped.iter_mut().find(|place| place.request == request) {
            Some(place) => {
                place.request = anew;
                true
            }
            None => false,
        }
    }

    pub(super) fn line_up(&mut self) {
        (self.down, self.kicked) = (false, true);
        // what is under way is sent again at once
        self.slots.iter_mut().for_each(|slot| slot.sends.next = Instant::ZERO);
        self.dropped.iter_mut().for_each(|place| place.sends.next = Instant::ZERO);
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
