//! Operations on a store in RAM: each is one step under its lock, and never pending.

use super::{Backing, RamStore};
use crate::{
    cell::{
        Holding, MaybeOwned,
        table::Table,
        waiters::{Place, Woken},
    },
    key::{Key, Kind},
    op::{Answer, Ask, Left, Op, Outcome, Request, WINDOWS, Watched},
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
    fn wake(&self, key: &Key<'_>, op: &Op, woken: Woken) {
        woken.wake();
        if matches!(op, Op::Release(Outcome::Done { .. })) {
            // a marker or a value is news for everybody who waits
            while let Some(woken) = self.0.step(|ram| ram.waiters.next(key)) {
                woken.wake();
            }
        }
        if matches!(op, Op::Clear) {
            // its holder hears of it at once
            while let Some(woken) = self.0.step(|ram| ram.waiters.next_watching(key)) {
                woken.wake();
            }
        }
    }
}

impl<B: Backing> Store for RamStore<B> {
    type InFlight = Place;
    type Error = Infallible;
    const LONGEST_KEY: usize = B::Table::LONGEST;
    const SLOTS: usize = B::SLOTS;
    const IS_IMMEDIATE: bool = true;

    fn poll_op(
        &self,
        place: &mut Place,
        request: &Request<'_>,
        _: &mut Context<'_>,
    ) -> Poll<Result<Answer, Infallible>> {
        let Request { key, token, now, op, .. } = *request;
        let (stack, mut woken) = (self.0.stack(), Woken::NOBODY);
        let end = now.plus(op.lasts());
        let answer = self.0.step(|ram| match op {
            Op::Acquire(ask) => ram.ask(key, ask, token, place, (now, stack), &mut woken),
            Op::Renew { .. } => Answer::Held(ram.extend(key, token, end, now)),
            Op::Clear => Answer::Cleared(match key.kind {
                Kind::Cache => ram.invalidate(key, now, &mut woken),
                Kind::Lock | Kind::Once | Kind::Pool => ram.force(key, now, &mut woken),
            }),
            Op::Inspect => Answer::Inspected(ram.inspect(key, now)),
            // without its value there is nothing to insert, only to look at
            Op::Get | Op::Insert { .. } => {
                let found = ram.table.find(key).is_some_and(|cell| cell.fresh(now).is_some());
                if found { Answer::Filled } else { Answer::Absent }
            }
            Op::Release(outcome) => {
                let done = matches!(outcome, Outcome::Done { .. }).then_some(end);
                Answer::Held(ram.end(key, token, place, (now, done), &mut woken))
            }
        });
        self.wake(key, op, woken);
        Poll::Ready(Ok(answer))
    }

    fn abandon(&self, place: &mut Place, key: &Key<'_>, token: HolderToken, left: Left) {
        let now = self.0.clock().now();
        if left == Left::HandOff {
            let mut woken = Woken::NOBODY;
            self.0.step(|ram| ram.leave(key, token, place, now, &mut woken));
            return woken.wake();
        }
        let request = Request { key, token, now, op: &Op::Release(left.outcome()), may_block: false };
        let _ = self.poll_op(place, &request, &mut Context::from_waker(Waker::noop()));
    }

    fn is_held(&self, key: &Key<'_>, token: HolderToken) -> Option<bool> {
        Some(self.step(|ram, now| ram.is_held(key, token, now)))
    }

    fn ends(&self, key: &Key<'_>, token: HolderToken) -> Option<Instant> {
        self.step(|ram, now| ram.ends(key, token, now))
    }

    fn watch(&self, place: &mut Place, key: &Key<'_>, token: HolderToken, cx: &mut Context<'_>) -> Option<Watched> {
        // copied and dropped outside the lock: a waker is the caller's code
        let waker = cx.waker().clone();
        let (watched, _unused) = self.step(|ram, now| match ram.is_held(key, token, now) {
            false => (Watched::Lost, Some(waker)),
            true => match ram.waiters.watch(place, key, token, waker) {
                (true, old) => (Watched::Told, old),
                (false, unused) => (Watched::Untold, unused),
            },
        });
        Some(watched)
    }

    fn unwatch(&self, place: &mut Place, key: &Key<'_>) {
        let _unused = self.0.step(|ram| ram.waiters.unwatch(key, take(place)));
    }

    fn poll_changed(&self, place: &mut Place, key: &Key<'_>, ticket: Ticket, cx: &mut Context<'_>) -> Poll<()> {
        // copied and dropped outside the lock: a waker is the caller's code
        let waker = cx.waker().clone();
        let (is_over, _unused) = self.0.step(|ram| ram.waiters.poll(place, key, ticket, waker));
        if is_over { Poll::Ready(()) } else { Poll::Pending }
    }
}

/// In two steps: put in its place, then given its end. In between others see it where they saw the one before, until that
/// one's end.
#[diagnostic::do_not_recommend]
impl<B: Backing, C> Values<B::Value, C> for RamStore<B>
where
    B::Value: Clone,
{
    fn peek(&self, key: &Key<'_>, codec: &C) -> Option<B::Value> {
        self.peek_within(key, codec, 0)
    }

    #[cfg_attr(not(target_pointer_width = "64"), inline(never))]
    fn peek_within(&self, key: &Key<'_>, _: &C, window: u32) -> Option<B::Value> {
        let then = Ask::horizon(if WINDOWS { window } else { 0 }, self.0.clock().coarse());
        self.0.step(|ram| ram.table.find(key)?.fresh(then).cloned())
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

    fn poll_insert(
        &self,
        _: &mut Place,
        request: &Request<'_>,
        fresh: Fresh<'_, '_, B::Value, C>,
        _: &mut Context<'_>,
    ) -> Poll<Result<Answer, Infallible>> {
        let Request { key, now, .. } = *request;
        let Some(value) = fresh.value.take().map(MaybeOwned::into_owned) else { return Poll::Ready(Ok(Answer::Full)) };
        let (mut woken, end) = (Woken::NOBODY, now.plus(fresh.ttl));
        let is_kept = self.0.step(|ram| ram.insert(key, value, (now, end), &mut woken));
        // news for everybody who waits, and for who loads
        self.wake(key, &Op::Release(Outcome::Done { fresh: 0 }), woken);
        self.wake(key, &Op::Clear, Woken::NOBODY);
        Poll::Ready(Ok(if is_kept { Answer::Held(Holding::Held) } else { Answer::Full }))
    }
}
