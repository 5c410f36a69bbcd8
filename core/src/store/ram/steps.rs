//! What a right does to a store in RAM: each step is one function, and never pending.

use super::{Backing, RamStore};
use crate::{
    cell::Holding,
    key::Key,
    polled::{Answer, Deed, Fresh, Rights, Values},
    store::Peek,
    time::Instant,
    token::HolderToken,
};
use core::{
    convert::Infallible,
    task::{Context, Poll},
};

impl<B: Backing> Rights for RamStore<B> {
    type Step = ();
    type Trouble = Infallible;

    fn poll_act(
        &self,
        (): &mut (),
        key: &Key<'_>,
        token: HolderToken,
        now: Instant,
        deed: Deed<'_>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Answer, Infallible>> {
        let (stack, mut freed) = (self.0.stack(), None);
        let end = now.plus(match deed {
            Deed::Ask { ttl, .. } | Deed::Extend(ttl) | Deed::Done(ttl) => ttl,
            _ => 0,
        });
        let answer = self.0.step(|ram| {
            let kept = match deed {
                Deed::Ask { size, place, .. } => {
                    freed = ram.waiters.leave(place, key);
                    let asked = ram.ask(key, size, token, end, stack, now);
                    return Poll::Ready(Ok(asked.map_or(Answer::Full, Answer::Asked)));
                }
                Deed::Wait { place, ticket } => ram.waiters.poll(place, key, ticket, cx.waker()),
                Deed::Leave(place) => {
                    freed = ram.waiters.leave(place, key);
                    true
                }
                Deed::Wake => {
                    freed = ram.waiters.next(key);
                    freed.is_some()
                }
                Deed::Extend(_) => ram.extend(key, token, end, now) == Holding::Kept,
                Deed::Mark(inside) => {
                    ram.mark(key, token, if inside { stack } else { 0 }, now);
                    true
                }
                Deed::Release | Deed::Drop { .. } | Deed::Done(_) => {
                    let (holding, waker) = match deed {
                        Deed::Done(_) => ram.mark_done(key, token, end, now),
                        _ => ram.release(key, token, now),
                    };
                    freed = waker;
                    holding == Holding::Kept
                }
            };
            Poll::Ready(Ok(if kept { Answer::Yes } else { Answer::No }))
        });
        if let Some(waker) = freed {
            waker.wake();
        }
        answer
    }
}

/// In two steps: put in its place, then made fresh. Nobody sees it in between: a key whose flight is held has no fresh
/// value.
impl<B: Backing, C> Values<B::Value, C> for RamStore<B>
where
    B::Value: Clone,
{
    fn value(&self, (): &mut (), key: Key<'_>, codec: &C) -> Option<B::Value> {
        self.peek(key, codec)
    }

    fn poll_put(
        &self,
        (): &mut (),
        key: &Key<'_>,
        token: HolderToken,
        now: Instant,
        fresh: Fresh<'_, '_, B::Value, C>,
        _: &mut Context<'_>,
    ) -> Poll<Result<Option<Answer>, Infallible>> {
        if let Some(value) = fresh.value.take() {
            // copied before the lock is taken
            let value = value.into_owned();
            self.0.step(|ram| ram.put(key, token, value, now));
        }
        Poll::Ready(Ok(None))
    }
}
