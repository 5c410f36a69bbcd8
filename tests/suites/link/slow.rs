//! A store that takes its time with one key.

use crate::world::Memory;
use cachify_core::{
    AsIs,
    key::{Key, LongKeyBuf},
    op::{Answer, Left, Op, Request},
    patience::Ticket,
    store::{Fresh, Platform, Store, Values},
    testing::ManualClock,
    time::{Clock, Instant},
    token::HolderToken,
};
use std::{
    cell::RefCell,
    task::{Context, Poll, ready},
    time::Duration,
};

/// Operations on the key `slow` take 200 ms; the diary tells when which began and ended.
pub(crate) struct Slow<'c> {
    pub(crate) store: Memory<'c>,
    pub(crate) clock: &'c ManualClock,
    pub(crate) diary: RefCell<Vec<String>>,
}

type Inner<'c> = <Memory<'c> as Store>::InFlight;

/// An operation under way, until when it takes its time.
#[derive(Default)]
pub(crate) struct InFlight<I> {
    inner: I,
    until: Option<Instant>,
}

impl Slow<'_> {
    fn poll_time<I>(&self, state: &mut InFlight<I>, request: &Request<'_>) -> Poll<()> {
        let what = match request.op {
            Op::Acquire(_) => "acquire",
            Op::Renew { .. } => "renew",
            Op::Release(_) => "release",
            Op::Clear => "clear",
            Op::Insert { .. } => "insert",
            Op::Inspect => "inspect",
            Op::Get => "get",
        };
        let until = *state.until.get_or_insert_with(|| {
            self.diary.borrow_mut().push(format!("begins {what}"));
            let takes = if request.key.bytes == b"slow" { Duration::from_millis(200) } else { Duration::ZERO };
            self.clock.now().saturating_add(takes)
        });
        if self.clock.now() < until {
            return Poll::Pending;
        }
        state.until = None;
        self.diary.borrow_mut().push(format!("ends {what}"));
        Poll::Ready(())
    }
}

impl<'c> Platform for Slow<'c> {
    type Clock = &'c ManualClock;
    type KeyBuf = LongKeyBuf;
    type Monitor = ();
    type Codec = AsIs;
    fn clock(&self) -> &&'c ManualClock {
        &self.clock
    }
    fn token(&self) -> HolderToken {
        self.store.token()
    }
}

impl<'c> Store for Slow<'c> {
    type InFlight = InFlight<Inner<'c>>;
    type Error = <Memory<'c> as Store>::Error;
    fn poll_op(
        &self,
        state: &mut Self::InFlight,
        request: &Request<'_>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Answer, Self::Error>> {
        ready!(self.poll_time(state, request));
        self.store.poll_op(&mut state.inner, request, cx)
    }
    fn poll_changed(
        &self,
        state: &mut Self::InFlight,
        key: &Key<'_>,
        ticket: Ticket,
        cx: &mut Context<'_>,
    ) -> Poll<()> {
        self.store.poll_changed(&mut state.inner, key, ticket, cx)
    }
    fn abandon(&self, state: &mut Self::InFlight, key: &Key<'_>, token: HolderToken, left: Left) {
        self.store.abandon(&mut state.inner, key, token, left);
    }
    fn ends(&self, key: &Key<'_>, token: HolderToken) -> Option<Instant> {
        self.store.ends(key, token)
    }
}

impl Values<Vec<u8>, AsIs> for Slow<'_> {
    fn fetch(&self, state: &mut Self::InFlight, key: &Key<'_>, codec: &AsIs) -> Option<Vec<u8>> {
        self.store.fetch(&mut state.inner, key, codec)
    }
    fn poll_publish(
        &self,
        state: &mut Self::InFlight,
        request: &Request<'_>,
        fresh: Fresh<'_, '_, Vec<u8>, AsIs>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Option<Answer>, Self::Error>> {
        ready!(self.poll_time(state, request));
        self.store.poll_publish(&mut state.inner, request, fresh, cx)
    }
}
