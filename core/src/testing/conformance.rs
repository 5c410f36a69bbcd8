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

use super::words::Client;
use crate::{
    cell::{Ask, Begun, Grant, Holding, Life, Lookup, MaybeOwned},
    drive::ready,
    instance::Handle,
    key::{Key, KeySink, Kind},
    patience::Contended,
    store::{Platform, Store, Values},
    ttl::Ttl,
};
use core::{fmt, time::Duration};

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

/// How a suite lets time pass; a closure does, for a store that counts as finely as its TTLs.
///
/// A store on real time needs it to sleep.
pub trait Time {
    /// Lets so much pass.
    fn pass(&self, by: Duration);

    /// How late a TTL may end: by a second where a store counts whole seconds.
    fn grain(&self) -> Duration {
        Duration::ZERO
    }
}

impl<F: Fn(Duration)> Time for F {
    fn pass(&self, by: Duration) {
        self(by);
    }
}

/// The time of a store that counts in steps.
#[derive(Clone, Copy, Debug)]
pub struct Coarse<F> {
    /// Of a step.
    pub grain: Duration,
    /// Lets so much pass.
    pub pass: F,
}

impl<F: Fn(Duration)> Time for Coarse<F> {
    fn pass(&self, by: Duration) {
        (self.pass)(by);
    }
    fn grain(&self) -> Duration {
        self.grain
    }
}

/// The time of a suite: its TTL, and when that is half over, and over.
#[derive(Clone, Copy, Debug)]
pub struct Pace<'a, T> {
    time: &'a T,
}

impl<'a, T: Time> Pace<'a, T> {
    /// By `time`.
    pub const fn of(time: &'a T) -> Self {
        Self { time }
    }

    /// The TTL of the suite: 400 ms, or four steps of the store's time.
    #[must_use]
    pub fn ttl(&self) -> Duration {
        Duration::from_millis(400).max(self.time.grain() * 4)
    }

    /// Half of it.
    #[must_use]
    pub fn half(&self) -> Duration {
        self.ttl() / 2
    }

    /// Half a TTL passes; twice this, and one is over.
    pub fn pass_half(&self) {
        self.time.pass(self.half() + self.time.grain());
    }

    /// A whole TTL passes.
    pub fn pass(&self) {
        self.time.pass(self.ttl() + self.time.grain());
    }

    /// Whether this may be what is left `of` a time.
    fn may_remain(&self, remaining: Duration, of: Duration) -> bool {
        remaining <= of + self.time.grain()
    }
}

