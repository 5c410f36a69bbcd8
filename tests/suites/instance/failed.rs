//! A load that fails: who waited for it loads at once, side by side, and not in turn; whoever only gave up is followed by one.

use cachify::{Cachify, Kv, ManualClock, secs};
use cachify_tests::Guest;
use std::{
    sync::{
        Arc, Barrier, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    thread,
    time::Duration,
};

#[path = "../kv/shelf.rs"]
#[expect(dead_code, unreachable_pub, reason = "a store of another suite")]
mod shelf;

fn kinds() -> [Cachify; 3] {
    let clock = ManualClock::new();
    let kv = Cachify::builder().store(Kv(shelf::Shelf::new(&clock, true)));
    [
        Cachify::builder().build().unwrap(),
        Cachify::builder().store(Guest::new(ManualClock::new())).build().unwrap(),
        kv.build().unwrap(),
    ]
}

/// How many loads were under way at once.
#[derive(Default)]
struct Loads {
    now: AtomicUsize,
    most: AtomicUsize,
    all: AtomicUsize,
}

impl Loads {
    fn begin(&self) {
        self.all.fetch_add(1, SeqCst);
        self.most.fetch_max(self.now.fetch_add(1, SeqCst) + 1, SeqCst);
    }
    fn end(&self) {
        self.now.fetch_sub(1, SeqCst);
    }
}

const CROWD: usize = 20;

#[test]
fn those_who_waited_for_a_failure_load_side_by_side() {
    for (kind, c) in kinds().into_iter().enumerate() {
        let (loads, first, second) = (Loads::default(), Barrier::new(2), Barrier::new(CROWD));
        let value = || c.cache("k").ttl(secs(60));
        thread::scope(|scope| {
            scope.spawn(|| {
                let failed = value().get_or_insert_with_blocking(|| {
                    first.wait();
                    // all others wait for this one
                    thread::sleep(Duration::from_millis(300));
                    Err::<u32, _>("gone")
                });
                assert_eq!(failed, Err("gone"));
            });
            first.wait();
            for _ in 0..CROWD {
                scope.spawn(|| {
                    let failed = value().get_or_insert_with_blocking(|| {
                        loads.begin();
                        // in turn they would never all be here
                        second.wait();
                        loads.end();
                        Err::<u32, _>("gone again")
                    });
                    assert_eq!(failed, Err("gone again"));
                });
            }
        });
        assert_eq!((loads.all.load(SeqCst), loads.most.load(SeqCst)), (CROWD, CROWD), "kind {kind}");
        // and afterwards one loads for all, as ever
        assert_eq!(value().get_or_insert_blocking(|| 7_u32), 7);
        assert_eq!(value().get_or_insert_blocking(|| 8_u32), 7);
    }
}

#[test]
fn tasks_too_also_where_nothing_was_found() {
    for (kind, c) in kinds().into_iter().enumerate() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let all = Arc::new(tokio::sync::Barrier::new(CROWD));
            let first = tokio::spawn({
                let c = c.clone();
                async move {
                    let slow = async || {
                        tokio::time::sleep(Duration::from_millis(200)).await;
                        Err::<u32, _>(())
                    };
                    c.cache("k").get_or_insert_with(slow).await
                }
            });
            tokio::time::sleep(Duration::from_millis(50)).await;
            let crowd: Vec<_> = (0..CROWD as u32)
                .map(|n| {
                    let (c, all) = (c.clone(), all.clone());
                    tokio::spawn(async move {
                        let load = async || {
                            all.wait().await;
                            Ok::<_, ()>(n)
                        };
                        c.cache("k").get_or_insert_with(load).await
                    })
                })
                .collect();
            assert_eq!(first.await.unwrap(), Err(()));
            for (n, one) in crowd.into_iter().enumerate() {
                assert_eq!(one.await.unwrap(), Ok(n as u32), "each has what it loaded");
            }
            assert!(
                c.cache("k").get::<u32>().await.unwrap().is_some(),
                "kind {kind}: one of them kept it for those to come"
            );
        });
    }
}

#[test]
fn who_gives_up_is_followed_by_one() {
    for (kind, c) in kinds().into_iter().enumerate() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let loads = Arc::<Mutex<u32>>::default();
            let first = tokio::spawn({
                let c = c.clone();
                async move { c.cache("k").get_or_insert(std::future::pending::<u32>()).await }
            });
            tokio::time::sleep(Duration::from_millis(50)).await;
            let crowd: Vec<_> = (0..CROWD)
                .map(|_| {
                    let (c, loads) = (c.clone(), loads.clone());
                    tokio::spawn(async move {
                        let load = async move {
                            *loads.lock().unwrap() += 1;
                            tokio::time::sleep(Duration::from_millis(50)).await;
                            7_u32
                        };
                        c.cache("k").ttl(secs(60)).get_or_insert(load).await
                    })
                })
                .collect();
            tokio::time::sleep(Duration::from_millis(50)).await;
            first.abort();
            for one in crowd {
                assert_eq!(one.await.unwrap(), 7);
            }
            assert_eq!(*loads.lock().unwrap(), 1, "kind {kind}");
        });
    }
}
