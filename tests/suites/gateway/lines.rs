//! Devices on each kind of line, many at once, and one that sends rubbish.

use cachify::{
    Cachify, Cause, Refused,
    cachify_core::{Instance, drive::beside, store::lock::NoLock},
    clock::StdClock,
    secs,
};
use cachify_link::{LineEnd, RemoteStore, Session, Timing};
use cachify_tests::{
    program::{Program, insecure_gateway, port_of},
    proxy::{Direction, Proxy},
    resp::Reply,
    server::{Engine, Server},
};
use embedded_io_adapters::tokio_1::FromTokio;
use std::{
    cell::Cell,
    future::Future,
    thread,
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpStream,
};

type Device = Instance<RemoteStore<NoLock, StdClock>>;

pub(crate) fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

/// A device does something over a line.
pub(crate) async fn on<T>(
    stream: impl AsyncRead + AsyncWrite,
    session: u32,
    does: impl AsyncFnOnce(&Device) -> T,
) -> T {
    let device = Instance::new(RemoteStore::<NoLock, _>::new(StdClock::system()));
    // a machine that stalls for a moment is no test of the line
    let timing = Timing { op_timeout: secs(10), ..Timing::DEFAULT };
    device.store().start_with(Session { id: session, device: [session, 7] }, timing);
    let (reader, writer) = tokio::io::split(stream);
    let pump = device.store().pump(FromTokio::new(reader), FromTokio::new(writer));
    match beside(does(&device), pump).await {
        Ok(done) => done,
        Err(LineEnd::Closed) => panic!("the gateway closed the line"),
        Err(LineEnd::Read(why) | LineEnd::Write(why)) => panic!("{why}"),
    }
}

