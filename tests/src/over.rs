//! A backend as a store of core's, without what an instance adds to it: for tests of backends themselves.

use cachify::{
    AsIs, Cause, HolderToken,
    backend::{Backend, BoxFuture, Call, OwnedKey, Reply},
    cachify_core::{
        key::{Key, LongKeyBuf},
        op::{Answer, Left, Request},
        patience::Ticket,
        store::{Fresh, Platform, Store, Values},
        time::Instant,
    },
    clock::StdClock,
};
use std::{
    fmt,
    ops::Deref,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

/// The backend, asked once for each operation.
pub struct Over<B> {
    backend: Arc<B>,
    clock: StdClock,
}

impl<B> Over<B> {
    /// Asks `backend`, which tells the time by itself.
    pub fn new(backend: B) -> Self {
        Self { backend: Arc::new(backend), clock: StdClock::system() }
    }
}

impl<B> Deref for Over<B> {
    type Target = B;
    fn deref(&self) -> &B {
        &self.backend
    }
}

impl<B> fmt::Debug for Over<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Over")
    }
}

/// An operation under way.
#[derive(Default)]
pub struct InFlight {
    call: Option<BoxFuture<'static, Result<Reply, Cause>>>,
    value: Option<Vec<u8>>,
    foreign: Option<Vec<u8>>,
    lasts: u32,
}

impl fmt::Debug for InFlight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InFlight")
    }
}

impl<B: Backend> Platform for Over<B> {
    type Clock = StdClock;
    type KeyBuf = LongKeyBuf;
    type Monitor = ();
    type Codec = AsIs;
    fn clock(&self) -> &StdClock {
        &self.clock
    }
    fn token(&self) -> HolderToken {
        unreachable!("tests bring their own")
    }
}

impl<B: Backend> Over<B> {
    fn poll(
        &self,
        state: &mut InFlight,
        request: &Request<'_>,
        bytes: Option<Vec<u8>>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Answer, Cause>> {
        let call =
            || Call::new(OwnedKey::of(*request.key), request.token, *request.op, Duration::from_secs(10)).with(bytes);
        let reply = if request.may_block {
            self.backend.clone().call_blocking(call())
        } else {
            let under_way = state.call.get_or_insert_with(|| self.backend.clone().call(call()));
            let reply = ready!(under_way.as_mut().poll(cx));
            state.call = None;
            reply
        };
        let after = |left| request.now.saturating_add(left);
        Poll::Ready(reply.map(|reply| match reply {
            Reply::Granted { fence, index, remaining } => {
                state.lasts = remaining.as_millis() as u32;
                Answer::Granted { fence, index }
            }
            Reply::Busy { remaining, ticket } => Answer::Busy { until: after(remaining), ticket },
            Reply::Done { remaining } => Answer::Done { until: after(remaining) },
            Reply::Filled(value) => {
                state.value = Some(value);
                Answer::Filled
            }
            Reply::Stale(value) => {
                state.value = Some(value);
                Answer::Stale
            }
            Reply::Absent => Answer::Absent,
            Reply::Held(holding) => Answer::Held(holding),
            Reply::Cleared(was) => Answer::Cleared(was),
            Reply::Inspected(seen) => Answer::Inspected(seen),
        }))
    }
}

impl<B: Backend> Store for Over<B> {
    type InFlight = InFlight;
    type Error = Cause;
    fn poll_op(
        &self,
        state: &mut InFlight,
        request: &Request<'_>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Answer, Cause>> {
        let foreign = state.foreign.take();
        self.poll(state, request, foreign, cx)
    }
    fn poll_changed(&self, _: &mut InFlight, _: &Key<'_>, _: Ticket, _: &mut Context<'_>) -> Poll<()> {
        Poll::Pending
    }
    fn abandon(&self, _: &mut InFlight, key: &Key<'_>, token: HolderToken, left: Left) {
        self.backend.clone().abandon(OwnedKey::of(*key), token, left);
    }
    fn lasts(state: &InFlight, now: Instant, _: u32) -> (Instant, u32) {
        (now, state.lasts)
    }
}

impl<B: Backend> Values<Vec<u8>, AsIs> for Over<B> {
    fn fetch(&self, state: &mut InFlight, _: &Key<'_>, _: &AsIs) -> Option<Vec<u8>> {
        state.value.take()
    }
    fn poll_publish(
        &self,
        state: &mut InFlight,
        request: &Request<'_>,
        fresh: Fresh<'_, '_, Vec<u8>, AsIs>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Option<Answer>, Cause>> {
        let value = fresh.value.as_ref().map(|value| value.as_ref().clone());
        self.poll(state, request, value, cx).map_ok(Some)
    }
}
