//! Many callers on as many free permits, all at once: everybody gets in, and soon.

use super::{
    table::{goal, line, median, share},
    world::World,
};
use crate::clock::{micros_between, shared_nanos};
use cachify::Holding;
use std::time::Duration;

/// How long each one stays; as long as at the peer.
const STAY: Duration = Duration::from_millis(50);

pub(super) fn run(world: &World) {
    let columns = ["ours", "worst", "raw SET NX", "py-cachify", "full", "py full", "py not returned"];
    line("callers on free permits", columns.map(String::from));
    let (took, full) = crowd(world, 50, world.options.rounds(31), if world.options.quick { 1 } else { 3 });
    goal("50 on 50 are all in within 20 ms", &format!("{took:.1} ms, {full} refused"), took <= 20.0 && full == 0);
    let (took, full) = crowd(world, 1_000, world.options.rounds(11), 1);
    goal("1000 on 1000 without a false `full`", &format!("{took:.1} ms, {full} refused"), full == 0);
}

/// The worst time in milliseconds, and how many were refused.
fn crowd(world: &World, callers: u32, rounds: usize, python_rounds: usize) -> (f64, usize) {
    let (mut ours, mut raw, mut python, mut full) = (vec![], vec![], vec![], 0);
    for round in 0..rounds {
        let key = format!("crowd-{callers}-{round}");
        let (took, refused) = ours_in(world, &key, callers);
        ours.push(took);
        full += refused;
        raw.push(raw_in(world, &key, callers));
        if let Some(helper) = world.python.as_ref().filter(|_| round < python_rounds) {
            python.push(helper.ask::<3>(&format!("crowd {key} {callers}")));
        }
    }
    let worst = share(&ours, 1, 1);
    let of_python = |which: usize| python.iter().map(|answer| answer[which]).collect::<Vec<_>>();
    let millis = |of: &[f64]| if of.is_empty() { "-".into() } else { format!("{:.1} ms", median(of)) };
    let cells = [millis(&ours), format!("{worst:.1} ms"), millis(&raw), millis(&of_python(0)), full.to_string()];
    let counts = [1, 2].map(|which| match python.is_empty() {
        true => "-".into(),
        false => format!("{}", of_python(which).iter().sum::<f64>()),
    });
    line(&format!("{callers} on {callers}"), cells.into_iter().chain(counts));
    (worst, full)
}

fn ours_in(world: &World, key: &str, callers: u32) -> (f64, usize) {
    let began = shared_nanos();
    let got_in = world.runtime.block_on(async {
        let tasks: Vec<_> = (0..callers)
            .map(|_| {
                let pool = world.ours.pool(key, callers);
                tokio::spawn(async move {
                    let permit = pool.try_take().await.expect("the server answers")?;
                    let in_at = shared_nanos();
                    tokio::time::sleep(STAY).await;
                    assert_eq!(permit.release().await, Ok(Holding::Held));
                    Some(in_at)
                })
            })
            .collect();
        let mut got_in = Vec::new();
        for task in tasks {
            got_in.extend(task.await.expect("no task panics"));
        }
        got_in
    });
    let last = got_in.iter().copied().max().unwrap_or(began);
    (micros_between(began, last) / 1e3, callers as usize - got_in.len())
}

fn raw_in(world: &World, key: &str, callers: u32) -> f64 {
    let (connection, key) = (world.raw.clone(), key.to_owned());
    let each = world.crowd(callers, 1, move |at| {
        let mut set = ::redis::cmd("SET");
        set.arg(format!("raw:{key}:{at}")).arg("0123456789abcdef0123456789abcdef").arg("NX").arg("PX").arg(60_000);
        World::raw(connection.clone(), set)
    });
    each * f64::from(callers) / 1e3
}
