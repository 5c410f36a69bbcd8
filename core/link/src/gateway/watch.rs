//! Devices that wait for a release: each is told once, and then has the turn for a while.
//!
//! A store that wakes one waiter counts on it to act. A device may have gone, or the notice may be lost: whoever does
//! not ask in its turn passes it on, as a dropped waiter in the gateway's own process would.

use super::{Limits, OwnName, Place, window::Incoming};
use crate::command::Reply;
use alloc::{boxed::Box, vec::Vec};
use cachify_core::{
    drive::beside,
    patience::Ticket,
    store::{Store, changed},
    time::Timer,
    token::HolderToken,
};
use core::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

/// One device that waits.
struct Watch<F> {
    session: u32,
    name: OwnName,
    token: HolderToken,
    future: Pin<Box<F>>,
    /// Whether it was told, and has the turn.
    told: bool,
}

/// All that wait on one line. `wait` begins a wait: for a release after a ticket, or without one for the time only;
/// `gone` tells the store that a device will not ask again.
///
/// Dropped with the line, it says so of everybody.
pub(super) struct Watches<F, M, G: Fn(&OwnName, HolderToken)> {
    all: Vec<Watch<F>>,
    wait: M,
    gone: G,
}

impl<F, M, G: Fn(&OwnName, HolderToken)> Drop for Watches<F, M, G> {
    fn drop(&mut self) {
        for Watch { name, token, future, .. } in self.all.drain(..) {
            // first out of the line, then past those who stand in it
            drop(future);
            (self.gone)(&name, token);
        }
    }
}

impl<F: Future<Output = bool>, M: Fn(OwnName, Option<Ticket>, Duration) -> F, G: Fn(&OwnName, HolderToken)>
    Watches<F, M, G>
{
    pub(super) const fn new(wait: M, gone: G) -> Self {
        Self { all: Vec::new(), wait, gone }
    }

    /// Whoever asks waits no longer, and took its turn.
    pub(super) fn asked(&mut self, token: Option<HolderToken>) {
        self.all.retain(|watch| Some(watch.token) != token);
    }

    /// Watches for a request that was refused, if its caller waits and there is room; else the answer says that nobody
    /// will tell.
    pub(super) fn refused(&mut self, incoming: &Incoming, reply: &mut Reply, limits: &Limits) {
        let Reply::Busy { ticket, .. } = reply else { return };
        let has_room = self.all.len() < limits.watches;
        match incoming.token {
            Some(token) if *ticket != Ticket::NONE && incoming.waits && has_room => {
                let name = incoming.name.clone();
                let future = Box::pin((self.wait)(name.clone(), Some(*ticket), limits.watch));
                self.all.push(Watch { session: incoming.head.session, name, token, future, told: false });
            }
            token => {
                *ticket = Ticket::NONE;
                // it polls, each time like one that comes anew
                if let Some(token) = token.filter(|_| incoming.waits) {
                    (self.gone)(&incoming.name, token);
                }
            }
        }
    }

    /// Polls all waits; `tell` whoever's key was released. Who does not ask in its turn, or for long, is gone.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>, limits: &Limits, mut tell: impl FnMut(u32, &OwnName)) -> bool {
        let mut moved = false;
        let (wait, gone) = (&self.wait, &self.gone);
        self.all.retain_mut(|watch| {
            let Poll::Ready(released) = watch.future.as_mut().poll(cx) else { return true };
            moved = true;
            if watch.told || !released {
                gone(&watch.name, watch.token);
                return false;
            }
            tell(watch.session, &watch.name);
            watch.told = true;
            watch.future = Box::pin(wait(watch.name.clone(), None, limits.turn));
            true
        });
        moved
    }
}

/// Whether the key was released, within `limit`.
pub(super) async fn wait<S: Store, C: Timer>(
    store: &S,
    clock: &C,
    place: &Place,
    name: OwnName,
    ticket: Option<Ticket>,
    limit: Duration,
) -> bool {
    let over = clock.sleep_until(clock.now().saturating_add(limit));
    match ticket {
        Some(ticket) => beside(changed(store, name.on(place), ticket), over).await.is_ok(),
        None => {
            over.await;
            false
        }
    }
}
