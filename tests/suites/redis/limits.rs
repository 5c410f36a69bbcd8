//! How long a call takes at most: whatever it sends, and whatever the system searches for.

use super::world::{millis, patient, run, timed};
use cachify::{Cachify, Cause, secs};
use cachify_tests::{
    proxy::{Direction, Proxy},
    server::{Engine, Server},
};
use std::{
    process::Command,
    time::{Duration, Instant},
};

const LIMIT: Duration = secs(1);
/// What encoding a large value and reading it back add to the quickest of a few.
const SLACK: Duration = millis(600);
/// More than what lies between can hold.
const LARGE: usize = 16 * 1024 * 1024;

fn quick(url: String) -> Cachify {
    let c = patient(url).op_timeout(LIMIT).build().unwrap();
    while c.ping_blocking().is_err() || run(async { c.ping().await.is_err() }) {}
    c
}

/// Of a few calls one takes no longer than its limit.
fn keeps_its_limit(what: &str, mut call: impl FnMut(u32) -> Duration) {
    let took: Vec<_> = (0..4).map(&mut call).collect();
    assert!(took.iter().any(|took| *took < LIMIT + SLACK), "{what}: {took:?}");
}

/// How long the value of a load that stops its way out takes from there to its caller.
fn published(c: &Cachify, key: String, in_task: bool, stop: impl Fn()) -> Duration {
    let cache = c.cache(key).ttl(secs(60));
    let value = "x".repeat(LARGE);
    let mut loaded = Instant::now();
    let load = || {
        stop();
        loaded = Instant::now();
        Ok::<_, ()>(value)
    };
    let value =
        if in_task { run(cache.get_or_insert_with(async || load())) } else { cache.get_or_insert_with_blocking(load) };
    let took = loaded.elapsed();
    assert_eq!(value.map(|value| value.len()), Ok(LARGE));
    took
}

#[test]
fn a_large_value_that_nobody_takes_costs_one_limit() {
    let server = Server::start(Engine::Redis);
    for in_task in [false, true] {
        keeps_its_limit("a server that stands still", |n| {
            let c = quick(server.url());
            let took = published(&c, format!("{in_task} {n}"), in_task, || server.pause());
            server.resume();
            took
        });
    }
}

#[test]
fn a_large_value_over_a_slow_way_costs_one_limit() {
    let server = Server::start(Engine::Redis);
    let proxy = Proxy::to(server.port());
    for in_task in [false, true] {
        keeps_its_limit("a slow way", |n| {
            let c = quick(server.url_at(proxy.port()));
            // 16 kB at a time
            let took =
                published(&c, format!("{in_task} {n}"), in_task, || proxy.delay(Direction::ToServer, millis(20)));
            proxy.cut();
            proxy.heal();
            took
        });
    }
}

#[test]
fn a_search_for_an_address_keeps_nobody_waiting() {
    for scheme in ["redis", "rediss"] {
        let ((), all) = timed(|| {
            let worker = Command::new(env!("CARGO_BIN_EXE_worker"))
                .env("LD_PRELOAD", cachify_tests::server::SLOW_NAMES)
                .env("CACHIFY_SEARCH", "8000")
                .args([&format!("{scheme}://nobody.invalid"), "0", "seek", "300"])
                .output()
                .unwrap();
            let said = String::from_utf8(worker.stdout).unwrap();
            let lines: Vec<_> = said.lines().collect();
            let [on_a_thread, thread, in_a_task, task] = lines.as_slice() else { panic!("{said}") };
            for (why, took) in [(on_a_thread, thread), (in_a_task, task)] {
                assert!(why.contains(&format!("{:?}", Cause::Unreachable)), "{said}");
                assert!(took.parse::<u64>().unwrap() < 2_000, "{said}");
            }
        });
        assert!(all < secs(5), "{scheme}: it ended after {all:?}");
    }
}
