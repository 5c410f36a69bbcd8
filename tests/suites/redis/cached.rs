//! Values and their flights across processes.

use super::world::{everywhere, int, millis, over, pass, patient, run, text};
use cachify::{Event, Observer, secs};
use serde::{Deserialize, Serialize};
use std::sync::{
    Arc, Mutex,
    atomic::{AtomicU32, Ordering::SeqCst},
};

#[test]
fn a_reset_during_a_flight_wins() {
    everywhere(|server| {
        let (a, b) = (over(&server), over(&server));
        let cache = a.cache("k").ttl(secs(60));
        let value = cache.get_or_insert_with_blocking(|| {
            b.cache("k").reset_blocking().unwrap();
            Ok::<u8, ()>(1)
        });
        assert_eq!(value, Ok(1), "whoever loaded has its value");
        assert_eq!(cache.get_blocking::<u8>(), Ok(None), "the cache has not");
    });
}

#[test]
fn a_loader_paused_past_its_flight_overwrites_nothing() {
    everywhere(|server| {
        let (a, b) = (over(&server), over(&server));
        let slow = a.cache("k").ttl(secs(60)).get_or_insert_with_blocking(|| {
            // its flight ends, and another one fills
            server.rewrite("t:c:{k}:f", |flight| flight.times[1] = 1.0);
            b.cache("k").ttl(secs(60)).get_or_insert_with_blocking(|| Ok::<u8, ()>(2)).unwrap();
            Ok::<u8, ()>(1)
        });
        assert_eq!(slow, Ok(1));
        assert_eq!(a.cache("k").get_blocking::<u8>(), Ok(Some(2)));
    });
}

#[derive(Clone, Default)]
struct Failures(Arc<Mutex<Vec<String>>>);

impl Observer for Failures {
    fn event(&self, event: &Event<'_>) {
        if let Event::Failed { key: Some(key), cause } = event {
            self.0.lock().unwrap().push(format!("{key}: {cause}"));
        }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Before(u8);
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct After(u8, String);

#[test]
fn bytes_that_cannot_be_read_are_a_miss_that_is_told_and_healed() {
    everywhere(|server| {
        let failures = Failures::default();
        let c = patient(server.url()).observer(failures.clone()).build().unwrap();
        for bytes in ["", "rubbish", "\u{1}\u{1}"] {
            server.command(&["SET", "t:c:{k}", bytes]);
            assert_eq!(c.cache("k").ttl(secs(60)).get_or_insert_with_blocking(|| Ok::<u8, ()>(7)), Ok(7));
            assert_eq!(c.cache("k").get_blocking::<u8>(), Ok(Some(7)), "healed");
        }
        assert_eq!(failures.0.lock().unwrap().len(), 3);
        // another type's value
        c.cache("k").ttl(secs(60)).get_or_insert_with_blocking(|| Ok::<_, ()>(Before(1))).unwrap();
        let after = After(2, "x".into());
        run(async {
            let cache = c.cache("k").ttl(secs(60));
            assert_eq!(cache.get_or_insert_with(async || Ok::<_, ()>(after.clone())).await, Ok(after.clone()));
            assert_eq!(cache.get::<After>().await, Ok(Some(after.clone())));
        });
    });
}

#[test]
fn a_cold_key_runs_once_among_instances_tasks_and_threads() {
    everywhere(|server| {
        let runs = Arc::new(AtomicU32::new(0));
        let load = {
            let runs = runs.clone();
            move || {
                pass(millis(60));
                Ok::<u32, ()>(runs.fetch_add(1, SeqCst) + 1)
            }
        };
        std::thread::scope(|scope| {
            for _ in 0..3 {
                let (c, load) = (over(&server), load.clone());
                scope.spawn(move || {
                    std::thread::scope(|inner| {
                        for _ in 0..4 {
                            let cache = c.cache("k").ttl(secs(60));
                            let load = load.clone();
                            inner.spawn(move || assert_eq!(cache.get_or_insert_with_blocking(load), Ok(1)));
                        }
                        let (c, load) = (c.clone(), load.clone());
                        inner.spawn(move || {
                            run(async {
                                let tasks: Vec<_> = (0..20)
                                    .map(|_| {
                                        let (cache, load) = (c.cache("k").ttl(secs(60)), load.clone());
                                        tokio::spawn(async move { cache.get_or_insert_with(async || load()).await })
                                    })
                                    .collect();
                                for task in tasks {
                                    assert_eq!(task.await.unwrap(), Ok(1));
                                }
                            });
                        });
                    });
                });
            }
        });
        assert_eq!(runs.load(SeqCst), 1);
    });
}

#[test]
fn a_value_ends_with_its_ttl_and_one_without_does_not() {
    everywhere(|server| {
        let c = over(&server);
        c.cache("short").ttl(secs(60)).get_or_insert_with_blocking(|| Ok::<u8, ()>(1)).unwrap();
        c.cache("long").get_or_insert_with_blocking(|| Ok::<u8, ()>(1)).unwrap();
        let left = int(&server.command(&["PTTL", "t:c:{short}"]));
        assert!((30_000..=60_000).contains(&left), "{left}");
        assert_eq!(int(&server.command(&["PTTL", "t:c:{long}"])), -1);
        assert!(text(&server.command(&["GET", "t:c:{long}"])).starts_with('\u{1}'), "the format's version comes first");
    });
}

#[test]
fn versions_and_tags_keep_apart_what_must_not_meet() {
    #[cachify::cached(key = "u:{id}", ttl = 60)]
    fn first(id: u64) -> u64 {
        id
    }
    #[cachify::cached(key = "u:{id}", ttl = 60, version = 2)]
    fn second(id: u64) -> u64 {
        id + 1
    }
    #[cachify::cached(key = "shared", ttl = 60, type_tag = "reading", codec = cachify::Json)]
    fn device() -> Before {
        Before(1)
    }
    #[cachify::cached(key = "shared", ttl = 60, type_tag = "reading", codec = cachify::Json)]
    fn gateway() -> u8 {
        9
    }
    #[cachify::cached(key = "shared", ttl = 60, codec = cachify::Json)]
    fn stranger() -> u8 {
        9
    }
    everywhere(|server| {
        over(&server).scope(|| {
            assert_eq!((first(7), second(7), first(7)), (7, 8, 7));
            assert_eq!((first::key(7), second::key(7)), (Ok("u:7".into()), Ok("u:7:v2".into())));
            assert_eq!((device(), gateway()), (Before(1), 1), "one tag, one layout: one value");
            assert_eq!(stranger(), 9, "another tag is a miss");
            assert_eq!(gateway(), 9, "and heals");
        });
        assert!(text(&server.command(&["GET", "t:c:{shared}"])).ends_with('9'), "JSON can be read by people");
    });
}
