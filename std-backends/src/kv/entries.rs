//! Cached values: the key holds the flight that fills it, then the value; while a value is loaded again or changed, both.
//!
//! So to publish is one exchange, of the own flight for the value: whoever lost its flight, to another or to an
//! invalidation, expects other bytes and stores nothing.

use super::{
    AsyncKvStore,
    beside::Beside,
    content::Content,
    counter::{ROUNDS, exchange, get, remove},
    leases::busy,
    record::{Ask, Block, Record},
    value::Value,
};
use crate::backend::{Ask as Asked, Inspection, Reply};
use cachify_core::{Cause, Holding, key::Key, patience::BLIND_POLL, token::FencingToken};

/// The value that the key holds, alone or beside the flight that is to bring the next one.
fn value<'a>(content: &Content<'a>, micros: Option<u64>) -> Option<Value<'a>> {
    match content {
        Content::Value(value) => Some(*value),
        Content::Beside(beside) => beside.at(micros).0,
        Content::Nothing | Content::Right(_) | Content::Counter(_) | Content::Foreign => None,
    }
}

pub(super) async fn look<S: AsyncKvStore>(kv: &S, key: Key<'_>) -> Result<Reply, Cause> {
    let found = get(kv, &key.to_string()).await?;
    let found = value(&Content::of(found.as_deref()), kv.micros());
    Ok(found.map_or(Reply::Absent, |value| Reply::Filled(value.bytes.to_vec())))
}

/// Whether there is a value, and how long it is fresh, which only a clock of the store can tell.
pub(super) async fn life<S: AsyncKvStore>(kv: &S, key: Key<'_>) -> Result<Inspection, Cause> {
    let found = get(kv, &key.to_string()).await?;
    let micros = kv.micros();
    let Some(value) = value(&Content::of(found.as_deref()), micros) else { return Ok(Inspection::FREE) };
    let left = value.left(micros).ok_or(NO_LIFE)?;
    Ok(Inspection::new(1, if left == u64::MAX { left } else { left / 1_000 }))
}

const NO_LIFE: Cause = Cause::Unsupported("a store without a clock cannot tell when a cached value ends");

/// Who wants the value of a key, or its flight.
pub(super) struct Wanted<'a> {
    pub(super) ask: Ask,
    /// See [`window`](crate::backend::Ask::window).
    pub(super) window: u32,
    /// Exactly these bytes count for no value.
    pub(super) foreign: Option<&'a [u8]>,
}

impl Wanted<'_> {
    /// What there is for one who wants it, of a value and another's flight; nothing if it may have the flight.
    fn answer(
        &self,
        value: Option<Value<'_>>,
        flight: Option<Record>,
        micros: Option<u64>,
    ) -> Result<Option<Reply>, Cause> {
        let bytes = |value: Value<'_>| value.bytes.to_vec();
        Ok(match (value, flight) {
            (Some(value), _) if self.window == 0 => Some(Reply::Filled(bytes(value))),
            (Some(value), flight) if self.window < Asked::AGAIN => {
                if value.left(micros).ok_or(NO_LIFE)? > u64::from(self.window) * 1_000 {
                    Some(Reply::Filled(bytes(value)))
                } else {
                    flight.map(|_| Reply::Stale(bytes(value)))
                }
            }
            (_, flight) => flight.map(|flight| busy(flight.ttl())),
        })
    }
}

/// The value, or the flight that fills it; beside a value that others have meanwhile, if there is one whose end is known.
pub(super) async fn join<S: AsyncKvStore>(kv: &S, key: Key<'_>, wanted: &Wanted<'_>) -> Result<Reply, Cause> {
    let Wanted { ask, window, foreign } = wanted;
    let key = key.to_string();
    // whoever joins has looked and found nothing, but who wants more than a value
    let mut found = if *window == 0 { None } else { get(kv, &key).await? };
    for _ in 0..ROUNDS {
        let (content, micros) = (Content::of(found.as_deref()), kv.micros());
        let value = value(&content, micros).filter(|value| *foreign != Some(value.bytes));
        let flight = match &content {
            Content::Right(right) => Some(*right),
            Content::Beside(beside) => beside.at(micros).1,
            // what cannot be read is a miss
            Content::Nothing | Content::Value(_) | Content::Counter(_) | Content::Foreign => None,
        };
        let is_own = |flight: &Record| flight.is_held() && flight.token == ask.token;
        if let Some(reply) = wanted.answer(value, flight.filter(|flight| !is_own(flight)), micros)? {
            return Ok(reply);
        }
        let fence = flight.map_or(micros.unwrap_or_default(), |own| own.fence);
        let flight = Record::held(ask, fence, Block::default());
        let (bytes, ttl) = match value.and_then(|value| Beside::begun(flight, value, micros)) {
            Some(beside) => beside.kept(micros),
            // the value that is to be loaded again or changed would be lost
            None if value.is_some() && *window >= Asked::AGAIN => return Err(NO_LIFE),
            None => (Some(flight.bytes()), Some(flight.ttl())),
        };
        if exchange(kv, &key, &found, bytes.as_deref(), ttl).await? {
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
            return Ok(value(&Content::of(found.as_deref()), kv.micros()).is_some());
        }
    }
    // whatever it holds by now
    remove(kv, &key).await
}
