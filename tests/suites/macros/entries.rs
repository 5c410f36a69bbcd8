//! The companions about a value: `peek`, `insert` and `update`.

use cachify::{Cachify, Error, ManualClock, Ttl, cached, lock, secs};
use cachify_core::testing::block_on;
use cachify_tests::Guest;
use std::{fmt::Display, sync::Arc, time::Duration};

struct World {
    clock: ManualClock,
    c: Cachify,
    near: Cachify,
}

fn worlds() -> [World; 2] {
    let clock = ManualClock::new();
    let builder = || Cachify::builder().clock(clock.clone());
    let instances = [builder().build().unwrap(), builder().store(Guest::new(clock.clone())).build().unwrap()];
    instances.map(|c| World { clock: clock.clone(), c, near: builder().build().unwrap() })
}

type Answer<T> = Result<T, String>;

#[cached(key = "user:{id}", ttl = 60, instance = w.c)]
async fn user(w: &World, id: u64, body: impl FnOnce() -> Result<String, &'static str>) -> Result<Arc<String>, String> {
    let _ = (w, id);
    Ok(Arc::new(body()?))
}

#[cached(key = "seen:{id}", ttl = |n: &u64| secs(*n), jitter = 0.01, instance = w.c)]
fn seen(w: &World, id: &str, n: u64) -> Option<u64> {
    let _ = (w, id);
    Some(n)
}

/// Nobody sees here what it returns.
#[cached(key = "alias:{id}", ttl = 60, instance = w.c)]
fn alias(w: &World, id: u64) -> Answer<u64> {
    let _ = w;
    Ok(id)
}

#[cached(key = "whole:{id}", ttl = 60, cache_err = 5, instance = w.c)]
fn whole(w: &World, id: u64) -> Result<u64, String> {
    let _ = w;
    Ok(id)
}

#[cached(key = "coded:{id}", ttl = 60, encode = u64::to_string, decode = |s: String| s.parse().unwrap(), instance = w.c)]
fn coded(w: &World, id: u64) -> u64 {
    let _ = w;
    id
}

#[cached(key = "generic:{id}", instance = w.c, ttl = 60, stale_for = 30, share)]
async fn generic<T: Display>(w: &World, id: T) -> Result<String, ()> {
    let _ = w;
    Ok(id.to_string())
}

#[cached(key = "layers:{id}", ttl = 10, instance = w.near)]
#[lock(key = "layers:{id}", instance = w.c)]
#[cached(key = "layers:{id}", ttl = 60, instance = w.c)]
fn layers(w: &World, id: u64) -> Result<u64, Error> {
    let _ = w;
    Ok(id)
}

#[cached(key = "mixed:{id}", ttl = 10, instance = w.near)]
#[cached(key = "mixed:{id}", ttl = 60, cache_err = keep_for, instance = w.c)]
fn mixed(w: &World, id: u64, keep_for: Duration) -> Result<u64, String> {
    let _ = w;
    Ok(id)
}

#[cached(key = "own:{n}", instance = w.near)]
#[cached(key = "own:{n}", instance = w.c, ttl = |n: &u64| (*n > 0).then(|| secs(*n)))]
fn own_times(w: &World, n: u64) -> u64 {
    let _ = w;
    n
}

#[cached(instance = w.c, ttl = 60)]
fn keyless(w: &World, value: u64, found: u64) -> u64 {
    let _ = w;
    value + found
}

impl World {
    #[cached(key = "method:{id}", ttl = 60, instance = self.c)]
    fn method(&self, id: u64) -> Result<u64, String> {
        Ok(id)
    }
}

fn never() -> Result<String, &'static str> {
    unreachable!("it is there")
}

#[test]
fn what_is_inserted_is_what_a_call_returns_and_what_a_call_brought_can_be_looked_at() {
    for w in worlds() {
        block_on(async {
            assert_eq!(user::peek(&w, 1).await, Ok(None));
            user::insert(&w, 1, &Arc::new("ann".to_owned())).await.unwrap();
            assert_eq!(user(&w, 1, never).await.as_deref().map(String::as_str), Ok("ann"));
            assert_eq!(user::peek(&w, 1).await.unwrap().as_deref().map(String::as_str), Some("ann"));
            w.clock.advance(secs(59));
            assert!(user::peek(&w, 1).await.unwrap().is_some());
            w.clock.advance(secs(1));
            assert_eq!(user::peek(&w, 1).await, Ok(None), "for its TTL");
            assert_eq!(user(&w, 1, || Err("down")).await, Err("down".to_owned()));
            assert_eq!(user::peek(&w, 1).await, Ok(None), "and nothing was loaded");
            assert!(user(&w, 2, || Ok("bob".to_owned())).await.is_ok());
            assert_eq!(user::peek(&w, 2).await.unwrap().as_deref().map(String::as_str), Some("bob"));
            assert!(user::reset(&w, 2).await.unwrap());
            assert_eq!(user::peek(&w, 2).await, Ok(None));
        });
    }
}

