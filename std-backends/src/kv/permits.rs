//! Pools: one key a permit, each a right of its own; the counter beside them tells how far to look.
//!
//! Invariant: whoever takes an index has seen every lower one held. So with one size at most that many are held, also
//! while permits above a size that shrank are still held.

use super::{
    AsyncKvStore,
    leases::{Bytes, ROUNDS, Slot, Then, busy, counter, counter_of, get, keep_counter, micros, obtain, settle},
    record::{Ask, Content},
};
use crate::backend::{Inspection, Reply};
use cachify_core::{Cause, Holding, key::Key, patience::BLIND_POLL, token::HolderToken};
use std::time::Duration;

/// What one look at a pool tells.
struct Look {
    in_use: u32,
    /// When the first permit ends, at the latest.
    next: Duration,
    /// The token's own permit, else the lowest that nobody holds, with what its key holds.
    place: Option<(u32, Bytes)>,
    /// What the counter's key holds.
    counter: Bytes,
}

async fn look<S: AsyncKvStore>(kv: &S, key: Key<'_>, size: u32, token: Option<HolderToken>) -> Result<Look, Cause> {
    let found = get(kv, &counter_of(key)).await?;
    let mut look = Look { in_use: 0, next: Duration::MAX, place: None, counter: found };
    let top = counter(&look.counter)?.top;
    for index in 0..top.max(size) {
        // past those that were ever in use, as far as is remembered, the first free one is the lowest
        if index >= top && look.place.is_some() {
            break;
        }
        let found = get(kv, &Slot::permit(key, index).key).await?;
        let ends = match Content::of(found.as_deref()) {
            Content::Nothing => {
                look.place.get_or_insert((index, None));
                continue;
            }
            Content::Right(right) if Some(right.token) == token => {
                look.place = Some((index, found));
                return Ok(look);
            }
            Content::Right(right) => right.ttl(),
            Content::Value(_) | Content::Counter(_) | Content::Foreign => BLIND_POLL,
        };
        look.in_use = look.in_use.saturating_add(1);
        look.next = look.next.min(ends);
    }
    Ok(look)
}

pub(super) async fn take<S: AsyncKvStore>(kv: &S, key: Key<'_>, size: u32, ask: &Ask) -> Result<Reply, Cause> {
    for _ in 0..ROUNDS {
        let look = look(kv, key, size, Some(ask.token)).await?;
        let (index, found) = match look.place {
            Some(place) if place.1.is_some() || look.in_use < size => place,
            _ => return Ok(busy(look.next)),
        };
        let (slot, counter) = (Slot::permit(key, index), counter(&look.counter)?);
        // before it is taken: a permit above the counter's reach is not found again
        if index >= counter.top && !keep_counter(kv, &slot, &look.counter, counter, ask.ttl).await? {
            continue;
        }
        let reply = obtain(kv, &slot, ask, found).await?;
        if let Reply::Granted { .. } = reply {
            return Ok(reply);
        }
        // somebody else took this one: the next look finds another, or that the pool is full
    }
    Ok(busy(BLIND_POLL))
}

/// The keys of the token's own permit.
async fn own<S: AsyncKvStore>(kv: &S, key: Key<'_>, token: HolderToken) -> Result<Option<Slot>, Cause> {
    let look = look(kv, key, 0, Some(token)).await?;
    let place = look.place.filter(|(_, found)| found.is_some());
    Ok(place.map(|(index, _)| Slot::permit(key, index)))
}

pub(super) async fn extend<S: AsyncKvStore>(kv: &S, key: Key<'_>, ask: &Ask) -> Result<Holding, Cause> {
    let Some(slot) = own(kv, key, ask.token).await? else { return Ok(Holding::Lost) };
    // first, for the same reason
    remember(kv, &slot, ask.ttl).await?;
    settle(kv, &slot.key, ask.token, Then::Renewed(ask.ttl)).await
}

/// Lets the counter outlive the permit that is about to be extended.
async fn remember<S: AsyncKvStore>(kv: &S, slot: &Slot, ttl: Duration) -> Result<(), Cause> {
    for _ in 0..ROUNDS {
        let old = get(kv, &slot.counter).await?;
        let counter = counter(&old)?;
        let lasts = kv.micros().is_none_or(|now| counter.until >= now.saturating_add(micros(ttl)));
        if lasts || keep_counter(kv, slot, &old, counter, ttl).await? {
            return Ok(());
        }
    }
    Err(Cause::TimedOut)
}

pub(super) async fn give_back<S: AsyncKvStore>(kv: &S, key: Key<'_>, token: HolderToken) -> Result<Holding, Cause> {
    match own(kv, key, token).await? {
        Some(slot) => settle(kv, &slot.key, token, Then::Free).await,
        None => Ok(Holding::Lost),
    }
}

pub(super) async fn inspect<S: AsyncKvStore>(kv: &S, key: Key<'_>) -> Result<Inspection, Cause> {
    let look = look(kv, key, 0, None).await?;
    Ok(Inspection::new(look.in_use, u64::try_from(look.next.as_millis()).unwrap_or(u64::MAX)))
}
