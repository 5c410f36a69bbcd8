//! Leases behind a line: every operation is one request.

use super::{
    OTHER_QUESTION,
    call::Call,
    frame::checksum,
    message::Name,
    number,
    question::{self, Publication, Question, Read},
    remote::RemoteStore,
    short::Short,
    wire::Put,
};
use cachify_core::{
    codec::{Codec, entry},
    key::{Key, Kind},
    op::{Answer, Left, Op, Outcome, Request},
    patience::Ticket,
    store::{Cause, Fresh, Store, Values, lock::Lock},
    time::{Instant, Timer, short},
    token::HolderToken,
};
use core::task::{Context, Poll, ready};

impl<L: Lock, C: Timer, const SLOTS: usize, const FRAME: usize, const KEY: usize, const WAITERS: usize> Store
    for RemoteStore<L, C, SLOTS, FRAME, KEY, WAITERS>
{
    type InFlight = Call<C::Wait>;
    type Error = Cause;

    fn poll_op(
        &self,
        call: &mut Self::InFlight,
        request: &Request<'_>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Answer, Cause>> {
        let Request { key, token, op, .. } = *request;
        let mut question = Question::new(0, key.kind, token);
        question.ttl = op.lasts();
        question.number = match *op {
            Op::Acquire(_) if call.is_hopeless => return Poll::Ready(Err(Cause::Codec)),
            Op::Acquire(ask) => {
                self.unwait(call, key);
                question.size = if key.kind == Kind::Cache { Self::ROOM.into() } else { ask.size };
                question.patience = (ask.wait != u64::MAX).then(|| short(ask.wait));
                (question.foreign, question.window) = (call.foreign, ask.window);
                number::ACQUIRE
            }
            Op::Renew { .. } => number::RENEW,
            // a flight without its value ends like one that failed
            Op::Release(Outcome::Done { .. }) if key.kind == Kind::Once => number::COMPLETE,
            Op::Release(_) => number::RELEASE,
            Op::Clear => number::CLEAR,
            // only with its value
            Op::Insert { .. } => return Poll::Ready(Err(OTHER_QUESTION)),
            Op::Inspect => number::INSPECT,
            Op::Get => {
                question.size = Self::ROOM.into();
                number::GET
            }
        };
        let read = if op.is_of_holder() { question::to_holder } else { question::to_anybody };
        self.poll_reply(call, key, &question, question.patience, read, cx)
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
            Left::WakeUp => (false, 0),
            // giving back what nobody holds calls the next one
            Left::HandOff => return self.forget(key, HolderToken::default(), false, 0),
            Left::Lease => (true, 0),
            Left::Done { fresh, .. } => (true, fresh),
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
    ) -> Poll<Result<Option<Answer>, Cause>> {
        let Request { key, token, .. } = *request;
        // encoded until it is sent, not kept: its bytes would be larger in the future than they cost here
        let mut room = Short::<FRAME>::new();
        if !call.is_sent() {
            let value = fresh.value.as_ref().ok_or(Cause::Codec);
            call.unfit = value.and_then(|value| room.fill(value.as_ref(), fresh.codec, Self::VALUE)).err();
        }
        let ttl = (fresh.ttl != u64::MAX).then_some(fresh.ttl);
        let value = room.bytes();
        let publication = Publication { token: Some(token), ttl, value };
        let abandon = Question::new(number::RELEASE, key.kind, token);
        let question: &dyn Put = if call.unfit.is_none() { &publication } else { &abandon };
        let answer = ready!(self.poll_reply(call, key, question, None, question::to_holder, cx))?;
        Poll::Ready(match call.unfit {
            Some(cause) => Err(cause),
            None => Ok(Some(answer)),
        })
    }

    fn poll_insert(
        &self,
        call: &mut Self::InFlight,
        request: &Request<'_>,
        fresh: Fresh<'_, '_, V, D>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Answer, Cause>> {
        let mut room = Short::<FRAME>::new();
        if !call.is_sent() {
            let value = fresh.value.as_ref().ok_or(Cause::Codec)?;
            room.fill(value.as_ref(), fresh.codec, Self::VALUE)?;
        }
        let ttl = (fresh.ttl != u64::MAX).then_some(fresh.ttl);
        let insertion = Publication { token: None, ttl, value: room.bytes() };
        self.poll_reply(call, request.key, &insertion, None, question::to_holder, cx)
    }
}

impl<L: Lock, C: Timer, const SLOTS: usize, const FRAME: usize, const KEY: usize, const WAITERS: usize>
    RemoteStore<L, C, SLOTS, FRAME, KEY, WAITERS>
{
    /// The wait for a release is over.
    fn unwait(&self, call: &mut Call<C::Wait>, key: &Key<'_>) {
        // of one that is under way it is a place in the line for a slot
        if !call.is_active() && call.place.stands() {
            self.wake(|state| state.waiters.leave(&mut call.place, key));
        }
    }

    #[cfg_attr(not(target_pointer_width = "64"), inline(never))]
    fn poll_reply(
        &self,
        call: &mut Call<C::Wait>,
        key: &Key<'_>,
        question: &dyn Put,
        patience: Option<u32>,
        read: Read,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Answer, Cause>> {
        let (mut bytes, name) = ([0; FRAME], Name { kind: key.kind, key: key.bytes });
        let reply = ready!(call.poll(self, name, question, patience, &mut bytes, cx));
        let told = reply.and_then(|reader| read(reader, self.clock.now()));
        if !matches!(told, Ok((Answer::Filled | Answer::Stale, _))) {
            call.end(self);
        }
        Poll::Ready(told.map(|(answer, lasts)| {
            call.lasts = lasts;
            answer
        }))
    }
}
