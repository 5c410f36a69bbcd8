//! Rights behind a line: every step of a bracket is one request, for both kinds of brackets.

use super::{
    call::{Call, Ending},
    faces::Short,
    frame::checksum,
    message::Name,
    number,
    question::{self, Publication, Question, Reply, reply},
    remote::RemoteStore,
    settings::after,
    wire::Put,
};
use crate::{
    cell::{Ask, Begun, Grant, Holding, ram::Asked, waiters::Place},
    codec::{Codec, entry},
    key::{Key, Kind},
    patience::Contended,
    polled::{Answer, Deed, Fresh, Rights, Values},
    store::{AsyncRights, Fault, Want, lock::Lock},
    time::{Instant, PollTimer, millis, short},
    token::HolderToken,
};
use core::{
    future::{Future, poll_fn},
    task::{Context, Poll, ready},
};

impl<L: Lock, C: PollTimer, const SLOTS: usize, const FRAME: usize, const KEY: usize, const WAITERS: usize> Rights
    for RemoteStore<L, C, SLOTS, FRAME, KEY, WAITERS>
{
    type Step = Call;
    type Trouble = Fault;
    const TELLS_TURNS: bool = true;

    fn poll_act(
        &self,
        call: &mut Self::Step,
        key: &Key<'_>,
        token: HolderToken,
        now: Instant,
        deed: Deed<'_>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Answer, Fault>> {
        let mut deed = deed;
        if let Some(done) = self.act_here(key, token, &mut deed, cx) {
            return Poll::Ready(Ok(if done { Answer::Yes } else { Answer::No }));
        }
        let mut question = Question::new(0, token);
        let mut until = now;
        question.number = match deed {
            Deed::Ask { .. } if call.is_hopeless => return Poll::Ready(Err(Fault::Codec)),
            Deed::Ask { size, ttl, deadline, place } => {
                let end = now.plus(ttl);
                if place != Place::default() {
                    self.wake(|state| state.waiters.leave(place, key));
                }
                until = end;
                question.size = if key.kind == Kind::Cache { Self::ROOM } else { size };
                if deadline != Instant::MAX {
                    question.patience = Some(short(deadline.millis_since(now)));
                }
                match call.foreign {
                    Some(foreign) => {
                        question.foreign = foreign;
                        number::HEAL
                    }
                    None => question::ask(key.kind),
                }
            }
            Deed::Extend(ttl) => {
                until = now.plus(ttl);
                question::prolong(key.kind)
            }
            Deed::Done(ttl) => {
                until = now.plus(ttl);
                number::COMPLETE
            }
            // a release; what is done here was done
            _ => question::give_back(key.kind),
        };
        question.ttl = short(until.millis_since(now));
        Poll::Ready(Ok(match ready!(self.poll_reply(call, key, &question, cx))? {
            Reply::Granted { fence, index, remaining } => {
                call.lasts = remaining;
                Answer::Asked(Asked::Granted { fence, index })
            }
            Reply::Busy { remaining, ticket, .. } => Answer::Asked(Asked::Busy { end: after(now, remaining), ticket }),
            Reply::Filled => Answer::Asked(Asked::Filled),
            Reply::Held(Holding::Kept) => Answer::Yes,
            Reply::Held(Holding::Lost) => Answer::No,
        }))
    }

    fn cancel(&self, call: &mut Self::Step) {
        call.end(self);
    }

    fn is_sent(call: &Self::Step) -> bool {
        call.is_sent()
    }

    fn lasts(call: &Self::Step, _: Instant, ttl: u32) -> (Instant, u32) {
        (call.since, ttl.min(call.lasts))
    }

    fn poll_at_most(&self) -> u32 {
        self.step(|state| state.timing.poll)
    }
}

impl<L, C, V, D, const SLOTS: usize, const FRAME: usize, const KEY: usize, const WAITERS: usize> Values<V, D>
    for RemoteStore<L, C, SLOTS, FRAME, KEY, WAITERS>
