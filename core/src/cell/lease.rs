//! A right that ends by itself: at most one live holder.

use super::Fences;
use crate::{
    label::Label,
    patience::{Busy, Contended, Ticket},
    time::Instant,
    token::{FencingToken, HolderToken},
};
use core::time::Duration;

/// A request for a right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Ask {
    /// Who asks; made for this attempt, reused by its resends.
    pub token: HolderToken,
    /// How long the right lasts unless renewed.
    pub ttl: Duration,
    /// For how long the caller waits for a release, if it does: then it stands in the line.
    pub within: Option<Duration>,
}

impl Ask {
    /// A request of somebody who does not wait.
    #[must_use]
    pub const fn new(token: HolderToken, ttl: Duration) -> Self {
        Self { token, ttl, within: None }
    }
}

/// A right that was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grant {
    /// Grows with every grant of the key.
    pub fence: FencingToken,
    /// Which permit of the pool; zero for everything else.
    pub index: u32,
    /// How long it lasts, from when the store answered.
    pub remaining: Duration,
}

/// Whether a right was still there when its holder came back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Holding {
    /// It was.
    Held,
    /// It had ended, or somebody took it by force.
    Lost,
}

/// The state of one lease; free, or held until an instant.
///
/// ```
/// use cachify_core::{cell::{Ask, Fences, Holding, LeaseCell}, patience::Ticket, time::Instant, token::HolderToken};
/// use core::time::Duration;
/// let (mut cell, mut fences) = (LeaseCell::FREE, Fences::default());
/// let ask = Ask::new(HolderToken([1; 4]), Duration::from_millis(10));
/// let grant = cell.acquire(Instant::ZERO, &ask, &mut fences, Ticket::NONE).granted();
/// assert_eq!(grant.map(|g| g.fence.0), Some(1));
/// assert_eq!(cell.release(Instant::from_millis(10), ask.token), Holding::Lost); // it ended at 10
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct LeaseCell {
    token: HolderToken,
    expires: Instant,
    fence: FencingToken,
    /// Not on a device: eight bytes of each slot.
    #[cfg(feature = "alloc")]
    since: Instant,
    /// Of no size on a device.
    label: Label,
}

impl LeaseCell {
    /// Nobody holds it.
    pub const FREE: Self = Self {
        token: HolderToken([0; 4]),
        expires: Instant::ZERO,
        fence: FencingToken(0),
        #[cfg(feature = "alloc")]
        since: Instant::ZERO,
        label: Label::NONE,
    };

    /// Whether somebody holds it; at its end nobody does.
    #[must_use]
    pub fn is_live(&self, now: Instant) -> bool {
        now < self.expires
    }

    /// Whether `token` holds it.
    #[must_use]
    pub fn is_held_by(&self, now: Instant, token: HolderToken) -> bool {
        self.is_live(now) && self.token.is(token)
    }

    /// Who holds it, or was the last to.
    #[cfg(feature = "alloc")]
    pub(crate) const fn holder(&self) -> HolderToken {
        self.token
    }

    /// Whether `token` holds it, or was the last to.
    pub(crate) fn is_of(&self, token: HolderToken) -> bool {
        self.token.is(token)
    }

    /// Takes it if it is free; the same token again gets the same grant.
    pub fn acquire(&mut self, now: Instant, ask: &Ask, fences: &mut Fences, ticket: Ticket) -> Contended<Grant> {
        let taken = self.take(now, ask.token, now.saturating_add(ask.ttl), fences);
        let remaining = self.expires.since(now);
        match taken {
            true => Contended::Granted(Grant { fence: self.fence, index: 0, remaining }),
            false => Contended::Busy(Busy { remaining, ticket }),
        }
    }

    /// The same in points of time: whether `token` holds it now, until `end` if it was free.
    pub fn take(&mut self, now: Instant, token: HolderToken, end: Instant, fences: &mut Fences) -> bool {
        if self.is_live(now) {
            return self.token.is(token);
        }
        *self = Self {
            token,
            expires: end,
            fence: fences.next(),
            #[cfg(feature = "alloc")]
            since: now,
            label: Label::NONE,
        };
        true
    }

