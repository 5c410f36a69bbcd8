//! The guard: a right that is held, and is given back when dropped.

use super::Claim;
use crate::{
    cell::Holding,
    drive::{Face, ready},
    instance::Handle,
    observe::Event,
    outcome::{HIDDEN, Shape},
    store::{AsyncRights, Attendance, Fault, Host, Threads},
    time::Sleep,
    token::FencingToken,
};
use core::{convert::Infallible, fmt, future::Future, marker::PhantomData};

/// Any kind of right: what the macros of core hold, so that their brackets are compiled once.
#[derive(Debug)]
pub enum AnyRight {}

/// A right that is held; `R` says which. Dropping it hands the token to the store, which gives it back.
///
/// It is owned and, where its store is, `Send` and `'static`.
pub struct Held<F: Face, R> {
    pub(crate) claim: Claim<F>,
    of: PhantomData<fn() -> R>,
}

impl<F: Face, R> fmt::Debug for Held<F, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Held").field("want", &self.claim.want).field("grant", &self.claim.grant).finish_non_exhaustive()
    }
}

impl<F: Face, R> Held<F, R> {
    pub(crate) fn of(claim: Claim<F>) -> Self {
        Self { claim, of: PhantomData }
    }

    /// Grows with every grant of the key; hand it to the guarded resource.
    pub fn fence(&self) -> FencingToken {
        self.claim.grant.fence
    }

    /// Which permit of the pool this is; the lowest free one was taken. Zero for a lock.
    pub fn index(&self) -> u16 {
        self.claim.grant.index
    }

    /// Whether it is known to be held still. A comparison, no I/O.
    pub fn is_valid(&self) -> bool {
        self.claim.is_valid()
    }

    /// Ends when it may no longer be held: it was not renewed in time, or a renewal found it taken.
    ///
    /// Dropping the future changes nothing.
    pub async fn lost(&self) {
        while let Some(attendance) = self.claim.attendance.as_ref() {
            if !self.is_valid() {
                return;
            }
            self.claim.face.wait_for(attendance.validity().until(), attendance.alarm()).await;
        }
    }
}

impl<F: Face + AsyncRights, R> Held<F, R> {
    /// What the body sees.
    #[doc(hidden)]
    pub fn guard(&self) -> &Self {
        self
    }

    /// Tells that nothing is kept of what the body brought.
    #[doc(hidden)]
    pub fn hidden(&self) {
        self.claim.say(|key| Event::Failed { key: Some(key), fault: HIDDEN });
    }

    /// Renews for ever, beside the body, where the store does not renew by itself.
    #[doc(hidden)]
    pub fn beats(&self) -> impl Future<Output = Infallible> {
        self.claim.beats()
    }

    /// Runs `body`, renewing beside it where the store does not renew by itself.
    #[doc(hidden)]
    pub fn carry<T>(&self, body: impl Future<Output = T>) -> impl Future<Output = T> {
        self.claim.carry(body)
    }

    /// Gives it back. An unknown outcome leaves it to the store's background work.
    #[doc(hidden)]
    pub fn settle(self, success: bool) -> impl Future<Output = Result<Holding, Fault>> {
        self.claim.settle(success)
    }

    /// Gives the right back as the body's result says: completed if it succeeded, else failed.
    #[doc(hidden)]
    pub async fn finish<T>(self, shape: &impl Shape<T>, out: &T) {
        if shape.hides() {
            self.hidden();
        }
        let success = shape.keep(out).is_some();
        // a failure to give back is an event, never the caller's result
        let _ = self.settle(success).await;
    }
}

impl<P: Handle, R> Held<Threads<P>, R>
where
    Threads<P>: AsyncRights,
    <P::Store as Host>::Clock: Sleep,
{
    /// `finish` for threads.
    #[doc(hidden)]
    pub fn finish_blocking<T>(self, shape: &impl Shape<T>, out: &T) {
        ready(self.finish(shape, out));
    }
}
