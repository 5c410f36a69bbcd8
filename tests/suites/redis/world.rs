//! What the tests on real servers share.

use cachify::{Builder, Cachify, Cause, Error, cachify_core::time::Clock, clock::StdClock, secs};
use cachify_tests::{
    resp::Reply,
    server::{Engine, Server},
};
use std::{
    future::Future,
    time::{Duration, Instant},
};

/// What an instance is built from whose calls are to succeed, even if the machine stands still for a second or two.
pub(crate) fn patient(url: impl Into<String>) -> Builder {
    Cachify::builder().redis(url).prefix("t").op_timeout(secs(10)).connect_timeout(secs(10))
}

/// An instance on a server, as one process would have it.
pub(crate) fn over(server: &Server) -> Cachify {
    patient(server.url()).build().unwrap()
}

/// The same; whoever waits by it gets in quickly only by being told, or because a lease ended.
pub(crate) fn unpolled(server: &Server) -> Cachify {
    patient(server.url()).poll(secs(60)).build().unwrap()
}

/// Does `test` on each server there is.
pub(crate) fn everywhere(test: impl Fn(Server)) {
    for engine in Engine::ALL {
        test(Server::start(engine));
    }
}

/// Runs tasks as a server would.
pub(crate) fn run<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(future)
}

/// Lets real time pass.
pub(crate) fn pass(by: Duration) {
    let clock = StdClock::system();
    let until = clock.now().saturating_add(by + Duration::from_millis(3));
    while clock.now() < until {
        std::thread::sleep(until.since(clock.now()));
    }
}

/// How long something took.
pub(crate) fn timed<T>(action: impl FnOnce() -> T) -> (T, Duration) {
    let began = Instant::now();
    let out = action();
    (out, began.elapsed())
}

pub(crate) const fn millis(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// Looks until it is so; a test that waits in vain says where.
#[track_caller]
pub(crate) fn until(mut so: impl FnMut() -> bool) -> impl Future<Output = ()> {
    until_answered(async move || so())
}

/// The same where looking takes waiting for an answer.
#[track_caller]
pub(crate) fn until_answered(mut so: impl AsyncFnMut() -> bool) -> impl Future<Output = ()> {
    let place = std::panic::Location::caller();
    async move {
        let began = Instant::now();
        while !so().await {
            assert!(began.elapsed() < Duration::from_secs(60), "waited in vain at {place}");
            tokio::time::sleep(millis(2)).await;
        }
    }
}

/// The same on a thread.
#[track_caller]
pub(crate) fn until_blocking(mut so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !so() {
        assert!(began.elapsed() < Duration::from_secs(60), "waited in vain");
        std::thread::sleep(millis(2));
    }
}

#[track_caller]
pub(crate) fn int(reply: &Reply) -> i64 {
    match reply {
        Reply::Int(n) => *n,
        other => panic!("not a number: {other:?}"),
    }
}

#[track_caller]
pub(crate) fn texts(reply: &Reply) -> Vec<String> {
    match reply {
        Reply::List(items) => items.iter().map(text).collect(),
        other => panic!("not a list: {other:?}"),
    }
}

#[track_caller]
pub(crate) fn text(reply: &Reply) -> String {
    match reply {
        Reply::Text(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        other => panic!("not a text: {other:?}"),
    }
}

/// How many wait for a key, which is `l:{name}` for a lock.
pub(crate) fn waiting(server: &Server, key: &str) -> i64 {
    int(&server.command(&["ZCARD", &format!("t:{key}:q")]))
}

/// Why a ping was refused, of threads and of tasks.
pub(crate) fn why(url: &str) -> &'static str {
    let c = Cachify::builder().redis(url).op_timeout(secs(5)).build().unwrap();
    let [blocking, tasks] = [c.ping_blocking().unwrap_err(), run(c.ping()).unwrap_err()];
    assert_eq!(blocking, tasks);
    match tasks {
        Error::Store(Cause::Rejected { why, .. } | Cause::NotNow(why)) => why,
        other => panic!("{other:?}"),
    }
}
