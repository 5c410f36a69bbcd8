//! Flights beside a value: one that is near its end, one that is changed.

use super::{Lease, Stage, Values, drive::aloft};
use crate::{
    asked,
    cache::{Aging, Source, chance},
    cell::Holding,
    error::{Cause, Error},
    instance::Handle,
    key::Kind,
    observe::Event,
    op::Inspection,
    outcome::Shape,
    store::Platform,
    time::{Clock, Instant, Sleep, Timer, millis},
};
use core::{convert::Infallible, future::poll_fn};

impl<H: Handle> Lease<H> {
    /// Where a load failed: how long must be left of the value that there was, for it to be served.
    fn spared<K: Shape<R>, R>(&self, aging: Aging, shape: &K, out: &R) -> Option<u64> {
        aging.spared().filter(|_| self.source() == Source::Loaded && shape.fails(out))
    }

    fn watch(&self, aging: Aging) -> Option<Watch<H>> {
        let (handle, key) = (&self.handle, &self.key);
        aging.is_by_chance().then(|| Watch { handle: handle.clone(), key: key.clone(), began: Instant::ZERO })
    }

    fn serve<K: Shape<R>, R>(&mut self, shape: &K, value: K::Value) -> R {
        self.stage = Stage::Stale;
        self.say(|key| Event::Stale { key });
        shape.back(value)
    }
}

/// Notes how long a load takes that does not fail, where that matters.
struct Watch<H: Handle> {
    handle: H,
    key: <H::Store as Platform>::KeyBuf,
    began: Instant,
}

impl<H: Handle> Watch<H> {
    fn now(&self) -> Instant {
        self.handle.instance().store().clock().now()
    }

    fn begun(self) -> Self {
        Self { began: self.now(), ..self }
    }

    fn over(self) {
        let took = self.now().millis_since(self.began);
        chance::took(&self.handle, &self.key, took);
    }
}

/// Whether a value has more than so many milliseconds left.
fn outlives(seen: &Result<Inspection, Error>, least: u64) -> bool {
    seen.as_ref().is_ok_and(|seen| seen.held > 0 && seen.remaining().is_none_or(|left| millis(left) > least))
}

/// A change that waits for itself.
const INSIDE: Cause = Cause::Unsupported("a value is not changed while it is loaded or changed further up the stack");

impl<H: Handle> Lease<H> {
    /// Why a flight was not granted that was asked for in any case.
    fn unheld(&self) -> Error {
        match (self.stage, self.cause()) {
            (Stage::Over, cause) => cause.unwrap_or(INSIDE).into(),
            _ => Error::Refused(self.why()),
        }
    }

    /// Whether what was made of a value is kept.
    fn changed(&self) -> Result<(), Error> {
        match self.settled()? {
            Holding::Held => Ok(()),
            Holding::Lost => Err(Cause::Conflict.into()),
        }
    }
}

/// For tasks.
impl<H: Handle<Store: Platform<Clock: Timer>>> Lease<H> {
    /// A cached call where values are served that are near their end.
    pub async fn aged<K: Shape<R>, R, C>(
        &mut self,
        aging: Aging,
        shape: K,
        codec: &C,
        body: impl AsyncFnOnce() -> R,
    ) -> R
    where
        H::Store: Values<K::Value, C>,
    {
        let watch = self.watch(aging);
        let out = self
            .cached(&shape, codec, async || {
                let watch = watch.map(Watch::begun);
                let out = body().await;
                if let Some(watch) = watch.filter(|_| !shape.fails(&out)) {
                    watch.over();
                }
                out
            })
            .await;
        if let Some(least) = self.spared(aging, &shape, &out)
            && (least == 0 || outlives(&asked::inspect(&self.handle, Kind::Cache, &self.key).await, least))
            && let Ok(Some(value)) = asked::get(&self.handle, &self.key, codec).await
        {
            return self.serve(&shape, value);
        }
        out
    }

    /// Puts in the place of a value what `change` makes of it, under its flight.
    pub async fn change<K: Shape<R>, R, C>(
        &mut self,
        shape: K,
        codec: &C,
        change: impl AsyncFnOnce(Option<R>) -> R,
    ) -> Result<R, Error>
    where
        H::Store: Values<K::Value, C>,
    {
        self.fly::<K::Value, Infallible, C>(codec).await;
        if self.stage != Stage::Held {
            return Err(self.unheld());
        }
        let old = asked::get(&self.handle, &self.key, codec).await?.map(|old| shape.back(old));
        let out = aloft!(self, change(old));
        self.keep = self.keep.min(shape.lasts(&out));
        let mut value = shape.keep(&out);
        poll_fn(|cx| self.poll_land(codec, &mut value, cx)).await;
        drop(value);
        self.changed().map(|()| out)
    }
}

/// For threads.
impl<H: Handle<Store: Platform<Clock: Sleep>>> Lease<H> {
    /// The same, blocking this thread.
    pub fn aged_blocking<K: Shape<R>, R, C>(&mut self, aging: Aging, shape: K, codec: &C, body: impl FnOnce() -> R) -> R
    where
        H::Store: Values<K::Value, C>,
    {
        let watch = self.watch(aging);
        let out = self.cached_blocking(&shape, codec, || {
            let watch = watch.map(Watch::begun);
            let out = body();
            if let Some(watch) = watch.filter(|_| !shape.fails(&out)) {
                watch.over();
            }
            out
        });
        if let Some(least) = self.spared(aging, &shape, &out)
            && (least == 0 || outlives(&asked::inspect_blocking(&self.handle, Kind::Cache, &self.key), least))
            && let Ok(Some(value)) = asked::get_blocking(&self.handle, &self.key, codec)
        {
            return self.serve(&shape, value);
        }
        out
    }

    /// The same as [`change`](Self::change), blocking this thread.
    pub fn change_blocking<K: Shape<R>, R, C>(
        &mut self,
        shape: K,
        codec: &C,
        change: impl FnOnce(Option<R>) -> R,
    ) -> Result<R, Error>
    where
        H::Store: Values<K::Value, C>,
    {
        self.fly_blocking::<K::Value, Infallible, C>(codec);
        if self.stage != Stage::Held {
            return Err(self.unheld());
        }
        let old = asked::get_blocking(&self.handle, &self.key, codec)?.map(|old| shape.back(old));
        let out = self.inside(|| change(old));
        self.keep = self.keep.min(shape.lasts(&out));
        let mut value = shape.keep(&out);
        self.block(|lease, cx| lease.poll_land(codec, &mut value, cx));
        drop(value);
        self.changed().map(|()| out)
    }
}