where
    L: Lock,
    C: PollTimer,
    D: Codec<V>,
{
    fn value(&self, call: &mut Self::Step, _: Key<'_>, codec: &D) -> Option<V> {
        let mut bytes = [0; FRAME];
        let found = call.answer(self, &mut bytes).and_then(question::value);
        call.end(self);
        let bytes = found?;
        let value = entry::decode(bytes, codec);
        if value.is_none() {
            // the next question names these bytes as ones that are no value. Once more: somebody writes them now
            call.is_hopeless = call.foreign.replace(checksum(bytes)).is_some();
        }
        value
    }

    fn poll_put(
        &self,
        call: &mut Self::Step,
        key: &Key<'_>,
        token: HolderToken,
        now: Instant,
        fresh: Fresh<'_, '_, V, D>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Option<Answer>, Fault>> {
        // encoded until it is sent, not kept: its bytes would be larger in the future than they cost here
        let mut room = Short::<FRAME>::new();
        if !call.is_sent() {
            let value = fresh.value.as_ref().ok_or(Fault::Codec);
            call.unfit = value.and_then(|value| room.fill(value.as_ref(), fresh.codec, Self::VALUE)).err();
        }
        let ttl = (fresh.until != Instant::MAX).then(|| short(fresh.until.millis_since(now)));
        let value = room.bytes();
        let publication = Publication { token, ttl, value };
        let abandon = Question::give_back(key.kind, token);
        let question: &dyn Put = if call.unfit.is_none() { &publication } else { &abandon };
        let (mut bytes, name) = ([0; FRAME], Name { kind: key.kind, key: key.bytes });
        let reply = ready!(call.poll(self, name, question, None, &mut bytes, cx)).and_then(reply);
        call.end(self);
        let holding = reply?.holding()?;
        Poll::Ready(match call.unfit {
            Some(fault) => Err(fault),
            None => Ok(Some(if holding == Holding::Kept { Answer::Yes } else { Answer::No })),
        })
    }
}

impl<L: Lock, C: PollTimer, const SLOTS: usize, const FRAME: usize, const KEY: usize, const WAITERS: usize>
    RemoteStore<L, C, SLOTS, FRAME, KEY, WAITERS>
{
    /// What asks nobody: whether it was done, unless the deed is for the gateway.
    fn act_here(&self, key: &Key<'_>, token: HolderToken, deed: &mut Deed<'_>, cx: &Context<'_>) -> Option<bool> {
        match deed {
            Deed::Wait { place, ticket } => {
                Some(self.step(|state| state.waiters.poll(place, key, *ticket, cx.waker())))
            }
            Deed::Leave(place) => {
                self.wake(|state| state.waiters.leave(*place, key));
                Some(true)
            }
            Deed::Drop { may_be_held, keep } => {
                self.forget(key, token, *may_be_held, *keep);
                Some(true)
            }
            Deed::Mark(_) | Deed::Wake => Some(false),
            _ => None,
        }
    }

    #[cfg_attr(not(target_pointer_width = "64"), inline(never))]
    fn poll_reply(
        &self,
        call: &mut Call,
        key: &Key<'_>,
        question: &Question,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Reply, Fault>> {
        let (mut bytes, name) = ([0; FRAME], Name { kind: key.kind, key: key.bytes });
        let reply = ready!(call.poll(self, name, question, question.patience, &mut bytes, cx)).and_then(reply);
        if reply != Ok(Reply::Filled) {
            call.end(self);
        }
        Poll::Ready(reply)
    }

    // no async function: that would be a second state beside the call's own
    fn told<R>(
        &self,
        key: Key<'_>,
        question: Question,
        read: impl Fn(Reply) -> Result<R, Fault>,
    ) -> impl Future<Output = Result<R, Fault>> {
        let mut call = Ending { store: self, call: Call::default() };
        poll_fn(move |cx| self.poll_reply(&mut call.call, &key, &question, cx).map(|reply| read(reply?)))
    }
}

impl<L: Lock, C: PollTimer, const SLOTS: usize, const FRAME: usize, const KEY: usize, const WAITERS: usize> AsyncRights
    for RemoteStore<L, C, SLOTS, FRAME, KEY, WAITERS>
{
    fn ask(&self, key: Key<'_>, want: Want, ask: &Ask<'_>) -> impl Future<Output = Result<Contended<Grant>, Fault>> {
        let question = Question {
            size: if let Want::Permit { size } = want { size } else { 0 },
            patience: ask.within.map(|within| short(millis(within))),
            ttl: short(millis(ask.ttl)),
            ..Question::new(question::ask(key.kind), ask.token)
        };
        self.told(key, question, |reply| reply.begun().map(Begun::contended))
    }

    fn prolong(&self, key: Key<'_>, ask: &Ask<'_>) -> impl Future<Output = Result<Holding, Fault>> {
        let ttl = short(millis(ask.ttl));
        let question = Question { ttl, ..Question::new(question::prolong(key.kind), ask.token) };
        self.told(key, question, Reply::holding)
    }

    fn settle(
        &self,
        key: Key<'_>,
        want: Want,
        token: HolderToken,
        success: bool,
    ) -> impl Future<Output = Result<Holding, Fault>> {
        let question = match want {
            Want::Run { keep } if success => {
                Question { ttl: short(millis(keep)), ..Question::new(number::COMPLETE, token) }
            }
            _ => Question::give_back(key.kind, token),
        };
        self.told(key, question, Reply::holding)
    }
}
