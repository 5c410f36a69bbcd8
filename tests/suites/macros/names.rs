//! Names that Rust allows: raw identifiers, and those of the crate.

use cachify::{Cachify, Memory, Refused, cached, lock, once};
use std::sync::LazyLock;

static LOCAL: LazyLock<Cachify<Memory>> = LazyLock::new(|| Cachify::builder().build_memory());

struct Event {
    r#type: u32,
    id: u32,
    r#ref: Inner,
}

struct Inner {
    r#struct: [u32; 2],
}

#[cached(instance = LOCAL, key = "raw:{type}:{r#fn}:{2}", ttl = 5)]
fn parameters(r#type: u32, r#fn: u32, r#ref: u32) -> u32 {
    r#type + r#fn + r#ref
}

#[cached(instance = LOCAL, key = "{e.type}:{e.r#type:04}:{r#e.ref.struct[1]}:{r#e.id}", ttl = 5)]
fn fields(e: &Event) -> u32 {
    e.r#type + e.id + e.r#ref.r#struct[0]
}

#[lock(instance = LOCAL, key = "pattern:{type}")]
fn r#match(Event { r#type, .. }: &Event) -> Result<u32, Refused> {
    Ok(*r#type)
}

#[once(instance = LOCAL, key = "named:{}", companions = r#impl)]
fn named(r#loop: u32) -> Option<u32> {
    Some(r#loop)
}

impl Event {
    #[cached(instance = LOCAL, key = "m:{self.type}:{self.r#id}:{n}", ttl = 5)]
    fn r#move(&self, n: u32) -> u32 {
        self.r#type + n
    }
}

/// Beside an import from the crate of that name.
mod of_the_crate {
    use super::LOCAL;
    use cachify::{cached, once};

    #[cached(instance = LOCAL, key = "crate:{id}", ttl = 5)]
    pub(super) async fn cachify(id: u64) -> u64 {
        id
    }

    pub(super) mod renamed {
        use super::LOCAL;
        use ::cachify as cache;
        use cache::once;

        #[once(crate = cache, instance = LOCAL, key = "renamed:{id}", keep = 60)]
        pub(in super::super) fn cache(id: u64) -> Option<u64> {
            Some(id)
        }
    }

    #[once(instance = LOCAL, key = "other:{id}", companions = other_crate)]
    pub(super) fn std(id: u64) -> Option<u64> {
        Some(id)
    }
}

/// A module has the name that companions would have.
mod settings {
    pub(super) const PORT: u16 = 80;
}

#[cached(instance = LOCAL, key = "settings", ttl = 5, companions = settings_cache)]
fn settings() -> u16 {
    settings::PORT
}

#[tokio::test]
async fn a_function_may_have_the_name_of_a_crate_or_a_module() {
    use of_the_crate::{cachify, cachify_key, cachify_reset, other_crate, renamed, std};
    assert_eq!((cachify(1).await, cachify_key(1).unwrap(), cachify_reset(1).await), (1, "crate:1".into(), Ok(true)));
    assert_eq!((renamed::cache(2), renamed::cache_is_locked(2)), (Some(2), Ok(true)));
    assert_eq!((std(3), other_crate::is_locked(3)), (Some(3), Ok(false)));
    assert_eq!((settings(), settings_cache::reset()), (80, Ok(true)));
}

#[test]
fn raw_names_are_written_as_in_format() {
    let e = Event { r#type: 7, id: 8, r#ref: Inner { r#struct: [1, 2] } };
    assert_eq!((parameters(1, 2, 3), parameters::key(1, 2, 3).unwrap()), (6, "raw:1:2:3".into()));
    assert_eq!((fields(&e), fields::key(&e).unwrap()), (16, "7:0007:2:8".into()));
    assert_eq!((r#match(&e), r#match::is_locked(&e)), (Ok(7), Ok(false)));
    assert_eq!((named(5), r#impl::key(5).unwrap()), (Some(5), "named:5".into()));
}

/// What the user allows of the function, or expects, holds for its companions, too.
mod allowed {
    #![deny(warnings)]
    use super::LOCAL;
    use cachify::cached;

    #[allow(non_snake_case, reason = "as the protocol has it")]
    #[cached(instance = LOCAL, key = "user:{userId}", ttl = 5)]
    pub(super) fn allows(userId: u64) -> u64 {
        userId
    }

    #[cached(instance = LOCAL, key = "user:{userId}", ttl = 5)]
    #[expect(non_snake_case, reason = "as the protocol has it")]
    pub(super) fn expects(userId: u64) -> u64 {
        userId
    }
}

#[test]
fn lints_that_the_user_relaxes_stay_so() {
    assert_eq!((allowed::allows(1), allowed::expects(1)), (1, 1));
}
