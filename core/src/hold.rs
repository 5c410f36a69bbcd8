//! What is held between asking and giving back: the bracket that locks, runs, permits and flights share.
//!
//! Invariant: from before the first byte is sent until the right was given back, dropping hands the token to the
//! store. Not here: what a right is asked for, which each primitive says in its own file.

use crate::{
    cell::{Ask, Grant, Holding},
    drive::{BufOf, Face, HostOf, Validity, beside, contend, instance, next_heartbeat, now, ready},
    instance::Handle,
    key::{Key, KeyError, Kind},
    observe::{Event, Observer},
    outcome::{Refused, Shape},
    patience::{Contended, Patience},
    store::{Attendance, Fault, Host, Store, Threads},
    time::{Instant, Sleep},
    token::{FencingToken, HolderToken},
};
use core::{
    fmt,
    future::{Future, pending},
    time::Duration,
};

/// One kind of right, on one face.
pub trait Right<F: Face>: Copy {
    /// The kind of its keys.
    const KIND: Kind;
    /// Asks once.
    fn ask(
        self,
        face: &F,
        key: Key<'_>,
        ask: &Ask<'_>,
    ) -> impl Future<Output = Result<Contended<Grant>, <F as Store>::Error>>;
    /// Extends it.
    fn renew(self, face: &F, key: Key<'_>, ask: &Ask<'_>) -> impl Future<Output = Result<Holding, F::Error>>;
    /// Gives it back; `success` is the body's.
    fn give_back(
        self,
        face: &F,
        key: Key<'_>,
        token: HolderToken,
        success: bool,
    ) -> impl Future<Output = Result<Holding, F::Error>>;
    /// What a caller is told who did not get it.
    fn refused(self, remaining: Duration) -> Refused {
        Refused::Busy { remaining }
    }
}

/// How long to wait.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Wait {
    /// Not at all.
    #[default]
    No,
    /// At most this long.
    For(Duration),
    /// Without limit.
    Forever,
}

impl Wait {
    pub(crate) fn patience(self, now: Instant, poll: Duration) -> Patience {
        let deadline = match self {
            Self::No => return Patience { poll, ..Patience::NONE },
            Self::For(wait) => now.saturating_add(wait),
            Self::Forever => Instant::MAX,
        };
        Patience { deadline, poll }
    }
}

/// A right that is held. Dropping it hands the token to the store, which gives it back.
///
/// It is owned and, where its store is, `Send` and `'static`.
pub struct Held<F: Face, R> {
    face: F,
    key: BufOf<F>,
    kind: Kind,
    right: R,
    token: HolderToken,
    ttl: Duration,
    grant: Grant,
    attendance: Option<<HostOf<F> as Host>::Attendance>,
    open: bool,
}

impl<F: Face, R> fmt::Debug for Held<F, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Held").field("kind", &self.kind).field("grant", &self.grant).finish_non_exhaustive()
    }
}

impl<F: Face, R> Drop for Held<F, R> {
    fn drop(&mut self) {
        if self.open
            && let Ok(key) = self.key()
        {
            self.face.dropped(key, self.token);
        }
    }
}

impl<F: Face, R> Held<F, R> {
    /// A right about to be asked for: dropping it from now on gives it back.
    pub(crate) fn armed(face: F, key: BufOf<F>, kind: Kind, right: R, ttl: Duration) -> Result<Self, KeyError> {
        let store = instance(&face).store();
        store.key(kind, &key)?;
        let token = store.token();
        let grant = Grant { fence: FencingToken(0), index: 0, remaining: ttl };
        Ok(Self { face, key, kind, right, token, ttl, grant, attendance: None, open: true })
    }

    pub(crate) fn face(&self) -> &F {
        &self.face
    }

    pub(crate) fn token(&self) -> HolderToken {
        self.token
    }

    pub(crate) fn key(&self) -> Result<Key<'_>, KeyError> {
        instance(&self.face).store().key(self.kind, &self.key)
    }

    pub(crate) fn ask(&self, patience: Patience) -> Ask<'static> {
        let mut ask = Ask::new(self.token, self.ttl);
        if patience.deadline != Instant::MAX && patience.deadline != Instant::ZERO {
            ask.within = Some(patience.deadline.since(now(&self.face)));
        }
        ask
    }

    pub(crate) fn granted(&mut self, sent: Instant, grant: Grant) {
        let validity = Validity::new(sent, grant.remaining);
        let attendance = self.key().ok().map(|key| {
            instance(&self.face).store().attend(key, self.token, self.ttl, validity)
        });
        self.grant = grant;
        self.attendance = attendance;
    }

    /// The right is no longer there to be given back.
    pub(crate) fn disarm(&mut self) {
        self.open = false;
        self.attendance = None;
    }

    pub(crate) fn say(&self, event: impl FnOnce(Key<'_>) -> Event<'_>) {
        if let Ok(key) = self.key() {
            instance(&self.face).observer().event(&event(key));
        }
    }

    /// Grows with every grant of the key; hand it to the guarded resource.
    pub fn fence(&self) -> FencingToken {
        self.grant.fence
    }

    /// Which permit of the pool this is; the lowest free one was taken. Zero for a lock.
    pub fn index(&self) -> u16 {
        self.grant.index
    }

    /// Whether it is known to be held still. A comparison, no I/O.
    pub fn is_valid(&self) -> bool {
        self.attendance.as_ref().is_some_and(|a| a.validity().is_valid(now(&self.face)))
    }

    /// Ends when it may no longer be held: it was not renewed in time, or a renewal found it taken.
    ///
    /// Dropping the future changes nothing.
    pub async fn lost(&self) {
        while let Some(attendance) = self.attendance.as_ref() {
            if !attendance.validity().is_valid(now(&self.face)) {
                return;
            }
            self.face.wait_for(attendance.validity().until(), attendance.alarm()).await;
        }
    }
}

