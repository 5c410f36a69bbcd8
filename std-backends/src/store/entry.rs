//! Cached values of [`AnyStore`]: as they are in memory, as bytes ([`entry`]) outside the process.

use super::{AnyStore, Kind};
use crate::backend::{Answer, Operation, OwnedKey};
use cachify_core::{
    Fault, Holding,
    cell::{Ask, Kept, Life, Lookup},
    codec::{
        Codec,
        entry::{self, Found, decode},
    },
    key::Key,
    observe::{Event, Observer},
    patience::Contended,
    store::{AsyncCacheStore, CacheStore, fresh_only},
    token::HolderToken,
};

pub(super) fn encode<V, C: Codec<V>>(value: &V, codec: &C, life: &Life) -> Result<Vec<u8>, Fault> {
    fresh_only(life)?;
    let mut bytes = Vec::new();
    entry::encode(value, codec, &mut bytes).map_err(|_| Fault::Codec)?;
    if entry::round_trips(value, codec, &bytes) { Ok(bytes) } else { Err(CHANGED) }
}

const CHANGED: Fault = Fault::Unsupported(
    "the value does not survive its codec, so it is not stored: a serde attribute such as `skip_serializing_if` is the \
     likely cause, or it nests too deeply; try `codec = cachify::Json`, which in turn has no NaN and no `Some(None)`",
);

fn found<V, C: Codec<V>>(answer: Answer, codec: &C) -> Result<Found<V, Vec<u8>>, Fault> {
    Ok(entry::found(answer.lookup()?, codec, |bytes| bytes))
}

impl AnyStore {
    /// Foreign bytes are a miss that is told of; asking again takes exactly them for one.
    pub(super) fn report(&self, key: Key<'_>) {
        self.watcher.event(&Event::Failed { key: Some(key), fault: Fault::Codec });
    }
}

/// After asking twice: foreign bytes once more come from somebody who writes them now, so the caller computes.
fn healed<V>(found: Found<V, Vec<u8>>) -> Result<Contended<Lookup<V>>, Fault> {
    match found {
        Found::Known(lookup) => Ok(lookup),
        Found::Foreign(_) => Err(Fault::Codec),
    }
}

#[diagnostic::do_not_recommend]
impl<V: Clone + Send + Sync + 'static, C: Codec<V>> CacheStore<V, C> for AnyStore {
    fn get(&self, key: Key<'_>, codec: &C) -> Result<Option<V>, Fault> {
        match &self.kind {
            Kind::Memory(memory) => CacheStore::get(memory, key, codec),
            Kind::Outside(outside) => {
                let bytes = outside.call_blocking(OwnedKey::of(key), Operation::Get)?.value()?;
                Ok(bytes.and_then(|bytes| decode(&bytes, codec)))
            }
            Kind::Nothing => Err(Fault::NotInitialised),
        }
    }

    fn join(&self, key: Key<'_>, codec: &C, ask: &Ask) -> Result<Contended<Lookup<V>>, Fault> {
        match &self.kind {
            Kind::Memory(memory) => CacheStore::join(memory, key, codec, ask),
            Kind::Outside(outside) => {
                match found(outside.call_blocking(OwnedKey::of(key), Operation::Join(*ask))?, codec)? {
                    Found::Known(lookup) => Ok(lookup),
                    Found::Foreign(bytes) => {
                        self.report(key);
                        healed(found(outside.call_blocking(OwnedKey::of(key), Operation::Heal(*ask, bytes))?, codec)?)
                    }
                }
            }
            Kind::Nothing => Err(Fault::NotInitialised),
        }
    }

    fn publish(
        &self,
        key: Key<'_>,
        codec: &C,
        token: HolderToken,
        value: Kept<'_, V>,
        life: Life,
    ) -> Result<Holding, Fault> {
        match &self.kind {
            Kind::Memory(memory) => CacheStore::publish(memory, key, codec, token, value, life),
            Kind::Outside(outside) => match encode(value.as_ref(), codec, &life) {
                Ok(bytes) => {
                    outside.call_blocking(OwnedKey::of(key), Operation::Publish(token, bytes, life))?.holding()
                }
                Err(fault) => {
                    outside.call_blocking(OwnedKey::of(key), Operation::Abandon(token))?;
                    Err(fault)
                }
            },
            Kind::Nothing => Err(Fault::NotInitialised),
        }
    }
}

#[diagnostic::do_not_recommend]
impl<V: Clone + Send + Sync + 'static, C: Codec<V> + Sync> AsyncCacheStore<V, C> for AnyStore {
    async fn get(&self, key: Key<'_>, codec: &C) -> Result<Option<V>, Fault> {
        match &self.kind {
            Kind::Memory(memory) => CacheStore::get(memory, key, codec),
            Kind::Outside(outside) => {
                let bytes = outside.call(OwnedKey::of(key), Operation::Get).await?.value()?;
                Ok(bytes.and_then(|bytes| decode(&bytes, codec)))
            }
            Kind::Nothing => Err(Fault::NotInitialised),
        }
    }

    async fn join(&self, key: Key<'_>, codec: &C, ask: &Ask) -> Result<Contended<Lookup<V>>, Fault> {
        match &self.kind {
            Kind::Memory(memory) => CacheStore::join(memory, key, codec, ask),
            Kind::Outside(outside) => {
                match found(outside.call(OwnedKey::of(key), Operation::Join(*ask)).await?, codec)? {
                    Found::Known(lookup) => Ok(lookup),
                    Found::Foreign(bytes) => {
                        self.report(key);
                        healed(found(outside.call(OwnedKey::of(key), Operation::Heal(*ask, bytes)).await?, codec)?)
                    }
                }
            }
            Kind::Nothing => Err(Fault::NotInitialised),
        }
    }

    async fn publish(
        &self,
        key: Key<'_>,
        codec: &C,
        token: HolderToken,
        value: Kept<'_, V>,
        life: Life,
    ) -> Result<Holding, Fault> {
        match &self.kind {
            Kind::Memory(memory) => CacheStore::publish(memory, key, codec, token, value, life),
            Kind::Outside(outside) => {
                // encoded before the first await, so that the value is not held across it
                let bytes = encode(value.as_ref(), codec, &life);
                drop(value);
                match bytes {
                    Ok(bytes) => {
                        outside.call(OwnedKey::of(key), Operation::Publish(token, bytes, life)).await?.holding()
                    }
                    Err(fault) => {
                        outside.call(OwnedKey::of(key), Operation::Abandon(token)).await?;
                        Err(fault)
                    }
                }
            }
            Kind::Nothing => Err(Fault::NotInitialised),
        }
    }
}
