//! The leases and values of [`AnyStore`], as the state machine asks for them: in memory at once, outside by an operation
//! under way.

use super::{
    AnyStore, Kind,
    away::{Away, InFlight, Look},
    entry::encode,
};
use crate::{backend::BoxFuture, loads::Part, memory::Memory, seeing::sees_leases};
use cachify_core::{
    __private::{Encodes, Shares},
    Cause,
    codec::{Codec, entry::decode},
    drive::beside,
    key::Key,
    op::{Answer, Left, Request, Watched},
    patience::Ticket,
    store::{Fresh, Store, Values},
    time::Instant,
    token::HolderToken,
};
use std::{
    future::pending,
    mem::take,
    task::{Context, Poll},
};

impl Store for AnyStore {
    type InFlight = InFlight;
    type Error = Cause;

    #[inline]
    fn poll_op(
        &self,
        state: &mut InFlight,
        request: &Request<'_>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Answer, Cause>> {
        match &self.kind {
            Kind::Memory(memory) => memory.poll_op(&mut state.memory, request, cx),
            Kind::Remote(_) if let Some(cause) = self.unfit => Poll::Ready(Err(cause)),
            Kind::Remote(remote) => {
                let InFlight { memory, remote: away } = state;
                let away = away.get_or_insert_default();
                match self.watcher.sight() {
                    None => self.poll_remote(away, remote, request, cx),
                    Some(sight) => memory.watch.polled(sight, request, || self.poll_remote(away, remote, request, cx)),
                }
            }
            Kind::Nothing => Poll::Ready(Err(Cause::NotInitialised)),
        }
    }

    fn is_local(&self) -> bool {
        matches!(self.kind, Kind::Memory(_))
    }

    fn is_held(&self, key: &Key<'_>, token: HolderToken) -> Option<bool> {
        match &self.kind {
            Kind::Memory(memory) => memory.is_held(key, token),
            Kind::Remote(_) | Kind::Nothing => None,
        }
    }

    fn ends(&self, key: &Key<'_>, token: HolderToken) -> Option<Instant> {
        match &self.kind {
            Kind::Memory(memory) => memory.ends(key, token),
            Kind::Remote(_) | Kind::Nothing => None,
        }
    }

    fn watch(&self, state: &mut InFlight, key: &Key<'_>, token: HolderToken, cx: &mut Context<'_>) -> Option<Watched> {
        match &self.kind {
            Kind::Memory(memory) => memory.watch(&mut state.memory, key, token, cx),
            Kind::Remote(_) | Kind::Nothing => None,
        }
    }

    fn unwatch(&self, state: &mut InFlight, key: &Key<'_>) {
        if let Kind::Memory(memory) = &self.kind {
            memory.unwatch(&mut state.memory, key);
        }
    }