pub(crate) async fn tcp(port: u16) -> TcpStream {
    let stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

/// Locks, runs, takes and caches.
pub(crate) async fn works(device: &Device, name: &str) {
    let held = device.lock(name).acquire().await.unwrap();
    assert!(device.lock(name).try_acquire().await.unwrap().is_none());
    held.release().await.unwrap();
    assert!(device.once(name).keep(secs(60)).run(async |_| Some(())).await.is_ok());
    let permit = device.pool(name, 2).take().await.unwrap();
    assert_eq!(device.pool(name, 2).in_use().await, Ok(1));
    permit.release().await.unwrap();
    for _ in 0..2 {
        let value = device.cache(name).ttl(secs(60)).get_or_insert_with(async || Ok::<_, ()>(7_u32)).await;
        assert_eq!(value, Ok(7));
    }
}

pub(crate) fn memory(line: &str) -> Program {
    insecure_gateway(&["--listen", line, "--memory"])
}

#[test]
fn ten_devices_pass_a_lock_round() {
    let gateway = memory("tcp:127.0.0.1:0");
    let port = port_of(&gateway);
    run(async {
        let (inside, passed) = (Cell::new(0), Cell::new(0));
        let mut devices: Vec<std::pin::Pin<Box<dyn Future<Output = ()> + '_>>> = Vec::new();
        for session in 1..=10 {
            let (inside, passed) = (&inside, &passed);
            devices.push(Box::pin(async move {
                on(tcp(port).await, session, async |device| {
                    for _ in 0..10 {
                        let lock = device.lock("k").ttl(secs(10)).wait(secs(30));
                        let alone = async |_| {
                            inside.set(inside.get() + 1);
                            assert_eq!(inside.get(), 1, "alone");
                            tokio::task::yield_now().await;
                            inside.set(inside.get() - 1);
                            passed.set(passed.get() + 1);
                        };
                        lock.run(alone).await.unwrap();
                    }
                })
                .await;
            }));
        }
        all(devices).await;
        assert_eq!(passed.get(), 100);
    });
    gateway.interrupt();
    gateway.says(|line| line == "gateway: ended, 10 served");
    let left = gateway.lines().iter().filter(|line| line.contains(": has left tcp:")).count();
    assert_eq!(left, 10, "each has its line of log");
}

/// Waits for all of them.
pub(crate) async fn all(mut futures: Vec<std::pin::Pin<Box<dyn Future<Output = ()> + '_>>>) {
    std::future::poll_fn(|cx| {
        futures.retain_mut(|future| future.as_mut().poll(cx).is_pending());
        if futures.is_empty() { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
}

#[test]
fn rubbish_harms_nobody_but_its_sender() {
    let gateway = memory("tcp:127.0.0.1:0");
    let port = port_of(&gateway);
    run(async {
        let mut rubbish = tcp(port).await;
        let mut word = 1_u32;
        let noise: Vec<u8> = std::iter::repeat_with(|| {
            word = word.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            word.to_be_bytes()[0]
        })
        .take(300_000)
        .collect();
        on(tcp(port).await, 1, async |device| {
            for round in 0..3 {
                rubbish.write_all(&noise).await.unwrap();
                // a frame that never ends
                rubbish.write_all(&vec![0x55; 300_000]).await.unwrap();
                works(device, &format!("round {round}")).await;
            }
        })
        .await;
    });
    let told = gateway.says(|line| line.contains("it closed the line") && !line.contains(" 0 pieces of rubbish"));
    assert!(told.contains(": 0 requests done"), "{told}");
}

/// A server that is its own gateway shares rights with its devices, but not values: theirs are of another type.
#[test]
fn a_server_can_be_the_gateway_and_keeps_its_values_apart() {
    run(async {
        let c = Cachify::builder().build().unwrap();
        let store = c.raw();
        let mut gateway = store.gateway();
        let (near, far) = tokio::io::duplex(1_024);
        let (reader, writer) = tokio::io::split(far);
        let device = on(near, 1, async |device| {
            let held = device.lock("k").acquire().await.unwrap();
            assert!(c.lock("k").try_acquire().await.unwrap().is_none(), "one lock");
            held.release().await.unwrap();
            assert_eq!(device.cache("v").ttl(secs(9)).get_or_insert_with(async || Ok::<_, ()>(5_u8)).await, Ok(5));
            assert_eq!(device.cache("v").get::<u8>().await, Ok(Some(5)));
            assert_eq!(c.cache("v").get::<Vec<u8>>().await, Ok(None), "not the bytes of somebody else's value");
        });
        let served = gateway.serve(FromTokio::new(reader), FromTokio::new(writer));
        let done = Box::pin(beside(device, served)).await;
        assert!(done.is_ok());
    });
}

#[test]
fn a_crowd_beyond_all_measure_is_turned_away() {
    let gateway = memory("tcp:127.0.0.1:0");
    let port = port_of(&gateway);
    run(async {
        let mut here = Vec::new();
        for _ in 0..256 {
            here.push(tcp(port).await);
        }
        let mut late = tcp(port).await;
        gateway.says(|line| line.ends_with(" was turned away: 256 devices are here"));
        assert_eq!(late.read(&mut [0]).await.unwrap(), 0, "its line is closed");
        drop(here.pop());
        gateway.says(|line| line.starts_with("device 256: has left "));
        on(tcp(port).await, 1, async |device| works(device, "k").await).await;
    });
}

#[test]
fn a_pool_beyond_all_measure_is_refused() {
    let gateway = memory("tcp:127.0.0.1:0");
    let port = port_of(&gateway);
    run(async {
        on(tcp(port).await, 1, async |device| {
            let refused = device.pool("k", 4_097).take().await.map(drop).unwrap_err();
            assert!(matches!(refused, Refused::Unavailable { cause: Cause::Rejected { .. }, .. }), "{refused:?}");
            device.pool("k", 4_096).take().await.unwrap().release().await.unwrap();
        })
        .await;
    });
}

/// The device's turn comes when it cannot be told, or has just gone: a server that waits gets in all the same.
#[test]
fn a_turn_that_a_device_cannot_take_is_passed_on() {
    let redis = Server::start(Engine::Redis);
    let gateway = insecure_gateway(&["--listen", "tcp:127.0.0.1:0", "--redis", &redis.url(), "--prefix", "t"]);
    let proxy = Proxy::to(port_of(&gateway));
    let server = || {
        let builder = Cachify::builder().redis(redis.url()).prefix("t").poll(secs(60));
        builder.op_timeout(secs(10)).build().unwrap()
    };
    let (holder, rival) = (server(), server());
    let waiting = |n: i64| {
        let began = Instant::now();
        while redis.command(&["ZCARD", "t:l:{k}:q"]) != Reply::Int(n) {
            assert!(began.elapsed() < secs(10), "{n} of them never wait");
            thread::sleep(Duration::from_millis(2));
        }
    };
    for cut in [false, true] {
        let held = holder.lock("k").acquire_blocking().unwrap();
        thread::scope(|scope| {
            scope.spawn(|| {
                run(async {
                    let device = Instance::new(RemoteStore::<NoLock, _>::new(StdClock::system()));
                    // one of its own each time: the line of the first may not have ended yet
                    device.store().start(Session { id: 9, device: [9, cut.into()] });
                    let (reader, writer) = tokio::io::split(tcp(proxy.port()).await);
                    // short: it may be granted just before the cut, and nobody gives it back then
                    let lock = device.lock("k").ttl(secs(3)).wait(secs(20));
                    let pump = device.store().pump(FromTokio::new(reader), FromTokio::new(writer));
                    // until its line ends; what it may get after that is given back
                    let _ = beside(async { lock.acquire().await.map(drop) }, pump).await;
                });
            });
            waiting(1);
            let waiter = scope.spawn(|| rival.lock("k").wait(secs(20)).acquire_blocking().unwrap());
            waiting(2);
            if !cut {
                proxy.blackhole(Direction::ToClient);
            }
            let began = Instant::now();
            held.release().unwrap();
            if cut {
                proxy.cut();
            }
            waiter.join().unwrap().release().unwrap();
            assert!(began.elapsed() < secs(8), "{:?}: its own poll comes after a minute", began.elapsed());
            proxy.cut();
            proxy.heal();
        });
    }
}

/// As units of one batch are whose firmware has the identity built in: neither their counters nor their tokens differ.
#[test]
fn a_second_live_device_of_one_identity_is_refused_and_named() {
    let redis = Server::start(Engine::Redis);
    let gateway = insecure_gateway(&["--listen", "tcp:127.0.0.1:0", "--redis", &redis.url(), "--prefix", "t"]);
    let port = port_of(&gateway);
    run(async {
        let first = tcp(port).await;
        let name = format!("tcp:{}", first.local_addr().unwrap());
        Box::pin(on(first, 1, async |one| {
            let held = one.lock("k").ttl(secs(30)).acquire().await.unwrap();
            on(tcp(port).await, 1, async |two| {
                // the same attempt of the same life, as far as its token can tell
                for call in 0..3 {
                    let refused = two.lock("k").ttl(secs(30)).acquire().await.map(drop).unwrap_err();
                    let Refused::Unavailable { cause: Cause::Rejected { why, .. }, .. } = refused else {
                        panic!("{call}: {refused:?}")
                    };
                    assert!(why.contains("identity"), "{why}");
                }
                let twice = two.once("job").keep(secs(60)).run(async |_| ()).await;
                assert!(matches!(twice, Err(Refused::Unavailable { cause: Cause::Rejected { .. }, .. })), "{twice:?}");
                let computed = two.cache("v").get_or_insert_with(async || Ok::<u8, ()>(2)).await;
                assert_eq!(computed, Ok(2), "a cache fails open");
            })
            .await;
            gateway.says(|line| {
                line.contains("is refused") && line.contains("00000001-00000007") && line.ends_with(&name)
            });
            assert!(one.lock("k").try_acquire().await.unwrap().is_none(), "the first one is served as before");
            held.release().await.unwrap();
        }))
        .await;
    });
    // its line has ended: the next one may have its place
    gateway.says(|line| line.starts_with("device 1: has left "));
    run(async { on(tcp(port).await, 1, async |device| works(device, "later").await).await });
}
