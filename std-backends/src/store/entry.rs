//! Cached values of [`AnyStore`]: as they are in memory, as bytes outside the process.
//!
//! An entry begins with the format's version, the codec, and a hash of the type's name, so that bytes of another type
//! are a miss. postcard cannot see a field that changed within a type.

use super::{AnyStore, Kind};
use crate::erased::{Answer, Operation};
use cachify_core::{
    Fault, Holding,
    cell::{Ask, Kept, Life, Lookup},
    codec::Codec,
    key::Key,
    observe::{Event, Observer},
    patience::Contended,
    store::{AsyncCacheStore, CacheStore, Peek},
    token::HolderToken,
};

const FORMAT: u8 = 1;

/// Format, codec, and 32-bit FNV-1a of the tag, which is the type's name unless one was given.
fn header<V, C: Codec<V>>(codec: &C) -> [u8; 6] {
    let hash = codec.tag().bytes().fold(0x811c_9dc5_u32, |h, b| (h ^ u32::from(b)).wrapping_mul(0x0100_0193));
    let [a, b, c, d] = hash.to_le_bytes();
    [FORMAT, C::ID, a, b, c, d]
}

fn encode<V, C: Codec<V>>(value: &V, codec: &C) -> Result<Vec<u8>, Fault> {
    let mut bytes = header::<V, C>(codec).to_vec();
    codec.encode(value, &mut bytes).map_err(|_| Fault::Codec)?;
    Ok(bytes)
}

fn decode<V, C: Codec<V>>(bytes: &[u8], codec: &C) -> Option<V> {
    codec.decode(bytes.strip_prefix(&header::<V, C>(codec))?).ok()
}

/// What a store outside knew.
enum Found<V> {
    Known(Contended<Lookup<V>>),
    /// Bytes of another type, or of an older layout.
    Foreign(Vec<u8>),
}

fn found<V, C: Codec<V>>(answer: Answer, codec: &C) -> Result<Found<V>, Fault> {
    let known = |lookup| Found::Known(Contended::Granted(lookup));
    Ok(match answer.lookup()? {
        Contended::Busy(busy) => Found::Known(Contended::Busy(busy)),
        Contended::Granted(Lookup::Fresh(bytes)) => match decode(&bytes, codec) {
            Some(value) => known(Lookup::Fresh(value)),
            None => Found::Foreign(bytes),
        },
        Contended::Granted(Lookup::Stale(bytes)) => match decode(&bytes, codec) {
            Some(value) => known(Lookup::Stale(value)),
            None => Found::Foreign(bytes),
        },
        Contended::Granted(Lookup::Fill { stale, fence, remaining }) => {
            known(Lookup::Fill { stale: stale.and_then(|bytes| decode(&bytes, codec)), fence, remaining })
        }
    })
}

impl AnyStore {
    /// Foreign bytes are a miss that is told of; asking again takes exactly them for one.
    fn report(&self, key: Key<'_>) {
        self.watcher.event(&Event::Failed { key: Some(key), fault: Fault::Codec });
    }
}

/// After asking twice: foreign bytes once more come from somebody who writes them now, so the caller computes.
fn healed<V>(found: Found<V>) -> Result<Contended<Lookup<V>>, Fault> {
    match found {
        Found::Known(lookup) => Ok(lookup),
        Found::Foreign(_) => Err(Fault::Codec),
    }
}

#[diagnostic::do_not_recommend]
impl<V: Clone + Send + Sync + 'static, C: Codec<V>> Peek<V, C> for AnyStore {
    #[inline]
    fn peek(&self, key: Key<'_>, codec: &C) -> Option<V> {
        match &self.kind {
            Kind::Memory(memory) => memory.peek(key, codec),
            Kind::Outside(_) => None,
            Kind::Nothing => crate::global::not_initialised(),
        }
    }
}

#[diagnostic::do_not_recommend]
impl<V: Clone + Send + Sync + 'static, C: Codec<V>> CacheStore<V, C> for AnyStore {
    fn get(&self, key: Key<'_>, codec: &C) -> Result<Option<V>, Fault> {
        match &self.kind {
            Kind::Memory(memory) => CacheStore::get(memory, key, codec),
            Kind::Outside(outside) => {
                let bytes = outside.call_blocking(key, Operation::Get)?.value()?;
                Ok(bytes.and_then(|bytes| decode(&bytes, codec)))
            }
            Kind::Nothing => Err(Fault::NotInitialised),
        }
    }

    fn join(&self, key: Key<'_>, codec: &C, ask: &Ask<'_>) -> Result<Contended<Lookup<V>>, Fault> {
        match &self.kind {
            Kind::Memory(memory) => CacheStore::join(memory, key, codec, ask),
            Kind::Outside(outside) => match found(outside.call_blocking(key, Operation::Join(ask))?, codec)? {
                Found::Known(lookup) => Ok(lookup),
                Found::Foreign(bytes) => {
                    self.report(key);
                    healed(found(outside.call_blocking(key, Operation::Heal(ask, &bytes))?, codec)?)
                }
            },
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
            Kind::Outside(outside) => match encode(value.as_ref(), codec) {
                Ok(bytes) => outside.call_blocking(key, Operation::Publish(token, bytes, life))?.holding(),
                Err(fault) => {
                    outside.call_blocking(key, Operation::Abandon(token))?;
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
                let bytes = outside.call(key, Operation::Get).await?.value()?;
                Ok(bytes.and_then(|bytes| decode(&bytes, codec)))
            }
            Kind::Nothing => Err(Fault::NotInitialised),
        }
    }

    async fn join(&self, key: Key<'_>, codec: &C, ask: &Ask<'_>) -> Result<Contended<Lookup<V>>, Fault> {
        match &self.kind {
            Kind::Memory(memory) => CacheStore::join(memory, key, codec, ask),
            Kind::Outside(outside) => match found(outside.call(key, Operation::Join(ask)).await?, codec)? {
                Found::Known(lookup) => Ok(lookup),
                Found::Foreign(bytes) => {
                    self.report(key);
                    healed(found(outside.call(key, Operation::Heal(ask, &bytes)).await?, codec)?)
                }
            },
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
                let bytes = encode(value.as_ref(), codec);
                drop(value);
                match bytes {
                    Ok(bytes) => outside.call(key, Operation::Publish(token, bytes, life)).await?.holding(),
                    Err(fault) => {
                        outside.call(key, Operation::Abandon(token)).await?;
                        Err(fault)
                    }
                }
            }
            Kind::Nothing => Err(Fault::NotInitialised),
        }
    }
}
