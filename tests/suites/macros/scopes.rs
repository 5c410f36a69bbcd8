//! Parameters that attributes name beside the key: companions take them, too.

use cachify::{Cachify, Memory, Refused, cached, lock, pooled};

fn memory() -> Cachify<Memory> {
    Cachify::builder().build_memory()
}

struct App {
    near: Cachify<Memory>,
    limit: u32,
}

#[cached(instance = app.near, key = "user:{id}", ttl = 5)]
async fn user(app: &App, id: u64, _verbose: bool) -> Result<u64, String> {
    Ok(id)
}

#[lock(instance = caches[which], key = "lock", wait = 1)]
fn locked(caches: &[Cachify<Memory>], which: usize) -> Result<bool, Refused> {
    locked::is_locked(caches, which).map_err(Into::into)
}

/// A field of a parameter's name is no parameter.
static ALL: std::sync::LazyLock<Names> = std::sync::LazyLock::new(|| Names { id: memory() });
struct Names {
    id: Cachify<Memory>,
}

#[pooled(instance = ALL.id, key = "pool:{name}", size = app.limit.max(*least))]
fn permitted(name: &str, id: u64, app: &App, least: &u32) -> Option<u64> {
    (permitted::in_use(name, app, least) == Ok(1)).then_some(id)
}

#[tokio::test]
async fn companions_take_what_the_instance_and_the_size_are_made_of() {
    let (app, caches) = (App { near: memory(), limit: 2 }, [memory(), memory()]);
    assert_eq!(
        (user(&app, 1, true).await, user::reset(&app, 1).await, user::reset(&app, 1).await),
        (Ok(1), Ok(true), Ok(false))
    );
    assert_eq!(user::key(&app, 1).unwrap(), "user:1");
    assert_eq!((locked(&caches, 1), locked::is_locked(&caches, 0)), (Ok(true), Ok(false)));
    assert_eq!((permitted("a", 7, &app, &3), permitted::in_use("a", &app, &3)), (Some(7), Ok(0)));
}
