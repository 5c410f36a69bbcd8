//! Pools: one key a permit, each a right of its own; the counter beside them tells how far to look.
//!
//! Invariant: whoever takes an index has seen every lower one held. So with one size at most that many are held, also
//! while permits above a size that shrank are still held.

use super::{
    AsyncKvStore,
    content::Content,
    counter::{ROUNDS, Seen, counter_of, exchange, get, get_many, line},
    leases::{TURN, Then, busy, settle, take_back},
    record::{Ask, Bytes, Counter, Record, State},
};
use crate::backend::{Inspection, Reply};
use cachify_core::{
    Cause, Holding,
    key::Key,
    patience::BLIND_POLL,
    token::{FencingToken, HolderToken},
};
use std::{iter, time::Duration};

/// How many permits are asked for in one question at most.
const AT_ONCE: u32 = 64;

/// What one look at a pool tells.
struct Look {
    in_use: u32,
    /// When the first permit ends, at the latest.
    next: Duration,
    /// The lowest permit that nobody holds, with what its key holds.
    free: Option<(u32, Bytes)>,
    /// The token's own permit; with it nothing else is known.
    own: Option<(u32, Bytes)>,
    counter: Seen,
}

impl Look {
    fn see(&mut self, index: u32, bytes: Bytes, token: Option<HolderToken>) {
        let ends = match Content::of(bytes.as_deref()) {
            Content::Nothing => {
                self.free.get_or_insert((index, bytes));
                return;
            }
            Content::Right(right) if Some(right.token) == token => {
                self.own = Some((index, bytes));
                return;
            }
            Content::Right(right) => right.ttl(),
            Content::Value(_) | Content::Beside(_) | Content::Counter(_) | Content::Foreign => BLIND_POLL,
        };
        self.in_use = self.in_use.saturating_add(1);
        self.next = self.next.min(ends);
    }
}

async fn look<S: AsyncKvStore>(kv: &S, key: Key<'_>, size: u32, token: Option<HolderToken>) -> Result<Look, Cause> {
    let chunk = u32::try_from(kv.at_once()).unwrap_or(u32::MAX).clamp(1, AT_ONCE);
    let permits = |from: u32, to: u32| (from..to).map(|index| permit(key, index));
    let names = iter::once(counter_of(key)).chain(permits(0, size.min(chunk - 1))).collect();
    let mut found = get_many(kv, names).await?;
    let counter = Seen::of(found.next().flatten())?;
    let (mut index, top) = (0, counter.counter.top);
    let mut look = Look { in_use: 0, next: Duration::MAX, free: None, own: None, counter };
    while look.own.is_none() {
        if let Some(bytes) = found.next() {
            look.see(index, bytes, token);
            index += 1;
            continue;
        }
        // past those that were ever in use, as far as is remembered, the first free one is the lowest
        let end = if look.free.is_some() { top } else { top.max(size) };
        if index >= end {
            break;
        }
        found = get_many(kv, permits(index, end.min(index.saturating_add(chunk))).collect()).await?;
    }
    Ok(look)
}

fn permit(key: Key<'_>, index: u32) -> String {
    format!("{key}:{index}")
}

fn turn(key: Key<'_>) -> String {
    format!("{key}:turn")
}

pub(super) async fn take<S: AsyncKvStore>(kv: &S, key: Key<'_>, size: u32, ask: &Ask) -> Result<Reply, Cause> {
    let counter = counter_of(key);
    for _ in 0..ROUNDS {
        let Look { own, free, counter: mut seen, in_use, next } = look(kv, key, size, Some(ask.token)).await?;
        let line = &seen.counter.line;
        let before = line.iter().position(|other| *other == ask.token).unwrap_or(line.len());
        // as many of the line as there are permits
        let may_take = size.checked_sub(in_use).is_some_and(|left| before < left as usize);
        let Some((index, mut found)) = own.or(free.filter(|_| may_take)) else {
            if wait(kv, key, ask, &seen, in_use < size).await? {
                return Ok(busy(next.min(if in_use < size { TURN } else { next })));
            }
            continue;
        };
        let name = permit(key, index);
        // before it is taken: a permit above the counter's reach is not found again
        if index >= seen.counter.top {
            let next = Counter { top: index.saturating_add(1), ..seen.counter.clone() };
            let Some(kept) = seen.keep(kv, &counter, next, ask.ttl).await? else { continue };
            seen = kept;
        }
        let done = obtain(kv, &name, &counter, ask, &mut found, seen).await;
        take_back(kv, &name, ask.token, &done, &found).await;
        if let Some(fence) = done? {
            return Ok(Reply::Granted { fence: FencingToken(fence), index, remaining: ask.ttl });
        }
        // somebody else took this one: the next look finds another, or that the pool is full
    }
    Ok(busy(BLIND_POLL))
}