macro_rules! must {
    ($holds:expr, $what:literal) => {
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
        client.store.key(self.kind, &self.buf).map_err(|_| Broken("take keys of up to 12 bytes"))
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
    entries(client, pace, values).await
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
    must!(busy(&answer!(client.acquire(key, &b)), pace), "refuse a second holder");
    must!(answer!(client.release(key, b.token)) == Holding::Lost, "answer `Lost` to a stranger's release");
    must!(answer!(client.renew(key, &b)) == Holding::Lost, "answer `Lost` to a stranger's renewal");
    must!(
        answer!(client.remaining(key)).is_some_and(|r| pace.may_remain(r, pace.ttl())),
        "tell what remains of a lease"
    );
    pace.pass_half();
    must!(answer!(client.renew(key, &a)) == Holding::Held, "renew for the holder");
    pace.pass_half();
    must!(busy(&answer!(client.acquire(key, &b)), pace), "count a renewed TTL from the renewal");
    pace.pass_half();
    must!(answer!(client.release(key, a.token)) == Holding::Lost, "answer `Lost` at the end of a lease");
    must!(answer!(client.remaining(key)).is_none(), "tell that an ended lease is free");
    let second = granted(answer!(client.acquire(key, &b)), "grant an ended lease")?;
    must!(second.fence > first.fence, "give a higher fence with every grant");
    must!(answer!(client.renew(key, &a)) == Holding::Lost, "answer `Lost` to the holder of an ended lease");
    must!(answer!(client.release(key, b.token)) == Holding::Held, "release for the holder");
    must!(answer!(client.release(key, b.token)) == Holding::Lost, "release only once");
    let third = granted(answer!(client.acquire(key, &a)), "grant a released lease")?;
    must!(third.fence > second.fence, "give a higher fence also after a release");
    must!(answer!(client.force_release(key)), "free by force what somebody holds");
    must!(!answer!(client.force_release(key)), "tell that there was nothing to free");
    must!(answer!(client.release(key, a.token)) == Holding::Lost, "answer `Lost` to a holder that was forced out");
    Ok(())
}

/// Permits.
async fn permits<S: Store>(client: &Client<'_, S>, pace: &Pace<'_, impl Time>) -> Result<(), Broken> {
    let named = Named::<S>::new(Kind::Pool, "pool");
    let key = named.key(client)?;
    let (a, b, c) = (ask(client, pace), ask(client, pace), ask(client, pace));
    let first = granted(answer!(client.take(key, 2, &a)), "grant while permits are free")?;
    let again = granted(answer!(client.take(key, 2, &a)), "answer the same token again with its permit")?;
    must!((first.index, first.fence) == (again.index, again.fence), "answer the same token with the same permit");
    pace.pass_half();
    let second = granted(answer!(client.take(key, 2, &b)), "grant up to the size")?;
    must!((first.index, second.index) == (0, 1), "grant the lowest free index");
    must!(second.fence > first.fence, "give a higher fence with every permit");
    must!(busy(&answer!(client.take(key, 2, &c)), pace), "refuse past the size");
    must!(answer!(client.in_use(key)) == 2, "count live permits");
    pace.pass_half();
    must!(answer!(client.in_use(key)) == 1, "count ended permits as free");
    let third = granted(answer!(client.take(key, 2, &c)), "grant the place of an ended permit")?;
    must!(third.index == 0, "grant the lowest free index, of an ended permit too");
    must!(answer!(client.give_back(key, a.token)) == Holding::Lost, "answer `Lost` to a late give-back");
    must!(answer!(client.in_use(key)) == 2, "free nobody else's permit by a late give-back");
    must!(answer!(client.extend(key, &b)) == Holding::Held, "extend for the holder");
    must!(answer!(client.extend(key, &a)) == Holding::Lost, "answer `Lost` to a late extension");
    must!(answer!(client.give_back(key, b.token)) == Holding::Held, "give back for the holder");
    must!(answer!(client.give_back(key, c.token)) == Holding::Held, "give back each permit");
    must!(answer!(client.in_use(key)) == 0, "end with none in use");
    Ok(())
}

/// Runs and their markers.
async fn runs<S: Store>(client: &Client<'_, S>, pace: &Pace<'_, impl Time>) -> Result<(), Broken> {
    let named = Named::<S>::new(Kind::Once, "run");
    let key = named.key(client)?;
    let (a, b) = (ask(client, pace), ask(client, pace));
    must!(matches!(answer!(client.begin(key, &a)), Begun::Run(_)), "let the first one run");
    must!(matches!(answer!(client.begin(key, &b)), Begun::Busy(_)), "let nobody else run meanwhile");
    must!(answer!(client.complete(key, b.token, pace.ttl())) == Holding::Lost, "keep no marker for a stranger");
    must!(answer!(client.touch(key, &a)) == Holding::Held, "extend a run for its holder");
    must!(answer!(client.fail(key, a.token)) == Holding::Held, "end a run that failed");
    must!(answer!(client.remaining(key)).is_none(), "keep nothing after a failure");
    must!(matches!(answer!(client.begin(key, &b)), Begun::Run(_)), "let the next one run after a failure");
    must!(answer!(client.complete(key, b.token, pace.half())) == Holding::Held, "end a run that succeeded");
    must!(matches!(answer!(client.begin(key, &a)), Begun::Done { .. }), "keep the marker of a success");
    must!(
        answer!(client.remaining(key)).is_some_and(|r| pace.may_remain(r, pace.half())),
        "tell what remains of a marker"
    );
    pace.pass_half();
    must!(matches!(answer!(client.begin(key, &a)), Begun::Run(_)), "forget the marker at its end");
    pace.pass();
    must!(answer!(client.complete(key, a.token, pace.half())) == Holding::Lost, "keep no marker for a run that ended");
    must!(matches!(answer!(client.begin(key, &b)), Begun::Run(_)), "let the next one run after an ended run");
    must!(answer!(client.force_release(key)), "free a run by force");
    must!(
        answer!(client.complete(key, b.token, pace.half())) == Holding::Lost,
        "keep no marker for a run that was forced out"
    );
    Ok(())
}

/// Cached values and their flights.
async fn entries<S, V, C>(client: &Client<'_, S>, pace: &Pace<'_, impl Time>, values: [V; 2]) -> Result<(), Broken>
where
    S: Values<V, C> + Platform<Codec = C>,
    C: Default,
    V: Clone + PartialEq,
{
    let codec = &C::default();
    let named = Named::<S>::new(Kind::Cache, "entry");
    let key = named.key(client)?;
    let (a, b) = (ask(client, pace), ask(client, pace));
    let life = Life::new(Ttl::For(pace.ttl()));
    let [one, two] = values;
    must!(answer!(client.get(key, codec)).is_none(), "begin empty");
    must!(fills(&answer!(client.join(key, codec, &a))), "let the first caller fill");
    must!(fills(&answer!(client.join(key, codec, &a))), "let the same token fill again");
    must!(busy(&answer!(client.join(key, codec, &b)), pace), "let nobody else fill meanwhile");
    let stranger = answer!(client.publish(key, codec, b.token, MaybeOwned::Borrowed(&two), life));
    must!(stranger == Holding::Lost, "store nothing for a stranger");
    must!(answer!(client.keep_flying(key, &a)) == Holding::Held, "extend a flight for its holder");
    let own = answer!(client.publish(key, codec, a.token, MaybeOwned::Borrowed(&one), life));
    must!(own == Holding::Held, "store for the holder of the flight");
    must!(answer!(client.get(key, codec)).is_some_and(|v| v == one), "give back an equal value");
    let fresh = answer!(client.join(key, codec, &b));
    must!(matches!(fresh, Contended::Granted(Lookup::Fresh(v)) if v == one), "answer a join with a fresh value");
    pace.pass();
    must!(answer!(client.get(key, codec)).is_none(), "forget a value at the end of its TTL");
    must!(fills(&answer!(client.join(key, codec, &a))), "let somebody fill again after the end");
    must!(answer!(client.give_up(key, a.token)) == Holding::Held, "end a flight without a value");
    must!(fills(&answer!(client.join(key, codec, &b))), "let the next one fill after that");
    pace.pass();
    must!(fills(&answer!(client.join(key, codec, &a))), "let the next one fill after a flight ended");
    let late = answer!(client.publish(key, codec, b.token, MaybeOwned::Borrowed(&two), life));
    must!(late == Holding::Lost, "store nothing for a flight that ended");
    let _ = answer!(client.invalidate(key));
    let invalidated = answer!(client.publish(key, codec, a.token, MaybeOwned::Borrowed(&two), life));
    must!(invalidated == Holding::Lost, "store nothing after an invalidation during the flight");
    must!(fills(&answer!(client.join(key, codec, &b))), "let somebody fill after an invalidation");
    let _ = answer!(client.publish(key, codec, b.token, MaybeOwned::Borrowed(&two), Life::new(Ttl::Forever)));
    pace.pass();
    must!(answer!(client.get(key, codec)).is_some_and(|v| v == two), "keep for ever what has no end");
    must!(answer!(client.invalidate(key)), "tell that a value was forgotten");
    must!(!answer!(client.invalidate(key)), "tell that there was no value");
    must!(fills(&answer!(client.join(key, codec, &a))), "let somebody fill what was forgotten");
    Ok(())
}

fn granted(reply: Contended<Grant>, what: &'static str) -> Result<Grant, Broken> {
    reply.granted().ok_or(Broken(what))
}

fn busy<G>(reply: &Contended<G>, pace: &Pace<'_, impl Time>) -> bool {
    matches!(reply, Contended::Busy(busy) if pace.may_remain(busy.remaining, pace.ttl()))
}

fn fills<V>(reply: &Contended<Lookup<V>>) -> bool {
    matches!(reply, Contended::Granted(Lookup::Fill { .. }))
}
