//! Values as users return them: what borrows for ever, where it can be kept, and what only looks as if it did.

use cachify::{Cachify, Codec, Memory, cached};
use cachify_core::codec::{Sink, Uncodable};
use std::{borrow::Cow, sync::LazyLock};

static LOCAL: LazyLock<Cachify<Memory>> = LazyLock::new(|| Cachify::builder().build_memory());
static SHARED: LazyLock<Cachify> = LazyLock::new(|| Cachify::builder().build().unwrap());

#[cached(instance = LOCAL, key = "greeting:{hour}", ttl = 5)]
fn greeting(hour: u8) -> &'static str {
    if hour < 12 { "good morning" } else { "good day" }
}

#[cached(instance = LOCAL, key = "names:{id}", ttl = 5)]
async fn names(id: usize) -> Result<Vec<&'static str>, String> {
    Ok(vec!["a"; id])
}

/// Only what is inside `Ok` is kept.
#[cached(instance = SHARED, key = "error:{id}", ttl = 5)]
fn borrowed_error(id: u64) -> Result<String, &'static str> {
    if id > 0 { Ok(id.to_string()) } else { Err("zero") }
}

#[cached(instance = SHARED, key = "cow:{id}", ttl = 5)]
fn perhaps_borrowed(id: u64) -> Cow<'static, str> {
    if id > 0 { id.to_string().into() } else { "zero".into() }
}

#[cached(instance = SHARED, key = "encoded:{id}", ttl = 5, encode = |name: &&'static str| name.len(), decode = named)]
fn encoded(id: usize) -> &'static str {
    named(id)
}

fn named(length: usize) -> &'static str {
    if length == 1 { "a" } else { "bb" }
}

/// A codec of ours knows what it lends.
#[derive(Clone, Copy, Debug, Default)]
struct Interned;

impl Codec<&'static str> for Interned {
    const ID: u8 = 200;

    fn encode(&self, value: &&'static str, into: &mut impl Sink) -> Result<(), Uncodable> {
        into.put(value.as_bytes()).then_some(()).ok_or(Uncodable)
    }

    fn decode(&self, bytes: &[u8]) -> Result<&'static str, Uncodable> {
        Ok(named(bytes.len()))
    }
}

#[cached(instance = SHARED, key = "interned:{id}", ttl = 5, codec = Interned)]
fn interned(id: usize) -> Option<&'static str> {
    Some(named(id))
}

#[tokio::test]
async fn what_is_borrowed_for_ever_is_kept_where_it_can_be() {
    assert_eq!((greeting(9), greeting(9), greeting::reset(9)), ("good morning", "good morning", Ok(true)));
    assert_eq!((names(2).await, names::reset(2).await), (Ok(vec!["a"; 2]), Ok(true)));
    assert_eq!((borrowed_error(1), borrowed_error(0)), (Ok("1".into()), Err("zero")));
    assert_eq!((perhaps_borrowed(1), perhaps_borrowed(0)), ("1".into(), "zero".into()));
    assert_eq!((encoded(1), encoded(1), interned(2), interned(2)), ("a", "a", Some("bb"), Some("bb")));
}