    /// Notes by what people know its holder.
    pub(crate) fn set_label(&mut self, label: Label) {
        self.label = label;
    }

    pub(crate) const fn label(&self) -> Label {
        self.label
    }

    /// Extends it by the whole TTL, from now.
    pub fn renew(&mut self, now: Instant, token: HolderToken, ttl: Duration) -> Holding {
        if !self.is_held_by(now, token) {
            return Holding::Lost;
        }
        self.expires = now.saturating_add(ttl);
        Holding::Held
    }

    /// Lets it end then, whoever holds it.
    pub(crate) fn set_end(&mut self, end: Instant) {
        self.expires = end;
    }

    /// When it ends, or ended.
    #[must_use]
    pub const fn end(&self) -> Instant {
        self.expires
    }

    /// For how many milliseconds it has been held; `u64::MAX` without the feature `alloc`, where that is not kept.
    #[cfg(feature = "alloc")]
    pub(crate) const fn age(&self, now: Instant) -> u64 {
        now.millis_since(self.since)
    }

    #[cfg(not(feature = "alloc"))]
    #[expect(clippy::unused_self, reason = "with the feature it is used")]
    pub(crate) const fn age(&self, _: Instant) -> u64 {
        u64::MAX
    }

    /// The fence of its last grant.
    #[must_use]
    pub const fn fence(&self) -> FencingToken {
        self.fence
    }

    /// Gives it back.
    pub fn release(&mut self, now: Instant, token: HolderToken) -> Holding {
        if !self.is_held_by(now, token) {
            return Holding::Lost;
        }
        self.expires = Instant::ZERO;
        Holding::Held
    }

    /// Takes it from whoever holds it; whether anybody did.
    pub fn force(&mut self, now: Instant) -> bool {
        let was_live = self.is_live(now);
        self.expires = Instant::ZERO;
        was_live
    }

    /// How long its holder still has it.
    #[must_use]
    pub fn remaining(&self, now: Instant) -> Option<Duration> {
        self.is_live(now).then(|| self.expires.since(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TTL: Duration = Duration::from_millis(10);
    const A: Ask = Ask::new(HolderToken([1; 4]), TTL);
    const B: Ask = Ask::new(HolderToken([2; 4]), TTL);

    fn ms(ms: u64) -> Instant {
        Instant::from_millis(ms)
    }

    #[test]
    fn at_its_end_a_lease_is_free() {
        let (mut cell, mut fences) = (LeaseCell::FREE, Fences::default());
        cell.acquire(ms(0), &A, &mut fences, Ticket::NONE);
        assert_eq!(cell.remaining(ms(9)), Some(Duration::from_millis(1)));
        assert!(cell.acquire(ms(9), &B, &mut fences, Ticket::NONE).granted().is_none());
        assert_eq!(cell.remaining(ms(10)), None);
        assert_eq!(cell.acquire(ms(10), &B, &mut fences, Ticket::NONE).granted().unwrap().fence, FencingToken(2));
    }

    #[test]
    fn release_after_expiry_is_lost() {
        let (mut cell, mut fences) = (LeaseCell::FREE, Fences::default());
        cell.acquire(ms(0), &A, &mut fences, Ticket::NONE);
        assert_eq!(cell.release(ms(10), A.token), Holding::Lost);
        assert_eq!(cell.renew(ms(10), A.token, TTL), Holding::Lost);
    }

    #[test]
    fn a_resend_gets_the_same_fence_and_a_stranger_cannot_release() {
        let (mut cell, mut fences) = (LeaseCell::FREE, Fences::default());
        let first = cell.acquire(ms(0), &A, &mut fences, Ticket::NONE).granted().unwrap();
        let again = cell.acquire(ms(4), &A, &mut fences, Ticket::NONE).granted().unwrap();
        assert_eq!((first.fence, again.fence), (FencingToken(1), FencingToken(1)));
        assert_eq!(again.remaining, Duration::from_millis(6));
        assert_eq!(cell.release(ms(5), B.token), Holding::Lost);
        assert!(cell.is_held_by(ms(5), A.token));
    }
}
