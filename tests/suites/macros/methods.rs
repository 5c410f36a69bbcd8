//! Functions of an `impl` without `self`: their companions are associated functions beside them.

use cachify::{Cachify, Memory, Refused, cached, lock, once, pooled};
use std::sync::LazyLock;

static LOCAL: LazyLock<Cachify<Memory>> = LazyLock::new(|| Cachify::builder().build_memory());

#[derive(Clone, Debug, PartialEq, Eq)]
struct Repo(u64);

impl Repo {
    const SIZE: u32 = 3;

    /// Nothing of it tells that it stands in an `impl`.
    #[cached(instance = LOCAL, key = "repo:{id}", ttl = 5, companions = methods)]
    fn load(id: u64) -> u64 {
        id
    }

    #[once(instance = LOCAL, key = "start:{id}", keep = 60, companions = methods)]
    async fn start(id: u64) -> Option<u64> {
        Some(id)
    }

    /// `Self` is what it returns.
    #[cached(instance = LOCAL, key = "new:{id}", ttl = 5)]
    #[lock(instance = LOCAL, key = "new")]
    fn new(id: u64) -> Result<Self, Refused> {
        Ok(Self(id))
    }

    #[cached(instance = LOCAL, key = "argument:{of.0}", ttl = 5, companions = of_repo)]
    fn argument(of: &Self) -> u64 {
        of.0
    }

    /// `Self` stands in its body alone.
    #[cached(instance = LOCAL, key = "body:{id}", ttl = 5)]
    async fn body(id: u64) -> u64 {
        Self(id).0
    }

    /// `Self` stands in a macro of its body.
    #[cached(instance = LOCAL, key = "in_macro:{id}", ttl = 5)]
    fn in_macro(id: u64) -> String {
        format!("{:?}", Self(id))
    }

    /// `Self` stands in the attribute.
    #[pooled(instance = LOCAL, key = "pool", size = Self::SIZE)]
    fn pool() -> Option<u32> {
        Some(1)
    }
}

/// A parameter of the `impl`.
struct Of<T>(T);

impl<T: std::fmt::Display> Of<T> {
    #[cached(instance = LOCAL, key = "generic:{id}", ttl = 5, companions = methods)]
    fn generic(id: T) -> String {
        id.to_string()
    }
}

/// Not the function's own: what its body declares has a `Self`, too.
#[cached(instance = LOCAL, key = "free:{id}", ttl = 5)]
fn free(id: u64) -> u64 {
    struct Inner(u64);
    impl Inner {
        fn new(id: u64) -> Self {
            Self(id)
        }
    }
    macro_rules! made {
        ($($item:item)*) => { $($item)* };
    }
    made! {
        struct Outer(u64);
        impl Outer {
            fn new(id: u64) -> Self {
                Self(id)
            }
        }
    }
    Inner::new(Outer::new(id).0).0
}

trait Load {
    const EXTRA: u64;

    fn load(id: u64) -> u64;

    /// A trait may have companions of its own.
    #[cached(instance = LOCAL, key = "default:{id}", ttl = 5)]
    fn default(id: u64) -> u64 {
        id + Self::EXTRA
    }
}

impl Load for Repo {
    const EXTRA: u64 = 1;

    #[cached(instance = LOCAL, key = "of_trait:{id}", ttl = 5, companions = false)]
    fn load(id: u64) -> u64 {
        id + Self::EXTRA
    }
}

#[tokio::test]
async fn companions_of_an_associated_function_stand_beside_it() {
    assert_eq!((Repo::load(1), Repo::load_key(1).unwrap()), (1, "repo:1".into()));
    assert_eq!((Repo::load_reset(1), Repo::load_reset(1)), (Ok(true), Ok(false)));
    assert_eq!((Repo::start(2).await, Repo::start_is_locked(2).await), (Some(2), Ok(true)));
    assert_eq!((Of::generic(3), Of::<u8>::generic_reset(3)), ("3".into(), Ok(true)));
}

#[tokio::test]
async fn a_function_that_names_its_type_has_them_there_unsaid() {
    assert_eq!((Repo::new(4), Repo::new_is_locked(), Repo::new_reset(4)), (Ok(Repo(4)), Ok(false), Ok(true)));
    assert_eq!((Repo::argument(&Repo(5)), Repo::of_repo_key(&Repo(5)).unwrap()), (5, "argument:5".into()));
    assert_eq!((Repo::body(6).await, Repo::body_reset(6).await), (6, Ok(true)));
    assert_eq!((Repo::in_macro(7), Repo::in_macro_reset(7)), ("Repo(7)".into(), Ok(true)));
    assert_eq!((Repo::pool(), Repo::pool_in_use()), (Some(1), Ok(0)));
}

#[test]
fn items_of_the_body_say_nothing_of_the_function() {
    assert_eq!((free(8), free::reset(8)), (8, Ok(true)));
}

#[test]
fn what_a_trait_declares_is_reached_by_value() {
    assert_eq!(<Repo as Load>::load(9), 10);
    assert_eq!(LOCAL.cache(("of_trait", 9)).reset_blocking(), Ok(true));
    assert_eq!((Repo::default(10), Repo::default_reset(10)), (11, Ok(true)));
}

macro_rules! text_of {
    ($($tokens:tt)*) => { stringify!($($tokens)*).len() };
}

/// What a macro takes may be anything: a `Self` in it says nothing of where the function stands.
#[lock(key = "text:{n}", otherwise = |_| 0)]
fn free_beside_a_macro(n: usize) -> usize {
    n + text_of!(impl Self::new) + stringify!(Self::new).len()
}

#[test]
fn a_macro_in_the_body_makes_no_method_of_a_function() {
    crate::setup();
    assert!(free_beside_a_macro(1) > 10);
    assert!(!free_beside_a_macro::is_locked(1).unwrap());
}