/// Stands in the line if it waits, and where there is room calls its first; whether that is all, else look again.
async fn wait<S: AsyncKvStore>(kv: &S, key: Key<'_>, ask: &Ask, seen: &Seen, is_room: bool) -> Result<bool, Cause> {
    let Counter { line, called, .. } = &seen.counter;
    let mut after = seen.counter.clone();
    if let Some(first) = line.first().copied().filter(|_| is_room) {
        let (name, is_told) = (turn(key), *called == first);
        let found = get(kv, &name).await?;
        let lasts = matches!(Content::of(found.as_deref()), Content::Right(turn) if turn.token == first);
        if is_told && !lasts {
            // its turn is over
            after = after.without(first).unwrap_or(after);
            seen.keep(kv, &counter_of(key), after, ask.ttl).await?;
            return Ok(false);
        }
        if !lasts && !exchange(kv, &name, &found, Some(&Record::turn(first, TURN).bytes()), Some(TURN)).await? {
            // somebody else wrote there, or the store did nothing without a cause
            return Ok(false);
        }
        after.called = first;
    } else if *called == ask.token {
        // called, and for its size there is no room: to the end of the line
        after = after.without(ask.token).unwrap_or(after);
    }
    if ask.waits {
        after = after.with(ask.token).unwrap_or(after);
    }
    Ok(after == seen.counter || seen.keep(kv, &counter_of(key), after, ask.ttl).await?.is_some())
}

/// Takes one permit: its fence, unless somebody else was faster.
///
/// A fence is counted while its key is taken and before it is granted, and whoever lost the key meanwhile is not granted.
async fn obtain<S: AsyncKvStore>(
    kv: &S,
    key: &str,
    counter: &str,
    ask: &Ask,
    found: &mut Bytes,
    mut seen: Seen,
) -> Result<Option<u64>, Cause> {
    let own = Content::of(found.as_deref()).own(ask.token);
    if let Some(own) = own.filter(|own| own.state == State::Held) {
        let again = own.with_ttl(ask.ttl);
        let is_ours = exchange(kv, key, found, Some(&again.bytes()), Some(again.ttl())).await?;
        return Ok(is_ours.then_some(own.fence));
    }
    if own.is_none() {
        // with the last fence given: a request that arrives after others had their turn finds other bytes
        let asked = Record::held(ask, seen.counter.block.bound, seen.counter.block).asked();
        if !exchange(kv, key, found, Some(&asked.bytes()), Some(asked.ttl())).await? {
            return Ok(None);
        }
        *found = Some(asked.bytes());
    }
    for _ in 0..ROUNDS {
        let (fence, block) = seen.next(kv, ask.token, 1);
        let left = seen.counter.without(ask.token);
        let after = Counter { block, ..left.unwrap_or_else(|| seen.counter.clone()) };
        if seen.keep(kv, counter, after, ask.ttl).await?.is_some() {
            let held = Record::held(ask, fence, block);
            let is_ours = exchange(kv, key, found, Some(&held.bytes()), Some(held.ttl())).await?;
            return Ok(is_ours.then_some(fence));
        }
        seen = Seen::get(kv, counter).await?;
    }
    Err(Cause::Conflict)
}

pub(super) async fn extend<S: AsyncKvStore>(kv: &S, key: Key<'_>, ask: &Ask) -> Result<Holding, Cause> {
    let look = look(kv, key, 0, Some(ask.token)).await?;
    let Some((index, _)) = look.own else { return Ok(Holding::Lost) };
    // first, for the same reason
    remember(kv, key, ask.ttl).await?;
    settle(kv, &permit(key, index), ask.token, Then::Renewed(ask.ttl)).await
}

/// Lets the counter outlive the permit that is about to be extended.
async fn remember<S: AsyncKvStore>(kv: &S, key: Key<'_>, ttl: Duration) -> Result<(), Cause> {
    for _ in 0..ROUNDS {
        let seen = Seen::get(kv, &counter_of(key)).await?;
        if seen.outlives(kv, ttl) || seen.keep(kv, &counter_of(key), seen.counter.clone(), ttl).await?.is_some() {
            return Ok(());
        }
    }
    Err(Cause::Conflict)
}

/// Gives a permit back; whoever has none leaves the line.
pub(super) async fn give_back<S: AsyncKvStore>(kv: &S, key: Key<'_>, token: HolderToken) -> Result<Holding, Cause> {
    let look = look(kv, key, 0, Some(token)).await?;
    if let Some((index, _)) = look.own {
        return settle(kv, &permit(key, index), token, Then::Gone).await;
    }
    line(kv, &counter_of(key), look.counter, Duration::ZERO, |counter| counter.without(token)).await?;
    Ok(Holding::Lost)
}

pub(super) async fn inspect<S: AsyncKvStore>(kv: &S, key: Key<'_>) -> Result<Inspection, Cause> {
    let look = look(kv, key, 0, None).await?;
    Ok(Inspection::new(look.in_use, u64::try_from(look.next.as_millis()).unwrap_or(u64::MAX)))
}
