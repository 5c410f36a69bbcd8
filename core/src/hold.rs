//! What is held between asking and giving back: the bracket that locks, runs, permits and flights share.
//!
//! Invariant: from before the first byte is sent until the right was given back, dropping hands the token to the
//! store. Not here: what a right is asked for, which each primitive says in its own file.

mod held;
mod request;

pub use held::{AnyRight, Held};
pub use request::{Request, Wait};

use crate::{
    cell::{Ask, Grant, Holding},
    drive::{BufOf, Face, HostOf, beside, contend, instance, now},
    key::{Key, KeyError},
    observe::{Event, Observer},
    outcome::Refused,
    patience::{Contended, Patience},
    store::{AsyncRights, Attendance, Fault, Host, Want},
    time::Instant,
    token::{FencingToken, HolderToken},
    ttl::Ttl,
    validity::{Validity, next_heartbeat},
};
use core::{
    convert::Infallible,
    future::{Future, pending, poll_fn},
    task::Poll,
    time::Duration,
};

/// A right that is asked for, held, or being given back; the same code for every kind.
pub(crate) struct Claim<F: Face> {
    face: F,
    key: BufOf<F>,
    want: Want,
    token: HolderToken,
    ttl: Duration,
    patience: Patience,
    grant: Grant,
    attendance: Option<<HostOf<F> as Host>::Attendance>,
    open: Open,
}

/// What dropping a claim gives back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Open {
    Nothing,
    /// The turn that a waiter may have been given.
    Turn,
    /// The right, if it is held.
    Right,
    /// The right; but of a run, which succeeded, the completion is repeated until it is heard.
    Done,
}

impl<F: Face> Drop for Claim<F> {
    fn drop(&mut self) {
        let Ok(key) = self.key() else { return };
        if self.open == Open::Nothing || !self.is_ours() {
            return;
        }
        match (self.open, self.want) {
            (Open::Turn, _) => self.face.turned_away(key, self.token),
            (Open::Done, Want::Run { keep }) => self.face.unfinished(key, self.token, self.ttl, keep),
            _ => self.face.dropped(key, self.token),
        }
    }
}

impl<F: Face> Claim<F> {
    /// A right about to be asked for: dropping it from now on gives it back.
    #[cfg_attr(not(target_pointer_width = "64"), inline(never))]
    fn armed(face: &F, key: BufOf<F>, want: Want, ttl: Duration, patience: Patience) -> Result<Self, KeyError> {
        let store = instance(face).store();
        store.key(want.kind(), &key)?;
        let token = store.token();
        let grant = Grant { fence: FencingToken(0), index: 0, remaining: ttl };
        Ok(Self { face: face.clone(), key, want, token, ttl, patience, grant, attendance: None, open: Open::Right })
    }

    pub(crate) fn patience(&self) -> Patience {
        self.patience
    }

    pub(crate) fn face(&self) -> &F {
        &self.face
    }

    /// The flight that fills a key, unless there is nothing to ask: no key, a TTL of zero, or a recursion.
    #[cfg_attr(not(target_pointer_width = "64"), inline(never))]
    pub(crate) fn flight(face: &F, key: BufOf<F>, ttl: Ttl) -> Option<Self> {
        if ttl.is_zero() {
            refused(face, Refused::Zero);
            return None;
        }
        let config = instance(face).config();
        let patience = Patience { deadline: Instant::MAX, poll: config.poll };
        let claim = Self::armed(face, key, Want::Flight, config.flight, patience);
        let mut claim = claim.map_err(|why| refused(face, why.into())).ok()?;
        // a look takes nothing that would have to be given back
        claim.disarm();
        // this very flight is being computed further up the stack: waiting for it would be for ever
        if claim.key().is_ok_and(|key| instance(&claim.face).store().is_marked(key)) {
            return None;
        }
        Some(claim)
    }

    /// Dropping it from now on gives back what was asked for.
    pub(crate) fn arm(&mut self) {
        self.open = Open::Right;
    }

    pub(crate) fn token(&self) -> HolderToken {
        self.token
    }

