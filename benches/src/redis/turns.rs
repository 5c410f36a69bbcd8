//! Eight callers in a loop: how many turns each of them has, in one process and in four.

use super::{
    helper::Helper,
    table::{goal, line},
    world::{Options, World},
};
use crate::clock::{rest, shared_nanos};
use cachify::{Cachify, secs};
use std::{
    io,
    sync::atomic::{AtomicU32, Ordering::Relaxed},
    thread,
    time::Duration,
};

/// By this word the program is a process of callers.
pub(super) const CALLERS: &str = "callers";
/// How long each holds what it was granted.
const BODY: Duration = Duration::from_millis(5);
const ALL: u32 = 8;

pub(super) fn run(world: &World) {
    line("eight callers in a loop, bodies of 5 ms", ["least", "most", "turns/s"].map(String::from));
    let lasts = if world.options.quick { 2 } else { 10 };
    let (mut least, mut most) = (f64::MAX, 0_f64);
    for right in ["lock", "1", "3"] {
        for face in ["tasks", "threads"] {
            for processes in [1, 4_u32] {
                let turns = turns(world, right, face, processes, lasts);
                let sum: u32 = turns.iter().sum();
                let fair = f64::from(sum) / f64::from(ALL);
                let shares = turns.iter().map(|had| f64::from(*had) / fair);
                let (few, many) = shares.fold((f64::MAX, 0_f64), |(few, many), one| (few.min(one), many.max(one)));
                (least, most) = (least.min(few), most.max(many));
                let what = if right == "lock" { "a lock".into() } else { format!("a pool of {right}") };
                let cells =
                    [format!("{few:.2}"), format!("{many:.2}"), format!("{:.0}", f64::from(sum) / f64::from(lasts))];
                line(&format!("{what}, {face}, {processes} processes"), cells);
            }
        }
    }
    let shares = format!("{least:.2} to {most:.2}");
    goal("everybody has 0.5 to 1.5 times its fair share", &shares, least >= 0.5 && most <= 1.5);
}

/// How many turns each caller had.
fn turns(world: &World, right: &str, face: &str, processes: u32, lasts: u32) -> Vec<u32> {
    let program = std::env::current_exe().expect("the program knows itself");
    let (url, callers, lasts) = (world.server.url(), (ALL / processes).to_string(), lasts.to_string());
    let helpers: Vec<_> = (0..processes)
        .map(|_| Helper::start(&program, &[CALLERS, &url, right, face, &callers, &lasts]).expect("the callers start"))
        .collect();
    for helper in &helpers {
        helper.tell("go");
    }
    let words = helpers.iter().map(Helper::hear).collect::<Vec<_>>().join(" ");
    words.split(' ').map(|word| word.parse().expect("a number")).collect()
}

/// The other processes: begin by a line, and say how many turns each caller had.
pub(super) fn callers(words: &[String]) {
    let [url, right, face, callers, lasts] = words else { panic!("five words, not {words:?}") };
    let c = Cachify::builder().redis(url).prefix("turns").build().expect("the URL is ours");
    let had: Vec<_> = (0..callers.parse().expect("a number")).map(|_| AtomicU32::new(0)).collect();
    println!("ready");
    let _ = io::stdin().read_line(&mut String::new());
    let lasts: u64 = lasts.parse().expect("a number");
    let until = shared_nanos() + lasts * 1_000_000_000;
    if face == "tasks" {
        let runtime = Options::default().runtime();
        runtime.block_on(async {
            let each = had.iter().map(|had| async {
                while shared_nanos() < until {
                    task(&c, right, had).await;
                }
            });
            let mut all: Vec<_> = each.map(Box::pin).collect();
            std::future::poll_fn(|cx| {
                all.retain_mut(|one| one.as_mut().poll(cx).is_pending());
                if all.is_empty() { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
            })
            .await;
        });
    } else {
        thread::scope(|scope| {
            for had in &had {
                scope.spawn(|| {
                    while shared_nanos() < until {
                        turn(&c, right, had);
                    }
                });
            }
        });
    }
    let had: Vec<_> = had.iter().map(|had| had.load(Relaxed).to_string()).collect();
    println!("{}", had.join(" "));
}

fn turn(c: &Cachify, right: &str, had: &AtomicU32) {
    let body = || {
        rest(5);
        had.fetch_add(1, Relaxed);
    };
    let done = match right.parse() {
        Ok(size) => c.pool("k", size).wait(secs(30)).run_blocking(|_| body()),
        Err(_) => c.lock("k").wait(secs(30)).run_blocking(|_| body()),
    };
    done.expect("its turn comes");
}

async fn task(c: &Cachify, right: &str, had: &AtomicU32) {
    let body = async || {
        tokio::time::sleep(BODY).await;
        had.fetch_add(1, Relaxed);
    };
    let done = match right.parse() {
        Ok(size) => c.pool("k", size).wait(secs(30)).run(async |_| body().await).await,
        Err(_) => c.lock("k").wait(secs(30)).run(async |_| body().await).await,
    };
    done.expect("its turn comes");
}
