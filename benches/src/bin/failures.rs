//! What callers of a cache do in practice, beside the peers: `benches/compare.sh failures` prints a table.
//!
//! Threads and no runtime, so that each cache runs as its crate recommends. A case that does not end within two seconds
//! hangs; its threads are left behind.

#![allow(clippy::disallowed_methods, reason = "the time that a load takes is the case")]
#![allow(clippy::needless_pass_by_value, reason = "as the attribute of the peer has it")]

use cachify::{Cachify, Memory, secs};
use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::SeqCst},
        mpsc,
    },
    thread::{self, sleep},
    time::Duration,
};

const LOAD: Duration = Duration::from_millis(100);
const SHORT: Duration = Duration::from_millis(20);
const HANGS: Duration = Duration::from_secs(2);
const CALLERS: u32 = 20;

/// One key of a cache: a call loads by what it is given, and the value can be removed.
trait Peer: Send + Sync + 'static {
    fn call(&self, load: Load) -> u32;
    fn remove(&self);
}

type Load = Arc<dyn Fn() -> u32 + Send + Sync>;

struct Ours(Cachify<Memory>, Duration);

impl Peer for Ours {
    fn call(&self, load: Load) -> u32 {
        self.0.cache("k").ttl(self.1).get_or_insert_blocking(|| load())
    }
    fn remove(&self) {
        self.0.cache("k").reset_blocking().expect("memory is there");
    }
}

struct Moka(moka::sync::Cache<u8, u32>);

impl Peer for Moka {
    fn call(&self, load: Load) -> u32 {
        self.0.get_with(0, || load())
    }
    fn remove(&self) {
        self.0.invalidate(&0);
    }
}

struct Quick(quick_cache::sync::Cache<u8, u32>);

impl Peer for Quick {
    fn call(&self, load: Load) -> u32 {
        self.0.get_or_insert_with(&0, || Ok::<_, ()>(load())).unwrap_or_default()
    }
    fn remove(&self) {
        self.0.remove(&0);
    }
}

/// The crate `cached` keeps what a function returns; which load it runs is told beside it.
struct ByAttribute(fn(Shared) -> u32, fn());

#[derive(Clone)]
struct Shared(Load);

#[cached::macros::cached(key = "u8", convert = r#"{ 0 }"#, ttl_millis = 60_000, sync_writes = "by_key")]
fn for_a_minute(load: Shared) -> u32 {
    (load.0)()
}

#[cached::macros::cached(key = "u8", convert = r#"{ 0 }"#, ttl_millis = 20, sync_writes = "by_key")]
fn for_a_moment(load: Shared) -> u32 {
    (load.0)()
}

impl Peer for ByAttribute {
    fn call(&self, load: Load) -> u32 {
        (self.0)(Shared(load))
    }
    fn remove(&self) {
        (self.1)();
    }
}

fn ours(ttl: Duration) -> Arc<dyn Peer> {
    Arc::new(Ours(Cachify::builder().build_memory(), ttl))
}

fn moka(ttl: Duration) -> Arc<dyn Peer> {
    Arc::new(Moka(moka::sync::Cache::builder().time_to_live(ttl).build()))
}

fn quick() -> Arc<dyn Peer> {
    Arc::new(Quick(quick_cache::sync::Cache::new(16)))
}

/// What it came to, unless it takes too long.
fn within(case: impl FnOnce() -> String + Send + 'static) -> String {
    let (told, heard) = mpsc::channel();
    let _ = thread::spawn(move || told.send(case()));
    heard.recv_timeout(HANGS).unwrap_or_else(|why| match why {
        mpsc::RecvTimeoutError::Timeout => "hangs".to_owned(),
        mpsc::RecvTimeoutError::Disconnected => "panics".to_owned(),
    })
}

/// A value is removed while one loads what was there before: what does the next call get?
fn reset_during_a_load(peer: Arc<dyn Peer>) -> String {
    within(move || {
        let other = peer.clone();
        let load = thread::spawn(move || {
            other.call(Arc::new(|| {
                sleep(LOAD);
                1
            }))
        });
        sleep(LOAD / 2);
        peer.remove();
        load.join().expect("it loads");
        match peer.call(Arc::new(|| 2)) {
            1 => "the old value, kept".to_owned(),
            _ => "loads anew".to_owned(),
        }
    })
}

/// The one who loads panics while others wait.
fn a_loader_that_fails(peer: Arc<dyn Peer>) -> String {
    within(move || {
        let other = peer.clone();
        let first = thread::spawn(move || {
            other.call(Arc::new(|| {
                sleep(LOAD);
                panic!("this one gives up");
            }))
        });
        sleep(LOAD / 2);
        let value = peer.call(Arc::new(|| 2));
        let failed = first.join().is_err();
        format!("the next one {}", if value == 2 && failed { "loads" } else { "has no value" })
    })
}

/// A load asks for its own key.
fn recursion(peer: Arc<dyn Peer>) -> String {
    within(move || {
        let inner = peer.clone();
        match peer.call(Arc::new(move || inner.call(Arc::new(|| 1)) + 1)) {
            2 => "computes".to_owned(),
            other => format!("has {other}"),
        }
    })
}

/// Callers who all come at once, for a value that lives shorter than it takes to load.
fn short_lives(peer: Arc<dyn Peer>) -> String {
    within(move || {
        let loads = Arc::new(AtomicU32::new(0));
        let callers: Vec<_> = (0..CALLERS)
            .map(|_| {
                let (peer, loads) = (peer.clone(), loads.clone());
                thread::spawn(move || {
                    peer.call(Arc::new(move || {
                        loads.fetch_add(1, SeqCst);
                        sleep(LOAD);
                        1
                    }))
                })
            })
            .collect();
        for caller in callers {
            let _ = caller.join();
        }
        format!("{} loads of {CALLERS} calls", loads.load(SeqCst))
    })
}

fn row(what: &str, cells: [String; 4]) {
    let [ours, moka, quick, cached] = cells;
    println!("{what:<28} {ours:<22} {moka:<22} {quick:<22} {cached}");
}

fn main() {
    // what is caught is part of the table
    std::panic::set_hook(Box::new(|_| ()));
    let minute = secs(60);
    let attribute = |of: fn(Shared) -> u32, remove: fn()| -> Arc<dyn Peer> { Arc::new(ByAttribute(of, remove)) };
    let forget: fn() = || {
        use cached::Cached as _;
        FOR_A_MINUTE.write().cache_clear();
    };
    let peers = || [ours(minute), moka(minute), quick(), attribute(for_a_minute, forget)];
    println!("{:<28} {:<22} {:<22} {:<22} cached (sync_writes)", "", "cachify", "moka", "quick_cache");
    row("a reset during a load", peers().map(reset_during_a_load));
    forget();
    row("a loader that panics", peers().map(a_loader_that_fails));
    let [own, theirs] = [ours(SHORT), moka(SHORT)].map(short_lives);
    row("a TTL shorter than the load", [own, theirs, "has no TTL".into(), short_lives(attribute(for_a_moment, || ()))]);
    forget();
    row("recursion", peers().map(recursion));
}
