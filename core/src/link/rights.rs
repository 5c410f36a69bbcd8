//! Rights behind a line: every step of a bracket is one request, for both kinds of brackets.

use super::{
    call::Call,
    message::Name,
    number,
    question::{self, Question, Reply, reply},
    remote::RemoteStore,
    settings::after,
};
use crate::{
    cell::{Ask, Begun, Grant, Holding, ram::Asked, waiters::Place},
    key::Key,
    patience::Contended,
    polled::{Answer, Deed, Rights},
    store::{AsyncRights, Fault, Store, Want, lock::Lock},
    time::{Instant, PollTimer, millis, short},
    token::HolderToken,
};
use core::task::{Context, Poll, ready};

impl<L: Lock, C: PollTimer, const SLOTS: usize, const FRAME: usize, const KEY: usize, const WAITERS: usize> Rights
    for RemoteStore<L, C, SLOTS, FRAME, KEY, WAITERS>
{
    type Step<'s>
        = Call<'s, L, C, SLOTS, FRAME, KEY, WAITERS>
    where
        Self: 's;
    type Trouble = Fault;

    fn poll_act<'s>(
        &'s self,
        call: &mut Self::Step<'s>,
        key: &Key<'_>,
        token: HolderToken,
        now: Instant,
        deed: Deed<'_>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Answer, Fault>> {
        let mut question = Question::new(0, token);
        let mut within = u32::MAX;
        let mut until = now;
        question.number = match deed {
            Deed::Ask { size, end, deadline, place } => {
                if place != Place::default() {
                    self.wake(|state| state.waiters.leave(place, key));
                }
                until = end;
                question.size = size;
                if deadline != Instant::MAX {
                    let patience = short(deadline.millis_since(now));
                    question.patience = Some(patience);
                    within = if patience == 0 { u32::MAX } else { patience };
                }
                question::ask(key.kind)
            }
            Deed::Extend(end) => {
                until = end;
                question::prolong(key.kind)
            }
            Deed::Done(end) => {
                until = end;
                number::COMPLETE
            }
            Deed::Release => question::give_back(key.kind),
            Deed::Wait { place, ticket } => {
                return done(self.step(|state| state.waiters.poll(place, key, ticket, cx.waker())));
            }
            Deed::Leave(place) => {
                self.wake(|state| state.waiters.leave(place, key));
                return done(true);
            }
            Deed::Drop => {
                self.dropped(*key, token);
                return done(true);
            }
            Deed::Mark(_) | Deed::Wake => return done(false),
        };
        question.ttl = short(until.millis_since(now));
        let (mut bytes, name) = ([0; FRAME], Name { kind: key.kind, key: key.bytes });
        Poll::Ready(Ok(match reply(ready!(call.poll(self, name, &question, within, &mut bytes, cx))?)? {
            Reply::Granted(Grant { fence, index, .. }) => Answer::Asked(Asked::Granted { fence, index }),
            Reply::Busy { remaining, ticket, .. } => {
                call.since = None;
                Answer::Asked(Asked::Busy { end: after(now, remaining), ticket })
            }
            Reply::Held(Holding::Kept) => Answer::Yes,
            Reply::Held(Holding::Lost) => Answer::No,
        }))
    }

    fn since(call: &mut Self::Step<'_>, now: Instant) -> Instant {
        call.since.take().unwrap_or(now)
    }

    fn poll_at_most(&self) -> u32 {
        self.step(|state| state.timing.poll)
    }
}

fn done(done: bool) -> Poll<Result<Answer, Fault>> {
    Poll::Ready(Ok(if done { Answer::Yes } else { Answer::No }))
}

impl<L: Lock, C: PollTimer, const SLOTS: usize, const FRAME: usize, const KEY: usize, const WAITERS: usize> AsyncRights
    for RemoteStore<L, C, SLOTS, FRAME, KEY, WAITERS>
{
    async fn ask(&self, key: Key<'_>, want: Want, ask: &Ask<'_>) -> Result<Contended<Grant>, Fault> {
        let question = Question {
            size: if let Want::Permit { size } = want { size } else { 0 },
            patience: ask.within.map(|within| short(millis(within))),
            ttl: short(millis(ask.ttl)),
            ..Question::new(question::ask(key.kind), ask.token)
        };
        self.exchange(key, &question, ask.within, reply).await?.begun().map(Begun::contended)
    }

    async fn prolong(&self, key: Key<'_>, ask: &Ask<'_>) -> Result<Holding, Fault> {
        let ttl = short(millis(ask.ttl));
        let question = Question { ttl, ..Question::new(question::prolong(key.kind), ask.token) };
        self.exchange(key, &question, None, reply).await?.holding()
    }

    async fn settle(&self, key: Key<'_>, want: Want, token: HolderToken, success: bool) -> Result<Holding, Fault> {
        let question = match want {
            Want::Run { keep } if success => {
                Question { ttl: short(millis(keep)), ..Question::new(number::COMPLETE, token) }
            }
            _ => Question::give_back(key.kind, token),
        };
        self.exchange(key, &question, None, reply).await?.holding()
    }
}
