//! Cached values: the key holds the flight that fills it, then the value.
//!
//! So to publish is one exchange, of the own flight for the value: whoever lost its flight, to another or to an
//! invalidation, expects other bytes and stores nothing.

use super::{
    AsyncKvStore,
    counter::{ROUNDS, exchange, get, remove},
    leases::busy,
    record::{Ask, Block, Content, Record, Value},
};
use crate::backend::{Inspection, Reply};
use cachify_core::{Cause, Holding, key::Key, patience::BLIND_POLL, token::FencingToken};

pub(super) async fn look<S: AsyncKvStore>(kv: &S, key: Key<'_>) -> Result<Reply, Cause> {
    let found = get(kv, &key.to_string()).await?;
    Ok(match Content::of(found.as_deref()) {
        Content::Value(value) => Reply::Filled(value.bytes.to_vec()),
        _ => Reply::Absent,
    })
}

/// Whether there is a value, and how long it is fresh, which only a clock of the store can tell.
pub(super) async fn life<S: AsyncKvStore>(kv: &S, key: Key<'_>) -> Result<Inspection, Cause> {
    let found = get(kv, &key.to_string()).await?;
    let Content::Value(Value { until, .. }) = Content::of(found.as_deref()) else { return Ok(Inspection::FREE) };
    match (until, kv.micros()) {
        (u64::MAX, _) => Ok(Inspection::new(1, u64::MAX)),
        (0, _) | (_, None) => Err(NO_LIFE),
        (until, Some(now)) => Ok(Inspection::new(1, until.saturating_sub(now) / 1_000)),
    }
}

const NO_LIFE: Cause = Cause::Unsupported("a store without a clock cannot tell when a cached value ends");

/// The value, or the flight that fills it; exactly the bytes in `foreign` count for no value.
pub(super) async fn join<S: AsyncKvStore>(
    kv: &S,
    key: Key<'_>,
    ask: &Ask,
    foreign: Option<&[u8]>,
) -> Result<Reply, Cause> {
    let key = key.to_string();
    // whoever joins has looked and found nothing
    let mut found = None;
    for _ in 0..ROUNDS {
        let content = Content::of(found.as_deref());
        let fence = match (content.own(ask.token), content) {
            (Some(own), _) => own.fence,
            (None, Content::Value(value)) if foreign != Some(value.bytes) => {
                return Ok(Reply::Filled(value.bytes.to_vec()));
            }
            (None, Content::Right(other)) => return Ok(busy(other.ttl())),
            // what cannot be read is a miss
            (None, Content::Value(_) | Content::Nothing | Content::Counter(_) | Content::Foreign) => {
                kv.micros().unwrap_or_default()
            }
        };
        let flight = Record::held(ask, fence, Block::default());
        if exchange(kv, &key, &found, Some(&flight.bytes()), Some(flight.ttl())).await? {
            return Ok(Reply::Granted { fence: FencingToken(fence), index: 0, remaining: flight.ttl() });
        }
        found = get(kv, &key).await?;
    }
    Ok(busy(BLIND_POLL))
}

/// The value, whatever is there: a flight under way expects its own bytes, and stores nothing.
pub(super) async fn insert<S: AsyncKvStore>(kv: &S, key: Key<'_>, bytes: &[u8], fresh: u64) -> Result<Holding, Cause> {
    let key = key.to_string();
    for _ in 0..ROUNDS {
        let found = get(kv, &key).await?;
        let (next, ttl) = Value::kept(bytes, fresh, kv.micros());
        if exchange(kv, &key, &found, Some(&next), ttl).await? {
            return Ok(Holding::Held);
        }
    }
    Err(Cause::Conflict)
}

pub(super) async fn invalidate<S: AsyncKvStore>(kv: &S, key: Key<'_>) -> Result<bool, Cause> {
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
    remove(kv, &key).await
}
