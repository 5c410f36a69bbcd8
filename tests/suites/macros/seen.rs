//! What an attribute's expressions see: whatever the function's body sees.

use cachify::{Cachify, ManualClock, Memory, Refused, cached, lock, once, pooled, secs};
use cachify_core::testing::block_on;
use std::{marker::PhantomData, sync::LazyLock, time::Duration};

static CLOCK: LazyLock<ManualClock> = LazyLock::new(ManualClock::new);
static CACHE: LazyLock<Cachify<Memory>> = LazyLock::new(|| Cachify::builder().clock(CLOCK.clone()).build_memory());

const SECONDS: u64 = 2;
const FEW: u32 = 2;
const LONG: Duration = Duration::from_secs(2);
const LIMIT: u32 = 1;

fn two() -> Duration {
    LONG
}

struct App {
    near: Cachify<Memory>,
}

impl App {
    fn cache(&self) -> &Cachify<Memory> {
        &self.near
    }
}

trait Policy {
    const TTL: u64;
    const SIZE: u32;
    fn ttl(&self) -> Duration {
        secs(Self::TTL)
    }
}

struct Short;
impl Policy for Short {
    const TTL: u64 = 2;
    const SIZE: u32 = 1;
}

/// A generic type with constants and methods of its own.
struct Service<P> {
    app: App,
    policy: P,
    lasts: u32,
}

impl<P: Policy + Send + Sync> Service<P> {
    const TTL: Duration = Duration::from_secs(P::TTL);
    const KEEP: u64 = P::TTL;
    const LIMIT: u32 = P::SIZE;

    fn ttl(&self) -> u32 {
        self.lasts
    }

    fn limit(&self, most: u32) -> u32 {
        most.min(self.lasts).min(P::SIZE)
    }

    #[cached(instance = self.app.cache(), key = "constant", ttl = Self::TTL)]
    fn by_constant(&self, run: u64) -> u64 {
        run
    }

    #[cached(instance = self.app.near, key = "method", ttl = self.ttl())]
    async fn by_method(&self, run: u64) -> u64 {
        run
    }

    #[cached(instance = self.app.cache(), key = "policy", ttl = self.policy.ttl())]
    fn by_policy(&self, run: u64) -> u64 {
        run
    }

    #[cached(instance = self.app.cache(), key = "bound", ttl = P::TTL)]
    async fn by_bound(&self, run: u64) -> u64 {
        run
    }

    #[once(instance = self.app.cache(), key = "kept", keep = Self::KEEP)]
    fn kept(&self) -> Option<u64> {
        Some(Self::KEEP)
    }

    #[pooled(instance = self.app.cache(), key = "pool", size = Self::LIMIT, wait = patience)]
    fn permitted(&self, patience: Duration, depth: u32) -> Result<u32, Refused> {
        if depth == 0 { Ok(0) } else { self.permitted(patience, depth - 1) }
    }

    #[pooled(instance = self.app.cache(), key = "sized", size = self.limit(most), wait = self.ttl() - self.lasts)]
    async fn sized(&self, most: u32, depth: u32) -> Result<u32, Refused> {
        if depth == 0 { Ok(0) } else { Box::pin(self.sized(most, depth - 1)).await }
    }

    #[lock(instance = self.app.cache(), key = "lock", wait = patience, ttl = Self::TTL, renew = false)]
    async fn locked(&self, patience: u64, depth: u32) -> Result<u32, Refused> {
        if depth == 0 { Ok(0) } else { Box::pin(self.locked(patience, depth - 1)).await }
    }
}

#[cached(instance = CACHE, key = "by:seconds", ttl = SECONDS)]
async fn by_seconds(run: u64) -> u64 {
    run
}

#[cached(instance = CACHE, key = "by:few", ttl = FEW)]
fn by_few(run: u64) -> u64 {
    run
}

#[cached(instance = &*CACHE, key = "by:function", ttl = two())]
async fn by_function(run: u64) -> u64 {
    run
}

#[cached(instance = app.cache(), key = "by:type", ttl = P::TTL)]
fn by_type<P: Policy>(app: &App, run: u64, _of: PhantomData<P>) -> u64 {
    run
}

#[pooled(instance = CACHE, key = "limit", size = LIMIT, wait = patience.unwrap_or(Duration::ZERO))]
fn limited(patience: Option<Duration>, depth: u32) -> Result<u32, Refused> {
    if depth == 0 { Ok(0) } else { limited(patience, depth - 1) }
}

/// No argument tells its parameters, which the size and the key name.
#[pooled(instance = CACHE, key("typed:{wide}", wide = N), size = P::SIZE)]
async fn by_parameters<P: Policy, const N: u8>(depth: u32) -> Result<u32, Refused> {
    if depth == 0 { Ok(0) } else { Box::pin(by_parameters::<P, N>(depth - 1)).await }
}

fn service() -> Service<Short> {
    let near = Cachify::builder().clock(CLOCK.clone()).build_memory();
    Service { app: App { near }, policy: Short, lasts: 2 }
}

#[test]
fn times_sizes_and_instances_come_from_what_the_function_sees() {
    let s = service();
    let run = |n| {
        let cached = [s.by_constant(n), block_on(s.by_method(n)), s.by_policy(n), block_on(s.by_bound(n))];
        let free =
            [block_on(by_seconds(n)), by_few(n), block_on(by_function(n)), by_type(&s.app, n, PhantomData::<Short>)];
        [cached, free]
    };
    assert_eq!((run(1), s.kept(), s.kept()), ([[1; 4]; 2], Some(2), None));
    CLOCK.advance(Duration::from_millis(1_999));
    assert_eq!((run(2), s.kept()), ([[1; 4]; 2], None));
    CLOCK.advance(Duration::from_millis(1));
    assert_eq!((run(3), s.kept()), ([[3; 4]; 2], Some(2)));
}

#[test]
fn what_is_full_or_held_is_so_by_what_the_function_sees() {
    let s = service();
    assert_eq!(
        (s.permitted(Duration::ZERO, 0), block_on(s.sized(9, 0)), block_on(s.locked(0, 0))),
        (Ok(0), Ok(0), Ok(0))
    );
    assert!(matches!(s.permitted(Duration::ZERO, 1), Err(Refused::Full { .. })));
    assert!(matches!(block_on(s.sized(9, 1)), Err(Refused::Full { .. })));
    assert!(matches!(block_on(s.locked(0, 1)), Err(Refused::Busy { .. })));
    assert!(matches!((limited(None, 0), limited(None, 1)), (Ok(0), Err(Refused::Full { .. }))));
}

#[test]
fn companions_take_what_leads_to_the_instance_and_the_size() {
    let s = service();
    assert_eq!((s.by_constant(1), s.by_constant_reset(), s.by_constant_reset()), (1, Ok(true), Ok(false)));
    assert_eq!(
        (s.permitted_in_use(), block_on(s.sized_in_use(9)), block_on(s.locked_is_locked())),
        (Ok(0), Ok(0), Ok(false))
    );
    assert_eq!((by_type(&s.app, 1, PhantomData::<Short>), by_type::reset(&s.app)), (1, Ok(true)));
    assert_eq!(limited::in_use(), Ok(0));
    assert!(matches!(block_on(by_parameters::<Short, 7>(1)), Err(Refused::Full { .. })));
    assert_eq!(block_on(by_parameters::in_use::<Short, 7>()), Ok(0));
    assert_eq!(by_parameters::key::<7>().unwrap(), "typed:7");
}
