//! Attributes inside `macro_rules!`: each argument, and each part of the function, through each fragment that fits.
//!
//! What a fragment matched arrives in an invisible group, which must mean what stands in it.

use cachify::{AsIs, Cachify, Memory, Refused, cached, lock, once, pooled};
use std::{sync::LazyLock, time::Duration};

static LOCAL: LazyLock<Cachify<Memory>> = LazyLock::new(|| Cachify::builder().build_memory());

fn double(n: &u64) -> u64 {
    n * 2
}
fn half(n: u64) -> u64 {
    n / 2
}
fn later(id: u64) -> u64 {
    id + 100
}

macro_rules! by_literals {
    ($key:literal, $ttl:literal, $version:literal, $tag:literal, $flag:literal, $size:literal) => {
        #[cached(instance = LOCAL, key = $key, ttl = $ttl, version = $version, type_tag = $tag, cache_err = $flag, companions = $flag)]
        fn literals(id: u64) -> Result<u64, String> {
            Ok(id)
        }
        #[pooled(instance = LOCAL, key = $key, size = $size, wait = $ttl, renew = $flag, otherwise = $size)]
        fn pooled_literals(id: u64) -> u64 {
            id
        }
    };
}
by_literals!("literals:{id}", "5s", 2, "number", false, 3);

macro_rules! by_expressions {
    ($key:expr, $ttl:expr, $wait:expr, $version:expr, $flag:expr, $size:expr, $otherwise:expr, $at:expr, $name:expr, $f:expr, $g:expr) => {
        #[cached(instance = $at, key = $key, ttl = $ttl, version = $version, encode = $f, decode = $g, companions = $name)]
        fn expressions(id: u64) -> u64 {
            id
        }
        #[lock(instance = $at, key = $key, ttl = $ttl, wait = $wait, renew = $flag, otherwise = $otherwise)]
        fn locked_expressions(id: u64) -> u64 {
            id
        }
        #[once(instance = $at, key = $key, keep = $wait, otherwise = $otherwise)]
        fn once_expressions(id: u64) -> u64 {
            id
        }
        #[pooled(instance = $at, key = $key, size = $size, on_full = $g)]
        fn pooled_expressions(id: u64) -> u64 {
            id
        }
    };
}
by_expressions!(
    "expressions:{id}",
    300,
    "250ms",
    3,
    true,
    1 + 1,
    |why| u64::from(why.is_contended()),
    *LOCAL,
    kept,
    double,
    half
);

macro_rules! by_paths {
    ($ttl:path, $krate:path, $at:path, $codec:path, $handler:path, $guard:path, $wait:path) => {
        #[cached(crate = $krate, instance = $at, key = "paths:{id}", ttl = $ttl, codec = $codec)]
        fn paths(id: u64) -> u64 {
            id
        }
        #[pooled(instance = $at, key = "paths", size = 1, on_full = $handler, guard = $guard, wait = $wait)]
        fn pooled_paths(id: u64) -> u64 {
            id + u64::from($guard.index())
        }
    };
}
by_paths!(forever, ::cachify, LOCAL, AsIs, later, permit, forever);

macro_rules! by_tokens {
    ($key:tt, $ttl:tt, $wait:block, $name:ident, $guard:ident, $($more:tt)*) => {
        #[cached(instance = LOCAL, key = $key, ttl = $ttl, companions = $name)]
        fn tokens(id: u64) -> u64 {
            id
        }
        #[lock(instance = LOCAL, key = $key, ttl = $ttl, wait = $wait, guard = $guard, $($more)*)]
        fn locked_tokens(id: u64) -> Result<u64, Refused> {
            Ok(id + u64::from($guard.is_valid()))
        }
    };
}
by_tokens!("tokens:{id}", 300, { Duration::from_secs(1) }, tokens_cache, held, renew = false, companions = false);

macro_rules! around {
    ($($item:item)*) => { $(
        #[cached(instance = LOCAL, key = "around:{id}", ttl = 5)]
        $item
    )* };
}
around! {
    /// Documented, and locked below.
    #[lock(instance = LOCAL, key = "around:{id}")]
    #[inline]
    pub(crate) fn whole_item(id: u64) -> Result<u64, Refused> {
        Ok(id)
    }
}

