//! Which brackets a call of a macro uses: chosen by the types, without a word from the user.

use super::{Face, Rights, fill};
use crate::{
    hold::{AnyRight, Held, Request},
    instance::Instance,
    observe::Observer,
    outcome::{Refused, Shape},
    store::{AsyncCacheStore, AsyncEntryStore, AsyncRights, CacheStore, Host, Peek, Tasks},
    time::{PollTimer, Timer},
    ttl::Ttl,
};
use core::future::{Future, Ready, ready};

type Any<'i, S, O> = Held<Face<'i, S, O>, AnyRight>;
/// Asked for in place and given back from there: a right of this size is not moved about.
type Claimed<'i, S, O> = Result<Any<'i, S, O>, Refused>;

/// Chooses the brackets of a macro's call: `(&Via(instance)).obtain(..)` takes [`ViaRam`] where it can (autoref).
#[derive(Debug)]
pub struct Via<'i, S, O>(pub &'i Instance<S, O>);

/// The brackets of this module.
pub trait ViaRam<'i, S: Rights + 'i, O: Observer + 'i> {
    /// A right about to be asked for.
    fn claim(&self, request: Request<&'i Instance<S, O>>) -> Claimed<'i, S, O>
    where
        S::Clock: PollTimer;
    /// Asks until granted or out of patience; what is refused is replaced by the reason.
    fn turn(&self, claimed: &mut Claimed<'i, S, O>) -> impl Future<Output = ()>
    where
        S::Clock: PollTimer;
    /// Runs the body, renewing beside it.
    fn carry<T>(&self, held: &Any<'i, S, O>, body: impl Future<Output = T>) -> impl Future<Output = T>
    where
        S::Clock: PollTimer;
    /// Gives the right back as the body's result says.
    fn finish<T>(&self, held: Claimed<'i, S, O>, shape: &impl Shape<T>, out: &T) -> Ready<()>
    where
        S::Clock: PollTimer;
    /// A cached call.
    fn cached<K: Shape<R>, R, C>(
        &self,
        key: S::KeyBuf,
        shape: K,
        codec: &C,
        ttl: Option<Ttl>,
        body: impl AsyncFnOnce() -> R,
    ) -> impl Future<Output = R>
    where
        S: CacheStore<K::Value, C> + Peek<K::Value, C>,
        S::Clock: PollTimer;
}

impl<'i, S: Rights, O: Observer> ViaRam<'i, S, O> for Via<'i, S, O>
where
    S::Clock: PollTimer,
{
    fn claim(&self, request: Request<&'i Instance<S, O>>) -> Claimed<'i, S, O> {
        request.claim(&Tasks(self.0)).map(Held::of)
    }

    async fn turn(&self, claimed: &mut Claimed<'i, S, O>) {
        if let Ok(held) = claimed
            && let Some(why) = held.claim.turn().await
        {
            *claimed = Err(why);
        }
    }

    fn carry<T>(&self, held: &Any<'i, S, O>, body: impl Future<Output = T>) -> impl Future<Output = T> {
        held.claim.carry_now(body)
    }

    fn finish<T>(&self, held: Claimed<'i, S, O>, shape: &impl Shape<T>, out: &T) -> Ready<()> {
        if let Ok(held) = held {
            held.claim.settle_now(shape.keep(out).is_some());
        }
        ready(())
    }

    fn cached<K: Shape<R>, R, C>(
        &self,
        key: S::KeyBuf,
        shape: K,
        codec: &C,
        ttl: Option<Ttl>,
        body: impl AsyncFnOnce() -> R,
    ) -> impl Future<Output = R>
    where
        S: CacheStore<K::Value, C> + Peek<K::Value, C>,
    {
        fill(self.0, key, shape, codec, ttl, body)
    }
}

/// The brackets for stores that must be awaited.
pub trait ViaAny<'i, S: Host + 'i, O: Observer + 'i> {
    /// A right about to be asked for.
    fn claim(&self, request: Request<&'i Instance<S, O>>) -> Claimed<'i, S, O>
    where
        S::Clock: Timer;
    /// Asks until granted or out of patience; what is refused is replaced by the reason.
    fn turn(&self, claimed: &mut Claimed<'i, S, O>) -> impl Future<Output = ()>
    where
        S::Clock: Timer,
        Face<'i, S, O>: AsyncRights;
    /// Runs the body, renewing beside it.
    fn carry<T>(&self, held: &Any<'i, S, O>, body: impl Future<Output = T>) -> impl Future<Output = T>
    where
        S::Clock: Timer,
        Face<'i, S, O>: AsyncRights;
    /// Gives the right back as the body's result says.
    fn finish<T>(&self, held: Claimed<'i, S, O>, shape: &impl Shape<T>, out: &T) -> impl Future<Output = ()>
    where
        S::Clock: Timer,
        Face<'i, S, O>: AsyncRights;
    /// A cached call.
    fn cached<K: Shape<R>, R, C>(
        &self,
        key: S::KeyBuf,
        shape: K,
        codec: &C,
        ttl: Option<Ttl>,
        body: impl AsyncFnOnce() -> R,
    ) -> impl Future<Output = R>
    where
        S: AsyncCacheStore<K::Value, C> + AsyncEntryStore,
        S::Clock: Timer,
        Face<'i, S, O>: AsyncRights;
}

impl<'i, S: Host, O: Observer> ViaAny<'i, S, O> for &Via<'i, S, O> {
    fn claim(&self, request: Request<&'i Instance<S, O>>) -> Claimed<'i, S, O>
    where
        S::Clock: Timer,
    {
        request.claim(&Tasks(self.0)).map(Held::of)
    }

    async fn turn(&self, claimed: &mut Claimed<'i, S, O>)
    where
        S::Clock: Timer,
        Face<'i, S, O>: AsyncRights,
    {
        if let Ok(held) = claimed
            && let Some(why) = held.claim.obtain().await
        {
            *claimed = Err(why);
        }
    }

    fn carry<T>(&self, held: &Any<'i, S, O>, body: impl Future<Output = T>) -> impl Future<Output = T>
    where
        S::Clock: Timer,
        Face<'i, S, O>: AsyncRights,
    {
        held.carry(body)
    }

    fn finish<T>(&self, held: Claimed<'i, S, O>, shape: &impl Shape<T>, out: &T) -> impl Future<Output = ()>
    where
        S::Clock: Timer,
        Face<'i, S, O>: AsyncRights,
    {
        let success = shape.keep(out).is_some();
        async move {
            if let Ok(held) = held {
                // a failure to give back is an event, never the caller's result
                let _ = held.settle(success).await;
            }
        }
    }

    fn cached<K: Shape<R>, R, C>(
        &self,
        key: S::KeyBuf,
        shape: K,
        codec: &C,
        ttl: Option<Ttl>,
        body: impl AsyncFnOnce() -> R,
    ) -> impl Future<Output = R>
    where
        S: AsyncCacheStore<K::Value, C> + AsyncEntryStore,
        S::Clock: Timer,
        Face<'i, S, O>: AsyncRights,
    {
        crate::cache::fill(Tasks(self.0), key, shape, codec, ttl, body)
    }
}
