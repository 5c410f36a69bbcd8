//! One task per primitive, empty or not as the features say: what a primitive costs is the difference.
#![no_std]
#![no_main]

#[cfg(any(feature = "lock", feature = "once", feature = "pool", feature = "cache", feature = "value"))]
mod device {
    use cachify_core::{
        FixedStore, Instance,
        embassy::{CriticalSection, EmbassyClock},
    };
    pub type Store = FixedStore<CriticalSection, EmbassyClock, 8, [u8; 16]>;
    pub static STORE: Store = Store::new(EmbassyClock);
    pub static CACHIFY: Instance<&Store> = Instance::new(&STORE);
}
#[cfg(any(feature = "lock", feature = "once", feature = "pool", feature = "cache", feature = "value"))]
use device::CACHIFY;

/// Behind a gateway, on a line where nothing ever happens, as the compiler must not know: no driver is counted.
#[cfg(feature = "remote")]
mod remote {
    use cachify_core::embassy::{CriticalSection, EmbassyClock};
    use cachify_link::{RemoteStore, Session};
    use core::{convert::Infallible, future::poll_fn, hint::black_box, task::Poll};
    use embedded_io_async::{ErrorType, Read, Write};

    pub type Device = RemoteStore<CriticalSection, EmbassyClock, 2, 104, 32, 2>;
    pub static STORE: Device = Device::new(EmbassyClock);
    #[cfg(any(feature = "remote-lock", feature = "remote-cache", feature = "remote-handle"))]
    pub static CACHIFY: cachify_core::Instance<&Device> = cachify_core::Instance::new(&STORE);
    pub const SESSION: Session = Session { id: 1, device: [2, 3] };

    pub struct Line;
    impl ErrorType for Line {
        type Error = Infallible;
    }
    impl Read for Line {
        async fn read(&mut self, bytes: &mut [u8]) -> Result<usize, Infallible> {
            let _ = black_box(bytes);
            nothing().await
        }
    }
    impl Write for Line {
        async fn flush(&mut self) -> Result<(), Infallible> {
            Ok(())
        }
        async fn write(&mut self, bytes: &[u8]) -> Result<usize, Infallible> {
            black_box(bytes);
            nothing().await
        }
    }

    async fn nothing() -> Result<usize, Infallible> {
        poll_fn(|_| black_box(Poll::Pending)).await
    }
}

use core::hint::black_box;
use embassy_executor::Spawner;
use embassy_time::Timer;
use embedded_example::board;

#[cfg(not(feature = "lock-value"))]
#[cfg_attr(feature = "lock", cachify_core::lock(instance = CACHIFY, key = "bus:{n}", wait = "250ms"))]
async fn on_bus(n: u8) -> Result<u8, cachify_core::Refused> {
    Timer::after_millis(1).await;
    Ok(black_box(n))
}

#[cfg_attr(feature = "once", cachify_core::once(instance = CACHIFY, key = "upload:{n}", keep = 1))]
async fn upload(n: u8) -> Option<u8> {
    Timer::after_millis(1).await;
    Some(black_box(n))
}

#[cfg(not(feature = "pool-value"))]
#[cfg_attr(feature = "pool", cachify_core::pooled(instance = CACHIFY, key = "radio:{n}", size = 4))]
async fn radio(n: u8) -> Option<u8> {
    Timer::after_millis(1).await;
    Some(black_box(n))
}

#[cfg(not(feature = "cache-value"))]
#[cfg_attr(feature = "cache", cachify_core::cached(instance = CACHIFY, key = "sensor:{n}", ttl = 5))]
async fn sensor(n: u8) -> [u8; 16] {
    Timer::after_millis(1).await;
    [black_box(n); 16]
}

/// The same by value.
#[cfg(feature = "lock-value")]
async fn on_bus(n: u8) -> Result<u8, cachify_core::Refused> {
    let lock = CACHIFY.lock(("bus", n)).wait(core::time::Duration::from_millis(250));
    let body = async |_| {
        Timer::after_millis(1).await;
        black_box(n)
    };
    lock.run(body).await
}
#[cfg(feature = "pool-value")]
async fn radio(n: u8) -> Option<u8> {
    let body = async |_| {
        Timer::after_millis(1).await;
        black_box(n)
    };
    CACHIFY.pool(("radio", n), 4).run(body).await.ok()
}
#[cfg(feature = "cache-value")]
async fn sensor(n: u8) -> [u8; 16] {
    let value = async {
        Timer::after_millis(1).await;
        [black_box(n); 16]
    };
    CACHIFY.cache(("sensor", n)).ttl(core::time::Duration::from_secs(5)).get_or_insert(value).await
}

