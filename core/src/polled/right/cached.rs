//! A flight: a cached value, or the right to fill it.

use super::{Deed, Fresh, Right, Rights, Stage, Values};
use crate::{
    cell::Kept,
    instance::Handle,
    observe::Event,
    outcome::Shape,
    store::Host,
    time::{Instant, PollTimer},
};
use core::{
    future::{Future, poll_fn},
    mem::take,
    pin::pin,
    task::{Context, Poll, ready},
};

/// Cached values.
impl<H: Handle> Right<H>
where
    H::Store: Rights,
    <H::Store as Host>::Clock: PollTimer,
{
    /// A cached call.
    #[doc(hidden)]
    pub async fn cached<K: Shape<R>, R, C>(&mut self, shape: K, codec: &C, body: impl AsyncFnOnce() -> R) -> R
    where
        H::Store: Values<K::Value, C>,
    {
        if let Some(v) = poll_fn(|cx| self.poll_value(codec, cx)).await {
            return shape.back(v);
        }
        let out = {
            let right = &*self;
            let (mut body, mut beats) = (pin!(body()), pin!(right.beats()));
            poll_fn(|cx| {
                let inside = Inside::enter(right);
                let polled = body.as_mut().poll(cx);
                drop(inside);
                if polled.is_pending() {
                    let _ = beats.as_mut().poll(cx);
                }
                polled
            })
            .await
        };
        if shape.hides() && self.stage == Stage::Held {
            self.hidden();
        }
        let mut value = shape.keep(&out);
        poll_fn(|cx| self.poll_land(codec, &mut value, cx)).await;
        drop(value);
        out
    }

    /// Looks, and waits for somebody else's flight: the value, or else the flight is held, or there is nothing to ask.
    #[cfg_attr(not(target_pointer_width = "64"), inline(never))]
    fn poll_value<V, C>(&mut self, codec: &C, cx: &mut Context<'_>) -> Poll<Option<V>>
    where
        H::Store: Values<V, C>,
    {
        if self.stage == Stage::New && !self.begin() {
            return Poll::Ready(None);
        }
        loop {
            if matches!(self.stage, Stage::New | Stage::Filled) {
                if let Some(v) = self.value(codec) {
                    let waited = self.at != Instant::ZERO;
                    self.say(|key| if waited { Event::Joined { key } } else { Event::Hit { key } });
                    return Poll::Ready(Some(v));
                }
                if self.stage == Stage::Filled {
                    self.stage = Stage::Asked;
                }
            }
            ready!(self.poll_timed(cx));
            if self.stage != Stage::Filled {
                if self.stage == Stage::Held {
                    self.say(|key| Event::Miss { key });
                } else {
                    // what may have been granted is given back before the body begins
                    self.give_back();
                    self.stage = Stage::Over;
                }
                return Poll::Ready(None);
            }
        }
    }

    fn value<V, C>(&mut self, codec: &C) -> Option<V>
    where
        H::Store: Values<V, C>,
    {
        let mut step = take(&mut self.step);
        let value = self.key().and_then(|key| self.handle.instance().store().value(&mut step, key, codec));
        self.step = step;
        value
    }

    /// Stores what the body brought, if it is worth keeping and the flight is held.
    #[cfg_attr(not(target_pointer_width = "64"), inline(never))]
    fn poll_land<V, C>(&mut self, codec: &C, value: &mut Option<Kept<'_, V>>, cx: &mut Context<'_>) -> Poll<()>
    where
        H::Store: Values<V, C>,
    {
        if self.stage != Stage::Held {
            return Poll::Ready(());
        }
        if value.is_none() {
            return self.poll_end(false, cx);
        }
        let now = self.now();
        let fresh = Fresh { codec, value, until: now.plus(self.keep) };
        let mut step = take(&mut self.step);
        let polled = match self.key() {
            Some(key) => self.handle.instance().store().poll_put(&mut step, &key, self.token, now, fresh, cx),
            None => Poll::Ready(Ok(None)),
        };
        self.step = step;
        match ready!(polled) {
            Ok(None) => return self.poll_end(true, cx),
            Ok(Some(answer)) => self.ended(Ok(answer), true),
            Err(trouble) => self.ended(Err(trouble), true),
        }
        Poll::Ready(())
    }
}

/// Marks a flight while its body is polled, so that a recursive call computes instead of waiting.
///
/// Unmarked by `Drop`, so also when the body panics.
struct Inside<'a, H: Handle>(&'a Right<H>)
where
    H::Store: Rights;

impl<'a, H: Handle> Inside<'a, H>
where
    H::Store: Rights,
{
    fn enter(right: &'a Right<H>) -> Self {
        right.mark(true);
        Self(right)
    }
}

impl<H: Handle> Drop for Inside<'_, H>
where
    H::Store: Rights,
{
    fn drop(&mut self) {
        self.0.mark(false);
    }
}

impl<H: Handle> Right<H>
where
    H::Store: Rights,
{
    #[cfg_attr(not(target_pointer_width = "64"), inline(never))]
    fn mark(&self, inside: bool) {
        if self.stage == Stage::Held {
            self.act(self.now(), Deed::Mark(inside));
        }
    }
}
