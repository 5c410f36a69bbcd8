//! Rights over keys that end by themselves: locks and runs.
//!
//! A right is one key. What is given back stays there for a while, with its last fence: taking it is then two questions
//! and one exchange. Fences are reserved beforehand, a block at once (Hi/Lo), under a second key, which is written only
//! where there is no right or no fence left. That key also has the line of those who wait.
//!
//! Invariant: a block is whose token took the key *and then* found the counter unchanged. As long as it keeps the key no
//! other can reserve one, and whoever lost the key meanwhile expects other bytes. So fences follow the order of holding,
//! however long a client was paused in between.

use super::{
    AsyncKvStore,
    beside::{Beside, lasting},
    content::Content,
    counter::{LINGER, ROUNDS, Seen, Slot, exchange, get, line, remove},
    record::{Ask, Block, Bytes, Counter, Record, State},
    value::Value,
};
use crate::backend::{Inspection, Reply};
use cachify_core::{
    Cause, Holding,
    key::Key,
    patience::{BLIND_POLL, Ticket},
    token::{FencingToken, HolderToken},
};
use std::time::Duration;

/// How many fences are reserved at once. A right that ends without being given back leaves a gap of so many at most.
const BLOCK: u64 = 1_000;

/// For how long what is free belongs to the first of its line, once another has found it free.
pub(super) const TURN: Duration = Duration::from_secs(1);

pub(super) const fn busy(remaining: Duration) -> Reply {
    Reply::Busy { remaining, ticket: Ticket::NONE }
}

/// A lock or a run: taken if it is free.
pub(super) async fn acquire<S: AsyncKvStore>(kv: &S, key: Key<'_>, ask: &Ask) -> Result<Reply, Cause> {
    let slot = Slot::of(key);
    let mut found = get(kv, &slot.key).await?;
    let (mut done, mut absent) = (Ok(None), None);
    for _ in 0..ROUNDS {
        done = step(kv, &slot, ask, &mut found, &mut absent).await;
        if done != Ok(None) {
            break;
        }
    }
    if done == Ok(None) && Content::of(found.as_deref()).own(ask.token).is_some() {
        // the key is ours, and its fence was never
        done = Err(Cause::Conflict);
    }
    take_back(kv, &slot.key, ask.token, &done, &found).await;
    Ok(done?.unwrap_or(busy(BLIND_POLL)))
}

/// After an error that says nothing was done: the caller will not come back for what was, so nobody else shall wait for
/// its end.
pub(super) async fn take_back<S: AsyncKvStore, T>(
    kv: &S,
    key: &str,
    token: HolderToken,
    done: &Result<T, Cause>,
    found: &Bytes,
) {
    if done.as_ref().is_err_and(|cause| !cause.is_indeterminate()) && Content::of(found.as_deref()).own(token).is_some()
    {
        let _ = exchange(kv, key, found, None, None).await;
    }
}

