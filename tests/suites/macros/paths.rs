//! `{fn}` in a key: the path of the function.

use cachify::{Cachify, Memory, Refused, cached, once, pooled};
use cachify_core::{FixedStore, Instance, store::lock::NoLock, testing::ManualClock};
use std::sync::LazyLock;

static LOCAL: LazyLock<Cachify<Memory>> = LazyLock::new(|| Cachify::builder().build_memory());

#[cached(instance = LOCAL, key = "{fn}:{path}", ttl = 5)]
fn title(path: &str) -> String {
    format!("title of {path}")
}

#[cached(instance = LOCAL, key = "{fn}:{path}", ttl = 5)]
async fn body(path: &str) -> String {
    format!("body of {path}")
}

mod inner {
    #[cachify::lock(instance = super::LOCAL, key = "{fn}")]
    pub(super) fn r#move() -> Result<String, cachify::Refused> {
        r#move::key().map_err(|_| cachify::Refused::NotInitialised)
    }
}

#[once(instance = LOCAL, key = "run:{fn}:{}", keep = 5)]
#[pooled(instance = LOCAL, key = "{fn}", size = 1)]
fn stacked(id: u64) -> Option<u64> {
    Some(id)
}

struct Repo<T>(T);

impl<T: Copy + std::fmt::Display> Repo<T> {
    #[cached(instance = LOCAL, key = "{fn}:{id}", ttl = 5)]
    fn get(&self, id: u64) -> String {
        format!("{} {id}", self.0)
    }

    #[cached(instance = LOCAL, key = "{fn}:{id}", ttl = 5)]
    fn make(id: T) -> String {
        Self(id).0.to_string()
    }
}

/// What has the name comes first, as for any other name.
#[cached(instance = LOCAL, key = "own:{fn}", ttl = 5)]
fn of_a_parameter(r#fn: u64) -> u64 {
    r#fn
}

#[cached(instance = LOCAL, key("own:{fn}", fn = id + 1), ttl = 5)]
fn of_an_argument(id: u64) -> u64 {
    id
}

type Device<'c> = Instance<FixedStore<NoLock, &'c ManualClock, 8, u32, 64>>;

#[cachify_core::lock(instance = device, key = "{fn}:{id}")]
fn on_a_device(device: &Device<'_>, id: u8) -> Result<u8, Refused> {
    let _ = device;
    Ok(id)
}

#[tokio::test]
async fn a_key_may_begin_with_the_path_of_its_function() {
    assert_eq!((title("/").as_str(), body("/").await.as_str()), ("title of /", "body of /"));
    assert_eq!(title::key("a:b").unwrap(), "macros::paths::title:a%3Ab");
    assert_eq!((title::reset("/"), body::key("/").unwrap()), (Ok(true), "macros::paths::body:/".into()));
    assert_eq!(body::reset("/").await, Ok(true));
    assert_eq!(inner::r#move().unwrap(), "macros::paths::inner::move");
    assert_eq!((stacked(1), stacked::is_locked(1), stacked::in_use()), (Some(1), Ok(true), Ok(0)));
    assert!(LOCAL.once("run:macros::paths::stacked:1").is_locked_blocking().unwrap());
}

#[test]
fn that_of_a_method_has_its_type() {
    assert_eq!((Repo(1_u8).get(7).as_str(), Repo(2_u16).get(7).as_str()), ("1 7", "2 7"));
    assert_eq!(Repo(1_u8).get_key(7).unwrap(), "macros::paths::Repo<u8>::get:7");
    assert_eq!((Repo(1_u8).get_reset(7), Repo(3_u32).get_reset(7)), (Ok(true), Ok(false)));
    assert_eq!((Repo::make(5_u8).as_str(), Repo::make_reset(5_u8)), ("5", Ok(true)));
}

#[test]
fn what_is_called_fn_comes_first() {
    assert_eq!((of_a_parameter(1), of_a_parameter::key(1).unwrap()), (1, "own:1".into()));
    assert_eq!((of_an_argument(1), of_an_argument::key(1).unwrap()), (1, "own:2".into()));
}

#[test]
fn a_device_has_it_where_its_keys_are_long_enough() {
    let clock = ManualClock::new();
    let device = Device::new(FixedStore::<NoLock, _, 8, u32, 64>::new(&clock));
    assert_eq!((on_a_device(&device, 1), on_a_device::is_locked(&device, 1)), (Ok(1), Ok(false)));
    let held = device.lock("macros::paths::on_a_device:2").acquire_blocking().unwrap();
    assert!(matches!(on_a_device(&device, 2), Err(Refused::Busy { .. })));
    drop(held);
}