    // outlined where flash counts, like the others marked so here
    #[cfg_attr(not(target_pointer_width = "64"), inline(never))]
    pub(crate) fn key(&self) -> Result<Key<'_>, KeyError> {
        instance(&self.face).store().key(self.want.kind(), &self.key)
    }

    #[cfg_attr(not(target_pointer_width = "64"), inline(never))]
    pub(crate) fn ask(&self) -> Ask<'static> {
        let mut ask = Ask::new(self.token, self.ttl);
        let deadline = self.patience.deadline;
        if deadline != Instant::MAX {
            ask.within = Some(deadline.since(now(&self.face)));
        }
        ask
    }

    #[cfg_attr(not(target_pointer_width = "64"), inline(never))]
    pub(crate) fn granted(&mut self, sent: Instant, grant: Grant) {
        let validity = Validity::new(sent, grant.remaining);
        self.grant = grant;
        self.attendance =
            self.key().ok().map(|key| instance(&self.face).store().attend(key, self.token, self.ttl, validity));
    }

    /// The right is no longer there to be given back.
    #[cfg_attr(not(target_pointer_width = "64"), inline(never))]
    pub(crate) fn disarm(&mut self) {
        self.open = Open::Nothing;
        self.attendance = None;
    }

    pub(crate) fn say(&self, event: impl FnOnce(Key<'_>) -> Event<'_>) {
        let observer = instance(&self.face).observer();
        if observer.listens()
            && let Ok(key) = self.key()
        {
            observer.event(&event(key));
        }
    }

    fn refuse(&mut self, why: Refused) -> Refused {
        self.disarm();
        self.say(|key| Event::Refused { key: Some(key), why });
        why
    }

    /// Whether it was granted to this process: a copy in a forked child is the parent's.
    fn is_ours(&self) -> bool {
        instance(&self.face).store().owns(self.token)
    }

    fn is_valid(&self) -> bool {
        self.attendance.as_ref().is_some_and(|a| a.validity().is_valid(now(&self.face))) && self.is_ours()
    }

    fn busy(&self, remaining: Duration) -> Refused {
        match self.want {
            Want::Permit { .. } => Refused::Full { next: remaining },
            Want::Lease | Want::Run { .. } | Want::Flight => Refused::Busy { remaining },
        }
    }

    /// What the last reply means for the caller.
    #[cfg_attr(not(target_pointer_width = "64"), inline(never))]
    pub(crate) fn concluded(&mut self, reply: Result<Contended<Grant>, Fault>, sent: Instant) -> Option<Refused> {
        let patience = self.patience;
        match reply {
            Ok(Contended::Granted(grant)) => {
                self.granted(sent, grant);
                // a flight is told as the miss it belongs to
                if self.want != Want::Flight {
                    self.say(|key| Event::Granted { key, fence: grant.fence, patience });
                }
                None
            }
            Ok(Contended::Busy(busy)) => {
                let why = self.refuse(self.busy(busy.remaining));
                if patience.deadline != Instant::ZERO {
                    self.open = Open::Turn;
                }
                Some(why)
            }
            Err(fault) if fault.is_indeterminate() => {
                // still open: dropping it hands the token to the store
                let until = now(&self.face).saturating_add(self.ttl);
                let why = Refused::Indeterminate { token: self.token, until };
                self.say(|key| Event::Refused { key: Some(key), why });
                Some(why)
            }
            Err(fault) => Some(self.refuse(fault.into())),
        }
    }
}

impl<F: Face + AsyncRights> Claim<F> {
    /// Asks until granted or out of patience; `None` when granted.
    pub(crate) async fn obtain(&mut self) -> Option<Refused> {
        let mut sent = Instant::ZERO;
        let reply = {
            let (claim, sent) = (&*self, &mut sent);
            let key = match claim.key() {
                Ok(key) => key,
                Err(why) => return Some(why.into()),
            };
            contend(&claim.face, key, claim.patience, claim.patience, || {
                *sent = now(&claim.face);
                let ask = claim.ask();
                async move { claim.face.ask(key, claim.want, &ask).await }
            })
            .await
        };
        self.concluded(reply, sent)
    }

    fn is_renewed(&self) -> bool {
        !F::COOPERATES || self.attendance.as_ref().is_none_or(Attendance::renews)
    }

    /// Runs `body`, renewing beside it where the store does not renew by itself.
    pub(crate) async fn carry<T>(&self, body: impl Future<Output = T>) -> T {
        if self.is_renewed() {
            return body.await;
        }
        match beside(body, self.heartbeat()).await {
            Ok(out) => out,
            Err(never) => match never {},
        }
    }

    async fn beats(&self) -> Infallible {
        if self.is_renewed() { pending().await } else { self.heartbeat().await }
    }

    /// Renews at every third of the TTL; after a loss, or once the right has ended, it only waits.
    async fn heartbeat(&self) -> Infallible {
        while let (Ok(key), Some(attendance)) = (self.key(), self.attendance.as_ref()) {
            let at = next_heartbeat(now(&self.face), self.ttl, self.token);
            self.face.wait_for(at, pending()).await;
            let sent = now(&self.face);
            match self.face.prolong(key, &Ask::new(self.token, self.ttl)).await {
                Ok(Holding::Kept) => attendance.validity().extend(sent, self.ttl),
                Ok(Holding::Lost) => {
                    attendance.validity().end();
                    self.say(|key| Event::Lost { key });
                    // the body, which was polled first, may wait for this
                    poll_fn(|cx| {
                        cx.waker().wake_by_ref();
                        Poll::Ready(())
                    })
                    .await;
                    break;
                }
                Err(e) => {
                    self.failed(e.into());
                    if !self.is_valid() {
                        break;
                    }
                }
            }
        }
        pending().await
    }

    fn failed(&self, fault: Fault) {
        self.say(|key| Event::Failed { key: Some(key), fault });
    }

    /// Gives it back. An unknown outcome leaves it to the store's background work.
    async fn settle(mut self, success: bool) -> Result<Holding, Fault> {
        self.attendance = None;
        if !self.is_ours() {
            return Ok(Holding::Lost);
        }
        if success {
            // from now on it is done, also if nobody hears of it or waits for the answer
            self.open = Open::Done;
        }
        let Ok(key) = self.key() else { return Err(Fault::KeyTooLong) };
        let done = self.face.settle(key, self.want, self.token, success).await;
        match done {
            Ok(holding) => {
                if holding == Holding::Lost {
                    self.say(|key| Event::Lost { key });
                }
                self.open = Open::Nothing;
                Ok(holding)
            }
            Err(e) => {
                let fault = e.into();
                self.failed(fault);
                Err(fault)
            }
        }
    }
}

/// Tells the observer why a call did not run, where there is no key to tell.
fn refused<F: Face>(face: &F, why: Refused) -> Refused {
    instance(face).observer().event(&Event::Refused { key: None, why });
    why
}
