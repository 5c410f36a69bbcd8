//! Every capability of a store in RAM, written once over whatever holds its cells.

mod steps;

use super::{
    AtOnce, CacheStore, EntryStore, Force, Host, Inspect, LeaseStore, NoRoom, OnceStore, PermitStore, Store, Values,
};
use crate::{
    cell::{
        Ask, Begun, Grant, Holding, Kept, Life, Lookup,
        ram::{Freed, Ram},
        table::{Table, TableFull},
        waiters::{Place, Places},
    },
    codec::AsIs,
    key::{Key, KeyBuffer},
    patience::{Contended, Ticket},
    time::{Clock, Instant},
    token::HolderToken,
};
use core::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, Waker},
    time::Duration,
};

/// What holds the cells: fixed or growing, behind a lock.
pub trait Backing {
    /// What a cached value is.
    type Value;
    /// Where waiters are kept.
    type Places: Places;
    /// Where cells are kept.
    type Table: Table<Value = Self::Value> + ?Sized;
    /// The clock of the store.
    type Clock: Clock;
    /// Where its keys are rendered.
    type KeyBuf: KeyBuffer;

    /// The clock of the store.
    fn clock(&self) -> &Self::Clock;
    /// One atomic step; bounded work.
    fn step<R>(&self, f: impl FnOnce(&mut Ram<Self::Places, Self::Table>) -> R) -> R;
    /// A token never given before.
    fn token(&self) -> HolderToken;
    /// Tells this stack from all others that use the store; never zero.
    fn stack(&self) -> u32;
    /// The seed of key hashes.
    fn seed(&self) -> u64 {
        0
    }
}

/// A store in RAM; see [`FixedStore`](super::fixed::FixedStore) and, with `alloc`, `MapStore`.
///
/// The store tells the time: every operation reads its clock once, before it takes the lock.
#[derive(Debug)]
pub struct RamStore<B>(pub(super) B);

impl<B: Backing> RamStore<B> {
    fn step<R>(&self, f: impl FnOnce(&mut Ram<B::Places, B::Table>, Instant) -> R) -> R {
        let now = self.0.clock().now();
        self.0.step(|ram| f(ram, now))
    }

    /// Does a step that may give a key a place.
    fn made<R>(
        &self,
        key: &Key<'_>,
        f: impl FnOnce(&mut Ram<B::Places, B::Table>, Instant) -> Result<R, TableFull>,
    ) -> Result<R, NoRoom> {
        // the key of a caller here fits into its buffer; that of a device behind a gateway may not
        if key.bytes.len() > B::Table::LONGEST {
            return Err(NoRoom::Key);
        }
        Ok(self.step(f)?)
    }

    /// Does a step that may free something, and wakes whoever waits for it after leaving the lock.
    fn free<R>(&self, f: impl FnOnce(&mut Ram<B::Places, B::Table>, Instant) -> Freed<R>) -> R {
        let (result, freed) = self.step(f);
        if let Some(waker) = freed {
            waker.wake();
        }
        result
    }

    /// Everybody who waits for a value can have it.
    fn wake_all(&self, key: &Key<'_>, mut next: Option<Waker>) {
        while let Some(waker) = next.take().or_else(|| self.0.step(|ram| ram.waiters.next(key))) {
            waker.wake();
        }
    }
}

impl<B: Backing> AtOnce for RamStore<B> {}

impl<B: Backing> Store for RamStore<B> {
    type Error = NoRoom;

    fn changed(&self, key: Key<'_>, ticket: Ticket) -> impl Future<Output = ()> {
        Changed { store: self, key, ticket, place: Place::default() }
    }

    fn dropped(&self, key: Key<'_>, token: HolderToken) {
        self.free(|ram, now| ram.release(&key, token, now));
    }

    fn unfinished(&self, key: Key<'_>, token: HolderToken, _: Duration, keep: Duration) {
        self.free(|ram, now| ram.complete(&key, token, keep, now));
    }
}

/// Waits for a release.
struct Changed<'s, 'k, B: Backing> {
    store: &'s RamStore<B>,
    key: Key<'k>,
    ticket: Ticket,
    place: Place,
}

impl<B: Backing> Future for Changed<'_, '_, B> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Self { store, key, ticket, place } = self.get_mut();
        match store.0.step(|ram| ram.waiters.poll(place, key, *ticket, cx.waker())) {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }
    }
}

impl<B: Backing> Drop for Changed<'_, '_, B> {
    fn drop(&mut self) {
        if self.place != Place::default()
            && let Some(baton) = self.store.0.step(|ram| ram.waiters.leave(self.place, &self.key))
        {
            baton.wake();
        }
    }
}

impl<B: Backing> Host for RamStore<B> {
    type Clock = B::Clock;
    type KeyBuf = B::KeyBuf;
    type Monitor = ();
    type Codec = AsIs;

    fn clock(&self) -> &B::Clock {
        self.0.clock()
    }
    fn token(&self) -> HolderToken {
        self.0.token()
    }
    fn seed(&self) -> u64 {
        self.0.seed()
    }
    fn mark(&self, key: &Key<'_>, token: HolderToken, inside: bool) {
        let stack = if inside { self.0.stack() } else { 0 };
        self.step(|ram, now| ram.mark(key, token, stack, now));
    }
}

