//! Counts instructions: under `-icount shift=0` one takes a nanosecond, and SysTick counts every 40th.
//!
//! Prints a name and a number a line, which `sizes.sh` reads. The clock stands still, so what a time driver costs is not in them.
#![no_std]
#![no_main]

use cachify_core::{
    FixedStore, Instance, Refused,
    key::KeySink,
    lease::{LeaseOf, Wait},
    store::{Platform, Store, fixed::State, lock::Lock},
    time::{Clock, Instant, Timer},
};
use core::{
    cell::RefCell,
    future::Future,
    hint::black_box,
    pin::pin,
    sync::atomic::{AtomicU32, Ordering::Relaxed},
    task::{Context, Poll, Waker},
};
use cortex_m::peripheral::{SYST, syst::SystClkSource};
use critical_section::Mutex;
use embedded_example::board;
use semihosting::println;

/// Instructions between two ticks of the 25 MHz clock.
const PER_TICK: u32 = 40;
/// So many that the grain of the clock is below one instruction.
const TIMES: u32 = 400;

/// A clock at its beginning.
struct Still;

impl Clock for Still {
    fn now(&self) -> Instant {
        Instant::from_millis(black_box(1))
    }
}

impl Timer for Still {
    type Wait = ();
    fn poll_until(&self, (): &mut (), at: Instant, _: &mut Context<'_>) -> Poll<()> {
        if self.now() >= at { Poll::Ready(()) } else { Poll::Pending }
    }
}

/// The longest time that was spent inside the lock, in ticks.
static LONGEST: AtomicU32 = AtomicU32::new(0);

/// A critical section that is timed.
struct Timed;

impl Lock for Timed {
    type Of<T> = Mutex<RefCell<T>>;
    fn new<T>(value: T) -> Self::Of<T> {
        Mutex::new(RefCell::new(value))
    }
    fn with<T, R>(cell: &Self::Of<T>, f: impl FnOnce(&mut T) -> R) -> R {
        let start = SYST::get_current();
        let out = critical_section::with(|cs| f(&mut cell.borrow_ref_mut(cs)));
        LONGEST.store(LONGEST.load(Relaxed).max(since(start)), Relaxed);
        out
    }
}

/// SysTick counts down, in 24 bits.
fn since(start: u32) -> u32 {
    start.wrapping_sub(SYST::get_current()) & 0xff_ffff
}

type Cells<L, const N: usize> = FixedStore<L, Still, N, u32>;
type Plain = cachify_core::store::lock::CriticalSection;
static SIXTEEN: Cells<Plain, 16> = Cells::<Plain, 16>::new(Still);
static SMALL: Instance<&Cells<Plain, 16>> = Instance::new(&SIXTEEN);
static SIXTY_FOUR: Cells<Timed, 64> = Cells::<Timed, 64>::over(Mutex::new(RefCell::new(State::new())), Still);
static LARGE: Instance<&Cells<Timed, 64>> = Instance::new(&SIXTY_FOUR);

static PERMITS: Cells<Timed, 64> = Cells::<Timed, 64>::over(Mutex::new(RefCell::new(State::new())), Still);
static FULL: Instance<&Cells<Timed, 64>> = Instance::new(&PERMITS);

#[cachify_core::lock(instance = SMALL, key = "bus:{n}", companions = false)]
async fn small_lock(n: u8) -> Result<u8, Refused> {
    Ok(n)
}
#[cachify_core::lock(instance = SMALL, key = "bus:{n}", wait = "250ms", companions = false)]
async fn waiting_lock(n: u8) -> Result<u8, Refused> {
    embassy_time::Timer::after_millis(1).await;
    Ok(n)
}
#[cachify_core::cached(instance = SMALL, key = "sensor:{n}", companions = false)]
async fn small_cache(n: u8) -> u32 {
    black_box(u32::from(n))
}
#[cachify_core::pooled(instance = SMALL, key = "radio:{n}", size = 4, companions = false)]
async fn small_pool(n: u8) -> Result<u8, Refused> {
    Ok(n)
}
/// The same by value.
async fn small_lock_value(n: u8) -> Result<u8, Refused> {
    SMALL.lock(("bus", n)).run(async |_| n).await
}
async fn small_pool_value(n: u8) -> Result<u8, Refused> {
    SMALL.pool(("radio", n), 4).run(async |_| n).await
}
async fn small_cache_value(n: u8) -> u32 {
    SMALL.cache(("sensor", n)).get_or_insert(async { black_box(u32::from(n)) }).await
}
async fn waiting_lock_value(n: u8) -> Result<u8, Refused> {
    let lock = SMALL.lock(("bus", n)).wait(core::time::Duration::from_millis(250));
    let body = async |_| {
        embassy_time::Timer::after_millis(1).await;
        n
    };
    lock.run(body).await
}
#[cachify_core::lock(instance = LARGE, key = "bus:{n}", companions = false)]
async fn large_lock(n: u8) -> Result<u8, Refused> {
    Ok(n)
}
#[cachify_core::once(instance = LARGE, key = "up:{n}", companions = false)]
async fn large_once(n: u8) -> Option<u8> {
    Some(n)
}
#[cachify_core::pooled(instance = LARGE, key = "pool", size = 64, companions = false)]
async fn large_pool(n: u8) -> Option<u8> {
    Some(n)
}
#[cachify_core::pooled(instance = FULL, key = "pool", size = 64, companions = false)]
async fn full_pool(n: u8) -> Option<u8> {
    Some(n)
}
#[cachify_core::cached(instance = LARGE, key = "sensor:{n}", companions = false)]
async fn large_cache(n: u8) -> Option<u32> {
    black_box((n > 100).then_some(1))
}

