//! What is remembered beside a right, under a key of its own: how far its fences may have come, and who waits for it.
//!
//! Invariant: fences are reserved before they are given, so whoever finds no right begins above all that were given.

use super::{
    AsyncKvStore,
    content::Content,
    record::{Block, Bytes, Counter},
};
use crate::backend::OTHER;
use cachify_core::{
    Cause,
    key::{Key, Kind},
    token::HolderToken,
};
use std::{time::Duration, vec};

/// How often somebody else may be faster; each time somebody else got on.
pub(super) const ROUNDS: usize = 64;
/// How long what is remembered of a right outlives it, where it has an end.
pub(super) const LINGER: Duration = Duration::from_secs(60);

/// Asked again while others write at the same time and the store undoes it, which is no answer.
macro_rules! asked {
    ($question:expr) => {{
        let mut rounds = 1;
        loop {
            match $question.await.map_err(Into::into) {
                Err(Cause::Conflict) if rounds < ROUNDS => rounds += 1,
                answer => break answer,
            }
        }
    }};
}

pub(super) async fn get<S: AsyncKvStore>(kv: &S, key: &str) -> Result<Bytes, Cause> {
    asked!(kv.get(key))
}

/// Empties a key, whatever it holds.
pub(super) async fn remove<S: AsyncKvStore>(kv: &S, key: &str) -> Result<bool, Cause> {
    asked!(kv.remove(key))
}

/// What many keys hold, in one question where the store can do that.
pub(super) async fn get_many<S: AsyncKvStore>(kv: &S, keys: Vec<String>) -> Result<vec::IntoIter<Bytes>, Cause> {
    let found = asked!(kv.get_many(&keys))?;
    if found.len() == keys.len() { Ok(found.into_iter()) } else { Err(OTHER) }
}

pub(super) async fn exchange<S: AsyncKvStore>(
    kv: &S,
    key: &str,
    old: &Bytes,
    new: Option<&[u8]>,
    ttl: Option<Duration>,
) -> Result<bool, Cause> {
    match kv.compare_exchange(key, old.as_deref(), new, ttl).await.map_err(Into::into) {
        // not done, as when the bytes are others: looked at once more
        Err(Cause::Conflict) => Ok(false),
        answer => answer,
    }
}

/// The keys of a lock or a run.
pub(super) struct Slot {
    pub(super) key: String,
    pub(super) counter: String,
}

impl Slot {
    pub(super) fn of(key: Key<'_>) -> Self {
        Self { key: key.to_string(), counter: counter_of(key) }
    }
}

/// A pool has nothing else at its own key, where other kinds of store have theirs too: so they refuse each other.
pub(super) fn counter_of(key: Key<'_>) -> String {
    if key.kind == Kind::Pool { key.to_string() } else { format!("{key}:fence") }
}

/// What a counter's key held a moment ago.
pub(super) struct Seen {
    pub(super) counter: Counter,
    bytes: Bytes,
}

impl Seen {
    pub(super) fn of(bytes: Bytes) -> Result<Self, Cause> {
        let counter = match Content::of(bytes.as_deref()) {
            Content::Nothing => Counter::default(),
            Content::Counter(counter) => counter,
            // without the last fence there is no next one
            _ => return Err(Cause::Codec),
        };
        Ok(Self { counter, bytes })
    }

    pub(super) async fn get<S: AsyncKvStore>(kv: &S, key: &str) -> Result<Self, Cause> {
        Self::of(get(kv, key).await?)
    }

    /// The next fences, for a token to reserve so many; where the store has a clock they follow it.
    pub(super) fn next<S: AsyncKvStore>(&self, kv: &S, token: HolderToken, many: u64) -> (u64, Block) {
        let first = self.counter.block.bound.saturating_add(1).max(kv.micros().unwrap_or_default());
        (first, Block { bound: first.saturating_add(many - 1), by: token })
    }

    /// Writes what follows, to outlive a right of `ttl` from now; without a clock it never ends. Nothing if somebody else
    /// was faster.
    pub(super) async fn keep<S: AsyncKvStore>(
        &self,
        kv: &S,
        key: &str,
        mut next: Counter,
        ttl: Duration,
    ) -> Result<Option<Self>, Cause> {
        let mut lasts = None;
        if let Some(now) = kv.micros() {
            // others of a pool may hold for longer
            next.until = next.until.max(now.saturating_add(micros(ttl.saturating_add(LINGER))));
            lasts = Some(Duration::from_micros(next.until.saturating_sub(now)));
        }
        let bytes = next.bytes();
        let is_kept = exchange(kv, key, &self.bytes, Some(&bytes), lasts).await?;
        Ok(is_kept.then_some(Self { counter: next, bytes: Some(bytes) }))
    }

    /// Whether it is remembered for as long as a right of `ttl` from now, and a while more.
    pub(super) fn outlives<S: AsyncKvStore>(&self, kv: &S, ttl: Duration) -> bool {
        kv.micros().is_none_or(|now| self.counter.until >= now.saturating_add(micros(ttl)))
    }
}

fn micros(d: Duration) -> u64 {
    u64::try_from(d.as_micros()).unwrap_or(u64::MAX)
}

/// Changes the line, if `change` says how, whoever is faster meanwhile.
pub(super) async fn line<S: AsyncKvStore>(
    kv: &S,
    key: &str,
    mut seen: Seen,
    ttl: Duration,
    change: impl Fn(&Counter) -> Option<Counter>,
) -> Result<(), Cause> {
    for _ in 0..ROUNDS {
        let Some(next) = change(&seen.counter) else { break };
        if seen.keep(kv, key, next, ttl).await?.is_some() {
            break;
        }
        seen = Seen::get(kv, key).await?;
    }
    Ok(())
}
