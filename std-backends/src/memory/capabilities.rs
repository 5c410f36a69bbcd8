//! What memory can do, by the rules of core's cells.

use super::{
    Memory,
    values::{AnyNode, Node, read, write},
};
use cachify_core::{
    Fault, Holding,
    cell::{Ask, Begun, Grant, Kept, Life, Lookup},
    key::Key,
    patience::Contended,
    store::{CacheStore, EntryStore, Force, Inspect, LeaseStore, OnceStore, PermitStore, Values, fresh_only},
    token::HolderToken,
};
use std::time::Duration;

/// A table that grows is never full.
fn grown<T>(step: Result<T, cachify_core::cell::table::TableFull>) -> Result<T, Fault> {
    step.map_err(|_| Fault::Full)
}

impl LeaseStore for Memory {
    fn acquire(&self, key: Key<'_>, ask: &Ask) -> Result<Contended<Grant>, Fault> {
        grown(self.0.step(&key, |ram, now| ram.acquire(&key, ask, now)))
    }
    fn renew(&self, key: Key<'_>, ask: &Ask) -> Result<Holding, Fault> {
        Ok(self.0.step(&key, |ram, now| ram.renew(&key, ask.token, ask.ttl, now)))
    }
    fn release(&self, key: Key<'_>, token: HolderToken) -> Result<Holding, Fault> {
        Ok(self.0.free(&key, |ram, now| ram.release(&key, token, now)))
    }
}

impl PermitStore for Memory {
    fn take(&self, key: Key<'_>, size: u16, ask: &Ask) -> Result<Contended<Grant>, Fault> {
        grown(self.0.step(&key, |ram, now| ram.take(&key, size, ask, now)))
    }
    fn extend(&self, key: Key<'_>, ask: &Ask) -> Result<Holding, Fault> {
        LeaseStore::renew(self, key, ask)
    }
    fn give_back(&self, key: Key<'_>, token: HolderToken) -> Result<Holding, Fault> {
        LeaseStore::release(self, key, token)
    }
    fn in_use(&self, key: Key<'_>) -> Result<u16, Fault> {
        Ok(self.0.step(&key, |ram, now| ram.in_use(&key, now)))
    }
}

impl OnceStore for Memory {
    fn begin(&self, key: Key<'_>, ask: &Ask) -> Result<Begun, Fault> {
        grown(self.0.step(&key, |ram, now| ram.begin(&key, ask, now)))
    }
    fn touch(&self, key: Key<'_>, ask: &Ask) -> Result<Holding, Fault> {
        LeaseStore::renew(self, key, ask)
    }
    fn complete(&self, key: Key<'_>, token: HolderToken, keep: Duration) -> Result<Holding, Fault> {
        Ok(self.0.free(&key, |ram, now| ram.complete(&key, token, keep, now)))
    }
    fn fail(&self, key: Key<'_>, token: HolderToken) -> Result<Holding, Fault> {
        LeaseStore::release(self, key, token)
    }
}

impl Inspect for Memory {
    fn remaining(&self, key: Key<'_>) -> Result<Option<Duration>, Fault> {
        Ok(self.0.step(&key, |ram, now| ram.remaining(&key, now)))
    }
}

impl Force for Memory {
    fn force_release(&self, key: Key<'_>) -> Result<bool, Fault> {
        let was = self.0.free(&key, |ram, now| ram.force(&key, now));
        // its holder hears of it at once
        while let Some(waker) = self.0.step_at(&key, |ram| ram.waiters.next_watching(&key)) {
            waker.wake();
        }
        Ok(was)
    }
}

impl<V: Clone + Send + Sync + 'static, C> CacheStore<V, C> for Memory {
    fn get(&self, key: Key<'_>, codec: &C) -> Result<Option<V>, Fault> {
        Ok(self.peek(&key, codec))
    }

    fn join(&self, key: Key<'_>, _: &C, ask: &Ask) -> Result<Contended<Lookup<V>>, Fault> {
        self.0.step(&key, |ram, now| {
            // looked at under the rights: nobody can publish between this look and the flight
            if let Some(v) = read(&self.0.shard(&key).values).get(&key, now) {
                return Ok(Contended::Granted(Lookup::Fresh(v)));
            }
            let flight = grown(ram.acquire(&key, ask, now))?;
            Ok(flight.map(|grant| Lookup::Fill { stale: None, fence: grant.fence, remaining: grant.remaining }))
        })
    }

    fn publish(
        &self,
        key: Key<'_>,
        _: &C,
        token: HolderToken,
        value: Kept<'_, V>,
        life: Life,
    ) -> Result<Holding, Fault> {
        fresh_only(&life)?;
        let mut value = Some(value.into_owned());
        let (holding, gone) = self.0.free(&key, |ram, now| {
            let (holding, freed) = ram.release(&key, token, now);
            let kept = if holding == Holding::Kept { value.take() } else { None };
            let gone = if let Some(value) = kept {
                let node: AnyNode = Box::new(Node::new(&key, life.ttl.end(now), value));
                write(&self.0.shard(&key).values).insert(node, &key, now)
            } else {
                Vec::new()
            };
            ((holding, gone), freed)
        });
        if holding == Holding::Kept {
            self.0.wake_all(&key);
        }
        // values are dropped here, the late one too: a user's `Drop` never runs under a lock
        drop((gone, value));
        Ok(holding)
    }
}

impl EntryStore for Memory {
    fn keep_flying(&self, key: Key<'_>, ask: &Ask) -> Result<Holding, Fault> {
        LeaseStore::renew(self, key, ask)
    }
    fn abandon(&self, key: Key<'_>, token: HolderToken) -> Result<Holding, Fault> {
        LeaseStore::release(self, key, token)
    }
    fn invalidate(&self, key: Key<'_>) -> Result<bool, Fault> {
        let gone = self.0.free(&key, |ram, now| {
            let (_, freed) = ram.force(&key, now);
            (write(&self.0.shard(&key).values).remove(&key, now), freed)
        });
        Ok(gone.is_some_and(|(_, fresh)| fresh))
    }
}
