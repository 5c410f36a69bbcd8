//! Cached values: the key holds the flight that fills it, then the value.
//!
//! So to publish is one exchange, of the own flight for the value: whoever lost its flight, to another or to an
//! invalidation, expects other bytes and stores nothing.

use super::{
    AsyncKvStore,
    record::{Content, Record, State},
    rights::{ROUNDS, Then, busy, exchange, get, settle},
};
use crate::{
    cell::{Ask, Holding, Kept, Life, Lookup},
    codec::AsIs,
    key::Key,
    patience::{BLIND_POLL, Contended},
    store::{Fault, fresh_only},
    token::{FencingToken, HolderToken},
};
use alloc::{string::ToString, vec::Vec};

pub(super) async fn value_of<S: AsyncKvStore>(kv: &S, key: Key<'_>, _: &AsIs) -> Result<Option<Vec<u8>>, Fault> {
    let found = get(kv, &key.to_string()).await?;
    Ok(match Content::of(found.as_deref()) {
        Content::Value(value) => Some(value.to_vec()),
        _ => None,
    })
}

pub(super) async fn join<S: AsyncKvStore>(
    kv: &S,
    key: Key<'_>,
    _: &AsIs,
    ask: &Ask,
) -> Result<Contended<Lookup<Vec<u8>>>, Fault> {
    let key = key.to_string();
    // whoever joins has looked and found nothing
    let mut found = None;
    for _ in 0..ROUNDS {
        let content = Content::of(found.as_deref());
        let fence = match (content.own(ask.token), content) {
            (Some(own), _) => own.fence,
            (None, Content::Value(value)) => return Ok(Contended::Granted(Lookup::Fresh(value.to_vec()))),
            (None, Content::Right(other)) => return Ok(busy(other.ttl())),
            // what cannot be read is a miss
            (None, Content::Nothing | Content::Counter(_) | Content::Foreign) => kv.micros().unwrap_or_default(),
        };
        let flight = Record::new(State::Held, ask, fence);
        if exchange(kv, &key, &found, Some(&flight.bytes()), Some(flight.ttl())).await? {
            let fence = FencingToken(fence);
            return Ok(Contended::Granted(Lookup::Fill { stale: None, fence, remaining: flight.ttl() }));
        }
        found = get(kv, &key).await?;
    }
    Ok(busy(BLIND_POLL))
}

pub(super) async fn publish<S: AsyncKvStore>(
    kv: &S,
    key: Key<'_>,
    _: &AsIs,
    token: HolderToken,
    value: Kept<'_, Vec<u8>>,
    life: Life,
) -> Result<Holding, Fault> {
    fresh_only(&life)?;
    settle(kv, &key.to_string(), token, Then::Filled(value.as_ref(), life)).await
}

pub(super) async fn invalidate<S: AsyncKvStore>(kv: &S, key: Key<'_>) -> Result<bool, Fault> {
    let key = key.to_string();
    for _ in 0..ROUNDS {
        let found = get(kv, &key).await?;
        if found.is_none() {
            return Ok(false);
        }
        if exchange(kv, &key, &found, None, None).await? {
            return Ok(matches!(Content::of(found.as_deref()), Content::Value(_)));
        }
    }
    // whatever it holds by now
    kv.remove(&key).await.map_err(Into::into)
}
