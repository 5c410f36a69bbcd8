//! What a cluster costs beside one server, and a second server of its kind as the control. A cluster of one node has what
//! the library and the servers do for it; three nodes on one machine take turns at its caches and cores besides.

use super::{server::Server, table::median, world::World};
use crate::clock::{micros_between, nanos, rest, shared_nanos};
use ::redis::cmd;
use cachify::{Cachify, secs};
use std::time::Duration;

/// Operations of one side in each of its turns.
const COUNT: u32 = 300;
const KEYS: u32 = 100;
const SLOTS: u32 = 16_384;

/// Masters that serve every slot.
struct Cluster(Vec<Server>);

impl Cluster {
    fn start(count: u32) -> Self {
        let nodes: Vec<_> = (0..count).map(|_| Server::node()).collect();
        let ask = |at: usize, words: &[String]| {
            let mut connection = nodes[at].client().get_connection().expect("a node answers");
            let mut cluster = cmd("CLUSTER");
            cluster.arg(words);
            cluster.query::<::redis::Value>(&mut connection).expect("a node agrees")
        };
        for at in 0..nodes.len() {
            ask(at, &["SET-CONFIG-EPOCH".into(), (at + 1).to_string()]);
        }
        for (at, first) in (0..count).map(|at| at * SLOTS / count).enumerate() {
            let last = (at as u32 + 1) * SLOTS / count - 1;
            ask(at, &["ADDSLOTSRANGE".into(), first.to_string(), last.to_string()]);
            for other in &nodes[at + 1..] {
                let [port, bus] = other.ports();
                ask(at, &["MEET".into(), "127.0.0.1".into(), port.to_string(), bus.to_string()]);
            }
        }
        let is_up = |at: usize| match ask(at, &["INFO".into()]) {
            ::redis::Value::BulkString(info) => String::from_utf8_lossy(&info).contains("cluster_state:ok"),
            _ => false,
        };
        while !(0..nodes.len()).all(is_up) {
            rest(20);
        }
        Self(nodes)
    }

    fn url(&self) -> String {
        let hosts: Vec<_> = self.0.iter().map(|node| format!("127.0.0.1:{}", node.ports()[0])).collect();
        format!("redis+cluster://{}", hosts.join(","))
    }
}

/// One side: two processes' worth of instances.
struct Side([Cachify; 2]);

impl Side {
    fn at(url: &str) -> Self {
        let build = || Cachify::builder().redis(url).prefix("c").poll(secs(60)).build().expect("the URL is ours");
        Self([build(), build()])
    }

    /// Microseconds an operation.
    fn turn(&self, world: &World, what: &str) -> f64 {
        let Self([a, b]) = self;
        let run = |future: &dyn Fn(u32)| nanos(|| (0..COUNT).for_each(future)) / 1e3 / f64::from(COUNT);
        let on = |at: u32| at % KEYS;
        match what {
            "cached hit" => run(&|at| {
                let value: u32 = world.runtime.block_on(a.cache(("hit", on(at))).get_or_insert(async { 7 }));
                assert_eq!(value, 7);
            }),
            "lock cycle" => run(&|at| {
                let lock = a.lock(("lock", on(at))).ttl(secs(30));
                world.runtime.block_on(lock.run(async |_| ())).expect("it is free");
            }),
            "lock cycle, blocking" => run(&|at| {
                a.lock(("lock", on(at))).ttl(secs(30)).run_blocking(|_| ()).expect("it is free");
            }),
            "permit cycle" => run(&|at| {
                world.runtime.block_on(a.pool(("pool", on(at)), 10).run(async |_| ())).expect("it is free");
            }),
            _ => world.runtime.block_on(handed_over(a, b)),
        }
    }
}

/// Microseconds from a release to the grant of the one who waits in another process.
async fn handed_over(a: &Cachify, b: &Cachify) -> f64 {
    let mut took = Vec::new();
    for at in 0..20 {
        let held = a.lock(("over", at)).acquire().await.expect("it is free");
        let lock = b.lock(("over", at)).wait(secs(30));
        let waiter = tokio::spawn(async move {
            let guard = lock.acquire().await.expect("it is waited for");
            let granted = shared_nanos();
            (granted, guard.release().await)
        });
        tokio::time::sleep(Duration::from_millis(3)).await;
        let began = shared_nanos();
        held.release().await.expect("it is held");
        let (granted, released) = waiter.await.expect("no panic");
        released.expect("it is held");
        took.push(micros_between(began, granted));
    }
    median(&took)
}

pub(super) fn run(world: &World) {
    println!(
        "clusters of one and of three masters beside one server, microseconds; the control is another single server"
    );
    let (control, alone, three) = (Server::start(), Cluster::start(1), Cluster::start(3));
    let urls = [world.server.url(), control.url(), alone.url(), three.url()];
    let sides = urls.map(|url| Side::at(&url));
    let rounds = world.options.rounds(41);
    for what in ["cached hit", "lock cycle", "lock cycle, blocking", "permit cycle", "hand-over"] {
        for side in &sides {
            side.turn(world, what);
        }
        let all: Vec<_> = (0..rounds).map(|_| [0, 1, 2, 3].map(|side: usize| sides[side].turn(world, what))).collect();
        let of = |side: usize| median(&all.iter().map(|round| round[side]).collect::<Vec<_>>());
        let ratio = |side: usize| median(&all.iter().map(|round| round[side] / round[0]).collect::<Vec<_>>());
        println!(
            "cluster {what:<22} one={:>7.1} x{:.3} three={:>7.1} x{:.3} control={:>7.1} x{:.3}",
            of(2),
            ratio(2),
            of(3),
            ratio(3),
            of(1),
            ratio(1)
        );
    }
}
