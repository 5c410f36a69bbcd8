//! A flight: a cached value, or the lease that allows to fill it.

use super::{InFlightOf, Lease, Op, Outcome, Request, Stage, Values};
use crate::{
    cache::Source,
    cell::MaybeOwned,
    instance::Handle,
    observe::{Event, Observer},
    outcome::Shape,
    store::{Fresh, Platform, Store},
    time::Instant,
};
use core::{
    any::type_name,
    future::Future,
    mem::take,
    pin::Pin,
    task::{Context, Poll, ready},
};

impl<H: Handle> Lease<H> {
    /// Where the value of a cached call came from that is over.
    pub fn source(&self) -> Source {
        match self.stage {
            Stage::New | Stage::Filled if self.at == Instant::ZERO => Source::Hit,
            Stage::Filled => Source::Joined,
            Stage::Stale => Source::Stale,
            _ => Source::Loaded,
        }
    }

    /// One step on the way to a value: the value, or else a `T` was passed on, or the flight is held, or there is nothing to ask. Pending where
    /// it waits for a change, or for [`Lease::wake_at`].
    #[cfg_attr(not(target_pointer_width = "64"), inline(never))]
    pub(super) fn poll_value<V, T: 'static, C>(
        &mut self,
        codec: &C,
        mut asked: impl FnMut(&mut Self, &mut Context<'_>) -> Poll<()>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<V>>
    where
        H::Store: Values<V, C>,
    {
        if self.stage == Stage::New && !self.begin() {
            return Poll::Ready(None);
        }
        loop {
            if self.stage == Stage::New || self.stage.has_value() {
                let was_passed = self.was_passed::<V, T>();
                let value = if was_passed { None } else { self.value(codec) };
                if was_passed || value.is_some() {
                    let (waited, is_stale) = (self.at != Instant::ZERO, self.stage == Stage::Stale);
                    self.say(|key| match (is_stale, waited) {
                        (true, _) => Event::Stale { key },
                        (false, true) => Event::Joined { key },
                        (false, false) => Event::Hit { key },
                    });
                    return Poll::Ready(value);
                }
                if self.stage != Stage::New {
                    self.stage = Stage::Asked;
                }
            }
            ready!(asked(self, cx));
            if !self.stage.has_value() {
                if self.stage == Stage::Held {
                    if self.handle.instance().observer().listens() {
                        // an observer that asks for the same key computes, as a body that does
                        let _inside = Inside::enter(self);
                        self.say(|key| Event::Miss { key });
                    }
                } else {
                    // what may have been granted is given back before the body begins
                    self.give_back();
                    self.stage = self.stage.over();
                }
                return Poll::Ready(None);
            }
        }
    }

    /// Whether a `T` was passed on, of a load that failed while this call waited.
    fn was_passed<V, T: 'static>(&self) -> bool {
        <H::Store>::PASSES_ON
            && self.stage == Stage::Filled
            && <H::Store>::passed(&self.state, |passed: &Passed<T>| passed.of::<V>().map(|_| ())).is_some()
    }

    /// What this call returns to which a failure was passed on.
    pub(super) fn passed<K: Shape<R>, R>(&self, shape: &K) -> Option<R> {
        if !<H::Store>::PASSES_ON || self.stage != Stage::Filled {
            return None;
        }
        <H::Store>::passed(&self.state, |passed: &Passed<_>| shape.passed(passed.of::<K::Value>()?))
    }

    /// The body brought nothing that is kept: those who wait hear of it.
    pub(super) fn unkept<K: Shape<R>, R>(&mut self, shape: &K, out: &R) {
        if !<H::Store>::PASSES_ON || self.stage != Stage::Held || !self.is_ours() {
            return;
        }
        let mut state = take(&mut self.state);
        if let Some(key) = self.key() {
            self.handle.instance().store().unkept(&mut state, &key, || shape.passes(out).map(Passed::new::<K::Value>));
        }
        self.state = state;
    }

    fn value<V, C>(&mut self, codec: &C) -> Option<V>
    where
        H::Store: Values<V, C>,
    {
        let mut state = take(&mut self.state);
        let store = self.handle.instance().store();
        let value = self.key().and_then(|key| match self.stage {
            Stage::New => store.peek_within(&key, codec, self.window()),
            _ => store.fetch(&mut state, &key, codec),
        });
        self.state = state;
        value
    }

