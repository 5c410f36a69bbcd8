//! What a function may return although it has a `next`, a `poll` or a `call`: values, and handles of what runs by itself.

use cachify::{Cachify, Memory, Refused, cached, lock, once};
use std::{
    error::Error,
    fmt::Display,
    ops::Range,
    sync::{Arc, LazyLock},
    vec,
};
use tokio::task::JoinHandle;

static LOCAL: LazyLock<Cachify<Memory>> = LazyLock::new(|| Cachify::builder().build_memory());

#[cached(instance = LOCAL, key = "range:{n}", ttl = 5)]
fn range(n: u64) -> Range<u64> {
    n..n + 2
}

#[lock(instance = LOCAL, key = "items")]
async fn items() -> Result<vec::IntoIter<u8>, Refused> {
    Ok(vec![1, 2].into_iter())
}

#[cached(instance = LOCAL, key = "handler", ttl = 5)]
fn handler() -> Arc<dyn Fn(u8) -> u8 + Send + Sync> {
    Arc::new(|n| n + 1)
}

/// What a function takes and returns is borrowed anew at each call of it.
#[cached(instance = LOCAL, key = "chooser", ttl = 5)]
fn chooser() -> Arc<dyn for<'a> Fn(&'a str) -> &'a str + Send + Sync> {
    Arc::new(|text| &text[..1])
}

/// An error is not kept.
#[cached(instance = LOCAL, key = "length:{name}", ttl = 5)]
fn length(name: &str) -> Result<usize, &str> {
    if name.is_empty() { Err(name) } else { Ok(name.len()) }
}

#[once(instance = LOCAL, key = "task", keep = 60)]
async fn task() -> Option<JoinHandle<u8>> {
    Some(tokio::spawn(async { 1 }))
}

#[lock(instance = LOCAL, key = "thread")]
fn thread() -> Result<std::thread::JoinHandle<u8>, Refused> {
    Ok(std::thread::spawn(|| 2))
}

#[lock(instance = LOCAL, key = "raised")]
fn raised(n: &mut u8) -> Result<&mut u8, Refused> {
    *n += 1;
    Ok(n)
}

#[lock(instance = LOCAL, key = "doubled")]
#[once(instance = LOCAL, key = "doubled")]
async fn doubled(n: &mut u8) -> Result<&mut u8, Refused> {
    *n *= 2;
    Ok(n)
}

#[tokio::test]
async fn what_was_lent_to_be_changed_is_handed_back() {
    let mut n = 1;
    *raised(&mut n).unwrap() += 1;
    *doubled(&mut n).await.unwrap() += 1;
    assert_eq!(n, 7);
}

#[tokio::test]
async fn values_and_handles_are_returned() {
    assert_eq!((range(3).sum::<u64>(), range(3)), (7, 3..5));
    assert_eq!(items().await.unwrap().sum::<u8>(), 3);
    assert_eq!(handler()(handler()(1)), 3);
    assert_eq!((chooser()("abc"), length("abc"), length("")), ("a", Ok(3), Err("")));
    assert_eq!(task().await.unwrap().await.unwrap(), 1);
    assert!(task().await.is_none());
    assert_eq!(thread().unwrap().join().unwrap(), 2);
}

#[lock(instance = LOCAL, key = "shown:{n}")]
#[once(instance = LOCAL, key = "shown:{n}")]
async fn shown(n: u8) -> Result<Box<dyn Display + Send>, Box<dyn Error + Send + Sync>> {
    if n == 0 {
        return Err(Box::new(std::fmt::Error));
    }
    if n == 1 {
        return Ok(Box::new("one"));
    }
    Ok(Box::new(n))
}

#[tokio::test]
async fn an_async_function_makes_a_trait_object_of_what_it_returns() {
    assert!(shown(0).await.is_err());
    assert_eq!((shown(1).await.unwrap().to_string(), shown(2).await.unwrap().to_string()), ("one".into(), "2".into()));
}
