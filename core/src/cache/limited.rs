//! Loads that may take so long and no longer.

use super::{Cache, Fetched, Source};
use crate::{
    asked,
    error::{Asked, Refused},
    instance::{Handle, Instance},
    key::Kind,
    observe::{Event, Observer},
    outcome::{InOk, Shape},
    store::{Platform, Store, Values},
    time::Timer,
};
use core::{
    convert::identity,
    future::{Future, poll_fn},
    pin::{Pin, pin},
    task::Poll,
    time::Duration,
};

/// What `load` brings; if it takes longer than `limit` it is dropped, and `over` makes something of that.
pub(super) async fn limited<C: Timer, R>(
    clock: &C,
    limit: Duration,
    load: impl Future<Output = R>,
    over: impl FnOnce(Refused) -> R,
) -> R {
    match within(clock, limit, pin!(load)).await {
        Some(out) => out,
        None => over(Refused::LoadTimedOut { limit, asked: Asked::of(Kind::Cache) }),
    }
}

/// What `call` brings within `limit`.
fn within<C: Timer, F: Future>(
    clock: &C,
    limit: Duration,
    mut call: Pin<&mut F>,
) -> impl Future<Output = Option<F::Output>> {
    let mut wait = C::Wait::default();
    let end = clock.now().saturating_add(limit).plus(clock.cut());
    poll_fn(move |cx| match call.as_mut().poll(cx) {
        Poll::Ready(out) => Poll::Ready(Some(out)),
        Poll::Pending => clock.poll_until(&mut wait, end, cx).map(|()| None),
    })
}

/// What `call` brings; once that takes longer than `limit`, what `served` makes of the value that is there, if one is.
async fn or_stale<P: Handle, K: Shape<R>, R, C, T>(
    (handle, key): (&P, &<P::Store as Platform>::KeyBuf),
    (shape, codec): (&K, &C),
    limit: Duration,
    (call, served): (impl Future<Output = T>, impl FnOnce(R) -> T),
) -> T
where
    P::Store: Values<K::Value, C> + Platform<Clock: Timer>,
{
    let mut call = pin!(call);
    let instance = handle.instance();
    if let Some(out) = within(instance.store().clock(), limit, call.as_mut()).await {
        return out;
    }
    match asked::get(handle, key, codec).await {
        Ok(Some(value)) => {
            let buf = key;
            if let Ok(key) = instance.store().key(crate::key::Kind::Cache, buf) {
                #[cfg(feature = "insight")]
                instance.store().served(buf, &Event::Stale { key });
                instance.observer().event(&Event::Stale { key });
            }
            served(shape.back(value))
        }
        _ => call.await,
    }
}

/// For tasks.
impl<P: Handle, C, L> Cache<P, C, L>
where
    <P::Store as Platform>::Clock: Timer,
{
    /// What `call` brings, a call of this cache with its windows; once that takes longer than `limit`, the value that is
    /// there, stale or not, if one is.
    ///
    /// `call` is dropped then: for its load to go on it has to run in a task of its own, as `cachify::detached` makes one.
    ///
    /// ```
    /// # use cachify_core::{FixedStore, Instance, store::lock::NoLock, testing::{ManualClock, block_on}};
    /// # use core::time::Duration;
    /// # let clock = ManualClock::new();
    /// # let store = FixedStore::<NoLock, _, 8, u32>::new(&clock);
    /// # let device = Instance::new(&store);
    /// # block_on(async {
    /// let page = device.cache("page").ttl(Duration::from_secs(5));
    /// let call = page.get_or_insert_with(async || Ok::<u32, ()>(21));
    /// assert_eq!(page.soft_load_timeout(Duration::from_millis(50), call).await, Ok(21));
    /// # });
    /// ```
    ///
    /// # Errors
    /// What `call` fails with, and nothing else.
    pub async fn soft_load_timeout<V, E>(
        &self,
        limit: Duration,
        call: impl Future<Output = Result<V, E>>,
    ) -> Result<V, E>
    where
        P::Store: Values<V, C>,
    {
        or_stale((&self.handle, &self.key), (&InOk, &self.codec), limit, (call, identity)).await
    }
}

/// What the attribute macros call.
#[doc(hidden)]
impl<S: Store, O: Observer> Instance<S, O> {
    /// What `load` brings within `limit`, or what `over` makes of it that it does not.
    pub async fn limited<R>(&self, limit: Duration, load: impl Future<Output = R>, over: impl FnOnce(Refused) -> R) -> R
    where
        S::Clock: Timer,
    {
        limited(self.store().clock(), limit, load, over).await
    }

    /// What `call` brings, or the value that is there once that takes longer than `limit`.
    pub async fn or_stale<K: Shape<R>, R, C>(
        &self,
        key: &S::KeyBuf,
        (shape, codec): (&K, &C),
        limit: Duration,
        call: impl Future<Output = R>,
    ) -> R
    where
        S: Values<K::Value, C> + Platform<Clock: Timer>,
    {
        or_stale((&self, key), (shape, codec), limit, (call, identity)).await
    }

    /// The same of a call that tells where its value came from.
    pub async fn fetched_or_stale<K: Shape<R>, R, C>(
        &self,
        key: &S::KeyBuf,
        (shape, codec): (&K, &C),
        limit: Duration,
        call: impl Future<Output = Fetched<R>>,
    ) -> Fetched<R>
    where
        S: Values<K::Value, C> + Platform<Clock: Timer>,
    {
        let served = |out| Fetched::new(out, Source::Stale);
        or_stale((&self, key), (shape, codec), limit, (call, served)).await
    }
}
