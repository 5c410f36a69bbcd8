//! A flight: a cached value, or the right to fill it.

use super::{Deed, Right, Rights, Stage, Values};
use crate::{
    cell::Kept,
    observe::{Event, Observer},
    outcome::Shape,
    time::{Instant, PollTimer},
};
use core::{
    future::{Future, poll_fn},
    pin::pin,
    task::{Context, Poll, Waker, ready},
};

/// Cached values.
impl<S: Rights, O: Observer> Right<'_, S, O>
where
    S::Clock: PollTimer,
{
    /// A cached call.
    #[doc(hidden)]
    pub async fn cached<K: Shape<R>, R, C>(&mut self, shape: K, codec: &C, body: impl AsyncFnOnce() -> R) -> R
    where
        S: Values<K::Value, C>,
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
        self.land::<K::Value, C>(shape.keep(&out));
        out
    }

    /// Looks, and waits for somebody else's flight: the value, or else the flight is held, or there is nothing to ask.
    #[cfg_attr(not(target_pointer_width = "64"), inline(never))]
    fn poll_value<V, C>(&mut self, codec: &C, cx: &mut Context<'_>) -> Poll<Option<V>>
    where
        S: Values<V, C>,
    {
        if self.stage == Stage::New && !self.begin() {
            return Poll::Ready(None);
        }
        loop {
            if matches!(self.stage, Stage::New | Stage::Filled)
                && let Some(key) = self.key()
                && let Some(v) = self.instance.store().peek(key, codec)
            {
                self.say(|key| if self.at == Instant::ZERO { Event::Hit { key } } else { Event::Joined { key } });
                return Poll::Ready(Some(v));
            }
            ready!(self.poll_asked(cx));
            if self.stage != Stage::Filled {
                if self.stage == Stage::Held {
                    self.say(|key| Event::Miss { key });
                }
                return Poll::Ready(None);
            }
        }
    }

    /// Stores what the body brought, if it is worth keeping and the flight is held.
    #[cfg_attr(not(target_pointer_width = "64"), inline(never))]
    fn land<V, C>(&mut self, value: Option<Kept<'_, V>>)
    where
        S: Values<V, C>,
    {
        if self.stage != Stage::Held {
            return;
        }
        let success = value.is_some();
        if let Some(value) = value
            && let Some(key) = self.key()
        {
            self.instance.store().put(&key, self.token, self.now(), value);
        }
        let _ = self.poll_end(success, &mut Context::from_waker(Waker::noop()));
    }
}

/// Marks a flight while its body is polled, so that a recursive call computes instead of waiting.
///
/// Unmarked by `Drop`, so also when the body panics.
struct Inside<'a, 'i, S: Rights, O: Observer>(&'a Right<'i, S, O>);

impl<'a, 'i, S: Rights, O: Observer> Inside<'a, 'i, S, O> {
    fn enter(right: &'a Right<'i, S, O>) -> Self {
        right.mark(true);
        Self(right)
    }
}

impl<S: Rights, O: Observer> Drop for Inside<'_, '_, S, O> {
    fn drop(&mut self) {
        self.0.mark(false);
    }
}

impl<S: Rights, O: Observer> Right<'_, S, O> {
    #[cfg_attr(not(target_pointer_width = "64"), inline(never))]
    fn mark(&self, inside: bool) {
        if self.stage == Stage::Held {
            self.act(self.now(), Deed::Mark(inside));
        }
    }
}
