//! Rights over keys that end by themselves: locks and runs, and one permit of a pool.
//!
//! Invariant: a fence is counted while its key is taken and before it is granted, and whoever lost the key meanwhile is
//! not granted. So fences follow the order of holding, however long a client was paused in between.

use super::{
    AsyncKvStore,
    record::{Ask, Content, Counter, Record, State, value},
};
use crate::backend::{Inspection, Reply, lasting};
use cachify_core::{
    Cause, Holding,
    key::Key,
    patience::{BLIND_POLL, Ticket},
    token::{FencingToken, HolderToken},
};
use std::time::Duration;

/// How often somebody else may be faster; each time somebody else got on.
pub(super) const ROUNDS: usize = 64;
/// How long a fence is remembered after its lease, where the store has a clock: microseconds.
const LINGER: u64 = 60_000_000;

pub(super) type Bytes = Option<Vec<u8>>;

pub(super) async fn get<S: AsyncKvStore>(kv: &S, key: &str) -> Result<Bytes, Cause> {
    kv.get(key).await.map_err(Into::into)
}

pub(super) async fn exchange<S: AsyncKvStore>(
    kv: &S,
    key: &str,
    old: &Bytes,
    new: Option<&[u8]>,
    ttl: Option<Duration>,
) -> Result<bool, Cause> {
    kv.compare_exchange(key, old.as_deref(), new, ttl).await.map_err(Into::into)
}

/// The keys of one right.
pub(super) struct Slot {
    pub(super) key: String,
    pub(super) counter: String,
    /// Which permit of its pool.
    pub(super) index: Option<u32>,
}

impl Slot {
    pub(super) fn of(key: Key<'_>) -> Self {
        Self { key: key.to_string(), counter: counter_of(key), index: None }
    }

    pub(super) fn permit(key: Key<'_>, index: u32) -> Self {
        Self { key: format!("{key}:{index}"), counter: counter_of(key), index: Some(index) }
    }
}

/// Ends with a word where permits end with their index.
pub(super) fn counter_of(key: Key<'_>) -> String {
    format!("{key}:fence")
}

pub(super) const fn busy(remaining: Duration) -> Reply {
    Reply::Busy { remaining, ticket: Ticket::NONE }
}

/// A lock or a run.
pub(super) async fn acquire<S: AsyncKvStore>(kv: &S, key: Key<'_>, ask: &Ask) -> Result<Reply, Cause> {
    let slot = Slot::of(key);
    let found = get(kv, &slot.key).await?;
    obtain(kv, &slot, ask, found).await
}

/// Takes what is free; `found` is what the key held a moment ago.
pub(super) async fn obtain<S: AsyncKvStore>(kv: &S, slot: &Slot, ask: &Ask, mut found: Bytes) -> Result<Reply, Cause> {
    let done = steps(kv, slot, ask, &mut found).await;
    if done.as_ref().is_err_and(|cause| !cause.is_indeterminate())
        && Content::of(found.as_deref()).own(ask.token).is_some()
    {
        // the caller will not come back for it, so nobody else shall wait for its end
        let _ = exchange(kv, &slot.key, &found, None, None).await;
    }
    done
}

/// From free to asked for, from asked for to held: one exchange each, from what was found to what follows.
async fn steps<S: AsyncKvStore>(kv: &S, slot: &Slot, ask: &Ask, found: &mut Bytes) -> Result<Reply, Cause> {
    let mut seen = None;
    for _ in 0..ROUNDS {
        let content = Content::of(found.as_deref());
        let next = match (content.own(ask.token), content) {
            // counted again from now, for what is granted is told to last for the whole TTL from now
            (Some(own), _) if own.state == State::Held => own.with_ttl(ask.ttl),
            (Some(_), _) => Record::new(State::Held, ask, count(kv, slot, ask, &mut seen).await?),
            (None, Content::Nothing) => {
                seen = get(kv, &slot.counter).await?;
                Record::new(State::Asked, ask, counter(&seen)?.last)
            }
            (None, Content::Right(other)) if other.state == State::Done => {
                return Ok(Reply::Done { remaining: other.ttl() });
            }
            (None, Content::Right(other)) => return Ok(busy(other.ttl())),
            (None, _) => return Ok(busy(BLIND_POLL)),
        };
        let bytes = next.bytes();
        if !exchange(kv, &slot.key, found, Some(&bytes), Some(next.ttl())).await? {
            *found = get(kv, &slot.key).await?;
        } else if next.state == State::Held {
            let (fence, index) = (FencingToken(next.fence), slot.index.unwrap_or_default());
            return Ok(Reply::Granted { fence, index, remaining: next.ttl() });
        } else {
            *found = Some(bytes);
        }
    }
    Ok(busy(BLIND_POLL))
}

