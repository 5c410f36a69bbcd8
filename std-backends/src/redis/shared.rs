//! What the store and its thread do together: limits, the thread itself, what is owed and in doubt.

use super::{Shared, background::Background, doubts::Room, inbox::Place, name::Name, reaper::Owed, tasks};
use crate::sync::locked;
use cachify_core::{
    Cause,
    drive::beside,
    observe::Event,
    time::{Clock, Instant},
    token::HolderToken,
};
use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};
use tokio::sync::watch;

impl Shared {
    /// How long an operation may take now.
    pub(super) fn op_timeout(&self) -> Duration {
        self.op_timeout.unwrap_or_else(|| self.node.limit())
    }

    /// When an operation that begins now is to end.
    pub(super) fn deadline(&self) -> Instant {
        self.clock.now().saturating_add(self.op_timeout())
    }

    /// The thread; started now if it does not run yet.
    pub(super) fn background(&self) -> Option<&Background> {
        if self.background.get().is_none() {
            let _starting = locked(&self.starting);
            if self.background.get().is_none() {
                let _ = self.background.set(Background::start(self)?);
            }
        }
        self.background.get()
    }

    pub(super) fn running(&self) -> Option<&Background> {
        self.background.get()
    }

    /// Sees to it that there is a subscription, sooner or later; whether there can be one.
    pub(super) fn listen(self: &Arc<Self>) -> bool {
        let Some(background) = self.background() else { return false };
        if !self.listening.swap(true, Ordering::Relaxed) {
            background.listen(self);
        }
        true
    }

    pub(super) fn closed(&self) -> watch::Receiver<bool> {
        self.closed.subscribe()
    }

    /// `None` if the instance ends first.
    pub(super) async fn or_closed<T>(&self, future: impl Future<Output = T>) -> Option<T> {
        let mut closed = self.closed();
        let closing = async move {
            let _ = closed.wait_for(|closed| *closed).await;
        };
        beside(future, closing).await.ok()
    }

    pub(super) fn is_closed(&self) -> bool {
        *self.closed.borrow()
    }

    /// A connection broke: the server may have been replaced by one that knows less.
    pub(super) fn broke(&self) {
        self.broken.store(true, Ordering::Relaxed);
    }

    /// A connection was made, and the server answered its first questions.
    pub(super) fn greeted(&self, answers: &[redis::Value]) -> Result<(), Cause> {
        let policy = self.node.greeted(self.clock.now(), answers).map_err(tasks::unreached)?;
        if let Some(policy) = policy {
            self.tell(&Event::Evicts { policy });
        }
        if self.broken.swap(false, Ordering::Relaxed)
            && let Some(news) = self.news.get()
        {
            news.reconnected();
        }
        Ok(())
    }

    /// Sees to it that something is given back, soon; whether there was room to note it.
    pub(super) fn owe(self: &Arc<Self>, owed: Owed, room: Room) -> bool {
        self.background().is_some_and(|background| background.reaper.owe(self, owed, Instant::ZERO, room))
    }

    /// A place that nobody stands in any more is given up, and the next one called, here or elsewhere.
    pub(super) fn pass_on(self: &Arc<Self>, name: &Name, place: Place) {
        self.owe(Owed::back(name.clone(), HolderToken([0; 4]), place), Room::Unbounded);
    }

    /// A question with this token may be answered without our knowing.
    pub(super) fn doubt(&self, token: HolderToken, until: Instant) {
        // one limit more: a copy says itself until when it may be done, by an estimate of the server's time
        let now = self.clock.now();
        self.doubts.add(token, now, until.since(now) + self.op_timeout());
    }

    /// It was given back; if a copy of its question may still land, it will be once more.
    pub(super) fn settled(self: &Arc<Self>, name: &Name, token: HolderToken, place: &Place, room: Room) {
        if let (Some(at), Some(background)) = (self.doubts.take(token), self.background()) {
            background.reaper.owe(self, Owed::back(name.clone(), token, place.clone()), at, room);
        }
    }
}
