//! What the parts of a store do together: where a question goes, what is owed and in doubt.

use super::{
    Shared,
    call::Wire,
    doubts::Room,
    inbox::Place,
    name::Name,
    owed::Owed,
    reaper::Reaper,
    reply::Failure,
    server::{Server, latest},
    subscription,
};
use crate::backend::BoxFuture;
use cachify_core::{
    time::{Clock, Instant},
    token::HolderToken,
};
use std::{
    future::poll_fn,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};
use tokio::runtime::Handle;

impl Shared {
    /// A future that blocks threads of its runtime, of the instance's own where its caller has none.
    pub(super) fn inside<T: 'static>(&self, mut future: BoxFuture<'static, T>) -> BoxFuture<'static, T> {
        let runtime = match Handle::try_current() {
            Ok(_) => return future,
            Err(_) => self.common.background().map(|background| background.runtime.clone()),
        };
        Box::pin(poll_fn(move |cx| {
            let _inside = runtime.as_ref().map(Handle::enter);
            future.as_mut().poll(cx)
        }))
    }

    /// How long an operation may take now.
    pub(super) fn op_timeout(&self) -> Duration {
        self.fleet.op_timeout()
    }

    /// Who serves a slot; asked for if that is not known.
    pub(super) async fn route<W: Wire>(&self, wire: &W, slot: u16, until: Instant) -> Result<Arc<Server>, Failure> {
        if let Some(server) = self.fleet.find(slot) {
            return Ok(server);
        }
        if self.fleet.may_learn(self.common.clock.now()) {
            self.learn(wire, until).await;
        } else {
            self.fleet.doubt();
        }
        self.fleet.find(slot).ok_or_else(|| Failure::NotSent(self.fleet.why()))
    }

    /// Waits until it is known anew who serves what, for as long as there is time.
    pub(super) async fn learn<W: Wire>(&self, wire: &W, until: Instant) {
        let at = latest(until, self.op_timeout());
        wire.wait_for(&self.common.clock, at, self.fleet.known()).await;
    }

    /// Sees to it that there is a subscription for what is about that name, sooner or later; whether there can be one.
    pub(super) fn listen(self: &Arc<Self>, name: &Name) -> bool {
        let Some(background) = self.common.background() else { return false };
        self.inbox.want(name);
        if !self.listening.swap(true, Ordering::Relaxed) {
            background.runtime.spawn(subscription::keep_all(self.clone()));
        }
        true
    }

    /// Whoever gives back; the thread is started now if it does not run yet.
    fn reaper(&self) -> Option<&Reaper> {
        let background = self.common.background()?;
        Some(self.reaper.get_or_init(|| Reaper::new(background.runtime.clone(), background.backlog.clone())))
    }

    /// Sees to it that something is given back, soon; whether there was room to note it.
    pub(super) fn owe(self: &Arc<Self>, owed: Owed, room: Room) -> bool {
        self.reaper().is_some_and(|reaper| reaper.owe(self, owed, Instant::ZERO, room))
    }

    /// A place that nobody stands in any more is given up, and the next one called, here or elsewhere.
    pub(super) fn pass_on(self: &Arc<Self>, name: &Name, place: Place) {
        self.owe(Owed::back(name.clone(), HolderToken([0; 4]), place), Room::Unbounded);
    }

    /// A question with this token may be answered without our knowing.
    pub(super) fn doubt(&self, token: HolderToken, until: Instant) {
        // one limit more: a copy says itself until when it may be done, by an estimate of the server's time
        let now = self.common.clock.now();
        self.doubts.add(token, now, until.since(now) + self.op_timeout());
    }

    /// It was given back; if a copy of its question may still land, it will be once more.
    pub(super) fn settled(self: &Arc<Self>, name: &Name, token: HolderToken, place: &Place, room: Room) {
        if let (Some(at), Some(reaper)) = (self.doubts.take(token), self.reaper()) {
            reaper.owe(self, Owed::back(name.clone(), token, place.clone()), at, room);
        }
    }
}
