//! Which attributes below one of ours are ours: a bare name, or a path that begins with the crate's.

use cachify::{Cachify, Memory, Refused, cached, lock, once, pooled};
use std::sync::LazyLock;

static LOCAL: LazyLock<Cachify<Memory>> = LazyLock::new(|| Cachify::builder().build_memory());

/// Somebody else's attribute of the name `once`: what it does is not what ours does.
mod other {
    pub(super) use cachify::lock as once;
}

use ::cachify as renamed;

#[pooled(instance = LOCAL, key = "others", size = 2)]
#[other::once(instance = LOCAL, key = "others:{id}", wait = "1ms", companions = false)]
fn others(id: u64, depth: u8) -> Result<u64, Refused> {
    // the lock is held, which one more call meets
    if depth == 0 { Ok(id) } else { Ok(u64::from(matches!(others(id, 0), Err(Refused::Busy { .. })))) }
}

#[cached(instance = LOCAL, key = "by_path:{id}", ttl = 5)]
#[cachify::lock(instance = LOCAL, key = "by_path:{id}")]
#[::cachify::pooled(instance = LOCAL, key = "by_path", size = 1)]
#[once(instance = LOCAL, key = "by_path:{id}", keep = 60)]
fn by_path(id: u64) -> Result<u64, Refused> {
    Ok(id)
}

#[renamed::cached(crate = renamed, instance = LOCAL, key = "renamed:{id}", ttl = 5)]
#[renamed::lock(instance = LOCAL, key = "renamed:{id}")]
#[lock(instance = LOCAL, key = "renamed:{id}:2")]
fn by_the_outer_name(id: u64) -> Result<u64, Refused> {
    Ok(id)
}

#[cached(instance = LOCAL, key = "inner:{id}", ttl = 5)]
#[renamed::lock(crate = crate::stacks::renamed, instance = LOCAL, key = "inner:{id}:1", companions = false)]
#[crate::stacks::renamed::lock(crate = crate::stacks::renamed, instance = LOCAL, key = "inner:{id}:2")]
fn by_its_own_name(id: u64) -> Result<u64, Refused> {
    Ok(id)
}

#[test]
fn an_attribute_of_somebody_else_stays_what_it_is() {
    assert_eq!(others(1, 1), Ok(1));
    assert_eq!((others::in_use(), others::key().unwrap()), (Ok(0), "others".into()));
}

#[test]
fn attributes_of_ours_make_one_stack_by_each_of_their_names() {
    assert_eq!((by_path(1), by_path::is_locked(1), by_path::in_use()), (Ok(1), Ok(true), Ok(0)));
    assert_eq!(by_path::reset(1), Ok(true));
    assert_eq!((by_the_outer_name(2), by_the_outer_name::is_locked(2)), (Ok(2), Ok(false)));
    assert_eq!(
        (by_its_own_name(3), by_its_own_name::is_locked(3), by_its_own_name::reset(3)),
        (Ok(3), Ok(false), Ok(true))
    );
}
