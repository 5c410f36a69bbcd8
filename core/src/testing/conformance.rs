//! The public conformance suite: is a store right? One message per MUST.
//!
//! `no_std` and without a heap, so it runs on a microcontroller too. Hand it an instance over an empty store and a way
//! to let time pass:
//!
//! ```
//! use cachify_core::{FixedStore, Instance, store::lock::NoLock};
//! use cachify_core::testing::{ManualClock, block_on, conformance};
//! let clock = ManualClock::new();
//! let store = FixedStore::<NoLock, _, 16, u32>::new(&clock);
//! block_on(conformance::all(&Instance::new(&store), &|by| clock.advance(by), [7, 8]))?;
//! # Ok::<(), conformance::Broken>(())
//! ```

use super::{
    pace::{Pace, Time},
    words::Client,
};
use crate::{
    cell::{Ask, Begun, Grant, Holding, Lookup},
    drive::ready,
    instance::Handle,
    key::{Key, KeySink, Kind},
    patience::Contended,
    store::{Platform, Store, Values},
};
use core::fmt;

/// A contract that a store breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Broken(
    /// What it must do and does not.
    pub &'static str,
);

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the store MUST {}", self.0)
    }
}

impl core::error::Error for Broken {}

macro_rules! must {
    ($holds:expr, $what:expr) => {
        if !$holds {
            return Err(Broken($what));
        }
    };
}

macro_rules! answer {
    ($call:expr) => {
        $call.await.map_err(|_| Broken("answer while it is reachable and not full"))?
    };
}

mod entries;
mod windows;

/// A key of the suite.
struct Named<S: Platform> {
    buf: S::KeyBuf,
    kind: Kind,
}

impl<S: Store> Named<S> {
    fn new(kind: Kind, name: &str) -> Self {
        let mut buf = S::KeyBuf::default();
        buf.put(name.as_bytes());
        Self { buf, kind }
    }

    fn key<'a>(&'a self, client: &Client<'a, S>) -> Result<Key<'a>, Broken> {
        client.store.key(self.kind, &self.buf).map_err(|_| Broken("take short keys"))
    }
}

fn ask<S: Store>(client: &Client<'_, S>, pace: &Pace<'_, impl Time>) -> Ask {
    Ask::new(client.store.token(), pace.ttl())
}

/// Everything that a store promises to tasks, one after another; `values` are two different values to cache.
///
/// # Errors
/// The first promise that is not kept.
pub async fn all<H, V>(handle: H, time: &impl Time, values: [V; 2]) -> Result<(), Broken>
where
    H: Handle,
    H::Store: Values<V, <H::Store as Platform>::Codec>,
    V: Clone + PartialEq,
{
    every(&Client { store: handle.instance().store(), may_block: false }, &Pace::of(time), values).await
}

/// The same of what a store promises to threads.
///
/// # Errors
/// The first promise that is not kept.
#[expect(clippy::needless_pass_by_value, reason = "as `all` takes it")]
pub fn all_blocking<H, V>(handle: H, time: &impl Time, values: [V; 2]) -> Result<(), Broken>
where
    H: Handle,
    H::Store: Values<V, <H::Store as Platform>::Codec>,
    V: Clone + PartialEq,
{
    ready(every(&Client { store: handle.instance().store(), may_block: true }, &Pace::of(time), values))
}

async fn every<S, V, C>(client: &Client<'_, S>, pace: &Pace<'_, impl Time>, values: [V; 2]) -> Result<(), Broken>
where
    S: Values<V, C> + Platform<Codec = C>,
    C: Default,
    V: Clone + PartialEq,
{
    leases(client, pace).await?;
    permits(client, pace).await?;
    runs(client, pace).await?;
    kinds(client, pace).await?;
    entries::entries(client, pace, values.clone()).await?;
    windows::windows(client, pace, values).await
}

