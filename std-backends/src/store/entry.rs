//! Cached values of [`AnyStore`]: as they are in memory, as bytes in a store of the user's own.
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
    patience::Contended,
    store::{AsyncCacheStore, CacheStore, Peek},
    token::HolderToken,
};

const FORMAT: u8 = 1;

/// Format, codec, and 32-bit FNV-1a of the type's name.
fn header<V, C: Codec<V>>() -> [u8; 6] {
    let name = std::any::type_name::<V>().bytes();
    let hash = name.fold(0x811c_9dc5_u32, |h, b| (h ^ u32::from(b)).wrapping_mul(0x0100_0193));
    let [a, b, c, d] = hash.to_le_bytes();
    [FORMAT, C::ID, a, b, c, d]
}

fn encode<V, C: Codec<V>>(value: &V, codec: &C) -> Result<Vec<u8>, Fault> {
    let mut bytes = header::<V, C>().to_vec();
    codec.encode(value, &mut bytes).map_err(|_| Fault::Codec)?;
    Ok(bytes)
}

fn decode<V, C: Codec<V>>(bytes: &[u8], codec: &C) -> Option<V> {
    codec.decode(bytes.strip_prefix(&header::<V, C>())?).ok()
}

/// A value that cannot be decoded is nobody's: the caller is told to wait no longer and computes.
fn lookup<V, C: Codec<V>>(answer: Answer, codec: &C) -> Result<Contended<Lookup<V>>, Fault> {
    let decoded = |bytes: Vec<u8>| decode(&bytes, codec).ok_or(Fault::Codec);
    Ok(match answer.lookup()? {
        Contended::Busy(busy) => Contended::Busy(busy),
        Contended::Granted(found) => Contended::Granted(match found {
            Lookup::Fresh(bytes) => Lookup::Fresh(decoded(bytes)?),
            Lookup::Stale(bytes) => Lookup::Stale(decoded(bytes)?),
            Lookup::Fill { stale, fence, remaining } => {
                Lookup::Fill { stale: stale.and_then(|bytes| decoded(bytes).ok()), fence, remaining }
            }
        }),
    })
}

#[diagnostic::do_not_recommend]
impl<V: Clone + Send + Sync + 'static, C: Codec<V>> Peek<V, C> for AnyStore {
    #[inline]
    fn peek(&self, key: Key<'_>, codec: &C) -> Option<V> {
        match &self.kind {
            Kind::Memory(memory) => memory.peek(key, codec),
            Kind::Guest(_) => None,
            Kind::Nothing => crate::global::not_initialised(),
        }
    }
}

#[diagnostic::do_not_recommend]
impl<V: Clone + Send + Sync + 'static, C: Codec<V>> CacheStore<V, C> for AnyStore {
    fn get(&self, key: Key<'_>, codec: &C) -> Result<Option<V>, Fault> {
        match &self.kind {
            Kind::Memory(memory) => CacheStore::get(memory, key, codec),
            Kind::Guest(guest) => {
                let bytes = guest.call_blocking(key, Operation::Get)?.value()?;
                Ok(bytes.and_then(|bytes| decode(&bytes, codec)))
            }
            Kind::Nothing => Err(Fault::NotInitialised),
        }
    }

    fn join(&self, key: Key<'_>, codec: &C, ask: &Ask<'_>) -> Result<Contended<Lookup<V>>, Fault> {
        match &self.kind {
            Kind::Memory(memory) => CacheStore::join(memory, key, codec, ask),
            Kind::Guest(guest) => match lookup(guest.call_blocking(key, Operation::Join(ask))?, codec) {
                Err(Fault::Codec) => {
                    guest.call_blocking(key, Operation::Invalidate)?;
                    lookup(guest.call_blocking(key, Operation::Join(ask))?, codec)
                }
                found => found,
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
            Kind::Guest(guest) => match encode(value.as_ref(), codec) {
                Ok(bytes) => guest.call_blocking(key, Operation::Publish(token, bytes, life))?.holding(),
                Err(fault) => {
                    guest.call_blocking(key, Operation::Abandon(token))?;
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
            Kind::Guest(guest) => {
                let bytes = guest.call(key, Operation::Get).await?.value()?;
                Ok(bytes.and_then(|bytes| decode(&bytes, codec)))
            }
            Kind::Nothing => Err(Fault::NotInitialised),
        }
    }

    async fn join(&self, key: Key<'_>, codec: &C, ask: &Ask<'_>) -> Result<Contended<Lookup<V>>, Fault> {
        match &self.kind {
            Kind::Memory(memory) => CacheStore::join(memory, key, codec, ask),
            Kind::Guest(guest) => match lookup(guest.call(key, Operation::Join(ask)).await?, codec) {
                // bytes of another type, or of an older layout: healed, then filled like any other miss
                Err(Fault::Codec) => {
                    guest.call(key, Operation::Invalidate).await?;
                    lookup(guest.call(key, Operation::Join(ask)).await?, codec)
                }
                found => found,
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
            Kind::Guest(guest) => {
                // encoded before the first await, so that the value is not held across it
                let bytes = encode(value.as_ref(), codec);
                drop(value);
                match bytes {
                    Ok(bytes) => guest.call(key, Operation::Publish(token, bytes, life)).await?.holding(),
                    Err(fault) => {
                        guest.call(key, Operation::Abandon(token)).await?;
                        Err(fault)
                    }
                }
            }
            Kind::Nothing => Err(Fault::NotInitialised),
        }
    }
}