impl<B: Backing> LeaseStore for RamStore<B> {
    fn acquire(&self, key: Key<'_>, ask: &Ask) -> Result<Contended<Grant>, NoRoom> {
        self.made(&key, |ram, now| ram.acquire(&key, ask, now))
    }
    fn renew(&self, key: Key<'_>, ask: &Ask) -> Result<Holding, NoRoom> {
        Ok(self.step(|ram, now| ram.renew(&key, ask.token, ask.ttl, now)))
    }
    fn release(&self, key: Key<'_>, token: HolderToken) -> Result<Holding, NoRoom> {
        Ok(self.free(|ram, now| ram.release(&key, token, now)))
    }
}

impl<B: Backing> PermitStore for RamStore<B> {
    fn take(&self, key: Key<'_>, size: u16, ask: &Ask) -> Result<Contended<Grant>, NoRoom> {
        self.made(&key, |ram, now| ram.take(&key, size, ask, now))
    }
    fn extend(&self, key: Key<'_>, ask: &Ask) -> Result<Holding, NoRoom> {
        LeaseStore::renew(self, key, ask)
    }
    fn give_back(&self, key: Key<'_>, token: HolderToken) -> Result<Holding, NoRoom> {
        LeaseStore::release(self, key, token)
    }
    fn in_use(&self, key: Key<'_>) -> Result<u16, NoRoom> {
        Ok(self.step(|ram, now| ram.in_use(&key, now)))
    }
}

impl<B: Backing> OnceStore for RamStore<B> {
    fn begin(&self, key: Key<'_>, ask: &Ask) -> Result<Begun, NoRoom> {
        self.made(&key, |ram, now| ram.begin(&key, ask, now))
    }
    fn touch(&self, key: Key<'_>, ask: &Ask) -> Result<Holding, NoRoom> {
        LeaseStore::renew(self, key, ask)
    }
    fn complete(&self, key: Key<'_>, token: HolderToken, keep: Duration) -> Result<Holding, NoRoom> {
        Ok(self.free(|ram, now| ram.complete(&key, token, keep, now)))
    }
    fn fail(&self, key: Key<'_>, token: HolderToken) -> Result<Holding, NoRoom> {
        LeaseStore::release(self, key, token)
    }
}

impl<B: Backing> Inspect for RamStore<B> {
    fn remaining(&self, key: Key<'_>) -> Result<Option<Duration>, NoRoom> {
        Ok(self.step(|ram, now| ram.remaining(&key, now)))
    }
}

impl<B: Backing> Force for RamStore<B> {
    fn force_release(&self, key: Key<'_>) -> Result<bool, NoRoom> {
        let was = self.free(|ram, now| ram.force(&key, now));
        // its holder hears of it at once
        while let Some(waker) = self.0.step(|ram| ram.waiters.next_watching(&key)) {
            waker.wake();
        }
        Ok(was)
    }
}

impl<B: Backing, C> CacheStore<B::Value, C> for RamStore<B>
where
    B::Value: Clone,
{
    fn get(&self, key: Key<'_>, codec: &C) -> Result<Option<B::Value>, NoRoom> {
        Ok(self.peek(&key, codec))
    }
    #[cfg_attr(not(target_pointer_width = "64"), inline(never))]
    fn join(&self, key: Key<'_>, _: &C, ask: &Ask) -> Result<Contended<Lookup<B::Value>>, NoRoom> {
        self.made(&key, |ram, now| ram.join(&key, ask, now))
    }
    #[cfg_attr(not(target_pointer_width = "64"), inline(never))]
    fn publish(
        &self,
        key: Key<'_>,
        _: &C,
        token: HolderToken,
        value: Kept<'_, B::Value>,
        life: Life,
    ) -> Result<Holding, NoRoom> {
        let value = value.into_owned();
        let (holding, freed) = self.step(|ram, now| ram.publish(&key, token, value, life, now));
        self.wake_all(&key, freed);
        Ok(holding)
    }
}

impl<B: Backing> EntryStore for RamStore<B> {
    fn keep_flying(&self, key: Key<'_>, ask: &Ask) -> Result<Holding, NoRoom> {
        LeaseStore::renew(self, key, ask)
    }
    fn abandon(&self, key: Key<'_>, token: HolderToken) -> Result<Holding, NoRoom> {
        LeaseStore::release(self, key, token)
    }
    fn invalidate(&self, key: Key<'_>) -> Result<bool, NoRoom> {
        Ok(self.free(|ram, now| ram.invalidate(&key, now)))
    }
}

/// Tokens of a store that has no randomness of its own: boot epoch, counter, and a seed from the user.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tokens {
    pub(super) epoch: u32,
    pub(super) seed: [u32; 2],
    pub(super) count: u32,
}

impl Tokens {
    pub(super) const NEW: Self = Self { epoch: 0, seed: [0; 2], count: 0 };

    pub(super) fn next(&mut self) -> HolderToken {
        self.count = self.count.wrapping_add(1);
        HolderToken([self.epoch, self.count, self.seed[0], self.seed[1]])
    }
}