impl<F: Face, R: Right<F>> Held<F, R> {
    /// Asks until granted or out of patience.
    pub(crate) async fn obtain(
        face: F,
        key: BufOf<F>,
        right: R,
        ttl: Duration,
        wait: Wait,
    ) -> Result<Self, Refused> {
        if ttl.is_zero() {
            return Err(Refused::Zero);
        }
        let mut held = Self::armed(face, key, R::KIND, right, ttl)?;
        let patience = wait.patience(now(&held.face), instance(&held.face).config().poll);
        let mut sent = Instant::ZERO;
        let reply = {
            let (held, sent) = (&held, &mut sent);
            let key = held.key()?;
            contend(&held.face, key, patience, || {
                *sent = now(&held.face);
                let ask = held.ask(patience);
                async move { held.right.ask(&held.face, key, &ask).await }
            })
            .await
        };
        match reply {
            Ok(Contended::Granted(grant)) => {
                held.granted(sent, grant);
                held.say(|key| Event::Granted { key, fence: grant.fence, patience });
                Ok(held)
            }
            Ok(Contended::Busy(busy)) => Err(held.refuse(right.refused(busy.remaining))),
            Err(fault) if fault.is_indeterminate() => {
                let until = now(&held.face).saturating_add(ttl);
                let why = Refused::Indeterminate { token: held.token, until };
                held.say(|key| Event::Refused { key: Some(key), why });
                Err(why)
            }
            Err(fault) => Err(held.refuse(fault.into())),
        }
    }

    fn refuse(&mut self, why: Refused) -> Refused {
        self.disarm();
        self.say(|key| Event::Refused { key: Some(key), why });
        why
    }

    /// Runs `body`, renewing beside it where the store does not renew by itself.
    #[doc(hidden)]
    pub async fn carry<T>(&self, body: impl Future<Output = T>) -> T {
        let renewed = self.attendance.as_ref().is_none_or(Attendance::renews);
        if renewed || !F::COOPERATES {
            return body.await;
        }
        match beside(body, self.heartbeat()).await {
            Ok(out) | Err(out) => out,
        }
    }

    /// Renews at every third of the TTL; after a loss, or once the right has ended, it only waits.
    async fn heartbeat<T>(&self) -> T {
        while let (Ok(key), Some(attendance)) = (self.key(), self.attendance.as_ref()) {
            let at = next_heartbeat(now(&self.face), self.ttl, self.token);
            self.face.wait_for(at, pending()).await;
            let sent = now(&self.face);
            match self.right.renew(&self.face, key, &Ask::new(self.token, self.ttl)).await {
                Ok(Holding::Kept) => attendance.validity().extend(sent, self.ttl),
                Ok(Holding::Lost) => {
                    attendance.validity().end();
                    self.say(|key| Event::Lost { key });
                    break;
                }
                Err(e) => self.failed(e.into()),
            }
            if !attendance.validity().is_valid(now(&self.face)) {
                break;
            }
        }
        pending().await
    }

    fn failed(&self, fault: Fault) {
        self.say(|key| Event::Failed { key: Some(key), fault });
    }

    /// Gives it back. An unknown outcome leaves it to the store's background work.
    #[doc(hidden)]
    pub async fn settle(mut self, success: bool) -> Result<Holding, Fault> {
        self.attendance = None;
        let key = match self.key() {
            Ok(key) => key,
            Err(_) => return Err(Fault::KeyTooLong),
        };
        let done = self.right.give_back(&self.face, key, self.token, success).await;
        match done {
            Ok(holding) => {
                if holding == Holding::Lost {
                    self.say(|key| Event::Lost { key });
                }
                self.open = false;
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

impl<F: Face, R: Right<F>> Held<F, R> {
    /// Gives the right back as the body's result says: completed if it succeeded, else failed.
    #[doc(hidden)]
    pub async fn finish<T>(self, shape: &impl Shape<T>, out: &T) {
        let success = shape.keep(out).is_some();
        // a failure to give back is an event, never the caller's result
        let _ = self.settle(success).await;
    }
}

impl<P: Handle, R: Right<Threads<P>>> Held<Threads<P>, R>
where
    <P::Store as Host>::Clock: Sleep,
{
    /// `finish` for threads.
    #[doc(hidden)]
    pub fn finish_blocking<T>(self, shape: &impl Shape<T>, out: &T) {
        ready(self.finish(shape, out));
    }
}

/// Tells the observer of an instance why a call did not run, where there is no key to tell.
pub(crate) fn refused<P: Handle>(handle: &P, why: Refused) -> Refused {
    handle.instance().observer().event(&Event::Refused { key: None, why });
    why
}