#[embassy_executor::task]
async fn lock_task() {
    black_box(on_bus(black_box(1)).await.is_ok());
}
#[embassy_executor::task]
async fn once_task() {
    black_box(upload(black_box(1)).await);
}
#[embassy_executor::task]
async fn pool_task() {
    black_box(radio(black_box(1)).await);
}
#[embassy_executor::task]
async fn cache_task() {
    black_box(sensor(black_box(1)).await);
}

/// The link alone: two operations of its store.
#[cfg(all(feature = "remote", not(any(feature = "remote-lock", feature = "remote-cache", feature = "remote-handle"))))]
mod alone {
    use crate::remote::{Device, STORE};
    use cachify_core::{
        Cause,
        key::{Key, Kind},
        op::{Answer, Ask, Op, Outcome, Request},
        store::{Platform, Store},
        time::Clock,
        token::HolderToken,
    };
    use core::task::{Context, Poll};

    type InFlight = <Device as Store>::InFlight;

    /// As the machine asks: what is about no holder is not compiled.
    #[inline(never)]
    fn poll(state: &mut InFlight, token: HolderToken, op: &Op, cx: &mut Context<'_>) -> Poll<Result<Answer, Cause>> {
        if !op.is_of_holder() {
            return Poll::Ready(Ok(Answer::Full));
        }
        let key = Key::new(Kind::Lock, "", b"bus", 0);
        let request = Request { key: &key, token, now: STORE.clock().now(), op, may_block: false };
        STORE.poll_op(state, &request, cx)
    }

    pub async fn afar(n: u8) -> Result<u8, cachify_core::Refused> {
        let (token, mut state) = (STORE.token(), InFlight::default());
        let mut op = Op::Acquire(Ask { ttl: 30_000, wait: 0, size: 0, window: 0, label: cachify_core::Label::NONE });
        loop {
            core::future::poll_fn(|cx| poll(&mut state, token, &op, cx)).await?;
            if op == Op::Release(Outcome::Free) {
                break;
            }
            embassy_time::Timer::after_millis(1).await;
            op = Op::Release(Outcome::Free);
        }
        Ok(core::hint::black_box(n))
    }
}
#[cfg(all(
    feature = "remote",
    not(any(feature = "remote-lock", feature = "remote-cache", feature = "remote-handle"))
))]
use alone::afar;

#[cfg(feature = "remote-lock")]
#[cachify_core::lock(instance = remote::CACHIFY, key = "bus:{n}", wait = "250ms")]
async fn afar(n: u8) -> Result<u8, cachify_core::Refused> {
    Timer::after_millis(1).await;
    Ok(black_box(n))
}

#[cfg(feature = "remote-cache")]
#[cachify_core::cached(instance = remote::CACHIFY, key = "sensor:{n}", ttl = 5)]
async fn afar(n: u8) -> Result<u8, cachify_core::Refused> {
    Timer::after_millis(1).await;
    Ok(black_box(n))
}

#[cfg(feature = "remote-handle")]
async fn afar(n: u8) -> Result<u8, cachify_core::Refused> {
    let held = remote::CACHIFY.lock("bus").acquire().await?;
    Timer::after_millis(1).await;
    held.release().await?;
    Ok(black_box(n))
}

#[embassy_executor::task]
async fn remote_task() {
    #[cfg(feature = "remote")]
    black_box(afar(black_box(1)).await.is_ok());
}
#[embassy_executor::task]
async fn line_task() {
    #[cfg(feature = "remote")]
    {
        remote::STORE.start(black_box(remote::SESSION));
        #[cfg(not(feature = "remote-keys"))]
        let _ = black_box(remote::STORE.pump(remote::Line, remote::Line).await);
        #[cfg(feature = "remote-keys")]
        {
            use cachify_link::keyed::{DeviceKey, Keyed};
            let key = DeviceKey::new(black_box([7; 16]));
            let keyed = Keyed::new(key, remote::SESSION, cachify_core::embassy::EmbassyClock);
            if let Ok((reader, writer)) = keyed.open(remote::Line, remote::Line).await {
                let _ = black_box(remote::STORE.pump(reader, writer).await);
            }
        }
    }
}

#[embassy_executor::main]
async fn main(spawner: Spawner) {
    board::start();
    spawner.spawn(lock_task().unwrap_or_else(|_| board::exit(2)));
    spawner.spawn(once_task().unwrap_or_else(|_| board::exit(2)));
    spawner.spawn(pool_task().unwrap_or_else(|_| board::exit(2)));
    spawner.spawn(cache_task().unwrap_or_else(|_| board::exit(2)));
    spawner.spawn(remote_task().unwrap_or_else(|_| board::exit(2)));
    spawner.spawn(line_task().unwrap_or_else(|_| board::exit(2)));
}
