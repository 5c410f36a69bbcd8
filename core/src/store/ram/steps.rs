//! Operations on a store in RAM: each is one step under its lock, and never pending.

use super::{Backing, RamStore};
use crate::{
    cell::{table::Table, waiters::Place},
    key::{Key, Kind},
    op::{Answer, Op, Outcome, Request, Watched},
    patience::Ticket,
    store::{Fresh, Store, Values},
    time::{Clock, Instant},
    token::HolderToken,
};
use core::{
    convert::Infallible,
    mem::take,
    task::{Context, Poll, Waker},
};

impl<B: Backing> RamStore<B> {
    /// Wakes whom an operation concerns, now that the lock was left.
    #[inline]
    fn wake(&self, key: &Key<'_>, op: &Op, mut freed: Option<Waker>) {
        let everybody = key.kind == Kind::Cache && matches!(op, Op::Release(Outcome::Done { .. }));
        while let Some(waker) = freed.take() {
            waker.wake();
            if everybody {
                // who waits for a value can have it
                freed = self.0.step(|ram| ram.waiters.next(key));
            }
        }
        if *op == Op::Clear {
            // its holder hears of it at once
            while let Some(waker) = self.0.step(|ram| ram.waiters.next_watching(key)) {
                waker.wake();
            }
        }
    }
}

impl<B: Backing> Store for RamStore<B> {
    type InFlight = Place;
    type Error = Infallible;
    const LONGEST_KEY: usize = B::Table::LONGEST;
    const IS_IMMEDIATE: bool = true;

    fn poll_op(
        &self,
        place: &mut Place,
        request: &Request<'_>,
        _: &mut Context<'_>,
    ) -> Poll<Result<Answer, Infallible>> {
        let Request { key, token, now, op, .. } = *request;
        let (stack, mut freed) = (self.0.stack(), None);
        let end = now.plus(op.lasts());
        if *place != Place::default() {
            // who was woken and does not ask passes that on
            if let Some(waker) = self.0.step(|ram| ram.waiters.leave(take(place), key)) {
                waker.wake();
            }
        }
        let answer = self.0.step(|ram| {
            let holding = match *op {
                Op::Acquire(ask) => {
                    let answer = ram.ask(key, ask.size, token, end, stack, now);
                    return Poll::Ready(Ok(answer.unwrap_or(Answer::Full)));
                }
                Op::Renew { .. } => ram.extend(key, token, end, now),
                Op::Clear => {
                    let was;
                    (was, freed) = match key.kind {
                        Kind::Cache => ram.invalidate(key, now),
                        Kind::Lock | Kind::Once | Kind::Pool => ram.force(key, now),
                    };
                    return Poll::Ready(Ok(Answer::Cleared(was)));
                }
                Op::Inspect => return Poll::Ready(Ok(Answer::Inspected(ram.inspect(key, now)))),
                Op::Get => {
                    let found = ram.table.find(key).is_some_and(|cell| cell.fresh(now).is_some());
                    return Poll::Ready(Ok(if found { Answer::Filled } else { Answer::Absent }));
                }
                Op::Release(outcome) => {
                    let holding;
                    (holding, freed) = ram.end(
                        key,
                        token,
                        match outcome {
                            Outcome::Done { .. } => Some(end),
                            Outcome::Free => None,
                        },
                        now,
                    );
                    holding
                }
            };
            Poll::Ready(Ok(Answer::Held(holding)))
        });
        self.wake(key, op, freed);
        answer
    }

    fn is_held(&self, key: &Key<'_>, token: HolderToken) -> Option<bool> {
        Some(self.step(|ram, now| ram.is_held(key, token, now)))
    }

    fn ends(&self, key: &Key<'_>, token: HolderToken) -> Option<Instant> {
        self.step(|ram, now| ram.ends(key, token, now))
    }

    fn watch(&self, place: &mut Place, key: &Key<'_>, token: HolderToken, cx: &mut Context<'_>) -> Option<Watched> {
        Some(self.step(|ram, now| match ram.is_held(key, token, now) {
            false => Watched::Lost,
            true if ram.waiters.watch(place, key, cx.waker()) => Watched::Told,
            true => Watched::Untold,
        }))
    }

    fn unwatch(&self, place: &mut Place, _: &Key<'_>) {
        self.0.step(|ram| ram.waiters.unwatch(take(place)));
    }

    fn poll_changed(&self, place: &mut Place, key: &Key<'_>, ticket: Ticket, cx: &mut Context<'_>) -> Poll<()> {
        match self.0.step(|ram| ram.waiters.poll(place, key, ticket, cx.waker())) {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }
    }
}

/// In two steps: put in its place, then made fresh. Nobody sees it in between: a key whose flight is held has no fresh
/// value.
impl<B: Backing, C> Values<B::Value, C> for RamStore<B>
where
    B::Value: Clone,
{
    #[cfg_attr(not(target_pointer_width = "64"), inline(never))]
    fn peek(&self, key: &Key<'_>, _: &C) -> Option<B::Value> {
        let now = self.0.clock().coarse();
        self.0.step(|ram| ram.table.find(key)?.fresh(now).cloned())
    }

    fn fetch(&self, _: &mut Place, key: &Key<'_>, codec: &C) -> Option<B::Value> {
        self.peek(key, codec)
    }

    fn poll_publish(
        &self,
        _: &mut Place,
        request: &Request<'_>,
        fresh: Fresh<'_, '_, B::Value, C>,
        _: &mut Context<'_>,
    ) -> Poll<Result<Option<Answer>, Infallible>> {
        let Request { key, token, now, .. } = *request;
        if let Some(value) = fresh.value.take() {
            // copied before the lock is taken
            let value = value.into_owned();
            self.0.step(|ram| ram.put(key, token, value, now));
        }
        Poll::Ready(Ok(None))
    }
}