pub(super) fn counter(bytes: &Bytes) -> Result<Counter, Cause> {
    match Content::of(bytes.as_deref()) {
        Content::Nothing => Ok(Counter::default()),
        Content::Counter(counter) => Ok(counter),
        // without the last fence there is no next one
        _ => Err(Cause::Codec),
    }
}

/// The next fence; `seen` is what the counter held a moment ago.
async fn count<S: AsyncKvStore>(kv: &S, slot: &Slot, ask: &Ask, seen: &mut Bytes) -> Result<u64, Cause> {
    for _ in 0..ROUNDS {
        let last = counter(seen)?;
        let next = last.last.saturating_add(1).max(kv.micros().unwrap_or_default());
        if keep_counter(kv, slot, seen, Counter { last: next, ..last }, ask.ttl).await? {
            return Ok(next);
        }
        *seen = get(kv, &slot.counter).await?;
    }
    Err(Cause::TimedOut)
}

/// Writes a counter that outlives a right of `ttl` from now; without a clock it never ends.
pub(super) async fn keep_counter<S: AsyncKvStore>(
    kv: &S,
    slot: &Slot,
    old: &Bytes,
    mut counter: Counter,
    ttl: Duration,
) -> Result<bool, Cause> {
    counter.top = counter.top.max(slot.index.map_or(0, |index| index.saturating_add(1)));
    let mut lasts = None;
    if let Some(now) = kv.micros() {
        // others of the pool may hold for longer
        counter.until = counter.until.max(now.saturating_add(micros(ttl)).saturating_add(LINGER));
        lasts = Some(Duration::from_micros(counter.until.saturating_sub(now)));
    }
    exchange(kv, &slot.counter, old, Some(&counter.bytes()), lasts).await
}

pub(super) fn micros(d: Duration) -> u64 {
    u64::try_from(d.as_micros()).unwrap_or(u64::MAX)
}

/// What becomes of a lease when its holder comes back.
#[derive(Clone, Copy)]
pub(super) enum Then<'v> {
    Renewed(Duration),
    Free,
    Marked(Duration),
    /// With how many milliseconds it is fresh; `u64::MAX` for ever.
    Filled(&'v [u8], u64),
}

impl Then<'_> {
    /// What the key holds from now on, and for how long.
    fn follows(self, own: Record) -> (Bytes, Option<Duration>) {
        let (ttl, next) = match self {
            Self::Free => return (None, None),
            Self::Filled(bytes, u64::MAX) => return (Some(value(bytes)), None),
            Self::Filled(bytes, fresh) => (lasting(fresh), value(bytes)),
            Self::Renewed(ttl) => (ttl, own.with_ttl(ttl).bytes()),
            Self::Marked(keep) => (keep, own.done(keep).bytes()),
        };
        // a time of no length has ended
        if ttl.is_zero() { (None, None) } else { (Some(next), Some(own.with_ttl(ttl).ttl())) }
    }
}

/// Does it, if the key is still the token's.
pub(super) async fn settle<S: AsyncKvStore>(
    kv: &S,
    key: &str,
    token: HolderToken,
    then: Then<'_>,
) -> Result<Holding, Cause> {
    for _ in 0..ROUNDS {
        let found = get(kv, key).await?;
        let Some(own) = Content::of(found.as_deref()).own(token) else { return Ok(Holding::Lost) };
        let (next, ttl) = then.follows(own);
        if exchange(kv, key, &found, next.as_deref(), ttl).await? {
            return Ok(Holding::Held);
        }
    }
    Err(Cause::TimedOut)
}

pub(super) async fn inspect<S: AsyncKvStore>(kv: &S, key: Key<'_>) -> Result<Inspection, Cause> {
    let found = get(kv, &key.to_string()).await?;
    Ok(match Content::of(found.as_deref()) {
        Content::Nothing => Inspection::FREE,
        Content::Right(lease) if lease.state == State::Held => {
            Inspection::new(1, lease.millis()).by(FencingToken(lease.fence), u64::MAX)
        }
        Content::Right(lease) => Inspection::new(1, lease.millis()),
        Content::Value(_) | Content::Counter(_) | Content::Foreign => Inspection::new(1, BLIND_POLL.as_millis() as u64),
    })
}
