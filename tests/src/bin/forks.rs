//! A process that forks four children while its instance is connected, waiting and renewing.
//!
//! `forks URL PORT [lent]`: over connections of the program's own if so it is told; each child uses the instance that its parent built, on both faces. What it says is one line each:
//! `grant FENCE TOKEN INSIDE` for a grant (how many were inside beside it), `renewed BOOL` of a right held for three of
//! its TTLs, `at once N` of twenty children, `memory BOOL` and `own BOOL` of stores in the process itself, and at the
//! end what the parent saw of its own.
#![allow(clippy::disallowed_methods, reason = "real processes live in real time")]

use cachify::{Cachify, Holding, Kv, KvStore, secs};
use cachify_core::testing::block_on;
use cachify_tests::{
    record::Record,
    resp::{Client, Reply},
};
use fork::Fork;
use std::{
    collections::HashMap,
    env,
    error::Error,
    process::exit,
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};
use tokio::runtime::Builder;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const CHILDREN: usize = 4;
const ROUNDS: u32 = 8;
/// Far longer than anything here takes: nobody gets in by asking now and then.
const LONG: Duration = secs(60);

fn main() -> Result<()> {
    let words: Vec<String> = env::args().skip(1).collect();
    let [url, port, lent @ ..] = words.as_slice() else { return Err("URL and PORT are missing".into()) };
    let port = port.parse()?;
    let build = || Cachify::builder().redis(url).prefix("t").op_timeout(secs(10)).connect_timeout(secs(10)).poll(LONG);
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let connection = runtime.block_on(redis::Client::open(url.as_str())?.get_multiplexed_async_connection())?;
    let (c, other) = if lent.is_empty() {
        (build().build()?, build().build()?)
    } else {
        let _inside = runtime.enter();
        let build = || build().redis_connections(connection.clone()).build();
        (build()?, build()?)
    };
    let kept = c.lock("kept").ttl(secs(1)).acquire_blocking()?;
    let wanted = other.lock("wanted").ttl(LONG).acquire_blocking()?;
    let waiter = thread::spawn({
        let c = c.clone();
        move || c.lock("wanted").wait(LONG).acquire_blocking().is_ok()
    });
    let mut client = Client::to(port)?;
    while client.ask(&["ZCARD", "t:l:{wanted}:q"])? != Reply::Int(1) {
        thread::sleep(Duration::from_millis(2));
    }
    println!("at once {}", at_once()?);
    let near = Near::begin()?;
    let mut children = Vec::new();
    for number in 0..CHILDREN {
        match fork::fork()? {
            Fork::Parent(child) => children.push(child),
            Fork::Child => {
                let done = child(&c, number, port).and_then(|()| near.in_a_child());
                // its copy of what the parent holds
                drop(kept);
                c.shutdown_blocking(secs(10));
                if let Err(why) = &done {
                    println!("child {number}: {why}");
                }
                exit(i32::from(done.is_err()));
            }
        }
    }
    for child in children {
        println!("ended {}", fork::waitpid(child)? == 0);
    }
    println!("kept {} {}", kept.is_valid(), kept.release()? == Holding::Held);
    wanted.release()?;
    println!("served {}", waiter.join().is_ok_and(|served| served));
    runtime.shutdown_background();
    Ok(())
}

/// Children that take a lock in memory as soon as they are there, right after their parent did; how many kept it as
/// long as they lived.
fn at_once() -> Result<usize> {
    let ttl = Duration::from_millis(400);
    let mut children = Vec::new();
    for _ in 0..20 {
        let c = Cachify::builder().build()?;
        let first = c.lock("first").ttl(ttl).acquire_blocking()?;
        // time for the thread that renews, which may else hold a lock that stays locked in the child
        thread::sleep(Duration::from_millis(20));
        drop(c.lock("parent").ttl(ttl).acquire_blocking()?);
        match fork::fork()? {
            Fork::Parent(child) => children.push(child),
            Fork::Child => {
                let held = c.lock("child").ttl(ttl).acquire_blocking();
                drop(first);
                thread::sleep(ttl * 3);
                exit(i32::from(!held.is_ok_and(|held| held.is_valid())));
            }
        }
    }
    let mut kept = 0;
    for child in children {
        kept += usize::from(fork::waitpid(child)? == 0);
    }
    Ok(kept)
}

