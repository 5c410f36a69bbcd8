//! Which brackets a call of a macro uses: chosen by the types, without a word from the user.

use super::{
    Rights,
    right::{Right, Terms},
};
use crate::{
    hold::{AnyRight, Held, Request, Wait},
    instance::{Config, Instance},
    key::Kind,
    observe::Observer,
    outcome::{Refused, Shape},
    store::{AsyncCacheStore, AsyncEntryStore, AsyncRights, Host, Tasks, Want},
    time::{Clock, PollTimer, Timer, millis, short},
    ttl::Ttl,
};
use core::{fmt, future::Future, mem::take, time::Duration};

/// Chooses the brackets of a macro's call: `(&Via(instance)).right(..)` takes [`ViaPolled`] where it can (autoref).
///
/// What both give, [`Right`] and [`Asking`], is used in the same words.
#[derive(Debug)]
pub struct Via<'i, S, O>(pub &'i Instance<S, O>);

/// The brackets of this module.
pub trait ViaPolled<'i, S: Rights + 'i, O: Observer + 'i> {
    /// A right about to be asked for, without its key.
    fn right(&self, want: Want, ttl: Option<Duration>, patience: Wait) -> Right<&'i Instance<S, O>>
    where
        S::Clock: PollTimer;
    /// A flight about to be asked for, without its key.
    fn flight(&self, ttl: Option<Ttl>) -> Right<&'i Instance<S, O>>
    where
        S::Clock: PollTimer;
}

impl<'i, S: Rights, O: Observer> ViaPolled<'i, S, O> for Via<'i, S, O>
where
    S::Clock: PollTimer,
{
    // thin, so that times that are written in the attribute are counted out by the compiler
    #[inline]
    fn right(&self, want: Want, ttl: Option<Duration>, patience: Wait) -> Right<&'i Instance<S, O>> {
        let waiting = match patience {
            Wait::No => 0,
            Wait::For(time) if time.is_zero() => 0,
            Wait::For(time) => millis(time).saturating_add(self.0.store().clock().cut()),
            Wait::Forever => u64::MAX,
        };
        let (size, keep) = match want {
            Want::Permit { size } => (size, 0),
            Want::Run { keep } => (0, millis(keep)),
            Want::Lease | Want::Flight => (0, 0),
        };
        let config = self.0.config();
        let poll = short(millis(config.poll)).min(self.0.store().poll_at_most());
        let ttl = millis(ttl.unwrap_or(lasting(want, config)));
        Right::new(self.0, &Terms { kind: want.kind(), size, poll, keep, ttl, wait: waiting })
    }

    #[inline]
    fn flight(&self, ttl: Option<Ttl>) -> Right<&'i Instance<S, O>> {
        let config = self.0.config();
        let keep = match Ttl::resolve(ttl, config.ttl) {
            Ttl::For(ttl) => millis(ttl),
            Ttl::Forever => u64::MAX,
        };
        let poll = short(millis(config.poll)).min(self.0.store().poll_at_most());
        let ttl = millis(config.flight);
        Right::new(self.0, &Terms { kind: Kind::Cache, size: 0, poll, keep, ttl, wait: u64::MAX })
    }
}

/// How long a right lasts for which nothing is said.
fn lasting(want: Want, config: &Config) -> Duration {
    match want {
        Want::Lease | Want::Run { .. } => config.lease,
        Want::Permit { .. } => config.permit,
        Want::Flight => config.flight,
    }
}

type Face<'i, S, O> = Tasks<&'i Instance<S, O>>;
type Any<'i, S, O> = Held<Face<'i, S, O>, AnyRight>;

/// A call's request with its key still to be rendered, for stores that must be awaited.
pub struct Asking<'i, S: Host, O: Observer> {
    instance: &'i Instance<S, O>,
    key: S::KeyBuf,
    want: Want,
    ttl: Duration,
    wait: Wait,
    life: Option<Ttl>,
}

impl<S: Host, O: Observer> fmt::Debug for Asking<'_, S, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Asking").field("want", &self.want).finish_non_exhaustive()
    }
}

/// The brackets for stores that must be awaited.
pub trait ViaAny<'i, S: Host + 'i, O: Observer + 'i> {
    /// A right about to be asked for, without its key.
    fn right(&self, want: Want, ttl: Option<Duration>, patience: Wait) -> Asking<'i, S, O>;
    /// A flight about to be asked for, without its key.
    fn flight(&self, ttl: Option<Ttl>) -> Asking<'i, S, O>;
}

impl<'i, S: Host, O: Observer> ViaAny<'i, S, O> for &Via<'i, S, O> {
    fn right(&self, want: Want, ttl: Option<Duration>, patience: Wait) -> Asking<'i, S, O> {
        let ttl = ttl.unwrap_or(lasting(want, self.0.config()));
        Asking { instance: self.0, key: S::KeyBuf::default(), want, ttl, wait: patience, life: None }
    }

    fn flight(&self, ttl: Option<Ttl>) -> Asking<'i, S, O> {
        Asking { life: ttl, ..self.right(Want::Flight, None, Wait::Forever) }
    }
}

#[doc(hidden)]
impl<'i, S: Host, O: Observer> Asking<'i, S, O>
where
    S::Clock: Timer,
    Face<'i, S, O>: AsyncRights,
{
    /// Where its key is rendered.
    pub fn key_mut(&mut self) -> &mut S::KeyBuf {
        &mut self.key
    }

    /// Asks until granted or out of patience.
    pub async fn turn(&mut self) -> Result<Any<'i, S, O>, Refused> {
        let Self { want, ttl, wait, .. } = *self;
        let request: Request<&'i Instance<S, O>> = Request { key: take(&mut self.key), want, ttl, wait };
        request.obtain(Tasks(self.instance)).await
    }

    /// What the turn brought.
    pub fn held(&mut self, held: Any<'i, S, O>) -> Any<'i, S, O> {
        held
    }

    /// A cached call.
    pub fn cached<K: Shape<R>, R, C>(
        &mut self,
        shape: K,
        codec: &C,
        body: impl AsyncFnOnce() -> R,
    ) -> impl Future<Output = R>
    where
        S: AsyncCacheStore<K::Value, C> + AsyncEntryStore,
    {
        crate::cache::fill(Tasks(self.instance), take(&mut self.key), shape, codec, self.life, body)
    }
}