/// One exchange from what was found to what follows; nothing if somebody else was faster. `absent` is the first of the
/// line, once it is known not to have come in its turn.
async fn step<S: AsyncKvStore>(
    kv: &S,
    slot: &Slot,
    ask: &Ask,
    found: &mut Bytes,
    absent: &mut Option<HolderToken>,
) -> Result<Option<Reply>, Cause> {
    let before = match Content::of(found.as_deref()) {
        Content::Nothing => None,
        Content::Right(right) => match right.state {
            State::Done => return Ok(Some(Reply::Done { remaining: right.ttl() })),
            State::Asked | State::Held if right.token != ask.token => {
                if ask.waits {
                    let seen = Seen::get(kv, &slot.counter).await?;
                    line(kv, &slot.counter, seen, right.ttl(), |counter| counter.with(ask.token)).await?;
                }
                return Ok(Some(busy(right.ttl())));
            }
            State::Called if right.token != ask.token => return Ok(Some(busy(right.ttl()))),
            State::Asked | State::Held | State::Free | State::Called => Some(right),
        },
        Content::Value(_) | Content::Beside(_) | Content::Counter(_) | Content::Foreign => {
            return Ok(Some(busy(BLIND_POLL)));
        }
    };
    let seen = Seen::get(kv, &slot.counter).await?;
    let first = seen.counter.line.first().copied().filter(|first| *first != ask.token);
    let called = first.zip(before).filter(|(_, right)| right.state == State::Free);
    let next = match called {
        // that one has waited for longer
        Some((first, free)) => free.called(first, TURN),
        None => grant(kv, ask, before, &seen),
    };
    if !exchange(kv, &slot.key, found, Some(&next.bytes()), Some(next.ttl())).await? {
        *found = get(kv, &slot.key).await?;
        return Ok(None);
    }
    *found = Some(next.bytes());
    if called.is_some() {
        return Ok(Some(busy(TURN)));
    }
    if before.is_none() {
        // its turn, or the lease before it, ended by itself
        *absent = first;
    }
    let gone = [Some(ask.token), *absent];
    if next.block != seen.counter.block {
        let after = Counter { block: next.block, ..without(&seen.counter, gone).unwrap_or(seen.counter.clone()) };
        if seen.keep(kv, &slot.counter, after, ask.ttl).await?.is_none() {
            // others reserved these fences: the key is ours, its fence is not
            return Ok(None);
        }
    } else if without(&seen.counter, gone).is_some() {
        // granted, whatever becomes of this: at worst one more turn is kept for who is gone
        let _ = line(kv, &slot.counter, seen, ask.ttl, |counter| without(counter, gone)).await;
    }
    Ok(Some(Reply::Granted { fence: FencingToken(next.fence), index: 0, remaining: next.ttl() }))
}

/// What is to follow on a right that is the asker's to take.
fn grant<S: AsyncKvStore>(kv: &S, ask: &Ask, before: Option<Record>, seen: &Seen) -> Record {
    let reserved = before.filter(|right| right.block == seen.counter.block && right.block != Block::default());
    match reserved {
        // counted again from now, for what is granted is told to last for the whole TTL from now
        Some(own) if own.state == State::Held => own.with_ttl(ask.ttl),
        Some(left) if left.fence < left.block.bound => Record::held(ask, left.fence + 1, left.block),
        _ => {
            let (fence, block) = seen.next(kv, ask.token, BLOCK);
            Record::held(ask, fence, block)
        }
    }
}

fn without(counter: &Counter, gone: [Option<HolderToken>; 2]) -> Option<Counter> {
    let mut left = None;
    for token in gone.into_iter().flatten() {
        left = left.as_ref().unwrap_or(counter).without(token).or(left);
    }
    left
}

/// What becomes of a lease when its holder comes back.
#[derive(Clone, Copy)]
pub(super) enum Then<'v> {
    Renewed(Duration),
    /// Given back: the next one finds its fence.
    Free,
    /// Given back without a trace.
    Gone,
    Marked(Duration),
    /// With how many milliseconds it is fresh; `u64::MAX` for ever.
    Filled(&'v [u8], u64),
}