#[test]
fn an_insertion_has_the_times_and_the_form_of_a_call() {
    for w in worlds() {
        seen::insert(&w, "a", &10).unwrap();
        assert_eq!(seen::peek(&w, "a"), Ok(Some(10)));
        w.clock.advance(secs(9));
        assert_eq!(seen(&w, "a", 99), Some(10));
        w.clock.advance(secs(1));
        assert_eq!(seen::peek(&w, "a"), Ok(None), "the value says for how long");
        seen::insert(&w, "a", &10).unwrap();
        seen::insert(&w, "a", &0).unwrap();
        assert_eq!(seen::peek(&w, "a"), Ok(None), "not at all");

        coded::insert(&w, 1, &42).unwrap();
        assert_eq!((coded(&w, 1), coded::peek(&w, 1)), (42, Ok(Some(42))));
        assert_eq!(w.c.cache(("coded", 1)).get_blocking::<String>(), Ok(Some("42".to_owned())));

        block_on(async {
            generic::insert(&w, "x", &"y".to_owned()).await.unwrap();
            assert_eq!(generic(&w, "x").await, Ok("y".to_owned()));
            let remaining = w.c.cache(("generic", "x")).remaining().await;
            assert_eq!(remaining, Ok(Some(Ttl::For(secs(90)))), "its window, too");
        });
    }
}

#[test]
fn of_a_type_that_hides_a_failure_the_whole_is_put_and_seen() {
    for w in worlds() {
        alias::insert(&w, 1, &Ok(7)).unwrap();
        assert_eq!((alias(&w, 1), alias::peek(&w, 1)), (Ok(7), Ok(Some(Ok(7)))));
        alias::insert(&w, 1, &Err("no".to_owned())).unwrap();
        assert_eq!(alias::peek(&w, 1), Ok(None), "a failure is not kept, and what there was is gone");
        assert_eq!(alias(&w, 1), Ok(1));

        whole::insert(&w, 1, &Err("no".to_owned())).unwrap();
        assert_eq!((whole(&w, 1), whole::peek(&w, 1)), (Err("no".to_owned()), Ok(Some(Err("no".to_owned())))));
        w.clock.advance(secs(5));
        assert_eq!(whole::peek(&w, 1), Ok(None));
    }
}

#[test]
fn all_layers_get_it_and_the_outermost_that_has_it_is_seen() {
    for w in worlds() {
        layers::insert(&w, 1, &9).unwrap();
        assert_eq!(layers(&w, 1).unwrap(), 9);
        for c in [&w.near, &w.c] {
            assert_eq!(c.cache(("layers", 1)).get_blocking(), Ok(Some(9_u64)));
        }
        w.near.cache(("layers", 1)).ttl(secs(10)).insert_blocking(8_u64).unwrap();
        assert_eq!(layers::peek(&w, 1), Ok(Some(8)));
        w.clock.advance(secs(10));
        assert_eq!(layers::peek(&w, 1), Ok(Some(9)), "below");
    }
}

#[test]
fn layers_that_keep_different_things_have_the_whole_put_and_seen() {
    for w in worlds() {
        mixed::insert(&w, 1, Duration::from_secs(5), &Ok(9)).unwrap();
        assert_eq!(mixed(&w, 1, Duration::ZERO), Ok(9));
        assert_eq!(w.near.cache(("mixed", 1)).get_blocking::<u64>(), Ok(Some(9)));
        assert_eq!(w.c.cache(("mixed", 1)).get_blocking::<Result<u64, String>>(), Ok(Some(Ok(9))));
        w.clock.advance(secs(10));
        assert_eq!(mixed::peek(&w, 1), Ok(Some(Ok(9))), "below");
        assert_eq!(mixed(&w, 1, Duration::ZERO), Ok(9));
    }
}

