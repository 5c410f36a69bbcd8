//! A user's crate that forbids lints: none speaks of an expansion, and none may be allowed there.
//!
//! Clippy's speak when clippy is run; rustdoc's in `cachify_tests::linked`.
#![forbid(unused, nonstandard_style, rust_2018_idioms, unsafe_code)]
#![forbid(missing_docs, missing_debug_implementations, missing_copy_implementations, unreachable_pub)]
#![forbid(let_underscore_drop, redundant_imports, redundant_lifetimes, single_use_lifetimes, tail_expr_drop_order)]
#![forbid(trivial_casts, trivial_numeric_casts, unit_bindings, unused_qualifications, unused_results)]
#![forbid(closure_returning_async_block, explicit_outlives_requirements, if_let_rescope, unused_lifetimes)]
#![forbid(clippy::all, clippy::pedantic, clippy::nursery)]

use cachify::{Cachify, KeyPart, Memory, Refused, cached, lock, once, pooled};
use cachify_core::testing::block_on;
use std::{collections::HashMap, fmt::Display, sync::LazyLock};

static LOCAL: LazyLock<Cachify<Memory>> = LazyLock::new(|| Cachify::builder().build_memory());

struct User {
    id: u64,
    rank: u64,
}

/// Nobody calls its companions, which have names as no type of the user's has.
#[cached(instance = LOCAL, key = "plain:{id}", ttl = 60)]
fn plain(id: u64) -> u64 {
    id
}

#[cached(instance = LOCAL, key = "constant", ttl = 60)]
fn constant() -> u64 {
    1
}

/// The function consumes what its companions only read.
#[cached(instance = LOCAL, key = "consumes:{name}:{list[0]}", ttl = 60)]
async fn consumes(name: String, mut list: Vec<u8>, boxed: Box<u64>) -> Result<u64, String> {
    list.push(1);
    let mut all = async { list.into_iter() }.await;
    all.next().map(u64::from).ok_or(name).map(|first| first + *boxed)
}

/// Its companion that has the body returns the same, whatever a lint would have of that one.
#[cached(instance = LOCAL, key = "always:{id}", ttl = 60)]
fn always(id: u64, _later: u64) -> Result<u64, String> {
    Ok(1)
}

/// The key alone names what it takes.
#[cached(instance = LOCAL, key = "named:{id}", ttl = 60)]
async fn named(id: u64, mut more: Vec<u64>, _: &str) -> Option<u64> {
    more.push(1);
    return async { more.pop() }.await;
}

/// Nothing but one expression, on one line.
#[rustfmt::skip]
#[cached(instance = LOCAL, key = "itself:{id}", ttl = 60)]
#[lock(instance = LOCAL, key = "itself:{id}", otherwise = 0)]
async fn itself(id: u64) -> u64 { id }

/// The key names a part of each pattern.
#[lock(instance = LOCAL, key = "parts:{id}:{a}", otherwise = |why| u64::from(why.is_contended()))]
fn parts(User { id, rank }: &User, (mut a, b): (u64, u64)) -> u64 {
    a += 1;
    id + rank + a + b
}

#[cached(instance = LOCAL, key = "stacked:{id}", ttl = 60)]
#[lock(instance = LOCAL, key = "stacked:{id}", wait = 1, ttl = 5, guard = held)]
#[once(instance = LOCAL, key = "stacked:{other}", keep = 60)]
#[pooled(instance = LOCAL, key = "stacked", size = 3, on_full = later)]
async fn stacked<T: Display + Sync>(id: &T, other: u8) -> Result<String, Refused> {
    async { Ok(format!("{id}{other}{}", held.is_valid())) }.await
}

async fn later<T: Display + Sync>(id: &T, other: u8) -> Result<String, Refused> {
    async { Ok(format!("{id}{other}")) }.await
}

#[once(instance = LOCAL, key = "elements:{all[0]}:{word:>5}:{which[\"a\"]}")]
fn elements<'a>(all: &[u64], word: &'a str, which: &HashMap<&str, u8>) -> Option<&'a str> {
    all.first().filter(|_| !which.is_empty()).map(|_| word)
}

#[derive(KeyPart)]
struct Place<'a, T> {
    name: &'a T,
    r#type: Kind,
}

#[derive(Hash, KeyPart)]
enum Kind {
    Near { by: u8 },
    Far(u16, String),
    Unknown,
}

#[derive(KeyPart)]
struct Nowhere;

#[cached(instance = LOCAL, key = "place:{place}:{kind:hash}:{nowhere}", ttl = 60)]
fn placed(place: &Place<'_, &str>, kind: &Kind, nowhere: Nowhere) -> usize {
    let Nowhere = nowhere;
    let far = match &place.r#type {
        Kind::Near { by } => usize::from(*by),
        Kind::Far(by, name) => usize::from(*by) + name.len(),
        Kind::Unknown => 0,
    };
    place.name.len() + far + usize::from(matches!(kind, Kind::Unknown))
}

#[once(instance = LOCAL, key = "nothing")]
async fn nothing() {
    async {}.await;
}

struct Service {
    base: u64,
}

impl Service {
    #[cached(instance = LOCAL, key = "total:{self.base}:{n}", ttl = 5)]
    fn total(&self, n: u64) -> u64 {
        self.base + n
    }

    /// Its companions change nothing, and do not even look at it.
    #[lock(instance = LOCAL, key = "changes", ttl = 5)]
    async fn changes(&mut self, n: u64) -> Result<u64, Refused> {
        self.base += async { n }.await;
        Ok(self.base)
    }

    #[cached(instance = LOCAL, key = "fixed", ttl = 5)]
    async fn fixed(&self, name: &str) -> Result<String, String> {
        async { Ok(name.to_owned()) }.await
    }

    #[once(instance = LOCAL, key = "consumed:{self.base}")]
    fn consumed(mut self) -> Option<u64> {
        self.base += 1;
        Some(self.total(0))
    }

    #[pooled(instance = LOCAL, key = "boxed:{self.base}", size = 1)]
    fn boxed(mut self: Box<Self>) -> Option<u64> {
        self.base += 1;
        Some(self.total(0))
    }
}

#[test]
fn no_lint_speaks_of_an_expansion() {
    assert_eq!((plain(1), constant(), parts(&User { id: 1, rank: 2 }, (3, 4))), (1, 1, 11));
    assert_eq!(block_on(consumes("n".into(), vec![1], Box::new(1))), Ok(2));
    assert_eq!(block_on(stacked(&1, 2)).as_deref(), Ok("12true"));
    assert_eq!(elements(&[1], "word", &HashMap::from([("a", 1)])), Some("word"));
    block_on(nothing());
    let places = [Kind::Near { by: 1 }, Kind::Far(1, "b".to_owned())].map(|r#type| Place { name: &"a", r#type });
    assert_eq!(places.map(|place| placed(&place, &Kind::Unknown, Nowhere)), [3, 4]);
    assert_eq!((block_on(itself(1)), always(1, 2), block_on(named(1, Vec::new(), ""))), (1, Ok(1), Some(1)));
    assert_eq!(block_on(Service { base: 1 }.fixed("a")).as_deref(), Ok("a"));
    assert_eq!(block_on(Service { base: 1 }.changes(2)), Ok(3));
    assert_eq!((Service { base: 1 }.consumed(), Box::new(Service { base: 2 }).boxed()), (Some(2), Some(3)));
}
