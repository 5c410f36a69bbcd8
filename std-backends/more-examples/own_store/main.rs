//! Cache, lock, once and pool over a store of one's own: an `SQLite` file that two programs share.
//!
//! `cargo run -p cachify-examples --example own_store`. The two instances stand for two processes: all they share is
//! the file.

mod store;

use cachify::{Cachify, Cause, FenceGate, Kv, Ran, secs};
use std::{error::Error, fs, path::Path, sync::Arc};
use store::Sqlite;

fn program(path: &Path) -> Result<Cachify, Box<dyn Error>> {
    let store = Kv(Arc::new(Sqlite::open(path)?));
    Ok(Cachify::builder().prefix("example").default_lease(secs(10)).default_ttl(secs(60)).store(store).build()?)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::temp_dir().join(format!("cachify-example-{}.db", std::process::id()));
    let (north, south) = (program(&path)?, program(&path)?);

    // a lock: one at a time, and a fence that grows, which what is written to can check
    let mut ledger = FenceGate::default();
    let first = north.lock("ledger").acquire().await?;
    println!("lock: north holds it with fence {}", first.fence());
    assert!(south.lock("ledger").try_acquire().await?.is_none());
    println!("lock: south is refused meanwhile");
    assert!(ledger.admits(first.fence()));
    let late = first.fence();
    first.release().await?;
    let second = south.lock("ledger").wait(secs(5)).acquire().await?;
    println!("lock: south holds it with fence {}", second.fence());
    assert!(ledger.admits(second.fence()));
    assert!(!ledger.admits(late));
    println!("lock: what north writes now, too late, is rejected by its fence");
    second.release().await?;

    // a cached value: loaded by one, there for both, gone when reset
    let load = || async { Ok::<_, Cause>("42 apples".to_owned()) };
    let stock = north.cache(("stock", 7)).get_or_insert_with(load).await?;
    let seen = south.cache(("stock", 7)).get::<String>().await?;
    println!("cache: north loaded {stock:?}, south sees {seen:?}");
    assert_eq!(seen, Some(stock));
    assert!(south.cache(("stock", 7)).reset().await?);
    assert_eq!(north.cache(("stock", 7)).get::<String>().await?, None);
    println!("cache: south reset it, and it is gone for north");

    // once: skipped by whoever comes while it runs, or within a minute after it
    let nightly = |c: &Cachify| c.once("nightly").keep(secs(60));
    assert_eq!(nightly(&north).run(async |_| "report").await?, Ran::Ran("report"));
    assert!(matches!(nightly(&south).run(async |_| "report").await?, Ran::Skipped(_)));
    println!("once: north ran it, south skipped it");

    // a pool: two at a time, whoever they are; from a thread as well as from a task
    let a = north.pool("api", 2).take().await?;
    let b = tokio::task::spawn_blocking({
        let south = south.clone();
        move || south.pool("api", 2).take_blocking()
    })
    .await??;
    assert!(north.pool("api", 2).try_take().await?.is_none());
    println!("pool: permits {} and {} are out, {} in use, a third is refused", a.index(), b.index(), 2);
    a.release().await?;
    b.release()?;
    assert_eq!(south.pool("api", 2).in_use().await?, 0);
    println!("pool: both are back");

    drop((north, south));
    for end in ["", "-wal", "-shm"] {
        let _ = fs::remove_file(format!("{}{end}", path.display()));
    }
    Ok(())
}
