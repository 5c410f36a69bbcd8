//! The operations of any store in words, for tasks and for threads: what conformance asks, and what tests are written
//! in.
//!
//! Each is one question ([`Asking`]); a call's future ends what it began when it is dropped, as a user's call does.

use crate::{
    cell::{Ask, Begun, Grant, Holding, Life, Lookup, MaybeOwned},
    drive::ready,
    key::Key,
    label::Label,
    op::{Answer, Ask as Wanted, Op, Outcome},
    patience::{Busy, Contended},
    store::{Asking, Cause, OTHER, Store, Values},
    time::{Instant, duration, millis},
    token::HolderToken,
    ttl::Ttl,
};
use core::{future::Future, time::Duration};

/// Declares the words once, for tasks and for threads.
macro_rules! words {
    ($(
        $(#[$m:meta])*
        fn $f:ident $(<$V:ident, $C:ident>)? ($($a:ident: $t:ty),*) -> $r:ty = |$store:ident, $may_block:ident, $key:ident| $asked:expr;
    )*) => {
        /// A store as tasks or as threads see it; a thread's futures are ready at the first poll.
        pub(super) struct Client<'s, S> {
            pub(super) store: &'s S,
            pub(super) may_block: bool,
        }

        impl<S: Store> Client<'_, S> {
            $(
                pub(super) async fn $f $(<$V, $C>)? (&self, key: Key<'_>, $($a: $t),*) -> Result<$r, Cause>
                $(where S: Values<$V, $C>)? {
                    let ($store, $may_block, $key) = (self.store, self.may_block, key);
                    $asked.await
                }
            )*
        }

        /// For tasks. Dropping a future leaves its operation done or not done; the token tells which.
        pub trait Words: Store + Sized {
            $(
                $(#[$m])*
                ///
                /// # Errors
                /// What keeps the store from answering.
                fn $f $(<$V, $C>)? (&self, key: Key<'_>, $($a: $t),*) -> impl Future<Output = Result<$r, Cause>>
                $(where Self: Values<$V, $C>)? {
                    async move {
                        let ($store, $may_block, $key) = (self, false, key);
                        $asked.await
                    }
                }
            )*
        }

        /// For threads, which are blocked until there is an answer.
        pub trait BlockingWords: Store + Sized {
            $(
                $(#[$m])*
                ///
                /// # Errors
                /// What keeps the store from answering.
                fn $f $(<$V, $C>)? (&self, key: Key<'_>, $($a: $t),*) -> Result<$r, Cause>
                $(where Self: Values<$V, $C>)? {
                    let ($store, $may_block, $key) = (self, true, key);
                    ready($asked)
                }
            )*
        }
    };
}

impl<S: Store> Words for S {}
impl<S: Store> BlockingWords for S {}

words! {
    /// Asks for a lock.
    fn acquire(ask: &Ask) -> Contended<Grant> = |s, b, k| granted(acquisition(s, b, k, ask, 1));
    /// Extends a lock.
    fn renew(ask: &Ask) -> Holding = |s, b, k| holding(renewal(s, b, k, ask));
    /// Gives a lock back.
    fn release(token: HolderToken) -> Holding = |s, b, k| holding(end(s, b, k, token, Outcome::Free));
    /// Asks for a permit.
    fn take(size: u32, ask: &Ask) -> Contended<Grant> = |s, b, k| granted(acquisition(s, b, k, ask, size));
    /// Extends a permit.
    fn extend(ask: &Ask) -> Holding = |s, b, k| holding(renewal(s, b, k, ask));
    /// Gives a permit back.
    fn give_back(token: HolderToken) -> Holding = |s, b, k| holding(end(s, b, k, token, Outcome::Free));
    /// How many permits are held.
    fn in_use() -> u32 = |s, b, k| counted(query(s, b, k, Op::Inspect));
    /// Asks to run.
    fn begin(ask: &Ask) -> Begun = |s, b, k| begun(acquisition(s, b, k, ask, 1));
    /// Extends a run.
    fn touch(ask: &Ask) -> Holding = |s, b, k| holding(renewal(s, b, k, ask));
    /// Ends a run that succeeded; others are skipped for `keep` more.
    fn complete(token: HolderToken, keep: Duration) -> Holding
        = |s, b, k| holding(end(s, b, k, token, Outcome::Done { fresh: millis(keep) }));
    /// Ends a run that did not succeed.
    fn fail(token: HolderToken) -> Holding = |s, b, k| holding(end(s, b, k, token, Outcome::Free));
    /// When a lock or a run ends, or its marker; `None` when nobody holds it.
    fn remaining() -> Option<Duration> = |s, b, k| ends(query(s, b, k, Op::Inspect));
    /// Frees a lock or a run, whoever holds it; whether anybody did.
    fn force_release() -> bool = |s, b, k| cleared(query(s, b, k, Op::Clear));
    /// The fresh value.
    fn get<V, C>(codec: &C) -> Option<V> = |s, b, k| look(query(s, b, k, Op::Get), codec);
    /// The fresh value, or its flight.
    fn join<V, C>(codec: &C, ask: &Ask) -> Contended<Lookup<V>> = |s, b, k| join(flight(s, b, k, ask, 0), codec);
    /// The value that is fresh for longer than that window, in milliseconds, or its flight; see [`Wanted::window`].
    fn join_within<V, C>(codec: &C, ask: &Ask, window: u32) -> Contended<Lookup<V>>
        = |s, b, k| join(flight(s, b, k, ask, window), codec);
    /// Stores a value, for the holder of its flight.
    fn publish<V, C>(codec: &C, token: HolderToken, value: MaybeOwned<'_, V>, life: Life) -> Holding
        = |s, b, k| publish(end(s, b, k, token, Outcome::Done { fresh: life.millis() }), codec, value);
    /// Keeps a value, whoever has its flight.
    fn insert<V, C>(codec: &C, value: MaybeOwned<'_, V>, ttl: Ttl) -> Holding
        = |s, b, k| insert(query(s, b, k, Op::Insert { fresh: ttl.millis() }), codec, value);
    /// Extends a flight.
    fn keep_flying(ask: &Ask) -> Holding = |s, b, k| holding(renewal(s, b, k, ask));
    /// Ends a flight without a value.
    fn give_up(token: HolderToken) -> Holding = |s, b, k| holding(end(s, b, k, token, Outcome::Free));
    /// Forgets a value and ends its flight; whether there was a value.
    fn invalidate() -> bool = |s, b, k| cleared(query(s, b, k, Op::Clear));
}

fn acquisition<'s, 'k, S: Store>(store: &'s S, b: bool, key: Key<'k>, ask: &Ask, size: u32) -> Asking<'s, 'k, S> {
    Asking::new(store, b, key, ask.token, Op::Acquire(wanted(ask, size, 0)))
}

fn flight<'s, 'k, S: Store>(store: &'s S, b: bool, key: Key<'k>, ask: &Ask, window: u32) -> Asking<'s, 'k, S> {
    Asking::new(store, b, key, ask.token, Op::Acquire(wanted(ask, 1, window)))
}

fn wanted(ask: &Ask, size: u32, window: u32) -> Wanted {
    Wanted { ttl: millis(ask.ttl), wait: ask.within.map_or(0, millis), size, window, label: Label::NONE }
}

fn renewal<'s, 'k, S: Store>(store: &'s S, b: bool, key: Key<'k>, ask: &Ask) -> Asking<'s, 'k, S> {
    Asking::new(store, b, key, ask.token, Op::Renew { ttl: millis(ask.ttl) })
}

fn end<'s, 'k, S: Store>(
    store: &'s S,
    b: bool,
    key: Key<'k>,
    token: HolderToken,
    outcome: Outcome,
) -> Asking<'s, 'k, S> {
    Asking::new(store, b, key, token, Op::Release(outcome))
}

fn query<'s, 'k, S: Store>(store: &'s S, b: bool, key: Key<'k>, op: Op) -> Asking<'s, 'k, S> {
    Asking::new(store, b, key, HolderToken::default(), op)
}

async fn holding<S: Store>(mut asking: Asking<'_, '_, S>) -> Result<Holding, Cause> {
    if let Answer::Held(holding) = asking.answer().await? { Ok(holding) } else { Err(OTHER) }
}

async fn counted<S: Store>(mut asking: Asking<'_, '_, S>) -> Result<u32, Cause> {
    if let Answer::Inspected(seen) = asking.answer().await? { Ok(seen.held) } else { Err(OTHER) }
}

async fn ends<S: Store>(mut asking: Asking<'_, '_, S>) -> Result<Option<Duration>, Cause> {
    let Answer::Inspected(seen) = asking.answer().await? else { return Err(OTHER) };
    Ok((seen.held > 0).then(|| duration(seen.remaining)))
}

async fn cleared<S: Store>(mut asking: Asking<'_, '_, S>) -> Result<bool, Cause> {
    if let Answer::Cleared(was) = asking.answer().await? { Ok(was) } else { Err(OTHER) }
}

async fn begun<S: Store>(mut asking: Asking<'_, '_, S>) -> Result<Begun, Cause> {
    let answer = asking.answer().await?;
    read(&asking, answer)
}

async fn granted<S: Store>(asking: Asking<'_, '_, S>) -> Result<Contended<Grant>, Cause> {
    Ok(begun(asking).await?.contended())
}

fn left<S: Store>(asking: &Asking<'_, '_, S>, until: Instant) -> Duration {
    until.since(asking.answered_at())
}

fn read<S: Store>(asking: &Asking<'_, '_, S>, answer: Answer) -> Result<Begun, Cause> {
    match answer {
        Answer::Granted { fence, index } => Ok(Begun::Run(Grant { fence, index, remaining: asking.remaining() })),
        Answer::Done { until } => Ok(Begun::Done { remaining: left(asking, until) }),
        Answer::Busy { until, ticket } => Ok(Begun::Busy(Busy { remaining: left(asking, until), ticket })),
        Answer::Full => Err(Cause::Full),
        Answer::Filled
        | Answer::Stale
        | Answer::Absent
        | Answer::Recursive
        | Answer::Held(_)
        | Answer::Cleared(_)
        | Answer::Inspected(_) => Err(OTHER),
    }
}

async fn look<V, C, S: Values<V, C>>(mut asking: Asking<'_, '_, S>, codec: &C) -> Result<Option<V>, Cause> {
    match asking.answer().await? {
        Answer::Filled => Ok(asking.fetch(codec)),
        Answer::Absent => Ok(None),
        _ => Err(OTHER),
    }
}

async fn join<V, C, S: Values<V, C>>(mut asking: Asking<'_, '_, S>, codec: &C) -> Result<Contended<Lookup<V>>, Cause> {
    loop {
        let answer = asking.answer().await?;
        if matches!(answer, Answer::Filled | Answer::Stale) {
            // one that cannot be read counts for none when it is asked again
            match asking.fetch(codec) {
                Some(value) if answer == Answer::Stale => return Ok(Contended::Granted(Lookup::Stale(value))),
                Some(value) => return Ok(Contended::Granted(Lookup::Fresh(value))),
                None => continue,
            }
        }
        let read = read(&asking, answer)?.contended();
        return Ok(read.map(|grant| Lookup::Fill { fence: grant.fence, remaining: grant.remaining }));
    }
}

async fn insert<V, C, S: Values<V, C>>(
    mut asking: Asking<'_, '_, S>,
    codec: &C,
    value: MaybeOwned<'_, V>,
) -> Result<Holding, Cause> {
    if let Answer::Held(holding) = asking.insert(codec, value).await? { Ok(holding) } else { Err(OTHER) }
}

async fn publish<V, C, S: Values<V, C>>(
    mut asking: Asking<'_, '_, S>,
    codec: &C,
    value: MaybeOwned<'_, V>,
) -> Result<Holding, Cause> {
    if let Answer::Held(holding) = asking.publish(codec, value).await? { Ok(holding) } else { Err(OTHER) }
}
