//! The server is gone, or stands still: how long a caller waits to be told so.

use super::{
    hand_over::millis,
    server::Server,
    table::{goal, line, median, share},
    world::World,
};
use ::redis::cmd;
use cachify::{Cachify, secs};
use rslock::LockManager;
use std::time::Duration;

/// As the instance's `op_timeout` is unless said otherwise; Linux lets a socket's limit of that length be late by
/// 32 ms (eight ticks of 4 ms), which is what the blocking face waits by.
const LIMIT: (f64, f64) = (500.0, 32.0);

/// What is wrong with the server.
#[derive(Clone, Copy, Debug)]
enum Wrong {
    Gone,
    Still,
}

pub(super) fn run(world: &World) {
    line(
        "a lock is refused after",
        ["ours", "ours, blocking", "rslock", "py-cachify", "py, Redis(..)"].map(String::from),
    );
    let mut worst = f64::MIN;
    for (what, wrong) in [("the server is gone", Wrong::Gone), ("the server stands still", Wrong::Still)] {
        let rounds = if world.options.quick { 1 } else { 3 };
        let mut took: [Vec<f64>; 5] = Default::default();
        for round in 0..rounds {
            for (side, took) in took.iter_mut().enumerate() {
                // those who take seconds are asked once
                if side < 2 || round == 0 {
                    took.extend(refused(world, wrong, side));
                }
            }
        }
        worst = took[..2].iter().map(|took| share(took, 1, 1)).fold(worst, f64::max);
        line(what, took.map(|took| if took.is_empty() { "-".into() } else { format!("{:.1} ms", median(&took)) }));
    }
    let holds = worst <= LIMIT.0 + LIMIT.1;
    goal(
        "a lock is refused within op_timeout (500 ms, and 32 ms that a timer may be late)",
        &format!("at most {worst:.1} ms"),
        holds,
    );
}

fn refused(world: &World, wrong: Wrong, side: usize) -> Option<f64> {
    let server = Server::start();
    let url = server.url();
    let runtime = &world.runtime;
    let ours = Cachify::builder().redis(&url).build().expect("the URL is ours");
    let rslock = LockManager::from_clients(vec![super::server::client(&url)]);
    let python = match side {
        3 => Some(world.options.helper(&server)?),
        4 => Some(world.options.helper_with(&server, Some("retries"))?),
        _ => None,
    };
    // everybody is connected, and all is well
    match side {
        0 => drop(runtime.block_on(ours.lock("k").acquire()).expect("free")),
        1 => drop(ours.lock("k").acquire_blocking().expect("free")),
        2 => runtime.block_on(async { rslock.lock("k", secs(1)).await.expect("free").release().await }),
        _ => {
            let [_, fine] = python.as_ref()?.ask("refuse");
            assert!(fine > 0.0, "it was free");
        }
    }
    let server = spoil(world, wrong, server);
    let took = match side {
        0 => millis(|| assert!(runtime.block_on(ours.lock("l").acquire()).is_err())),
        1 => millis(|| assert!(ours.lock("l").acquire_blocking().is_err())),
        2 => {
            let limit = Duration::from_secs(20);
            millis(|| drop(runtime.block_on(async { tokio::time::timeout(limit, rslock.lock("l", secs(1))).await })))
        }
        _ => {
            let [took, _] = python.as_ref()?.ask("refuse");
            took
        }
    };
    drop(server);
    Some(took)
}

/// `None` if it is gone.
fn spoil(world: &World, wrong: Wrong, server: Server) -> Option<Server> {
    match wrong {
        Wrong::Gone => {
            drop(server);
            None
        }
        Wrong::Still => {
            world.runtime.block_on(async {
                let mut connection = server.client().get_multiplexed_async_connection().await.expect("it answers");
                let mut pause = cmd("CLIENT");
                pause.arg("PAUSE").arg(60_000).arg("ALL");
                let () = pause.query_async(&mut connection).await.expect("it answers");
            });
            Some(server)
        }
    }
}