    fn poll_changed(&self, state: &mut InFlight, key: &Key<'_>, ticket: Ticket, cx: &mut Context<'_>) -> Poll<()> {
        match &self.kind {
            Kind::Memory(memory) => memory.poll_changed(&mut state.memory, key, ticket, cx),
            Kind::Remote(remote) => {
                let Away { changed, place, load, .. } = &mut **state.remote.get_or_insert_default();
                let begin = || -> BoxFuture<'static, ()> {
                    let remote = remote.clone();
                    let told = match place {
                        _ if matches!(load, Some(Part::Waits(..) | Part::Ends(_))) => Box::pin(pending()),
                        Some(place) => {
                            let turn = place.wait(remote.clock());
                            let remote = remote.clone();
                            Box::pin(async move { remote.turn(turn).await }) as BoxFuture<'static, ()>
                        }
                        None => Box::pin(remote.clone().changed(self.own(key), ticket)),
                    };
                    match load {
                        Some(Part::Waits(waiter, ..) | Part::Stands(waiter) | Part::Ends(waiter)) => {
                            let news = waiter.news();
                            Box::pin(async move {
                                let _ = beside(told, remote.turn(news)).await;
                            })
                        }
                        Some(Part::Leads(..)) | None => told,
                    }
                };
                let polled = changed.poll(begin, cx);
                if polled.is_ready() {
                    state.memory.watch.is_called();
                }
                polled
            }
            Kind::Nothing => Poll::Pending,
        }
    }

    fn cancel(&self, state: &mut InFlight) {
        // what is under way notes, when it is dropped, that it may be done
        if let Some(away) = &mut state.remote {
            *away.call.get() = None;
        }
    }

    fn unasked(state: &InFlight) -> Option<Cause> {
        match state.remote.as_ref()?.load {
            Some(Part::Leads(_, cause)) => Some(cause),
            _ => None,
        }
    }
    const PASSES_ON: bool = true;

    fn unkept<T: Send + Sync + 'static>(
        &self,
        state: &mut InFlight,
        key: &Key<'_>,
        failure: impl FnOnce() -> Option<T>,
    ) {
        match &self.kind {
            Kind::Memory(memory) => memory.unkept(&mut state.memory, key, failure),
            Kind::Remote(remote) => self.pass_on(state.remote.get_or_insert_default(), remote, key, failure),
            Kind::Nothing => {}
        }
    }

    fn passed<T: 'static, R>(state: &InFlight, with: impl FnOnce(&T) -> Option<R>) -> Option<R> {
        match &state.remote {
            Some(away) => with(away.failure.as_ref()?.of.downcast_ref()?),
            None => Memory::passed(&state.memory, with),
        }
    }

    fn abandon(&self, state: &mut InFlight, key: &Key<'_>, token: HolderToken, left: Left) {
        let remote = match &self.kind {
            Kind::Memory(memory) => return memory.abandon(&mut state.memory, key, token, left),
            Kind::Remote(remote) => remote,
            Kind::Nothing => return,
        };
        let (away, context) = (state.remote.take(), state.memory.watch.context());
        if let Some(away) = &away {
            self.unheard(away, remote, key);
        }
        // of a load without the store that is told nothing
        if away.as_ref().is_some_and(|away| matches!(away.load, Some(Part::Leads(..)))) {
            return;
        }
        // a look took nothing; a wait that ends without a token passes its wake-up on by itself
        if away.is_some_and(|away| away.look == Look::Looking) || token == HolderToken::default() {
            return;
        }
        remote.abandon(self.own(key).inside_of(context.clone()), token, left);
        context.within(|| state.memory.watch.left());
    }

    fn lasts(state: &InFlight, now: Instant, ttl: u32) -> (Instant, u32) {
        match &state.remote {
            Some(away) => (away.since, ttl.min(away.lasts.unwrap_or(u32::MAX))),
            None => (now, ttl),
        }
    }

    sees_leases!();
}

impl Shares for AnyStore {}
impl Encodes for AnyStore {}

#[diagnostic::do_not_recommend]
impl<V: Clone + Send + Sync + 'static, C: Codec<V>> Values<V, C> for AnyStore {
    #[inline]
    fn peek(&self, key: &Key<'_>, codec: &C) -> Option<V> {
        match &self.kind {
            Kind::Memory(memory) => memory.peek(key, codec),
            Kind::Remote(_) | Kind::Nothing => None,
        }
    }

    #[inline]
    fn peek_within(&self, key: &Key<'_>, codec: &C, window: u32) -> Option<V> {
        match &self.kind {
            Kind::Memory(memory) => memory.peek_within(key, codec, window),
            Kind::Remote(_) | Kind::Nothing => None,
        }
    }

    fn fetch(&self, state: &mut InFlight, key: &Key<'_>, codec: &C) -> Option<V> {
        match &self.kind {
            Kind::Memory(memory) => memory.fetch(&mut state.memory, key, codec),
            Kind::Remote(_) => {
                let away = state.remote.as_mut()?;
                let bytes = away.value.take()?;
                let value = decode(self.undated(&bytes), codec);
                if value.is_none() {
                    // a miss that is told of. Once more such bytes come from somebody who writes them now
                    state.memory.watch.within(|| self.report(*key));
                    away.is_hopeless = away.foreign.replace(bytes).is_some();
                }
                value
            }
            Kind::Nothing => None,
        }
    }

    fn poll_publish(
        &self,
        state: &mut InFlight,
        request: &Request<'_>,
        fresh: Fresh<'_, '_, V, C>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Option<Answer>, Cause>> {
        let remote = match &self.kind {
            Kind::Memory(memory) => return memory.poll_publish(&mut state.memory, request, fresh, cx),
            Kind::Remote(_) if let Some(cause) = self.unfit => return Poll::Ready(Err(cause)),
            Kind::Remote(remote) => remote,
            Kind::Nothing => return Poll::Ready(Err(Cause::NotInitialised)),
        };
        let (codec, value) = (fresh.codec, &*fresh.value);
        let bytes = || {
            // left where it is: it tells, from poll to poll, that there is one
            value.as_ref().map_or(Err(Cause::Codec), |value| encode(value.as_ref(), codec, remote.max_value_bytes()))
        };
        let Some(sight) = self.watcher.sight() else { return self.poll_landing(state, remote, request, cx, bytes) };
        let mut watch = take(&mut state.memory.watch);
        let polled = watch.landed(sight, request, || self.poll_landing(state, remote, request, cx, bytes));
        state.memory.watch = watch;
        polled
    }
}
