//! Which brackets a call of a macro uses: chosen by the types, without a word from the user.

use super::{
    Rights, Values,
    right::{Inside, Right, Terms},
};
use crate::{
    hold::{AnyRight, Held, Request, Wait},
    instance::{Config, Instance},
    key::Kind,
    observe::Observer,
    outcome::{Refused, Shape},
    store::{AsyncCacheStore, AsyncEntryStore, AsyncRights, Host, Tasks, Want},
    time::{PollTimer, Timer, millis, short},
    ttl::Ttl,
};
use core::{
    fmt,
    future::{Future, poll_fn},
    mem::take,
    pin::pin,
    time::Duration,
};

/// Chooses the brackets of a macro's call: `(&Via(instance)).turn(..)` takes [`ViaRam`] where it can (autoref).
#[derive(Debug)]
pub struct Via<'i, S, O>(pub &'i Instance<S, O>);

/// The brackets of this module.
pub trait ViaRam<'i, S: Rights + 'i, O: Observer + 'i> {
    /// A right about to be asked for, without its key.
    fn right(&self, want: Want, ttl: Option<Duration>, wait: Wait) -> Right<'i, S, O>
    where
        S::Clock: PollTimer;
    /// A flight about to be asked for, without its key.
    fn flight(&self, ttl: Option<Ttl>) -> Right<'i, S, O>
    where
        S::Clock: PollTimer;
    /// Asks until granted or out of patience.
    fn turn(&self, right: &mut Right<'i, S, O>) -> impl Future<Output = Result<(), Refused>>
    where
        S::Clock: PollTimer;
    /// Runs the body, renewing beside it, and gives the right back as the result says.
    fn run<T>(
        &self,
        right: &mut Right<'i, S, O>,
        held: (),
        shape: impl Shape<T>,
        body: impl AsyncFnOnce(&Right<'i, S, O>) -> T,
    ) -> impl Future<Output = T>
    where
        S::Clock: PollTimer;
    /// A cached call.
    fn cached<K: Shape<R>, R, C>(
        &self,
        right: &mut Right<'i, S, O>,
        shape: K,
        codec: &C,
        body: impl AsyncFnOnce() -> R,
    ) -> impl Future<Output = R>
    where
        S: Values<K::Value, C>,
        S::Clock: PollTimer;
}

impl<'i, S: Rights, O: Observer> ViaRam<'i, S, O> for Via<'i, S, O>
where
    S::Clock: PollTimer,
{
    // thin, so that times that are written in the attribute are counted out by the compiler
    #[inline(always)]
    fn right(&self, want: Want, ttl: Option<Duration>, wait: Wait) -> Right<'i, S, O> {
        let wait = match wait {
            Wait::No => 0,
            Wait::For(wait) => millis(wait),
            Wait::Forever => u64::MAX,
        };
        let (size, keep) = match want {
            Want::Permit { size } => (size, 0),
            Want::Run { keep } => (0, millis(keep)),
            Want::Lease | Want::Flight => (0, 0),
        };
        let config = self.0.config();
        let (poll, ttl) = (short(millis(config.poll)), millis(ttl.unwrap_or(lasting(want, config))));
        Right::new(self.0, &Terms { kind: want.kind(), size, poll, keep, ttl, wait })
    }

    #[inline(always)]
    fn flight(&self, ttl: Option<Ttl>) -> Right<'i, S, O> {
        let config = self.0.config();
        let keep = match Ttl::resolve(ttl, config.ttl) {
            Ttl::For(ttl) => millis(ttl),
            Ttl::Forever => u64::MAX,
        };
        let (poll, ttl) = (short(millis(config.poll)), millis(config.flight));
        Right::new(self.0, &Terms { kind: Kind::Cache, size: 0, poll, keep, ttl, wait: u64::MAX })
    }

    fn turn(&self, right: &mut Right<'i, S, O>) -> impl Future<Output = Result<(), Refused>> {
        poll_fn(|cx| right.poll_turn(cx))
    }

    async fn run<T>(
        &self,
        right: &mut Right<'i, S, O>,
        (): (),
        shape: impl Shape<T>,
        body: impl AsyncFnOnce(&Right<'i, S, O>) -> T,
    ) -> T {
        let out = {
            let right = &*right;
            let mut body = pin!(body(right));
            let mut due = right.due();
            poll_fn(|cx| {
                let polled = body.as_mut().poll(cx);
                if polled.is_pending() {
                    right.beat(&mut due, cx);
                }
                polled
            })
            .await
        };
        right.settle(shape.keep(&out).is_some());
        out
    }

    async fn cached<K: Shape<R>, R, C>(
        &self,
        right: &mut Right<'i, S, O>,
        shape: K,
        codec: &C,
        body: impl AsyncFnOnce() -> R,
    ) -> R
    where
        S: Values<K::Value, C>,
    {
        if let Some(v) = poll_fn(|cx| right.poll_value(codec, cx)).await {
            return shape.back(v);
        }
        let out = {
            let right = &*right;
            let mut body = pin!(body());
            let mut due = right.due();
            poll_fn(|cx| {
                let inside = Inside::enter(right);
                let polled = body.as_mut().poll(cx);
                drop(inside);
                if polled.is_pending() {
                    right.beat(&mut due, cx);
                }
                polled
            })
            .await
        };
        right.land::<K::Value, C>(shape.keep(&out));
        out
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
pub struct Asking<S: Host> {
    key: S::KeyBuf,
    want: Want,
    ttl: Duration,
    wait: Wait,
    life: Option<Ttl>,
}

impl<S: Host> fmt::Debug for Asking<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Asking").field("want", &self.want).finish_non_exhaustive()
    }
}

