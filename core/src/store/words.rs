//! The operations of any store in words, one function each: for gateways, conformance and tests.
//!
//! Written once over [`Leases::poll_op`]. A call's future ends what it began when it is dropped, as a user's call does.

use super::{
    AsyncCacheStore, AsyncEntryStore, AsyncForce, AsyncInspect, AsyncLeaseStore, AsyncOnceStore, AsyncPermitStore,
    AtOnce, CacheStore, EntryStore, Fault, Force, Fresh, Inspect, LeaseStore, Leases, OnceStore, PermitStore, Store,
    Values, fresh_only,
};
use crate::{
    cell::{Ask, Begun, Grant, Holding, Kept, Life, Lookup},
    drive::ready,
    key::{Key, Kind},
    op::{Answer, Ask as Wanted, Left, Op, Outcome, Request},
    patience::{Busy, Contended, Ticket},
    time::{Clock, Instant, duration, millis, short},
    token::HolderToken,
    ttl::Ttl,
};
use core::{
    future::{Future, poll_fn},
    task::{Context, Poll},
    time::Duration,
};

/// One operation under way.
struct Asked<'s, 'k, S: Leases> {
    store: &'s S,
    key: Key<'k>,
    token: HolderToken,
    op: Op,
    may_block: bool,
    /// When it was polled last.
    now: Instant,
    state: S::InFlight,
}

impl<S: Leases> Drop for Asked<'_, '_, S> {
    fn drop(&mut self) {
        self.store.cancel(&mut self.state);
    }
}

const OTHER: Fault = Fault::Unsupported("the store answered another question");

impl<'s, 'k, S: Leases> Asked<'s, 'k, S> {
    fn new(store: &'s S, may_block: bool, key: Key<'k>, token: HolderToken, op: Op) -> Self {
        Self { store, key, token, op, may_block, now: Instant::ZERO, state: S::InFlight::default() }
    }

    fn acquire(store: &'s S, may_block: bool, key: Key<'k>, ask: &Ask, size: u16) -> Self {
        let now = store.clock().now();
        let deadline = ask.within.map_or(Instant::MAX, |within| now.saturating_add(within));
        let op = Op::Acquire(Wanted { ttl: millis(ask.ttl), deadline, size });
        Self::new(store, may_block, key, ask.token, op)
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Answer, Fault>> {
        if self.key.bytes.len() > S::LONGEST_KEY {
            return Poll::Ready(Err(Fault::KeyTooLong));
        }
        self.now = self.store.clock().now();
        let (key, token, op) = (&self.key, self.token, &self.op);
        let request = Request { key, token, now: self.now, op, may_block: self.may_block };
        self.store.poll_op(&mut self.state, &request, cx).map_err(Into::into)
    }

    async fn answer(&mut self) -> Result<Answer, Fault> {
        poll_fn(|cx| self.poll(cx)).await
    }

    async fn holding(mut self) -> Result<Holding, Fault> {
        if let Answer::Held(holding) = self.answer().await? { Ok(holding) } else { Err(OTHER) }
    }

    async fn counted(mut self) -> Result<u16, Fault> {
        if let Answer::Inspected(seen) = self.answer().await? { Ok(seen.held) } else { Err(OTHER) }
    }

    async fn ends(mut self) -> Result<Option<Duration>, Fault> {
        let Answer::Inspected(seen) = self.answer().await? else { return Err(OTHER) };
        Ok((seen.held > 0).then(|| seen.until.since(self.now)))
    }

    async fn cleared(mut self) -> Result<bool, Fault> {
        if let Answer::Cleared(was) = self.answer().await? { Ok(was) } else { Err(OTHER) }
    }

    async fn begun(mut self) -> Result<Begun, Fault> {
        let answer = self.answer().await?;
        self.read(answer)
    }

    fn read(&self, answer: Answer) -> Result<Begun, Fault> {
        let now = self.now;
        match answer {
            Answer::Granted { fence, index } => {
                let (since, lasts) = S::lasts(&self.state, now, short(self.op.lasts()));
                let told = || duration(lasts.into()).saturating_sub(now.since(since));
                let remaining = self.store.ends(&self.key, self.token).map_or_else(told, |end| end.since(now));
                Ok(Begun::Run(Grant { fence, index, remaining }))
            }
            Answer::Done { until } => Ok(Begun::Done { remaining: until.since(now) }),
            Answer::Busy { until, ticket } => Ok(Begun::Busy(Busy { remaining: until.since(now), ticket })),
            Answer::Full => Err(Fault::Full),
            _ => Err(OTHER),
        }
    }
}

impl<S: Leases> Store for S {
    type Error = Fault;