/// Locks, with looks and forced releases.
async fn leases<S: Store>(client: &Client<'_, S>, pace: &Pace<'_, impl Time>) -> Result<(), Broken> {
    let named = Named::<S>::new(Kind::Lock, "lease");
    let key = named.key(client)?;
    let (a, b) = (ask(client, pace), ask(client, pace));
    must!(a.token != b.token, "give a new token to each attempt");
    let first = granted(answer!(client.acquire(key, &a)), "grant a free lease")?;
    must!(
        granted(answer!(client.acquire(key, &a)), "answer the same token again with its grant")?.fence == first.fence,
        "answer the same token with the same fence"
    );
    refused(&answer!(client.acquire(key, &b)), pace, "refuse a second holder")?;
    must!(answer!(client.release(key, b.token)) == Holding::Lost, "answer `Lost` to a stranger's release");
    must!(answer!(client.renew(key, &b)) == Holding::Lost, "answer `Lost` to a stranger's renewal");
    must!(answer!(client.remaining(key)).is_some_and(|r| pace.may_remain(r)), "tell what remains of a lease");
    pace.pass_half();
    must!(answer!(client.renew(key, &a)) == Holding::Held, "renew for the holder");
    pace.pass_half();
    refused(&answer!(client.acquire(key, &b)), pace, "count a renewed TTL from the renewal")?;
    pace.pass_half();
    must!(answer!(client.renew(key, &a)) == Holding::Lost, "answer `Lost` to a renewal after the end of a lease");
    must!(answer!(client.release(key, a.token)) == Holding::Lost, "answer `Lost` at the end of a lease");
    must!(answer!(client.remaining(key)).is_none(), "tell that an ended lease is free");
    let second = granted(answer!(client.acquire(key, &b)), "grant an ended lease")?;
    must!(second.fence > first.fence, "give a higher fence with every grant");
    must!(answer!(client.renew(key, &a)) == Holding::Lost, "answer `Lost` to the holder of an ended lease");
    must!(answer!(client.release(key, b.token)) == Holding::Held, "release for the holder");
    must!(answer!(client.release(key, b.token)) == Holding::Lost, "release only once");
    let third = granted(answer!(client.acquire(key, &a)), "grant a released lease")?;
    must!(third.fence > second.fence, "give a higher fence also after a release");
    pace.pass();
    let fourth = granted(answer!(client.acquire(key, &b)), "grant an ended lease that nobody asked about")?;
    must!(fourth.fence > third.fence, "give a higher fence also after an end that nobody asked about");
    pace.pass();
    let fifth = granted(answer!(client.acquire(key, &b)), "grant an ended lease to the token that had it")?;
    must!(fifth.fence > fourth.fence, "give the token of an ended lease a higher fence");
    must!(answer!(client.force_release(key)), "free by force what somebody holds");
    must!(!answer!(client.force_release(key)), "tell that there was nothing to free");
    must!(answer!(client.release(key, b.token)) == Holding::Lost, "answer `Lost` to a holder that was forced out");
    let odd = Ask { ttl: pace.odd(), ..a };
    granted(answer!(client.acquire(key, &odd)), "grant a lease that was freed by force")?;
    pace.pass_most_of_odd();
    refused(&answer!(client.acquire(key, &b)), pace, "keep a lease until its TTL, which is no whole step")?;
    must!(answer!(client.release(key, a.token)) == Holding::Held, "release a lease that was not renewed");
    Ok(())
}

/// Permits.
async fn permits<S: Store>(client: &Client<'_, S>, pace: &Pace<'_, impl Time>) -> Result<(), Broken> {
    let named = Named::<S>::new(Kind::Pool, "pool");
    let key = named.key(client)?;
    let (a, b, c, d) = (ask(client, pace), ask(client, pace), ask(client, pace), ask(client, pace));
    let first = granted(answer!(client.take(key, 2, &a)), "grant while permits are free")?;
    let again = granted(answer!(client.take(key, 2, &a)), "answer the same token again with its permit")?;
    must!((first.index, first.fence) == (again.index, again.fence), "answer the same token with the same permit");
    pace.pass_half();
    let second = granted(answer!(client.take(key, 2, &b)), "grant up to the size")?;
    must!((first.index, second.index) == (0, 1), "grant the lowest free index");
    must!(second.fence > first.fence, "give a higher fence with every permit");
    refused(&answer!(client.take(key, 2, &c)), pace, "refuse past the size")?;
    must!(answer!(client.give_back(key, c.token)) == Holding::Lost, "answer `Lost` to a stranger who gives back");
    must!(answer!(client.in_use(key)) == 2, "count live permits");
    pace.pass_half();
    must!(answer!(client.in_use(key)) == 1, "count ended permits as free");
    must!(answer!(client.extend(key, &a)) == Holding::Lost, "answer `Lost` to an extension after the end");
    let third = granted(answer!(client.take(key, 2, &c)), "grant the place of an ended permit")?;
    must!(third.index == 0, "grant the lowest free index, of an ended permit too");
    must!(answer!(client.give_back(key, a.token)) == Holding::Lost, "answer `Lost` to a late give-back");
    must!(answer!(client.in_use(key)) == 2, "free nobody else's permit by a late give-back");
    must!(answer!(client.extend(key, &b)) == Holding::Held, "extend for the holder");
    must!(answer!(client.extend(key, &a)) == Holding::Lost, "answer `Lost` to a late extension");
    pace.pass_half();
    must!(answer!(client.in_use(key)) == 2, "count an extended TTL from the extension");
    must!(answer!(client.give_back(key, c.token)) == Holding::Held, "give back for the holder");
    must!(answer!(client.give_back(key, c.token)) == Holding::Lost, "give back only once");
    refused(&answer!(client.take(key, 1, &d)), pace, "count a permit above the size of a pool that shrank")?;
    must!(answer!(client.give_back(key, b.token)) == Holding::Held, "give back each permit");
    must!(answer!(client.in_use(key)) == 0, "end with none in use");
    Ok(())
}

