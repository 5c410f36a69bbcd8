//! Times and keys that are no plain literals: whole numbers are seconds wherever they come from, and a key may be
//! joined.

use cachify::{Cachify, ManualClock, Memory, Refused, cached, lock, once, secs};
use std::{sync::LazyLock, time::Duration};

static CLOCK: LazyLock<ManualClock> = LazyLock::new(ManualClock::new);
static LOCAL: LazyLock<Cachify<Memory>> = LazyLock::new(|| Cachify::builder().clock(CLOCK.clone()).build_memory());

const SECONDS: u64 = 2;
const SIGNED: i32 = 2;
const LONG: Duration = Duration::from_secs(2);

/// The key names none of what tells the calls apart, so that a hit is seen.
macro_rules! lasts_two_seconds {
    ($seconds:ident; $($name:ident: $ttl:expr;)*) => { $(
        #[cached(instance = LOCAL, key = concat!("lasts:", stringify!($name)), ttl = $ttl)]
        fn $name(run: u64, $seconds: u8) -> u64 {
            run + u64::from($seconds) - 2
        }
    )* };
}
lasts_two_seconds! {
    seconds;
    by_constant: SECONDS;
    by_duration: LONG;
    by_suffix: 2_u64;
    by_sum: 1 + 1;
    by_parameter: seconds;
    by_cast: u16::from(seconds);
    by_size: [(); 2].len();
    by_sign: i64::from(SIGNED);
    by_block: { secs(SECONDS) };
}

#[once(instance = LOCAL, key = "kept:{id}", keep = SECONDS)]
fn kept(id: u64) -> Option<u64> {
    Some(id)
}

#[lock(instance = LOCAL, key = "waits", wait = u64::MIN, ttl = SECONDS, renew = false)]
fn waits(depth: u32) -> Result<u32, Refused> {
    if depth == 0 { Ok(0) } else { waits(depth - 1) }
}

const NAMES: &str = "joined";
#[cached(instance = LOCAL, key = concat!("joined:", 1, ':', true, concat!(":{", "id", "}"), -2, 0.5), ttl = 5, type_tag = concat!("t", 1))]
fn joined(id: u64) -> u64 {
    id + NAMES.len() as u64
}

#[test]
fn whole_numbers_are_seconds_wherever_they_come_from() {
    let all = [by_constant, by_duration, by_suffix, by_sum, by_parameter, by_cast, by_size, by_sign, by_block];
    let run = |n| all.map(|f| f(n, 2));
    assert_eq!((run(1), kept(1), kept(1)), ([1; 9], Some(1), None));
    CLOCK.advance(Duration::from_millis(1_999));
    assert_eq!((run(2), kept(1)), ([1; 9], None));
    CLOCK.advance(Duration::from_millis(1));
    assert_eq!((run(3), kept(1)), ([3; 9], Some(1)));
    assert!(matches!(waits(1), Err(Refused::Busy { .. })));
}

#[test]
fn a_key_may_be_joined_from_literals() {
    assert_eq!((joined(1), joined::key(1).unwrap()), (7, "joined:1:true:1-20.5".into()));
    assert_eq!(by_sum::key().unwrap(), "lasts:by_sum");
}
