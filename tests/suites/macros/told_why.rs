//! What a refusal says of the call, far above where it was asked: which primitive, by which template, for how much longer.

use cachify::{Cachify, Cause, Error, ManualClock, Refused, cached, cachify_core::key::Kind, lock, once, pooled, secs};
use std::{sync::LazyLock, time::Duration};

static HERE: LazyLock<Cachify> = LazyLock::new(|| Cachify::builder().clock(ManualClock::new()).build().unwrap());
/// Nobody listens there.
static AWAY: LazyLock<Cachify> = LazyLock::new(|| {
    Cachify::builder().redis("redis://127.0.0.1:1").op_timeout(Duration::from_millis(20)).build().unwrap()
});

/// Calls itself while it has what it asked for.
macro_rules! twice {
    ($($name:ident: $attribute:ident($($arguments:tt)*);)*) => { $(
        #[$attribute(instance = HERE, $($arguments)*)]
        fn $name(id: u32, again: bool) -> Result<u32, Refused> {
            if again { $name(id, false) } else { Ok(id) }
        }
    )* };
}

twice! {
    change: lock(key = "item:{id}", ttl = "20500ms", renew = false);
    kept: lock(key = "kept:{id}");
    sent: once(key = "invoice:{id}", ttl = 90, renew = false);
    radio: pooled(key = "radio:{id}", size = 1, ttl = 7_200, renew = false);
    own: lock(key = "{fn}:{id}-{{x}}", ttl = "7ms", renew = false);
    plant: lock(key = concat!("plant:", "{id}"), ttl = 40_000, renew = false);
}

fn why(call: fn(u32, bool) -> Result<u32, Refused>) -> String {
    call(7, true).unwrap_err().to_string()
}

#[test]
fn an_attribute_says_its_template_and_for_how_much_longer() {
    assert_eq!(why(change), "lock \"item:{id}\" is held for 21 s more; `inspect` tells by whom");
    assert_eq!(why(kept), "lock \"kept:{id}\" is held until it is given back; `inspect` tells by whom");
    assert_eq!(why(sent), "once \"invoice:{id}\" is run for 90 s more; `inspect` tells by whom");
    assert_eq!(why(radio), "pool \"radio:{id}\" has no permit left for 120 min more; `inspect` tells by whom");
    assert_eq!(why(own), "lock \"own:{id}-{{x}}\" is held for 7 ms more; `inspect` tells by whom");
    assert_eq!(why(plant), "lock \"plant:{id}\" is held for 12 h more; `inspect` tells by whom");
}

#[test]
fn a_key_by_value_says_its_primitive() {
    let c = Cachify::builder().clock(ManualClock::new()).build_memory();
    let _held = c.lock("k").ttl(secs(3)).renew(false).acquire_blocking().unwrap();
    let why = c.lock("k").acquire_blocking().unwrap_err();
    assert_eq!(why.to_string(), "lock is held for 3 s more; `inspect` tells by whom");
    assert_eq!((why.asked().kind(), why.asked().template()), (Some(Kind::Lock), None));
    c.once("k").keep(secs(60)).run_blocking(|_| ()).unwrap();
    let skipped = c.once("k").begin_blocking().unwrap_err();
    assert_eq!(skipped.to_string(), "once was done 0 ms ago, and is skipped for 60 s more");
    assert_eq!(c.pool("k", 0).take_blocking().unwrap_err().to_string(), "a TTL or a pool size of zero");
}

#[lock(instance = AWAY, key = "inner:{id}")]
#[pooled(instance = HERE, key = "outer:{id}", size = 1)]
fn stacked(id: u32) -> Result<u32, Error> {
    Ok(id)
}

#[cached(instance = AWAY, key = "receipt:{id}", ttl = 5, closed)]
async fn receipt(id: u32) -> Result<u32, Error> {
    Ok(id)
}

#[once(instance = AWAY, key = "job:{id}", otherwise = |why| why.to_string())]
fn job(id: u32) -> String {
    id.to_string()
}

#[lock(instance = AWAY, key = "shift:{id}", when_busy = Ok(0))]
async fn shift(id: u32) -> Result<u32, Refused> {
    Ok(id)
}

#[tokio::test]
async fn a_store_that_is_away_is_said_of_the_call_that_asked_it() {
    let away = |asked: &str| format!("{asked}: the store cannot be reached");
    assert_eq!(stacked(1).unwrap_err().to_string(), away("lock \"inner:{id}\""));
    assert_eq!(receipt(1).await.unwrap_err().to_string(), away("cached \"receipt:{id}\""));
    assert_eq!(job(1), away("once \"job:{id}\""));
    let why = shift(1).await.unwrap_err();
    assert_eq!(why, Refused::from(Cause::Unreachable), "a reason equals itself, whatever was asked for");
    assert_eq!((why.asked().kind(), why.asked().template()), (Some(Kind::Lock), Some("shift:{id}")));
    let by_value = AWAY.cache("k").ttl(secs(5)).closed().get_or_insert_with(async || Ok::<u32, Refused>(1)).await;
    assert_eq!(by_value.unwrap_err().to_string(), away("cached"));
    assert_eq!(
        Refused::from(Cause::Unreachable).to_string(),
        "the store cannot be reached",
        "of a call that nobody knows"
    );
}
