//! Rights behind a line: every step of a bracket is one request, for both kinds of brackets.

use super::{
    call::Call,
    message::Name,
    question::{Question, Reply, asked, held, reply},
    remote::RemoteStore,
};
use crate::{
    cell::{Ask, Begun, Grant, Holding, ram::Asked, waiters::Place},
    key::Key,
    patience::{Contended, Ticket},
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
        let from_now = |end: Instant| short(end.millis_since(now));
        let mut within = u32::MAX;
        let question = match deed {
            Deed::Ask { size, end, deadline, place } => {
                if place != Place::default() {
                    self.wake(|state| state.waiters.leave(place, key));
                }
                let patience = (deadline != Instant::MAX).then(|| from_now(deadline));
                within = patience.filter(|within| *within != 0).unwrap_or(u32::MAX);
                Question::ask(key.kind, size, token, from_now(end), patience)
            }
            Deed::Extend(end) => Question::prolong(key.kind, token, from_now(end)),
            Deed::Release => Question::give_back(key.kind, token),
            Deed::Done(end) => Question::complete(token, from_now(end)),
            Deed::Wait { place, ticket, waker } => {
                return done(self.step(|state| state.waiters.poll(place, key, ticket, waker)));
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
        let (mut bytes, name) = ([0; FRAME], Name { kind: key.kind, key: key.bytes });
        let reply = reply(ready!(call.poll(self, name, &question, within, &mut bytes, cx))?)?;
        Poll::Ready(Ok(match reply {
            Reply::Asked(Begun::Run(Grant { fence, index, .. })) => Answer::Asked(Asked::Granted { fence, index }),
            Reply::Asked(Begun::Busy(busy)) => {
                call.since = None;
                Answer::Asked(Asked::Busy { end: now.saturating_add(busy.remaining), ticket: busy.ticket })
            }
            Reply::Asked(Begun::Done { remaining }) => {
                call.since = None;
                Answer::Asked(Asked::Busy { end: now.saturating_add(remaining), ticket: Ticket::NONE })
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
        let size = if let Want::Permit { size } = want { size } else { 0 };
        let patience = ask.within.map(|within| short(millis(within)));
        let question = Question::ask(want.kind(), size, ask.token, short(millis(ask.ttl)), patience);
        Ok(self.exchange(key, &question, ask.within, asked).await?.contended())
    }

    async fn prolong(&self, key: Key<'_>, ask: &Ask<'_>) -> Result<Holding, Fault> {
        let question = Question::prolong(key.kind, ask.token, short(millis(ask.ttl)));
        self.exchange(key, &question, None, held).await
    }

    async fn settle(&self, key: Key<'_>, want: Want, token: HolderToken, success: bool) -> Result<Holding, Fault> {
        let question = match want {
            Want::Run { keep } if success => Question::complete(token, short(millis(keep))),
            _ => Question::give_back(key.kind, token),
        };
        self.exchange(key, &question, None, held).await
    }
}