/// A call that is ready at once, made in its place as `.await` makes it.
macro_rules! call {
    ($future:expr) => {
        black_box(pin!($future).poll(&mut Context::from_waker(Waker::noop())).is_ready())
    };
}

/// Holds so many keys, or permits of one pool, for ever.
fn occupy<S: Store + Platform<Clock: Timer>>(instance: &'static Instance<S>, of: LeaseOf, count: u8) {
    for n in 0..count {
        let mut lease = instance.lease(of, None, Wait::No, true);
        match of {
            LeaseOf::Permit { .. } => lease.key_mut().put(b"pool"),
            _ => lease.key_mut().put(&[b'k', b'e', b'y', b':', b'a' + n / 10, b'0' + n % 10]),
        }
        call!(lease.acquire());
        core::mem::forget(lease);
    }
}

fn measured(mut f: impl FnMut() -> bool) -> u32 {
    let start = SYST::get_current();
    for _ in 0..TIMES {
        black_box(f());
    }
    since(start) * PER_TICK / TIMES
}

/// The longest critical section of a call, to 40 instructions.
fn longest(mut f: impl FnMut() -> bool) -> u32 {
    LONGEST.store(0, Relaxed);
    for _ in 0..TIMES {
        black_box(f());
    }
    LONGEST.load(Relaxed) * PER_TICK
}

#[cortex_m_rt::entry]
fn main() -> ! {
    let Some(peripherals) = cortex_m::Peripherals::take() else { board::exit(2) };
    let mut clock: SYST = peripherals.SYST;
    clock.set_clock_source(SystClkSource::Core);
    clock.set_reload(0xff_ffff);
    clock.clear_current();
    clock.enable_counter();

    println!("slot {}", FixedStore::<Plain, Still, 1, [u8; 16]>::SLOT);
    println!("future {}", size_of_val(&waiting_lock(1)));
    let nothing = measured(|| call!(core::future::ready(black_box(1_u8))));
    occupy(&SMALL, LeaseOf::Lock, 14);
    call!(small_cache(1));
    let hit = measured(|| call!(small_cache(black_box(1)))) - nothing;
    let lock = measured(|| call!(small_lock(black_box(1)))) - nothing;
    println!("lock {lock}");
    println!("hit {hit}");
    println!("pool {}", measured(|| call!(small_pool(black_box(1)))) - nothing);
    println!("lock-value {}", measured(|| call!(small_lock_value(black_box(1)))) - nothing);
    println!("pool-value {}", measured(|| call!(small_pool_value(black_box(1)))) - nothing);
    call!(small_cache_value(1));
    println!("hit-value {}", measured(|| call!(small_cache_value(black_box(1)))) - nothing);
    println!("future-value {}", size_of_val(&waiting_lock_value(1)));
    occupy(&LARGE, LeaseOf::Lock, 63);
    println!("section {}", longest(|| call!(large_lock(black_box(1)))));
    println!("section-once {}", longest(|| call!(large_once(black_box(1)))));
    println!("section-pool {}", longest(|| call!(large_pool(black_box(1)))));
    println!("section-cache {}", longest(|| call!(large_cache(black_box(1)))));
    occupy(&FULL, LeaseOf::Permit { size: 64 }, 63);
    println!("section-permits {}", longest(|| call!(full_pool(black_box(1)))));
    board::exit(0)
}