    /// Stores what the body brought, if it is worth keeping and the flight is held.
    #[cfg_attr(not(target_pointer_width = "64"), inline(never))]
    pub(super) fn poll_land<V, C>(
        &mut self,
        codec: &C,
        value: &mut Option<MaybeOwned<'_, V>>,
        cx: &mut Context<'_>,
    ) -> Poll<()>
    where
        H::Store: Values<V, C>,
    {
        if self.stage != Stage::Held {
            return Poll::Ready(());
        }
        // what a forked child inherited is its parent's, also to publish
        if value.is_none() || !self.is_ours() {
            return self.poll_end(false, cx);
        }
        let now = self.now();
        let fresh = Fresh { codec, value, ttl: self.keep };
        let mut state = take(&mut self.state);
        let polled = self.poll_publish(&mut state, now, fresh, cx);
        self.state = state;
        match ready!(polled) {
            // a constant of the store: what follows is compiled for others only
            Ok(None) => return self.poll_end(true, cx),
            Ok(Some(answer)) => self.ended(Ok(answer)),
            Err(error) => self.ended(Err(error)),
        }
        Poll::Ready(())
    }

    fn poll_publish<V, C>(
        &self,
        state: &mut InFlightOf<H>,
        now: Instant,
        fresh: Fresh<'_, '_, V, C>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Option<super::Answer>, super::ErrorOf<H>>>
    where
        H::Store: Values<V, C>,
    {
        let Some(key) = self.key() else { return Poll::Ready(Ok(None)) };
        let op = Op::Release(Outcome::Done { fresh: fresh.ttl });
        let request = Request { key: &key, token: self.token, now, op: &op, may_block: H::MAY_BLOCK };
        self.handle.instance().store().poll_publish(state, &request, fresh, cx)
    }

    /// What the call returns instead of running, where it is closed and its store could not be asked.
    pub(super) fn closed<K: Shape<R>, R>(&self, shape: &K) -> Option<R> {
        let cause = match self.stage {
            Stage::BadKey | Stage::Full => None,
            // without a cause it waits for itself
            Stage::Over => Some(self.cause()?),
            Stage::Held => Some(<H::Store>::unasked(&self.state)?),
            _ => return None,
        };
        shape.refused(|| cause.map_or_else(|| self.why(), Into::into))
    }

    /// Notes that nothing is kept, where the type of the result hides whether it is a failure.
    pub(super) fn hidden_flight(&self) {
        if self.stage == Stage::Held {
            self.hidden();
        }
    }

    /// Polls the body of a flight with the flight marked, so that a recursive call computes instead of waiting.
    pub(super) fn poll_inside<T>(&self, body: Pin<&mut impl Future<Output = T>>, cx: &mut Context<'_>) -> Poll<T> {
        let _inside = Inside::enter(self);
        self.within(|| body.poll(cx))
    }

    /// Runs the body of a flight with the flight marked.
    pub(super) fn inside<T>(&self, body: impl FnOnce() -> T) -> T {
        let _inside = Inside::enter(self);
        self.within(body)
    }

    #[cfg_attr(not(target_pointer_width = "64"), inline(never))]
    fn mark(&self, inside: bool) {
        if self.stage == Stage::Held
            && let Some(key) = self.key()
        {
            self.handle.instance().store().mark(&key, self.token, inside);
        }
    }
}

/// Marks a flight; unmarked by `Drop`, so also when the body panics.
struct Inside<'a, H: Handle>(&'a Lease<H>);

impl<'a, H: Handle> Inside<'a, H> {
    fn enter(lease: &'a Lease<H>) -> Self {
        lease.mark(true);
        Self(lease)
    }
}

impl<H: Handle> Drop for Inside<'_, H> {
    fn drop(&mut self) {
        self.0.mark(false);
    }
}

/// What is passed on of a load of one type of values: another type at the same key waits for loads of its own.
struct Passed<T> {
    of: &'static str,
    failure: T,
}

impl<T> Passed<T> {
    fn new<V>(failure: T) -> Self {
        Self { of: type_name::<V>(), failure }
    }

    fn of<V>(&self) -> Option<&T> {
        (self.of == type_name::<V>()).then_some(&self.failure)
    }
}