impl Then<'_> {
    /// What the key holds from now on, and for how long.
    fn follows(self, own: Record, micros: Option<u64>) -> (Bytes, Option<Duration>) {
        let (ttl, next) = match self {
            Self::Gone | Self::Filled(_, 0) => return (None, None),
            Self::Free => (LINGER, own.free(LINGER).bytes()),
            Self::Filled(bytes, fresh) => {
                let (next, ttl) = Value::kept(bytes, fresh, micros);
                return (Some(next), ttl);
            }
            Self::Renewed(ttl) => (ttl, own.with_ttl(ttl).bytes()),
            Self::Marked(keep) => (keep, own.done(keep).bytes()),
        };
        // a time of no length has ended
        if ttl.is_zero() { (None, None) } else { (Some(next), Some(own.with_ttl(ttl).ttl())) }
    }

    /// The same, where the lease is a flight beside a value: that one stays, but for what takes its place.
    fn follows_beside(self, own: Beside<'_>, micros: Option<u64>) -> (Bytes, Option<Duration>) {
        let value = own.value.left(micros).filter(|left| *left > 0);
        match (self, value) {
            (Self::Renewed(ttl), Some(_)) => {
                let renewed = Beside::begun(own.flight.with_ttl(ttl), own.value, micros);
                renewed.map_or((None, None), |renewed| renewed.kept(micros))
            }
            (Self::Gone, Some(left)) => (Some(own.value.spelled()), lasting(left)),
            _ => self.follows(own.flight, micros),
        }
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
        let content = Content::of(found.as_deref());
        let micros = kv.micros();
        let (next, ttl) = match (content.own(token), content) {
            (Some(own), _) => then.follows(own, micros),
            (None, Content::Beside(beside)) if beside.own(token, micros).is_some() => {
                then.follows_beside(beside, micros)
            }
            _ => return Ok(Holding::Lost),
        };
        if exchange(kv, key, &found, next.as_deref(), ttl).await? {
            return Ok(Holding::Held);
        }
    }
    Err(Cause::Conflict)
}

/// Gives a lock or a run back; whoever does not have it leaves its line.
pub(super) async fn give_back<S: AsyncKvStore>(kv: &S, key: Key<'_>, token: HolderToken) -> Result<Holding, Cause> {
    let slot = Slot::of(key);
    let holding = settle(kv, &slot.key, token, Then::Free).await?;
    if holding == Holding::Lost {
        let seen = Seen::get(kv, &slot.counter).await?;
        if seen.counter.line.contains(&token) {
            line(kv, &slot.counter, seen, Duration::ZERO, |counter| counter.without(token)).await?;
            pass_on(kv, &slot.key, token).await?;
        }
    }
    Ok(holding)
}

/// Ends the turn of one who does not come.
async fn pass_on<S: AsyncKvStore>(kv: &S, key: &str, token: HolderToken) -> Result<(), Cause> {
    let found = get(kv, key).await?;
    if let Content::Right(called) = Content::of(found.as_deref())
        && called.state == State::Called
        && called.token == token
    {
        exchange(kv, key, &found, Some(&called.free(LINGER).bytes()), Some(LINGER)).await?;
    }
    Ok(())
}

/// Ends whatever is held or kept; whether there was anything.
pub(super) async fn clear<S: AsyncKvStore>(kv: &S, key: Key<'_>) -> Result<bool, Cause> {
    let key = key.to_string();
    for _ in 0..ROUNDS {
        let found = get(kv, &key).await?;
        match Content::of(found.as_deref()) {
            Content::Nothing => return Ok(false),
            Content::Right(right) if matches!(right.state, State::Free | State::Called) => return Ok(false),
            _ => {}
        }
        if exchange(kv, &key, &found, None, None).await? {
            return Ok(true);
        }
    }
    remove(kv, &key).await
}

pub(super) async fn inspect<S: AsyncKvStore>(kv: &S, key: Key<'_>) -> Result<Inspection, Cause> {
    let found = get(kv, &key.to_string()).await?;
    Ok(match Content::of(found.as_deref()) {
        Content::Nothing => Inspection::FREE,
        Content::Right(lease) => match lease.state {
            State::Free | State::Called => Inspection::FREE,
            State::Held => {
                Inspection::new(1, lease.millis()).by(FencingToken(lease.fence), u64::MAX).labelled(lease.label)
            }
            State::Asked | State::Done => Inspection::new(1, lease.millis()),
        },
        Content::Value(_) | Content::Beside(_) | Content::Counter(_) | Content::Foreign => {
            Inspection::new(1, BLIND_POLL.as_millis() as u64)
        }
    })
}
