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
            let (began, mut moves) = (Instant::now(), 0);
            // not asked anew: what one node has heard of may be a move ago
            let mut owners = NAMES.map(|name| cluster.owner(name));
            while began.elapsed() < secs(30) {
                for (name, owner) in NAMES.iter().zip(&mut owners) {
                    let to = cluster.another_than(*owner);
                    cluster.move_slot(cluster.slot(name), *owner, to);
                    *owner = to;
                    moves += 1;
                }
            }
            println!("{engine:?}: {moves} moves");
        });
        report.judge(&format!("{engine:?}"));
        assert_eq!(report.failed, Vec::<String>::new());
        assert_eq!((report.overlaps(), report.disorder()), (0, 0));
        assert_eq!((report.double_runs(), report.double_loads()), (0, 0));
    }
}

/// What was granted last may be lost with its master (tier 2), and then two hold at once, of whom the one with the smaller
/// fence may hear of its grant later: counted. No two have one fence, and nobody is stuck.
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
        println!("{}", report.costs());
        assert!(report.overlaps() <= 100 && report.longest_wait() < 30_000, "{}", report.costs());
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
        println!("{}", report.costs());
        assert!(report.overlaps() <= 100 && report.longest_wait() < 30_000, "{}", report.costs());
    }
}
