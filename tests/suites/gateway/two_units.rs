//! Two units of one product at once, beside a server that wants the same: what they hold is numbered in one order, and each job
//! is done once, while the gateway is killed, a unit is reset, and a line is away for longer than a lease.

use crate::firmware::{Folder, ROUNDS, Rival, Site, fences, increasing};
use cachify::secs;
use cachify_tests::{
    program::{device, second_device},
    proxy::Proxy,
};
use std::{collections::BTreeSet, sync::atomic::Ordering::SeqCst, thread};

/// The rounds in which a life of a unit did the job itself.
fn ran(lines: &[String]) -> Vec<u32> {
    let of = |line: &String| line.strip_prefix("round ")?.split_once(": job ran")?.0.parse().ok();
    lines.iter().filter_map(of).collect()
}

#[test]
fn two_units_and_a_server_share_one_order_of_fences_and_do_each_job_once() {
    let (mut site, rival) = (Site::new(), Rival::default());
    let (c, lines) = (site.server(), [Proxy::to(site.port), Proxy::to(site.port)]);
    let flash = [Folder::new(), Folder::new()];
    // whichever is built last: they begin together
    lines.iter().for_each(Proxy::refuse);
    let first = device(lines[0].port(), &flash[0].0);
    let mut second = second_device(lines[1].port(), &flash[1].0);
    lines.iter().for_each(Proxy::accept);
    let (before, mut again) = thread::scope(|scope| {
        let round = |n: u32| move |line: &str| line.starts_with(&format!("round {n}: job"));
        first.says(round(2));
        second.says(round(2));
        // neither had to wait for the other's end, as one with its identity would
        assert!([&first, &second].iter().all(|unit| !unit.lines().iter().any(|line| line == "done")));
        scope.spawn(|| rival.play(&c));
        site.restart_gateway();
        first.says(round(4));
        second.says(round(4));
        // nobody hears of the second unit until what it held has ended, and one asks for it in vain or is granted it
        lines[1].refuse();
        lines[1].cut();
        let held = (rival.fences.lock().unwrap().len(), fences(&first.lines()).len());
        thread::sleep(secs(3));
        lines[1].accept();
        first.says(|line| line.starts_with("round ") && line.contains(": job"));
        assert!(rival.fences.lock().unwrap().len() + fences(&first.lines()).len() > held.0 + held.1, "others go on");
        // reset in the middle of its rounds
        first.says(round(8));
        let before = first.lines();
        drop(first);
        let mut again = device(lines[0].port(), &flash[0].0);
        again.says(|line| line == "boot 2");
        assert_eq!((again.end(), second.end()), (Some(0), Some(0)), "both say that they ended well");
        rival.enough.store(true, SeqCst);
        (before, again)
    });
    let (after, other) = (again.lines(), second.lines());
    drop((again.end(), second));
    let (theirs, here) = ([&before, &after, &other].map(|lines| fences(lines)), rival.fences.lock().unwrap().clone());
    for fences in theirs.iter().chain([&here]) {
        assert!(increasing(fences) && fences.len() > 3, "{fences:?}");
    }
    assert!(theirs[1].first() > theirs[0].last(), "a later life has later fences");
    let all: Vec<_> = theirs.iter().flatten().chain(&here).copied().collect();
    assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len(), "no fence twice: {theirs:?} and {here:?}");
    let last = c.lock("shared").ttl(secs(2)).wait(secs(20)).acquire_blocking().unwrap();
    assert!(all.iter().all(|fence| *fence < last.fence().0), "who comes now comes after all of them");
    last.release().unwrap();

    let done: Vec<_> = [&before, &after, &other]
        .iter()
        .flat_map(|lines| ran(lines))
        .chain(rival.ran.lock().unwrap().clone())
        .collect();
    for round in 0..ROUNDS {
        let times = done.iter().filter(|done| **done == round).count();
        assert!(times <= 1, "job {round} ran {times} times: {done:?}");
    }
    assert!(ran(&before).len() + ran(&other).len() >= 3, "the server came after three rounds: {done:?}");
}
