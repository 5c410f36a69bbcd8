//! What takes long: `.ci/deep/fleets` runs it, and nothing else does.

use super::{
    mixed,
    world::{millis, pass},
};
use cachify::secs;
use cachify_tests::server::{Cluster, Engine, Sentinels};
use std::time::Instant;

/// Slots of mixed work that lie on a node at first.
const NAMES: [&str; 3] = ["t:l:{k:0}", "t:l:{k:1}", "t:l:{k:2}"];

#[test]
#[ignore = "thirty seconds for each engine"]
fn slots_that_move_back_and_forth() {
    for engine in Engine::ALL {
        let cluster = Cluster::start(engine, 3, 0);
        let report = mixed::work(&cluster.url(), 8, 32_000, || {
            let began = Instant::now();
            let mut moves = 0;
            while began.elapsed() < secs(30) {
                for name in NAMES {
                    let (slot, from) = (cluster.slot(name), cluster.owner(name));
                    cluster.move_slot(slot, from, cluster.another_than(from));
                    moves += 1;
                }
            }
            println!("{engine:?}: {moves} moves");
        });
        report.judge(&format!("{engine:?}"));
        assert_eq!(report.failed, Vec::<String>::new());
        assert_eq!((report.overlaps(), report.double_runs(), report.double_loads()), (0, 0, 0));
    }
}

/// What was granted last may be lost with its master (tier 2): counted, and never out of order or stuck.
#[test]
#[ignore = "a minute for each engine"]
fn ten_failovers_of_a_cluster() {
    for engine in Engine::ALL {
        let mut cluster = Cluster::start(engine, 3, 1);
        let url = cluster.url();
        let report = mixed::work(&url, 8, 60_000, || {
            for round in 0..10 {
                pass(secs(1));
                if round % 2 == 0 { cluster.hand_over(NAMES[0]) } else { cluster.lose(NAMES[0]) }
            }
        });
        report.judge(&format!("{engine:?}, ten failovers of a cluster"));
        let (overlaps, runs, loads) = (report.overlaps(), report.double_runs(), report.double_loads());
        println!("{overlaps} overlaps, {runs} double runs, {loads} double loads");
        assert!(overlaps <= 100 && report.longest_wait() < 30_000, "{overlaps}");
    }
}

#[test]
#[ignore = "a minute for each engine"]
fn ten_failovers_of_a_service() {
    for engine in Engine::ALL {
        let service = Sentinels::start(engine);
        let report = mixed::work(&service.url(), 8, 60_000, || {
            for _ in 0..10 {
                pass(millis(1_500));
                service.fail_over();
            }
        });
        report.judge(&format!("{engine:?}, ten failovers of a service"));
        let (overlaps, runs, loads) = (report.overlaps(), report.double_runs(), report.double_loads());
        println!("{overlaps} overlaps, {runs} double runs, {loads} double loads");
        assert!(overlaps <= 100 && report.longest_wait() < 30_000, "{overlaps}");
    }
}