#[test]
fn a_layer_keeps_no_value_for_longer_than_that_says_itself_below() {
    for w in worlds() {
        let near = |n: u64| w.near.cache(("own", n)).remaining_blocking().unwrap();
        assert_eq!((own_times(&w, 10), near(10)), (10, Some(Ttl::For(secs(10)))));
        assert_eq!((own_times(&w, 0), near(0)), (0, None), "nor what is not kept there");
        w.clock.advance(secs(10));
        assert_eq!(near(10), None);
    }
}

#[test]
fn methods_have_them_and_no_name_of_an_argument_is_in_the_way() {
    for w in worlds() {
        w.method_insert(1, &5).unwrap();
        assert_eq!((w.method(1), w.method_peek(1)), (Ok(5), Ok(Some(5))));
        keyless::insert(&w, 1, 2, &4).unwrap();
        assert_eq!((keyless(&w, 1, 2), keyless::peek(&w, 1, 2), keyless::peek(&w, 2, 1)), (4, Ok(Some(4)), Ok(None)));
    }
}

#[test]
fn a_load_under_way_does_not_come_after_an_insertion() {
    for w in worlds() {
        let load = || {
            block_on(user::insert(&w, 1, &Arc::new("new".to_owned()))).unwrap();
            Ok("old".to_owned())
        };
        assert_eq!(block_on(user(&w, 1, load)).as_deref().map(String::as_str), Ok("old"));
        assert_eq!(block_on(user(&w, 1, never)).as_deref().map(String::as_str), Ok("new"));
    }
}

#[test]
fn an_update_puts_what_is_made_of_the_value_in_its_place() {
    for w in worlds() {
        block_on(async {
            let add = async |old: Option<Arc<String>>| Arc::new(old.map_or("ann".to_owned(), |old| format!("{old}!")));
            assert_eq!(user::update(&w, 1, add).await.unwrap().as_str(), "ann", "also where there is none");
            w.clock.advance(secs(59));
            assert_eq!(user::update(&w, 1, add).await.unwrap().as_str(), "ann!");
            w.clock.advance(secs(59));
            assert_eq!(user(&w, 1, never).await.as_deref().map(String::as_str), Ok("ann!"), "for a TTL of its own");
            let both = tokio::join!(user::update(&w, 1, add), user::update(&w, 1, add));
            assert!(both.0.is_ok() && both.1.is_ok());
            assert_eq!(
                user::peek(&w, 1).await.unwrap().as_deref().map(String::as_str),
                Some("ann!!!"),
                "one after the other"
            );
        });
        let during = |old: Option<u64>| {
            assert_eq!(coded::peek(&w, 1), Ok(old), "others have the old one");
            assert!(coded::update(&w, 1, |_| 0).is_err(), "it would wait for itself");
            old.unwrap_or(41) + 1
        };
        assert_eq!((coded::update(&w, 1, during), coded::update(&w, 1, during)), (Ok(42), Ok(43)));
        assert_eq!(w.c.cache(("coded", 1)).get_blocking::<String>(), Ok(Some("43".to_owned())));
        seen::update(&w, "a", |_| 10).unwrap();
        w.clock.advance(secs(10));
        assert_eq!(seen::peek(&w, "a"), Ok(None), "the value says for how long");
        assert_eq!((w.method_update(1, |old| old.unwrap_or(7) + 1), w.method(1)), (Ok(8), Ok(8)));
    }
}

#[test]
fn an_update_of_layers_begins_at_the_innermost_and_a_failure_takes_no_place() {
    for w in worlds() {
        layers::insert(&w, 1, &9).unwrap();
        w.near.cache(("layers", 1)).ttl(secs(10)).insert_blocking(1_u64).unwrap();
        assert_eq!(layers::update(&w, 1, |old| old.unwrap() + 1).unwrap(), 10);
        for c in [&w.near, &w.c] {
            assert_eq!(c.cache(("layers", 1)).get_blocking(), Ok(Some(10_u64)));
        }
        alias::insert(&w, 1, &Ok(7)).unwrap();
        assert_eq!(alias::update(&w, 1, |_| Err("no".to_owned())), Ok(Err("no".to_owned())));
        assert_eq!(alias::peek(&w, 1), Ok(Some(Ok(7))), "what there was stays");
        assert!(whole::update(&w, 1, |_| Err("no".to_owned())).is_ok());
        assert_eq!(whole(&w, 1), Err("no".to_owned()), "one that is kept is a value");
    }
}
