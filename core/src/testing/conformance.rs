//! The public conformance suite: is a store right? One function per capability, one message per MUST.
//!
//! `no_std` and without a heap, so it runs on a microcontroller too. Hand it a face of an instance over an empty store
//! ([`Tasks`](crate::store::Tasks) or [`Threads`](crate::store::Threads)) and a way to let time pass:
//!
//! ```
//! use cachify_core::{FixedStore, Instance, store::{Tasks, lock::NoLock}};
//! use cachify_core::testing::{ManualClock, block_on, conformance};
//! let clock = ManualClock::new();
//! let store = FixedStore::<NoLock, _, 16, u32>::new(&clock);
//! let instance = Instance::new(&store);
//! let advance = |by| clock.advance(by);
//! block_on(conformance::all(&Tasks(&instance), &advance, [7, 8]))?;
//! # Ok::<(), conformance::Broken>(())
//! ```

#[cfg(feature = "alloc")]
mod kv;

#[cfg(feature = "alloc")]
pub use kv::{key_values, key_values_blocking};

use crate::{
    cell::{Ask, Begun, Grant, Holding, Kept, Life, Lookup},
    instance::Handle,
    key::{Key, KeySink, Kind},
    patience::Contended,
    store::{
        AsyncCacheStore, AsyncEntryStore, AsyncForce, AsyncInspect, AsyncLeaseStore, AsyncOnceStore, AsyncPermitStore,
        Face, Fault, Host,
    },
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

/// The TTL of the suite. A store on real time needs `advance` to sleep.
pub const TTL: Duration = Duration::from_millis(400);
const HALF: Duration = Duration::from_millis(200);

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

type HostOf<F> = <<F as Face>::Handle as Handle>::Store;
type BufOf<F> = <HostOf<F> as Host>::KeyBuf;

/// A key of the suite.
struct Named<F: Face> {
    buf: BufOf<F>,
    kind: Kind,
}

impl<F: Face> Named<F> {
    fn new(kind: Kind, name: &str) -> Self {
        let mut buf = BufOf::<F>::default();
        buf.put(name.as_bytes());
        Self { buf, kind }
    }

    fn key<'a>(&'a self, face: &'a F) -> Result<Key<'a>, Broken> {
        store(face).key(self.kind, &self.buf).map_err(|_| Broken("take keys of up to 12 bytes"))
    }
}

fn store<F: Face>(face: &F) -> &HostOf<F> {
    face.handle().instance().store()
}

fn ask<F: Face>(face: &F) -> Ask {
    Ask::new(store(face).token(), TTL)
}

/// Everything, one after another; `values` are two different values to cache.
pub async fn all<F, V, C>(face: &F, advance: &impl Fn(Duration), values: [V; 2]) -> Result<(), Broken>
where
    F: Face
        + AsyncLeaseStore
        + AsyncPermitStore
        + AsyncOnceStore
        + AsyncInspect
        + AsyncForce
        + AsyncEntryStore
        + AsyncCacheStore<V, C>,
    <F::Handle as Handle>::Store: Host<Codec = C>,
    C: Default,
    V: Clone + PartialEq,
{
    leases(face, advance).await?;
    permits(face, advance).await?;
    runs(face, advance).await?;
    entries(face, advance, &C::default(), values).await
}

/// The contracts of `LeaseStore`, `Inspect` and `Force`.
pub async fn leases<F>(face: &F, advance: &impl Fn(Duration)) -> Result<(), Broken>
where
    F: Face + AsyncLeaseStore + AsyncInspect + AsyncForce,
{
    let named = Named::<F>::new(Kind::Lock, "lease");
    let key = named.key(face)?;
    let (a, b) = (ask(face), ask(face));
    must!(a.token != b.token, "give a new token to each attempt");
    let first = granted(answer!(face.acquire(key, &a)), "grant a free lease")?;
    must!(
        granted(answer!(face.acquire(key, &a)), "answer the same token again with its grant")?.fence == first.fence,
        "answer the same token with the same fence"
    );
    must!(busy(&answer!(face.acquire(key, &b))), "refuse a second holder");
    must!(answer!(face.release(key, b.token)) == Holding::Lost, "answer `Lost` to a stranger's release");
    must!(answer!(face.renew(key, &b)) == Holding::Lost, "answer `Lost` to a stranger's renewal");
    must!(answer!(face.remaining(key)).is_some_and(|r| r <= TTL), "tell what remains of a lease");
    advance(HALF);
    must!(answer!(face.renew(key, &a)) == Holding::Kept, "renew for the holder");
    advance(HALF);
    must!(busy(&answer!(face.acquire(key, &b))), "count a renewed TTL from the renewal");
    advance(HALF);
    must!(answer!(face.release(key, a.token)) == Holding::Lost, "answer `Lost` at the end of a lease");
    must!(answer!(face.remaining(key)).is_none(), "tell that an ended lease is free");
    let second = granted(answer!(face.acquire(key, &b)), "grant an ended lease")?;
    must!(second.fence > first.fence, "give a higher fence with every grant");
    must!(answer!(face.renew(key, &a)) == Holding::Lost, "answer `Lost` to the holder of an ended lease");
    must!(answer!(face.release(key, b.token)) == Holding::Kept, "release for the holder");
    must!(answer!(face.release(key, b.token)) == Holding::Lost, "release only once");
    let third = granted(answer!(face.acquire(key, &a)), "grant a released lease")?;
    must!(third.fence > second.fence, "give a higher fence also after a release");
    must!(answer!(face.force_release(key)), "free by force what somebody holds");
    must!(!answer!(face.force_release(key)), "tell that there was nothing to free");
    must!(answer!(face.release(key, a.token)) == Holding::Lost, "answer `Lost` to a holder that was forced out");
    Ok(())
}

/// The contract of `PermitStore`.
pub async fn permits<F>(face: &F, advance: &impl Fn(Duration)) -> Result<(), Broken>
where
    F: Face + AsyncPermitStore,
{
    let named = Named::<F>::new(Kind::Pool, "pool");
    let key = named.key(face)?;
    let (a, b, c) = (ask(face), ask(face), ask(face));
    let first = granted(answer!(face.take(key, 2, &a)), "grant while permits are free")?;
    let again = granted(answer!(face.take(key, 2, &a)), "answer the same token again with its permit")?;
    must!((first.index, first.fence) == (again.index, again.fence), "answer the same token with the same permit");
    advance(HALF);
    let second = granted(answer!(face.take(key, 2, &b)), "grant up to the size")?;
    must!((first.index, second.index) == (0, 1), "grant the lowest free index");
    must!(second.fence > first.fence, "give a higher fence with every permit");
    must!(busy(&answer!(face.take(key, 2, &c))), "refuse past the size");
    must!(answer!(face.in_use(key)) == 2, "count live permits");
    advance(HALF);
    must!(answer!(face.in_use(key)) == 1, "count ended permits as free");
    let third = granted(answer!(face.take(key, 2, &c)), "grant the place of an ended permit")?;
    must!(third.index == 0, "grant the lowest free index, of an ended permit too");
    must!(answer!(face.give_back(key, a.token)) == Holding::Lost, "answer `Lost` to a late give-back");
    must!(answer!(face.in_use(key)) == 2, "free nobody else's permit by a late give-back");
    must!(answer!(face.extend(key, &b)) == Holding::Kept, "extend for the holder");
    must!(answer!(face.extend(key, &a)) == Holding::Lost, "answer `Lost` to a late extension");
    must!(answer!(face.give_back(key, b.token)) == Holding::Kept, "give back for the holder");
    must!(answer!(face.give_back(key, c.token)) == Holding::Kept, "give back each permit");
    must!(answer!(face.in_use(key)) == 0, "end with none in use");
    Ok(())
}

/// The contract of `OnceStore`, with `Inspect` and `Force`.
pub async fn runs<F>(face: &F, advance: &impl Fn(Duration)) -> Result<(), Broken>
where
    F: Face + AsyncOnceStore + AsyncInspect + AsyncForce,
{
    let named = Named::<F>::new(Kind::Once, "run");
    let key = named.key(face)?;
    let (a, b) = (ask(face), ask(face));
    must!(matches!(answer!(face.begin(key, &a)), Begun::Run(_)), "let the first one run");
    must!(matches!(answer!(face.begin(key, &b)), Begun::Busy(_)), "let nobody else run meanwhile");
    must!(answer!(face.complete(key, b.token, TTL)) == Holding::Lost, "keep no marker for a stranger");
    must!(answer!(face.touch(key, &a)) == Holding::Kept, "extend a run for its holder");
    must!(answer!(face.fail(key, a.token)) == Holding::Kept, "end a run that failed");
    must!(answer!(face.remaining(key)).is_none(), "keep nothing after a failure");
    must!(matches!(answer!(face.begin(key, &b)), Begun::Run(_)), "let the next one run after a failure");
    must!(answer!(face.complete(key, b.token, HALF)) == Holding::Kept, "end a run that succeeded");
    must!(matches!(answer!(face.begin(key, &a)), Begun::Done { .. }), "keep the marker of a success");
    must!(answer!(face.remaining(key)).is_some_and(|r| r <= HALF), "tell what remains of a marker");
    advance(HALF);
    must!(matches!(answer!(face.begin(key, &a)), Begun::Run(_)), "forget the marker at its end");
    advance(TTL);
    must!(answer!(face.complete(key, a.token, HALF)) == Holding::Lost, "keep no marker for a run that ended");
    must!(matches!(answer!(face.begin(key, &b)), Begun::Run(_)), "let the next one run after an ended run");
    must!(answer!(face.force_release(key)), "free a run by force");
    must!(answer!(face.complete(key, b.token, HALF)) == Holding::Lost, "keep no marker for a run that was forced out");
    Ok(())
}

/// The contracts of `CacheStore` and `EntryStore`.
pub async fn entries<F, V, C>(face: &F, advance: &impl Fn(Duration), codec: &C, values: [V; 2]) -> Result<(), Broken>
where
    F: Face + AsyncEntryStore + AsyncCacheStore<V, C>,
    V: Clone + PartialEq,
{
    let named = Named::<F>::new(Kind::Cache, "entry");
    let key = named.key(face)?;
    let (a, b) = (ask(face), ask(face));
    let life = Life::new(Ttl::For(TTL));
    let [one, two] = values;
    must!(answer!(face.get(key, codec)).is_none(), "begin empty");
    must!(fills(&answer!(face.join(key, codec, &a))), "let the first caller fill");
    must!(fills(&answer!(face.join(key, codec, &a))), "let the same token fill again");
    must!(busy(&answer!(face.join(key, codec, &b))), "let nobody else fill meanwhile");
    let stranger = answer!(face.publish(key, codec, b.token, Kept::Ref(&two), life));
    must!(stranger == Holding::Lost, "store nothing for a stranger");
    must!(answer!(face.keep_flying(key, &a)) == Holding::Kept, "extend a flight for its holder");
    let own = answer!(face.publish(key, codec, a.token, Kept::Ref(&one), life));
    must!(own == Holding::Kept, "store for the holder of the flight");
    must!(answer!(face.get(key, codec)).is_some_and(|v| v == one), "give back an equal value");
    let fresh = answer!(face.join(key, codec, &b));
    must!(matches!(fresh, Contended::Granted(Lookup::Fresh(v)) if v == one), "answer a join with a fresh value");
    advance(TTL);
    must!(answer!(face.get(key, codec)).is_none(), "forget a value at the end of its TTL");
    must!(fills(&answer!(face.join(key, codec, &a))), "let somebody fill again after the end");
    must!(answer!(face.give_up(key, a.token)) == Holding::Kept, "end a flight without a value");
    must!(fills(&answer!(face.join(key, codec, &b))), "let the next one fill after that");
    advance(TTL);
    must!(fills(&answer!(face.join(key, codec, &a))), "let the next one fill after a flight ended");
    let late = answer!(face.publish(key, codec, b.token, Kept::Ref(&two), life));
    must!(late == Holding::Lost, "store nothing for a flight that ended");
    let _ = answer!(face.invalidate(key));
    let invalidated = answer!(face.publish(key, codec, a.token, Kept::Ref(&two), life));
    must!(invalidated == Holding::Lost, "store nothing after an invalidation during the flight");
    must!(fills(&answer!(face.join(key, codec, &b))), "let somebody fill after an invalidation");
    let _ = answer!(face.publish(key, codec, b.token, Kept::Ref(&two), Life::new(Ttl::Forever)));
    advance(TTL);
    must!(answer!(face.get(key, codec)).is_some_and(|v| v == two), "keep for ever what has no end");
    must!(answer!(face.invalidate(key)), "tell that a value was forgotten");
    must!(!answer!(face.invalidate(key)), "tell that there was no value");
    must!(fills(&answer!(face.join(key, codec, &a))), "let somebody fill what was forgotten");
    let windowed = Life { ttl: Ttl::For(TTL), stale_for: TTL };
    match face.publish(key, codec, a.token, Kept::Ref(&one), windowed).await.map_err(Into::into) {
        Err(Fault::Unsupported(_)) => return Ok(()),
        stored => must!(stored == Ok(Holding::Kept), "keep a stale window, or refuse it as unsupported"),
    }
    advance(TTL);
    must!(answer!(face.get(key, codec)).is_none(), "serve no value as fresh past its TTL");
    let stale = answer!(face.join(key, codec, &b));
    let is_stale = matches!(stale, Contended::Granted(Lookup::Fill { stale: Some(v), .. }) if v == one);
    must!(is_stale, "keep a value for its stale window");
    Ok(())
}

fn granted(reply: Contended<Grant>, what: &'static str) -> Result<Grant, Broken> {
    reply.granted().ok_or(Broken(what))
}

fn busy<G>(reply: &Contended<G>) -> bool {
    matches!(reply, Contended::Busy(busy) if busy.remaining <= TTL)
}

fn fills<V>(reply: &Contended<Lookup<V>>) -> bool {
    matches!(reply, Contended::Granted(Lookup::Fill { .. }))
}