macro_rules! made_of {
    ($(#[$meta:meta])* $vis:vis $name:ident<$life:lifetime>($argument:ident: $of:ty, $pattern:pat) -> $returned:ty $body:block) => {
        #[cached(instance = LOCAL, key = "parts:{id}:{word}", ttl = 5)]
        $(#[$meta])*
        $vis fn $name<$life>($argument: $of, word: &$life str, $pattern: (u64, u64)) -> $returned $body
    };
}
made_of! {
    #[lock(instance = LOCAL, key = "parts:{word}:{a}")]
    #[must_use]
    pub(crate) parts<'a>(id: u64, (a, b)) -> Result<u64, Refused> { Ok(id + a + b) }
}
made_of! { private<'b>(id: u64, (_a, _b)) -> Option<u64> { Some(id) } }

/// The error stays out of what is kept, also where the return type came as one piece.
macro_rules! returns {
    ($name:ident, $returned:ty, $text:ty) => {
        #[cached(instance = LOCAL, key = "returns:{text}", ttl = 5)]
        fn $name<E: From<Refused>>(text: $text) -> $returned {
            Ok(text.len() as u64)
        }
    };
}
returns!(only_the_error, Result<u64, E>, String);

macro_rules! method {
    ($name:ident, $this:ident, $of:ident) => {
        struct $of(u64);
        impl $of {
            #[cached(instance = LOCAL, key = "method:{self.0}:{n}", ttl = 5)]
            fn $name(&$this, n: u64) -> u64 {
                $this.0 + n
            }
        }
    };
}
method!(sum, self, Summand);

/// A name of the macro's own beside one that the user gave.
macro_rules! parameters {
    ($name:ident, $parameter:ident, $key:literal) => {
        #[cached(instance = LOCAL, key = $key, ttl = 5)]
        fn $name(own: u64, $parameter: u64) -> u64 {
            own + $parameter
        }
    };
}
parameters!(both, given, "both:{own}:{given}");

macro_rules! outer {
    ($key:literal, $ttl:expr) => {
        inner!($key, $ttl);
    };
}
macro_rules! inner {
    ($key:expr, $ttl:expr) => {
        #[cached(instance = LOCAL, key = $key, ttl = $ttl)]
        fn twice_wrapped(id: u64) -> u64 {
            id
        }
    };
}
outer!("twice:{id}", "1m");

#[test]
fn arguments_may_come_through_fragments() {
    assert_eq!((literals(1), pooled_literals(2)), (Ok(1), 2));
    assert_eq!((expressions(3), expressions(3), kept::key(3).unwrap()), (3, 3, "expressions:3:v3".into()));
    assert_eq!((locked_expressions(4), once_expressions(5), once_expressions(5), pooled_expressions(6)), (4, 5, 1, 6));
    assert_eq!((paths(7), paths::reset(7), pooled_paths(8)), (7, Ok(true), 8));
    assert_eq!((tokens(9), tokens_cache::reset(9), locked_tokens(10)), (9, Ok(true), Ok(11)));
    assert_eq!((twice_wrapped(11), twice_wrapped::key(11).unwrap()), (11, "twice:11".into()));
}

#[test]
fn functions_may_come_through_fragments() {
    assert_eq!((whole_item(1), whole_item::is_locked(1), whole_item::reset(1)), (Ok(1), Ok(false), Ok(true)));
    assert_eq!((parts(1, "a", (2, 3)), parts::is_locked("a", (2, 3))), (Ok(6), Ok(false)));
    assert_eq!((private(1, "b", (2, 3)), private::reset(1, "b")), (Some(1), Ok(true)));
    assert_eq!(only_the_error::<Refused>("four".into()), Ok(4));
    assert_eq!(only_the_error::reset("four"), Ok(true));
    assert_eq!((Summand(1).sum(2), Summand(1).sum_reset(2)), (3, Ok(true)));
    assert_eq!((both(1, 2), both::reset(1, 2)), (3, Ok(true)));
}
