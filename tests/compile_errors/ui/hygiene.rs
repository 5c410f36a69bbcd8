//! What must compile, whatever the user's own names, lints and modules are.
#![deny(warnings, unused_qualifications, unused_lifetimes, unreachable_pub, missing_debug_implementations)]
#![forbid(unsafe_code)]

extern crate cachify as renamed;

use renamed::{Cachify, Memory, Refused, cached, lock, once, pooled};
use std::sync::LazyLock;

static LOCAL: LazyLock<Cachify<Memory>> = LazyLock::new(|| Cachify::builder().build_memory());

/// Parameters with the names of the expansion's own variables.
#[cached(key = "{key}:{instance}:{held}:{why}:{out}:{shape}:{codec}")]
fn every_name(key: u8, instance: u8, held: u8, why: u8, out: u8, shape: u8, codec: u8) -> u8 {
    let found = key + instance + held;
    found + why + out + shape + codec
}

#[lock(key = "{key}:{instance}:{held}", guard = out)]
async fn guarded(key: u8, instance: u8, held: u8, why: u8) -> Result<bool, Refused> {
    let shape = key + instance + held + why;
    Ok(out.is_valid() && shape > 0)
}

fn handler(key: u8, why: u8, out: String) -> usize {
    usize::from(key + why) + out.len()
}

#[pooled(key = "{key}:{why}", size = 2, on_full = handler)]
fn handed_on(key: u8, why: u8, out: String) -> usize {
    handler(key, why, out)
}

#[once(key = "{answer}:{failure}:{name}", otherwise = |why| if why.is_contended() { 1 } else { 2 })]
fn companion_names(answer: u8, failure: u8, name: &str) -> u8 {
    answer + failure + name.len() as u8
}

/// A companion's own variable must not stand in for the argument.
#[cached(key = "same:{answer}")]
fn answer_in_the_key(answer: u8) -> u8 {
    answer
}

/// The crate under another name.
#[cached(crate = renamed, key = "renamed:{id}")]
fn through_another_name(id: u64) -> u64 {
    id
}

/// Attributes before, between and after.
#[inline]
#[cached(instance = LOCAL, key = "order:{id}", ttl = 5)]
#[must_use]
#[cached(key = "order:{id}", ttl = 300)]
#[allow(clippy::needless_return, reason = "an attribute between two of ours, and a return inside")]
fn ordered(id: u64) -> u64 {
    return id;
}

/// Types and names of the prelude, taken by somebody else.
mod shadowed {
    #![allow(dead_code, reason = "they are here to be in the way")]
    struct Option;
    struct Result;
    struct Some;
    struct Ok;
    mod core {}
    mod std {}

    #[renamed::cached(key = "shadowed:{id}")]
    pub(super) fn value(id: u64) -> u64 {
        id
    }
}

mod outer {
    pub(super) mod inner {
        /// Seen two modules up, companions included.
        #[renamed::lock(key = "deep:{id}", wait = 1)]
        pub(in crate::outer) async fn deep(id: u64) -> Result<u64, renamed::Refused> {
            Ok(id)
        }

        #[renamed::cached(key = "visible:{id}")]
        pub(crate) fn visible(id: u64) -> u64 {
            id
        }
    }

    pub(super) async fn both(id: u64) -> Result<bool, renamed::Error> {
        inner::deep::is_locked(inner::deep(id).await.unwrap_or_default()).await
    }
}

#[cfg(any())]
#[cached(key = "gone:{id}")]
fn gone(id: ThisTypeDoesNotExist) -> u64 {
    id
}

#[cached(key = "gone:{id}")]
#[cfg(any())]
fn gone_below(id: ThisTypeDoesNotExist) -> u64 {
    id
}

struct Service {
    key: u8,
}

impl Service {
    #[cached(key = "service:{self.key}:{instance}")]
    fn method(&self, instance: u8) -> u8 {
        self.key + instance
    }

    #[cfg(any())]
    #[lock(key = "gone")]
    fn gone(&self) -> ThisTypeDoesNotExist {}
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    Cachify::builder().init()?;
    assert_eq!(every_name(1, 2, 3, 4, 5, 6, 7), 28);
    assert!(every_name::reset(1, 2, 3, 4, 5, 6, 7)?);
    assert_eq!(handed_on(1, 2, "abc".into()), 6);
    assert_eq!(handed_on::in_use(1, 2)?, 0);
    assert_eq!(companion_names(1, 2, "abc"), 6);
    assert!(!companion_names::is_locked(1, 2, "abc")?);
    assert_eq!((answer_in_the_key(7), answer_in_the_key::reset(7)?), (7, true));
    assert_eq!(through_another_name(5), 5);
    assert!(through_another_name::reset(5)?);
    assert_eq!((ordered(6), ordered::reset(6)?), (6, true));
    assert_eq!(shadowed::value(7), 7);
    assert_eq!(outer::inner::visible(8), 8);
    assert!(outer::inner::visible::reset(8)?);
    assert_eq!(Service { key: 1 }.method(2), 3);
    assert!(Service { key: 1 }.method_reset(2)?);
    let _never_polled = (guarded(1, 2, 3, 4), guarded::is_locked(1, 2, 3), outer::both(9));
    Ok(())
}