    fn changed(&self, key: Key<'_>, ticket: Ticket) -> impl Future<Output = ()> {
        let mut waiting = Waiting { store: self, key, state: S::InFlight::default(), over: false };
        poll_fn(move |cx| {
            let polled = waiting.store.poll_changed(&mut waiting.state, &waiting.key, ticket, cx);
            waiting.over = polled.is_ready();
            polled
        })
    }

    fn dropped(&self, key: Key<'_>, token: HolderToken) {
        self.abandon(&mut S::InFlight::default(), &key, token, Left::Lease);
    }

    fn turned_away(&self, key: Key<'_>, token: HolderToken) {
        self.abandon(&mut S::InFlight::default(), &key, token, Left::WakeUp);
    }

    fn unfinished(&self, key: Key<'_>, token: HolderToken, ttl: Duration, keep: Duration) {
        let left = Left::Done { fresh: millis(keep), ttl: millis(ttl) };
        self.abandon(&mut S::InFlight::default(), &key, token, left);
    }

    fn waiter_gone(&self, key: Key<'_>, token: HolderToken) {
        self.abandon(&mut S::InFlight::default(), &key, token, Left::Turn);
    }
}

/// A wait under way; passes its wake-up on when it is dropped before its end.
struct Waiting<'s, 'k, S: Leases> {
    store: &'s S,
    key: Key<'k>,
    state: S::InFlight,
    over: bool,
}

impl<S: Leases> Drop for Waiting<'_, '_, S> {
    fn drop(&mut self) {
        if !self.over {
            self.store.abandon(&mut self.state, &self.key, HolderToken::default(), Left::Turn);
        }
    }
}

impl<S: Leases> AtOnce for S {}

macro_rules! words {
    ($($Sync:ident $Async:ident {
        $(fn $f:ident($($a:ident: $t:ty),*) -> $r:ty = |$store:ident, $may_block:ident, $key:ident| $asked:expr;)*
    })*) => { $(
        impl<S: Leases> $Sync for S {
            $(fn $f(&self, key: Key<'_>, $($a: $t),*) -> Result<$r, Fault> {
                let ($store, $may_block, $key) = (self, true, key);
                ready($asked)
            })*
        }

        impl<S: Leases> $Async for S {
            $(async fn $f(&self, key: Key<'_>, $($a: $t),*) -> Result<$r, Fault> {
                let ($store, $may_block, $key) = (self, false, key);
                $asked.await
            })*
        }
    )* };
}

async fn granted<S: Leases>(asked: Asked<'_, '_, S>) -> Result<Contended<Grant>, Fault> {
    Ok(asked.begun().await?.contended())
}

fn renewal<'s, 'k, S: Leases>(store: &'s S, may_block: bool, key: Key<'k>, ask: &Ask) -> Asked<'s, 'k, S> {
    Asked::new(store, may_block, key, ask.token, Op::Renew { ttl: millis(ask.ttl) })
}

fn release<'s, 'k, S: Leases>(store: &'s S, may_block: bool, key: Key<'k>, token: HolderToken) -> Asked<'s, 'k, S> {
    Asked::new(store, may_block, key, token, Op::Release(Outcome::Free))
}

fn query<'s, 'k, S: Leases>(store: &'s S, may_block: bool, key: Key<'k>, op: Op) -> Asked<'s, 'k, S> {
    Asked::new(store, may_block, key, HolderToken::default(), op)
}

words! {
    LeaseStore AsyncLeaseStore {
        fn acquire(ask: &Ask) -> Contended<Grant> = |s, b, k| granted(Asked::acquire(s, b, k, ask, 1));
        fn renew(ask: &Ask) -> Holding = |s, b, k| renewal(s, b, k, ask).holding();
        fn release(token: HolderToken) -> Holding = |s, b, k| release(s, b, k, token).holding();
    }
    PermitStore AsyncPermitStore {
        fn take(size: u16, ask: &Ask) -> Contended<Grant> = |s, b, k| granted(Asked::acquire(s, b, k, ask, size));
        fn extend(ask: &Ask) -> Holding = |s, b, k| renewal(s, b, k, ask).holding();
        fn give_back(token: HolderToken) -> Holding = |s, b, k| release(s, b, k, token).holding();
        fn in_use() -> u16 = |s, b, k| query(s, b, k, Op::Inspect).counted();
    }
    OnceStore AsyncOnceStore {
        fn begin(ask: &Ask) -> Begun = |s, b, k| Asked::acquire(s, b, k, ask, 1).begun();
        fn touch(ask: &Ask) -> Holding = |s, b, k| renewal(s, b, k, ask).holding();
        fn complete(token: HolderToken, keep: Duration) -> Holding = |s, b, k| {
            Asked::new(s, b, k, token, Op::Release(Outcome::Done { fresh: millis(keep) })).holding()
        };
        fn fail(token: HolderToken) -> Holding = |s, b, k| release(s, b, k, token).holding();
    }
    Inspect AsyncInspect {
        fn remaining() -> Option<Duration> = |s, b, k| query(s, b, k, Op::Inspect).ends();
    }
    Force AsyncForce {
        fn force_release() -> bool = |s, b, k| query(s, b, k, Op::Clear).cleared();
    }
    EntryStore AsyncEntryStore {
        fn keep_flying(ask: &Ask) -> Holding = |s, b, k| renewal(s, b, k, ask).holding();
        fn give_up(token: HolderToken) -> Holding = |s, b, k| release(s, b, k, token).holding();
        fn invalidate() -> bool = |s, b, k| query(s, b, k, Op::Clear).cleared();
    }
}

async fn look<V, C, S: Values<V, C>>(mut asked: Asked<'_, '_, S>, codec: &C) -> Result<Option<V>, Fault> {
    match asked.answer().await? {
        Answer::Filled => Ok(asked.store.fetch(&mut asked.state, &asked.key, codec)),
        Answer::Absent => Ok(None),
        _ => Err(OTHER),
    }
}

async fn join<V, C, S: Values<V, C>>(mut asked: Asked<'_, '_, S>, codec: &C) -> Result<Contended<Lookup<V>>, Fault> {
    loop {
        let answer = asked.answer().await?;
        if answer == Answer::Filled {
            // one that cannot be read counts for none when it is asked again
            match asked.store.fetch(&mut asked.state, &asked.key, codec) {
                Some(value) => return Ok(Contended::Granted(Lookup::Fresh(value))),
                None => continue,
            }
        }
        return Ok(asked.read(answer)?.contended().map(|grant| Lookup::Fill {
            stale: None,
            fence: grant.fence,
            remaining: grant.remaining,
        }));
    }
}

async fn publish<V, C, S: Values<V, C>>(
    mut asked: Asked<'_, '_, S>,
    codec: &C,
    value: Kept<'_, V>,
    life: Life,
) -> Result<Holding, Fault> {
    fresh_only(&life)?;
    let (ttl, mut value) = (asked.op.lasts(), Some(value));
    let landed = poll_fn(|cx| {
        let Asked { store, key, token, op, may_block, state, .. } = &mut asked;
        let request = Request { key, token: *token, now: store.clock().now(), op, may_block: *may_block };
        store.poll_publish(state, &request, Fresh { codec, value: &mut value, ttl }, cx)
    })
    .await
    .map_err(Into::into)?;
    match landed {
        Some(Answer::Held(holding)) => Ok(holding),
        Some(_) => Err(OTHER),
        None => asked.holding().await,
    }
}

fn landing<'s, 'k, S: Leases>(
    store: &'s S,
    may_block: bool,
    key: Key<'k>,
    token: HolderToken,
    life: Life,
) -> Asked<'s, 'k, S> {
    let fresh = match life.ttl {
        Ttl::For(ttl) => millis(ttl),
        Ttl::Forever => u64::MAX,
    };
    debug_assert_eq!(key.kind, Kind::Cache);
    Asked::new(store, may_block, key, token, Op::Release(Outcome::Done { fresh }))
}

impl<V, C, S: Values<V, C>> CacheStore<V, C> for S {
    fn get(&self, key: Key<'_>, codec: &C) -> Result<Option<V>, Fault> {
        ready(look(query(self, true, key, Op::Get), codec))
    }
    fn join(&self, key: Key<'_>, codec: &C, ask: &Ask) -> Result<Contended<Lookup<V>>, Fault> {
        ready(join(Asked::acquire(self, true, key, ask, 1), codec))
    }
    fn publish(
        &self,
        key: Key<'_>,
        codec: &C,
        token: HolderToken,
        value: Kept<'_, V>,
        life: Life,
    ) -> Result<Holding, Fault> {
        ready(publish(landing(self, true, key, token, life), codec, value, life))
    }
}

impl<V, C, S: Values<V, C>> AsyncCacheStore<V, C> for S {
    async fn get(&self, key: Key<'_>, codec: &C) -> Result<Option<V>, Fault> {
        look(query(self, false, key, Op::Get), codec).await
    }
    async fn join(&self, key: Key<'_>, codec: &C, ask: &Ask) -> Result<Contended<Lookup<V>>, Fault> {
        join(Asked::acquire(self, false, key, ask, 1), codec).await
    }
    async fn publish(
        &self,
        key: Key<'_>,
        codec: &C,
        token: HolderToken,
        value: Kept<'_, V>,
        life: Life,
    ) -> Result<Holding, Fault> {
        publish(landing(self, false, key, token, life), codec, value, life).await
    }
}