/// Runs and their markers.
async fn runs<S: Store>(client: &Client<'_, S>, pace: &Pace<'_, impl Time>) -> Result<(), Broken> {
    let named = Named::<S>::new(Kind::Once, "run");
    let key = named.key(client)?;
    let (a, b) = (ask(client, pace), ask(client, pace));
    let first = ran(answer!(client.begin(key, &a)), "let the first one run")?;
    let again = ran(answer!(client.begin(key, &a)), "answer the same token again with its run")?;
    must!(first.fence == again.fence, "answer the same token with the same fence");
    must!(matches!(answer!(client.begin(key, &b)), Begun::Busy(_)), "let nobody else run meanwhile");
    must!(answer!(client.complete(key, b.token, pace.ttl())) == Holding::Lost, "keep no marker for a stranger");
    pace.pass_half();
    must!(answer!(client.touch(key, &a)) == Holding::Held, "extend a run for its holder");
    pace.pass_half();
    must!(matches!(answer!(client.begin(key, &b)), Begun::Busy(_)), "count an extended TTL from the extension");
    must!(answer!(client.fail(key, a.token)) == Holding::Held, "end a run that failed");
    must!(answer!(client.remaining(key)).is_none(), "keep nothing after a failure");
    let second = ran(answer!(client.begin(key, &b)), "let the next one run after a failure")?;
    must!(second.fence > first.fence, "give a higher fence with every run");
    must!(answer!(client.complete(key, b.token, pace.ttl())) == Holding::Held, "end a run that succeeded");
    must!(matches!(answer!(client.begin(key, &a)), Begun::Done { .. }), "keep the marker of a success");
    must!(answer!(client.remaining(key)).is_some_and(|r| pace.may_remain(r)), "tell what remains of a marker");
    pace.pass();
    let third = ran(answer!(client.begin(key, &a)), "forget the marker at its end")?;
    must!(third.fence > second.fence, "give a higher fence also after a marker");
    pace.pass();
    must!(answer!(client.complete(key, a.token, pace.ttl())) == Holding::Lost, "keep no marker for a run that ended");
    ran(answer!(client.begin(key, &b)), "let the next one run after an ended run")?;
    must!(answer!(client.touch(key, &a)) == Holding::Lost, "answer `Lost` to an extension after the end of a run");
    must!(answer!(client.force_release(key)), "free a run by force");
    must!(
        answer!(client.complete(key, b.token, pace.ttl())) == Holding::Lost,
        "keep no marker for a run that was forced out"
    );
    ran(answer!(client.begin(key, &a)), "let the next one run after a run that was forced out")?;
    must!(answer!(client.complete(key, a.token, pace.ttl())) == Holding::Held, "end a run that succeeded");
    must!(answer!(client.force_release(key)), "forget a marker by force");
    ran(answer!(client.begin(key, &b)), "let the next one run where a marker was forgotten")?;
    must!(answer!(client.fail(key, b.token)) == Holding::Held, "end a run that failed");
    Ok(())
}

/// One name for all four kinds, each held at the same time.
async fn kinds<S, V, C>(client: &Client<'_, S>, pace: &Pace<'_, impl Time>) -> Result<(), Broken>
where
    S: Values<V, C> + Platform<Codec = C>,
    C: Default,
{
    const APART: &str = "keep keys of different kinds apart";
    let names = [Kind::Lock, Kind::Pool, Kind::Once, Kind::Cache].map(|kind| Named::<S>::new(kind, "same"));
    let [lock, pool, once, cache] = &names;
    let asks = [(); 4].map(|()| ask(client, pace));
    granted(answer!(client.acquire(lock.key(client)?, &asks[0])), APART)?;
    granted(answer!(client.take(pool.key(client)?, 1, &asks[1])), APART)?;
    ran(answer!(client.begin(once.key(client)?, &asks[2])), APART)?;
    must!(fills(&answer!(client.join(cache.key(client)?, &C::default(), &asks[3]))), APART);
    for (named, ask) in names.iter().zip(&asks) {
        must!(answer!(client.release(named.key(client)?, ask.token)) == Holding::Held, "end each kind by its own key");
    }
    Ok(())
}

fn granted(reply: Contended<Grant>, what: &'static str) -> Result<Grant, Broken> {
    reply.granted().ok_or(Broken(what))
}

fn ran(reply: Begun, what: &'static str) -> Result<Grant, Broken> {
    if let Begun::Run(grant) = reply { Ok(grant) } else { Err(Broken(what)) }
}

fn refused<G>(reply: &Contended<G>, pace: &Pace<'_, impl Time>, what: &'static str) -> Result<(), Broken> {
    match reply {
        Contended::Busy(busy) if pace.may_remain(busy.remaining) => Ok(()),
        Contended::Busy(_) => {
            Err(Broken("tell a refused caller what remains of a lease: more than nothing, at most its TTL"))
        }
        Contended::Granted(_) => Err(Broken(what)),
    }
}

fn fills<V>(reply: &Contended<Lookup<V>>) -> bool {
    matches!(reply, Contended::Granted(Lookup::Fill { .. }))
}
