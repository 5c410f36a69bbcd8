//! The store of an instance as devices see it: values are bytes, whatever their type.

use super::{AnyStore, Kind, away::InFlight};
use crate::{clock::StdClock, renewer::Renewed, sync::StdLock};
use cachify_core::{
    AsIs, Cause,
    cell::MaybeOwned,
    key::{Key, LongKeyBuf},
    op::{Answer, Left, Op, Request},
    patience::Ticket,
    store::{Fresh, Platform, Store, Values},
    time::Instant,
    token::HolderToken,
};
use cachify_link::{Gateway, Roster};
use std::{
    sync::Arc,
    task::{Context, Poll},
};

/// The store of an instance, for gateways: rights are shared with the instance's own calls, values are bytes.
///
/// Outside the process an entry is what it is there, so a device and a server that give it the same tag and codec read
/// each other's. In memory, devices see only what devices wrote.
#[derive(Clone, Debug)]
pub struct RawStore(AnyStore, Arc<Roster<StdLock>>);

impl RawStore {
    pub(crate) fn new(store: AnyStore) -> Self {
        Self(store, Arc::default())
    }

    /// A gateway for the devices of one line, under this instance's prefix.
    ///
    /// A device whose identity is on another line of this store or of a clone of it is refused.
    #[must_use]
    pub fn gateway(&self) -> Gateway<'_, Self, StdClock> {
        let gateway = Gateway::new(self, self.0.clock.clone()).prefix(&self.0.prefix).seed(self.0.seed);
        gateway.admission(&*self.1)
    }
}

impl Platform for RawStore {
    type Clock = StdClock;
    type KeyBuf = LongKeyBuf;
    type Monitor = Renewed;
    type Codec = AsIs;
    fn clock(&self) -> &StdClock {
        &self.0.clock
    }
    fn token(&self) -> HolderToken {
        self.0.token()
    }
    fn prefix(&self) -> &str {
        &self.0.prefix
    }
    fn seed(&self) -> u64 {
        self.0.seed
    }
}

impl Store for RawStore {
    type InFlight = InFlight;
    type Error = Cause;

    fn poll_op(
        &self,
        state: &mut InFlight,
        request: &Request<'_>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Answer, Cause>> {
        if matches!((&self.0.kind, request.op), (Kind::Remote(_), Op::Acquire(_))) {
            AnyStore::for_device(state);
        }
        self.0.poll_op(state, request, cx)
    }
    fn bring_at_most(state: &mut InFlight, bytes: usize) {
        AnyStore::with_room(state, bytes);
    }
    fn poll_changed(&self, state: &mut InFlight, key: &Key<'_>, ticket: Ticket, cx: &mut Context<'_>) -> Poll<()> {
        self.0.poll_changed(state, key, ticket, cx)
    }
    fn cancel(&self, state: &mut InFlight) {
        self.0.cancel(state);
    }
    fn abandon(&self, state: &mut InFlight, key: &Key<'_>, token: HolderToken, left: Left) {
        self.0.abandon(state, key, token, left);
    }
    fn ends(&self, key: &Key<'_>, token: HolderToken) -> Option<Instant> {
        self.0.ends(key, token)
    }
    fn lasts(state: &InFlight, now: Instant, ttl: u32) -> (Instant, u32) {
        AnyStore::lasts(state, now, ttl)
    }
}

type Bytes = Vec<u8>;

/// What a device wrote, in memory: a type of its own, which no server caches.
#[derive(Clone, Debug)]
struct Written(Bytes);

impl Values<Bytes, AsIs> for RawStore {
    fn fetch(&self, state: &mut InFlight, key: &Key<'_>, codec: &AsIs) -> Option<Bytes> {
        match &self.0.kind {
            Kind::Memory(memory) => memory.fetch(&mut state.memory, key, codec).map(|Written(bytes)| bytes),
            Kind::Remote(_) | Kind::Nothing => AnyStore::brought(state),
        }
    }

    fn poll_publish(
        &self,
        state: &mut InFlight,
        request: &Request<'_>,
        fresh: Fresh<'_, '_, Bytes, AsIs>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Option<Answer>, Cause>> {
        let Fresh { codec, value, ttl } = fresh;
        match &self.0.kind {
            Kind::Memory(memory) => {
                let value = &mut value.take().map(|value| MaybeOwned::Owned(Written(value.into_owned())));
                memory.poll_publish(&mut state.memory, request, Fresh { codec, value, ttl }, cx)
            }
            Kind::Remote(remote) => self.0.poll_landing(state, remote, request, cx, || {
                value.as_ref().map(|value| value.as_ref().clone()).ok_or(Cause::Codec)
            }),
            Kind::Nothing => Poll::Ready(Err(Cause::NotInitialised)),
        }
    }
}
