//! Groups of cached values on servers and a cluster: one command forgets them for every process.

use super::world::{everywhere, millis, over, patient, run};
use cachify::{Cachify, secs};
use cachify_tests::server::{Cluster, Engine, Server};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering::SeqCst},
    },
    thread,
};

/// What any two processes see of a group.
fn forgets(here: &Cachify, there: &Cachify) {
    run(async {
        let (near, far) = (here.group("pages"), there.group("pages"));
        for key in 0..50_u32 {
            near.cache(key).ttl(secs(600)).insert(key).await.unwrap();
            assert_eq!(far.cache(key).get::<u32>().await, Ok(Some(key)));
        }
        here.cache(1).ttl(secs(600)).insert(100_u32).await.unwrap();
        far.reset_all().await.unwrap();
        for key in 0..50_u32 {
            assert_eq!(near.cache(key).get::<u32>().await, Ok(None));
            assert_eq!(near.cache(key).remaining().await, Ok(None));
        }
        assert_eq!(here.cache(1).get::<u32>().await, Ok(Some(100)));
        let load = async |value: u32| far.cache(1).ttl(secs(600)).get_or_insert(async { value }).await;
        assert_eq!((load(7).await, load(8).await), (7, 7));
    });
    // a thread has the value of a task, and the other way round
    let (near, far) = (here.group("pages"), there.group("pages"));
    assert_eq!(near.cache(1).ttl(secs(600)).get_or_insert_blocking(|| 9_u32), 7);
    near.reset_all_blocking().unwrap();
    assert_eq!(far.cache(1).ttl(secs(600)).get_or_insert_blocking(|| 10_u32), 10);
    assert_eq!(near.cache(1).get_blocking::<u32>(), Ok(Some(10)));
    let aged = near.cache(2).ttl(secs(600)).stale_for(secs(600));
    aged.insert_blocking(10_u32).unwrap();
    assert_eq!(aged.get_or_insert_blocking(|| 11_u32), 10);
}

#[test]
fn a_group_is_forgotten_by_every_process() {
    everywhere(|server| forgets(&over(&server), &over(&server)));
    for engine in Engine::ALL {
        let cluster = Cluster::start(engine, 3, 0);
        let build = || patient(cluster.url()).build().unwrap();
        forgets(&build(), &build());
    }
}

#[test]
fn what_was_loaded_before_is_never_read_after() {
    let server = Server::start(Engine::Redis);
    // what the source says; each change is followed by one command
    let (source, is_over) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicBool::new(false)));
    let readers: Vec<_> = (0..3)
        .map(|_| {
            let (c, source, is_over) = (over(&server), source.clone(), is_over.clone());
            thread::spawn(move || {
                let pages = c.group("pages");
                let (mut reads, mut old) = (0_u32, 0_u32);
                while !is_over.load(SeqCst) {
                    for key in 0..4_u32 {
                        // of which the command was heard
                        let least = source.load(SeqCst);
                        let load = || {
                            let read = source.load(SeqCst);
                            thread::sleep(millis(1));
                            read
                        };
                        let value = pages.cache(key).ttl(secs(600)).get_or_insert_blocking(load);
                        reads += 1;
                        old += u32::from(value + 1 < least);
                    }
                }
                (reads, old)
            })
        })
        .collect();
    let c = over(&server);
    for _ in 0..200 {
        source.fetch_add(1, SeqCst);
        c.group("pages").reset_all_blocking().unwrap();
        thread::sleep(millis(3));
    }
    is_over.store(true, SeqCst);
    let all: Vec<_> = readers.into_iter().map(|reader| reader.join().unwrap()).collect();
    assert!(all.iter().all(|(reads, old)| *reads > 0 && *old == 0), "reads, and old values: {all:?}");
}
