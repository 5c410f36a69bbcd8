//! The leases of memory, one step at a time by the rules of core's cells; and its values, whose end is that of a
//! flight.

use super::{
    Memory, is_marked,
    values::{AnyNode, Node, read, write},
};
use cachify_core::{
    Cause, Holding,
    cell::waiters::Place,
    key::{Key, Kind},
    op::{Answer, Inspection, Op, Outcome, Request, Watched},
    patience::Ticket,
    store::{Fresh, Store, Values},
    time::{Clock, Instant},
    token::HolderToken,
};
use std::{
    mem::take,
    task::{Context, Poll, Waker},
};

/// What an operation keeps between polls: the place of one who waits.
#[derive(Debug, Default)]
pub struct InFlight {
    place: Place,
    /// The value that is there is of another type than the caller's: it counts for none.
    is_foreign: bool,
}

impl Store for Memory {
    type InFlight = InFlight;
    type Error = Cause;
    const IS_IMMEDIATE: bool = true;

    #[inline]
    fn poll_op(&self, state: &mut InFlight, request: &Request<'_>, _: &mut Context<'_>) -> Poll<Result<Answer, Cause>> {
        let Request { key, token, now, op, .. } = *request;
        let end = Instant::from_millis(now.as_millis().saturating_add(op.lasts()));
        let (mut freed, mut gone) = ([None, None], None);
        let answer = self.0.step_at(key, |ram| {
            // who was woken and does not ask passes that on
            freed[0] = ram.waiters.leave(take(&mut state.place), key);
            let holding = match *op {
                Op::Acquire(ask) => {
                    if key.kind == Kind::Cache {
                        // looked at under the leases: nobody can publish between this look and the flight
                        if !take(&mut state.is_foreign) && read(&self.0.shard(key).values).has(key, now) {
                            return Ok(Answer::Filled);
                        }
                        if is_marked(self.id(), key) {
                            return Ok(Answer::Recursive);
                        }
                    }
                    return ram.ask(key, ask.size, token, end, NO_STACK, now).map_err(|_| Cause::Full);
                }
                Op::Renew { .. } => ram.extend(key, token, end, now),
                Op::Clear => {
                    let was;
                    (was, freed[1]) = ram.force(key, now);
                    if key.kind != Kind::Cache {
                        return Ok(Answer::Cleared(was));
                    }
                    gone = write(&self.0.shard(key).values).remove(key, now);
                    return Ok(Answer::Cleared(gone.as_ref().is_some_and(|(_, was_fresh)| *was_fresh)));
                }
                Op::Inspect if key.kind == Kind::Cache => {
                    let held = read(&self.0.shard(key).values).has(key, now).into();
                    return Ok(Answer::Inspected(Inspection::new(held, u64::MAX)));
                }
                Op::Inspect => return Ok(Answer::Inspected(ram.inspect(key, now))),
                Op::Get => {
                    let found = read(&self.0.shard(key).values).has(key, now);
                    return Ok(if found { Answer::Filled } else { Answer::Absent });
                }
                Op::Release(outcome) => {
                    // a value has an end of its own
                    let marked = key.kind != Kind::Cache && outcome != Outcome::Free;
                    let holding;
                    (holding, freed[1]) = ram.end(key, token, marked.then_some(end), now);
                    holding
                }
            };
            Ok(Answer::Held(holding))
        });
        freed.into_iter().flatten().for_each(Waker::wake);
        if *op == Op::Clear {
            // its holder hears of it at once
            while let Some(waker) = self.0.step_at(key, |ram| ram.waiters.next_watching(key)) {
                waker.wake();
            }
        }
        // a user's `Drop` never runs under a lock
        drop(gone);
        Poll::Ready(answer)
    }

    fn is_held(&self, key: &Key<'_>, token: HolderToken) -> Option<bool> {
        Some(self.0.step(key, |ram, now| ram.is_held(key, token, now)))
    }

    fn ends(&self, key: &Key<'_>, token: HolderToken) -> Option<Instant> {
        self.0.step(key, |ram, now| ram.ends(key, token, now))
    }

    fn watch(&self, state: &mut InFlight, key: &Key<'_>, token: HolderToken, cx: &mut Context<'_>) -> Option<Watched> {
        Some(self.0.step(key, |ram, now| match ram.is_held(key, token, now) {
            true if ram.waiters.watch(&mut state.place, key, cx.waker()) => Watched::Told,
            true => Watched::Untold,
            false => Watched::Lost,
        }))
    }

    fn unwatch(&self, state: &mut InFlight, key: &Key<'_>) {
        self.0.step_at(key, |ram| ram.waiters.unwatch(take(&mut state.place)));
    }

    fn poll_changed(&self, state: &mut InFlight, key: &Key<'_>, ticket: Ticket, cx: &mut Context<'_>) -> Poll<()> {
        match self.0.step_at(key, |ram| ram.waiters.poll(&mut state.place, key, ticket, cx.waker())) {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }
    }
}

/// Recursion is told by the thread's own stack, not by the cell.
const NO_STACK: u32 = u32::MAX;

impl<V: Clone + Send + Sync + 'static, C> Values<V, C> for Memory {
    #[inline]
    fn peek(&self, key: &Key<'_>, _: &C) -> Option<V> {
        let now = self.0.clock.coarse();
        read(&self.0.shard(key).values).get(key, now)
    }

    fn fetch(&self, state: &mut InFlight, key: &Key<'_>, codec: &C) -> Option<V> {
        let value = self.peek(key, codec);
        state.is_foreign = value.is_none();
        value
    }

    fn poll_publish(
        &self,
        _: &mut InFlight,
        request: &Request<'_>,
        fresh: Fresh<'_, '_, V, C>,
        _: &mut Context<'_>,
    ) -> Poll<Result<Option<Answer>, Cause>> {
        let Request { key, token, now, .. } = *request;
        let end = Instant::from_millis(now.as_millis().saturating_add(fresh.ttl));
        // copied and boxed before the lock is taken
        let value = fresh.value.take().map(cachify_core::cell::MaybeOwned::into_owned);
        let mut node = value.map(|value| -> AnyNode { Box::new(Node::new(key, end, value)) });
        let (holding, gone) = self.0.free(key, |ram, now| {
            let (holding, freed) = ram.end(key, token, None, now);
            let kept = if holding == Holding::Held { node.take() } else { None };
            let gone = kept.map(|node| write(&self.0.shard(key).values).insert(node, key, now));
            ((holding, gone), freed)
        });
        if holding == Holding::Held {
            self.0.wake_all(key);
        }
        // values are dropped here, the late one too: a user's `Drop` never runs under a lock
        drop((gone, node));
        Poll::Ready(Ok(Some(Answer::Held(holding))))
    }
}