/// What lies in the process itself, at work before the fork: its threads are not there in a child.
struct Near {
    memory: Cachify,
    own: Cachify,
}

impl Near {
    fn begin() -> Result<Self> {
        let memory = Cachify::builder().build()?;
        let own = Cachify::builder().store(Kv(Arc::new(Shelf::default()))).build()?;
        std::mem::forget(memory.lock("before").acquire_blocking()?);
        // by the timer thread, then by the one that gives back
        assert!(block_on(memory.lock("before").wait(Duration::from_millis(5)).acquire()).is_err());
        drop(own.lock("before").acquire_blocking()?);
        while own.lock("before").is_locked_blocking()? {
            thread::sleep(Duration::from_millis(2));
        }
        Ok(Self { memory, own })
    }

    fn in_a_child(&self) -> Result<()> {
        let held = self.memory.lock("child").ttl(Duration::from_secs(2)).acquire_blocking()?;
        let waited = block_on(self.memory.lock("child").wait(Duration::from_millis(4_500)).acquire()).is_err();
        println!("memory {}", waited && held.is_valid());
        drop(self.own.lock("child").acquire_blocking()?);
        let began = Instant::now();
        while self.own.lock("child").is_locked_blocking()? && began.elapsed() < secs(10) {
            thread::sleep(Duration::from_millis(2));
        }
        println!("own {}", !self.own.lock("child").is_locked_blocking()?);
        Ok(())
    }
}

/// Three methods over a map; nothing in it ends.
#[derive(Default)]
struct Shelf(Mutex<HashMap<String, Vec<u8>>>);

impl KvStore for Shelf {
    type Error = cachify::Cause;
    fn get(&self, key: &str) -> std::result::Result<Option<Vec<u8>>, Self::Error> {
        Ok(self.0.lock().unwrap_or_else(PoisonError::into_inner).get(key).cloned())
    }
    fn compare_exchange(
        &self,
        key: &str,
        old: Option<&[u8]>,
        new: Option<&[u8]>,
        _: Option<Duration>,
    ) -> std::result::Result<bool, Self::Error> {
        let mut map = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let same = map.get(key).map(|value| &value[..]) == old;
        match new {
            Some(new) if same => drop(map.insert(key.into(), new.into())),
            None if same => drop(map.remove(key)),
            _ => {}
        }
        Ok(same)
    }
    fn remove(&self, key: &str) -> std::result::Result<bool, Self::Error> {
        Ok(self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(key).is_some())
    }
}

fn child(c: &Cachify, number: usize, port: u16) -> Result<()> {
    let mut client = Client::to(port)?;
    let shared = c.lock("shared").ttl(secs(30)).wait(LONG);
    for _ in 0..ROUNDS {
        let guard = shared.acquire_blocking()?;
        granted(&mut client, guard.fence().0)?;
        guard.release()?;
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        for _ in 0..ROUNDS {
            let guard = shared.acquire().await?;
            granted(&mut client, guard.fence().0)?;
            guard.release().await?;
        }
        Result::Ok(())
    })?;
    let own = c.lock(("own", number as u64)).ttl(Duration::from_millis(700)).acquire_blocking()?;
    thread::sleep(Duration::from_millis(2_100));
    println!("renewed {}", own.is_valid() && own.release()? == Holding::Held);
    // given back in the background, as is what the shutdown waits for
    drop(shared.acquire_blocking()?);
    Ok(())
}

/// Says what a grant was, and how many were inside beside it.
fn granted(client: &mut Client, fence: u64) -> Result<()> {
    let inside = int(&client.ask(&["INCR", "inside"])?)?;
    let lease = Record::parse(&client.ask(&["GET", "t:l:{shared}"])?).filter(Record::has_owner);
    let token = lease.ok_or("nobody holds it")?.token();
    thread::sleep(Duration::from_millis(2));
    client.ask(&["DECR", "inside"])?;
    println!("grant {fence} {} {}", token, inside - 1);
    Ok(())
}

fn int(reply: &Reply) -> Result<i64> {
    if let Reply::Int(n) = reply { Ok(*n) } else { Err(format!("no number: {reply:?}").into()) }
}
