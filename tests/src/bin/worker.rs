//! One process of a fleet, for tests that kill, stop and count processes.
//!
//! `worker URL PORT flight` loads one cold key from 25 tasks; `worker URL PORT hold MILLIS` takes a lock of that TTL,
//! says its fence, and says `lost` when it has lost it; `worker URL PORT leave` takes one lock, one permit and one run on
//! a thread without a runtime, drops them, and ends; `worker URL PORT seek MILLIS` says how many milliseconds it took to
//! learn within that limit that nobody is reached: on a thread, and with a runtime of its own from its start to its end;
//! `worker URL PORT mixed MILLIS` works for that long on the keys of `mixed`, and says what it did and when;
//! `worker URL PORT sleep FILE` says what is valid before and after a minute of sleep, which it writes into the file.
#![allow(clippy::disallowed_methods, reason = "real processes live in real time")]

use cachify::{Cachify, secs};
use cachify_tests::resp::{Client, Reply};
use std::{
    env,
    error::Error,
    io::Write,
    time::{Duration, Instant},
};

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = env::args().skip(1).collect();
    let [url, port, role, rest @ ..] = words.as_slice() else { return Err("URL, PORT and ROLE are missing".into()) };
    let c = Cachify::builder().redis(url).prefix("t").op_timeout(secs(10)).connect_timeout(secs(10)).build()?;
    match (role.as_str(), rest) {
        ("flight", []) => runtime()?.block_on(flight(&c, port.parse()?)),
        ("hold", [millis]) => runtime()?.block_on(hold(&c, Duration::from_millis(millis.parse()?))),
        ("leave", []) => {
            let _held =
                (c.lock("k").acquire_blocking()?, c.pool("k", 1).take_blocking()?, c.once("k").begin_blocking()?);
            Ok(())
        }
        ("mixed", [millis]) => runtime()?.block_on(mixed(&c, Duration::from_millis(millis.parse()?))),
        ("sleep", [file]) => sleep(&c, file),
        ("seek", [millis]) => seek(url, Duration::from_millis(millis.parse()?)),
        _ => Err("no such role".into()),
    }
}

fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()
}

/// A lock on the server, a value in memory, and one that lasts for longer than the sleep.
fn sleep(c: &Cachify, file: &str) -> Result<(), Box<dyn Error>> {
    let near = Cachify::builder().build_memory();
    let (short, long) = (near.cache("short").ttl(secs(30)), near.cache("long").ttl(secs(90)));
    let guard = c.lock("k").ttl(secs(30)).acquire_blocking()?;
    short.get_or_insert_blocking(|| 1);
    long.get_or_insert_blocking(|| 1);
    let say = |again: i32| {
        let exact = guard.is_valid();
        let is_hit = |kept: i32| kept == 1;
        println!(
            "{exact} {} {}",
            is_hit(short.get_or_insert_blocking(|| again)),
            is_hit(long.get_or_insert_blocking(|| again))
        );
    };
    say(2);
    std::fs::write(file, "60")?;
    say(3);
    Ok(())
}

fn seek(url: &str, limit: Duration) -> Result<(), Box<dyn Error>> {
    let c = Cachify::builder().redis(url).op_timeout(limit).build()?;
    let began = Instant::now();
    println!("{:?}", c.ping_blocking().map(drop));
    println!("{}", began.elapsed().as_millis());
    let began = Instant::now();
    println!("{:?}", runtime()?.block_on(c.ping()).map(drop));
    println!("{}", began.elapsed().as_millis());
    Ok(())
}

async fn flight(c: &Cachify, port: u16) -> Result<(), Box<dyn Error>> {
    let tasks: Vec<_> = (0..25)
        .map(|_| {
            let cache = c.cache("cold").ttl(secs(60));
            tokio::spawn(async move { cache.get_or_insert_with(async || load(port).await).await })
        })
        .collect();
    for task in tasks {
        println!("{}", task.await??);
    }
    Ok(())
}

/// Counts its runs on the server, past the library.
async fn load(port: u16) -> Result<i64, String> {
    let counted = Client::to(port).and_then(|mut client| client.ask(&["INCR", "runs"]));
    tokio::time::sleep(Duration::from_millis(150)).await;
    match counted {
        Ok(Reply::Int(n)) => Ok(n),
        other => Err(format!("{other:?}")),
    }
}

async fn hold(c: &Cachify, ttl: Duration) -> Result<(), Box<dyn Error>> {
    let guard = c.lock("k").ttl(ttl).wait(secs(10)).acquire().await?;
    println!("{}", guard.fence());
    std::io::stdout().flush()?;
    guard.lost().await;
    println!("lost");
    Ok(())
}

/// How many locks, pools of two and cached values there are; of runs as many as it takes.
const KEYS: u64 = 8;

/// Tasks that take whatever comes, and say each thing they did: what, which, a number (a fence, a permit's index), and
/// from when until when in microseconds of the wall clock.
async fn mixed(c: &Cachify, time: Duration) -> Result<(), Box<dyn Error>> {
    let until = Instant::now() + time;
    let work = |seed: u64| {
        let c = c.clone();
        tokio::spawn(async move {
            let mut turn = seed;
            while Instant::now() < until {
                turn += 1;
                let key = turn / 4 % KEYS;
                let asked = micros();
                let done = match turn % 4 {
                    0 => locked(&c, key).await,
                    1 => permitted(&c, key).await,
                    2 => once(&c, turn / 4).await,
                    _ => cached(&c, key).await,
                };
                match done {
                    Ok(done) => println!("{done} {asked}"),
                    Err(error) => println!("failed {error}"),
                }
            }
        })
    };
    // each begins somewhere else
    let tasks: Vec<_> = (0..4).map(|task| work(task * 3)).collect();
    for task in tasks {
        task.await?;
    }
    Ok(())
}

type Done = Result<String, Box<dyn Error + Send + Sync>>;

async fn locked(c: &Cachify, key: u64) -> Done {
    let guard = c.lock(("k", key)).ttl(secs(5)).wait(secs(30)).acquire().await?;
    let (fence, began) = (guard.fence(), micros());
    tokio::time::sleep(Duration::from_millis(3)).await;
    let ended = micros();
    if guard.is_valid() {
        guard.release().await.ok();
        return Ok(format!("lock {key} {fence} {began} {ended}"));
    }
    Ok(format!("lost {key} {fence} {began} {ended}"))
}

async fn permitted(c: &Cachify, key: u64) -> Done {
    let permit = c.pool(("k", key), 2).ttl(secs(5)).wait(secs(30)).take().await?;
    let (index, began) = (permit.index(), micros());
    tokio::time::sleep(Duration::from_millis(3)).await;
    let ended = micros();
    let word = if permit.is_valid() { "permit" } else { "lost" };
    permit.release().await.ok();
    Ok(format!("{word} {key} {index} {began} {ended}"))
}

async fn once(c: &Cachify, job: u64) -> Done {
    let began = micros();
    let ran = c.once(("job", job)).keep(secs(600)).run(async |_| ()).await?;
    let word = if matches!(ran, cachify::Ran::Ran(())) { "ran" } else { "skipped" };
    Ok(format!("{word} {job} 0 {began} {}", micros()))
}

async fn cached(c: &Cachify, key: u64) -> Done {
    let began = micros();
    let value: u64 = c.cache(("k", key)).ttl(secs(600)).get_or_insert(async { micros() }).await;
    Ok(format!("value {key} {value} {began} {}", micros()))
}

fn micros() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or_default()
}
