//! Leases behind a line: every operation is one request.

use super::{
    call::Call,
    frame::checksum,
    message::Name,
    number,
    question::{self, Publication, Query, Question, Reply, reply},
    remote::RemoteStore,
    settings::after,
    short::Short,
    wire::Put,
};
use crate::{
    cell::waiters::Place,
    codec::{Codec, entry},
    key::{Key, Kind},
    op::{Answer, Left, Op, Outcome, Request},
    patience::Ticket,
    store::{Fault, Fresh, Leases, Values, lock::Lock},
    time::{Instant, Timer, short},
    token::HolderToken,
};
use core::{
    mem::take,
    task::{Context, Poll, ready},
};

impl<L: Lock, C: Timer, const SLOTS: usize, const FRAME: usize, const KEY: usize, const WAITERS: usize> Leases
    for RemoteStore<L, C, SLOTS, FRAME, KEY, WAITERS>
{
    type InFlight = Call<C::Wait>;
    type Trouble = Fault;

    fn poll_op(
        &self,
        call: &mut Self::InFlight,
        request: &Request<'_>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Answer, Fault>> {
        let Request { key, token, now, op, .. } = *request;
        let mut question = Question::new(0, token);
        question.ttl = short(op.lasts());
        question.number = match *op {
            Op::Acquire(_) if call.is_hopeless => return Poll::Ready(Err(Fault::Codec)),
            Op::Acquire(ask) => {
                self.unwait(call, key);
                question.size = if key.kind == Kind::Cache { Self::ROOM } else { ask.size };
                if ask.deadline != Instant::MAX {
                    question.patience = Some(short(ask.deadline.millis_since(now)));
                }
                match call.foreign {
                    Some(foreign) => {
                        question.foreign = foreign;
                        number::HEAL
                    }
                    None => question::ask(key.kind),
                }
            }
            Op::Renew { .. } => question::prolong(key.kind),
            Op::Release(Outcome::Done { .. }) => number::COMPLETE,
            Op::Release(Outcome::Free) => question::give_back(key.kind),
            Op::Clear => {
                return self.poll_query(
                    call,
                    key,
                    if key.kind == Kind::Cache { number::INVALIDATE } else { number::FORCE_RELEASE },
                    cx,
                );
            }
            Op::Inspect => {
                return self.poll_query(
                    call,
                    key,
                    if key.kind == Kind::Pool { number::IN_USE } else { number::REMAINING },
                    cx,
                );
            }
            Op::Get => return self.poll_query(call, key, number::GET, cx),
        };
        Poll::Ready(Ok(match ready!(self.poll_reply(call, key, &question, cx))? {
            Reply::Granted { fence, index, remaining } => {
                call.lasts = remaining;
                Answer::Granted { fence, index }
            }
            Reply::Busy { remaining, ticket, done } => {
                // the longest is without an end that is known
                let until = if remaining == u32::MAX { Instant::MAX } else { after(now, remaining) };
                if done { Answer::Done { until } } else { Answer::Busy { until, ticket } }
            }
            Reply::Filled => Answer::Filled,
            Reply::Held(holding) => Answer::Held(holding),
        }))
    }

    fn poll_changed(&self, call: &mut Self::InFlight, key: &Key<'_>, ticket: Ticket, cx: &mut Context<'_>) -> Poll<()> {
        match self.step(|state| state.waiters.poll(&mut call.place, key, ticket, cx.waker())) {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }
    }

    fn abandon(&self, call: &mut Self::InFlight, key: &Key<'_>, token: HolderToken, left: Left) {
        self.unwait(call, key);
        let (may_be_held, keep) = match left {
            Left::WakeUp | Left::Turn => (false, 0),
            Left::Lease => (true, 0),
            Left::Done { fresh, .. } => (true, short(fresh)),
        };
        self.forget(key, token, may_be_held, keep);
    }

    fn cancel(&self, call: &mut Self::InFlight) {
        call.end(self);
    }

    fn is_sent(call: &Self::InFlight) -> bool {
        call.is_sent()
    }

    fn lasts(call: &Self::InFlight, _: Instant, ttl: u32) -> (Instant, u32) {
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
    C: Timer,
    D: Codec<V>,
{
    fn fetch(&self, call: &mut Self::InFlight, _: &Key<'_>, codec: &D) -> Option<V> {
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

    fn poll_publish(
        &self,
        call: &mut Self::InFlight,
        request: &Request<'_>,
        fresh: Fresh<'_, '_, V, D>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Option<Answer>, Fault>> {
        let Request { key, token, .. } = *request;
        // encoded until it is sent, not kept: its bytes would be larger in the future than they cost here
        let mut room = Short::<FRAME>::new();
        if !call.is_sent() {
            let value = fresh.value.as_ref().ok_or(Fault::Codec);
            call.unfit = value.and_then(|value| room.fill(value.as_ref(), fresh.codec, Self::VALUE)).err();
        }
        let ttl = (fresh.ttl != u64::MAX).then(|| short(fresh.ttl));
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
            None => Ok(Some(Answer::Held(holding))),
        })
    }
}

impl<L: Lock, C: Timer, const SLOTS: usize, const FRAME: usize, const KEY: usize, const WAITERS: usize>
    RemoteStore<L, C, SLOTS, FRAME, KEY, WAITERS>
{
    /// The wait for a release is over.
    fn unwait(&self, call: &mut Call<C::Wait>, key: &Key<'_>) {
        // of one that is under way it is a place in the line for a slot
        if !call.is_active() && call.place != Place::default() {
            let place = take(&mut call.place);
            self.wake(|state| state.waiters.leave(place, key));
        }
    }

    /// About a key, whoever holds it.
    fn poll_query(
        &self,
        call: &mut Call<C::Wait>,
        key: &Key<'_>,
        number: u8,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Answer, Fault>> {
        let (mut bytes, name) = ([0; FRAME], Name { kind: key.kind, key: key.bytes });
        let query = Query { number, room: Self::ROOM };
        let answer = ready!(call.poll(self, name, &query, None, &mut bytes, cx))
            .and_then(|reader| question::answer(reader, self.clock.now()));
        if answer != Ok(Answer::Filled) {
            call.end(self);
        }
        Poll::Ready(answer)
    }

    #[cfg_attr(not(target_pointer_width = "64"), inline(never))]
    fn poll_reply(
        &self,
        call: &mut Call<C::Wait>,
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
}