impl<S: Host> Asking<S> {
    /// Where its key is rendered.
    #[doc(hidden)]
    pub fn key_mut(&mut self) -> &mut S::KeyBuf {
        &mut self.key
    }
}

/// The brackets for stores that must be awaited.
pub trait ViaAny<'i, S: Host + 'i, O: Observer + 'i> {
    /// A right about to be asked for, without its key.
    fn right(&self, want: Want, ttl: Option<Duration>, wait: Wait) -> Asking<S>;
    /// A flight about to be asked for, without its key.
    fn flight(&self, ttl: Option<Ttl>) -> Asking<S>;
    /// Asks until granted or out of patience.
    fn turn(&self, asking: &mut Asking<S>) -> impl Future<Output = Result<Any<'i, S, O>, Refused>>
    where
        S::Clock: Timer,
        Face<'i, S, O>: AsyncRights;
    /// Runs the body, renewing beside it, and gives the right back as the result says.
    fn run<T>(
        &self,
        asking: &mut Asking<S>,
        held: Any<'i, S, O>,
        shape: impl Shape<T>,
        body: impl AsyncFnOnce(&Any<'i, S, O>) -> T,
    ) -> impl Future<Output = T>
    where
        S::Clock: Timer,
        Face<'i, S, O>: AsyncRights;
    /// A cached call.
    fn cached<K: Shape<R>, R, C>(
        &self,
        asking: &mut Asking<S>,
        shape: K,
        codec: &C,
        body: impl AsyncFnOnce() -> R,
    ) -> impl Future<Output = R>
    where
        S: AsyncCacheStore<K::Value, C> + AsyncEntryStore,
        S::Clock: Timer,
        Face<'i, S, O>: AsyncRights;
}

impl<'i, S: Host, O: Observer> ViaAny<'i, S, O> for &Via<'i, S, O> {
    fn right(&self, want: Want, ttl: Option<Duration>, wait: Wait) -> Asking<S> {
        let ttl = ttl.unwrap_or(lasting(want, self.0.config()));
        Asking { key: S::KeyBuf::default(), want, ttl, wait, life: None }
    }

    fn flight(&self, ttl: Option<Ttl>) -> Asking<S> {
        Asking { life: ttl, ..self.right(Want::Flight, None, Wait::Forever) }
    }

    async fn turn(&self, asking: &mut Asking<S>) -> Result<Any<'i, S, O>, Refused>
    where
        S::Clock: Timer,
        Face<'i, S, O>: AsyncRights,
    {
        let Asking { want, ttl, wait, .. } = *asking;
        let request: Request<&'i Instance<S, O>> = Request { key: take(&mut asking.key), want, ttl, wait };
        request.obtain(Tasks(self.0)).await
    }

    async fn run<T>(
        &self,
        _: &mut Asking<S>,
        held: Any<'i, S, O>,
        shape: impl Shape<T>,
        body: impl AsyncFnOnce(&Any<'i, S, O>) -> T,
    ) -> T
    where
        S::Clock: Timer,
        Face<'i, S, O>: AsyncRights,
    {
        let out = held.carry(body(&held)).await;
        held.finish(&shape, &out).await;
        out
    }

    fn cached<K: Shape<R>, R, C>(
        &self,
        asking: &mut Asking<S>,
        shape: K,
        codec: &C,
        body: impl AsyncFnOnce() -> R,
    ) -> impl Future<Output = R>
    where
        S: AsyncCacheStore<K::Value, C> + AsyncEntryStore,
        S::Clock: Timer,
        Face<'i, S, O>: AsyncRights,
    {
        crate::cache::fill(Tasks(self.0), take(&mut asking.key), shape, codec, asking.life, body)
    }
}
