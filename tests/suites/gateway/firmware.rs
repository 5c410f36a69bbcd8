//! End to end: firmware in QEMU, a line that can do anything, the gateway, Redis, and a server that wants the same.

use cachify::{Cachify, secs};
use cachify_tests::{
    program::{Program, device, device_without, gateway, insecure_gateway, port_of},
    proxy::{Direction, Proxy},
    server::{Engine, Server},
};
use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::id,
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicU32, Ordering::SeqCst},
    },
    time::{Duration, Instant},
};

/// How many rounds the firmware plays.
pub(crate) const ROUNDS: u32 = 20;

/// A folder of its own: where a device keeps what outlives a reset.
pub(crate) struct Folder(pub(crate) PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        static LAST: AtomicU32 = AtomicU32::new(0);
        let path = std::env::temp_dir().join(format!("cachify-device-{}-{}", id(), LAST.fetch_add(1, SeqCst)));
        fs::create_dir(&path).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Redis, a gateway before it, and a line between that and the device.
pub(crate) struct Site {
    pub(crate) redis: Server,
    pub(crate) gateway: Option<Program>,
    pub(crate) port: u16,
    line: Proxy,
}

impl Site {
    pub(crate) fn new() -> Self {
        let redis = Server::start(Engine::Redis);
        let gateway = start(&redis, 0);
        let port = port_of(&gateway);
        Self { redis, gateway: Some(gateway), port, line: Proxy::to(port) }
    }

    pub(crate) fn server(&self) -> Cachify {
        let builder = Cachify::builder().redis(self.redis.url()).prefix("site");
        builder.op_timeout(secs(10)).connect_timeout(secs(10)).build().unwrap()
    }

    pub(crate) fn restart_gateway(&mut self) {
        // killed, not asked: it has no time to say good-bye
        self.gateway = None;
        self.gateway = Some(start(&self.redis, self.port));
        let _ = port_of(self.gateway.as_ref().unwrap());
    }
}

fn start(redis: &Server, port: u16) -> Program {
    insecure_gateway(&["--listen", &format!("tcp:127.0.0.1:{port}"), "--redis", &redis.url(), "--prefix", "site"])
}

/// What a server of the fleet did meanwhile.
#[derive(Default)]
pub(crate) struct Rival {
    pub(crate) enough: AtomicBool,
    pub(crate) fences: Mutex<Vec<u64>>,
    pub(crate) ran: Mutex<Vec<u32>>,
}

impl Rival {
    /// Wants the same lock, and now and then the same jobs, until it is enough.
    pub(crate) fn play(&self, c: &Cachify) {
        let mut round = 0;
        while !self.enough.load(SeqCst) {
            let held = c.lock("shared").ttl(secs(2)).wait(secs(20)).acquire_blocking().unwrap();
            self.fences.lock().unwrap().push(held.fence().0);
            std::thread::sleep(Duration::from_millis(5));
            held.release().unwrap();
            if c.once(("job", round % ROUNDS))
                .keep(secs(3_600))
                .run_blocking(|_| Some(()))
                .is_ok_and(|ran| matches!(ran, cachify::Ran::Ran(_)))
            {
                self.ran.lock().unwrap().push(round % ROUNDS);
            }
            round += 7;
            std::thread::sleep(Duration::from_millis(15));
        }
    }
}

pub(crate) fn fences(lines: &[String]) -> Vec<u64> {
    lines.iter().filter_map(|line| line.strip_prefix("holds ")?.parse().ok()).collect()
}

pub(crate) fn increasing(fences: &[u64]) -> bool {
    fences.windows(2).all(|pair| pair[0] < pair[1])
}

/// What must hold whatever the line did: one fence, one holder; each job once; the same values everywhere.
fn checked(site: &Site, lines: &[String], rival: &Rival) {
    let (device, server) = (fences(lines), rival.fences.lock().unwrap().clone());
    assert!(increasing(&device), "{device:?}");
    assert!(increasing(&server), "{server:?}");
    let all: BTreeSet<_> = device.iter().chain(&server).collect();
    assert_eq!(all.len(), device.len() + server.len(), "no fence twice");
    let first = |fences: &[u64]| fences.first().copied().unwrap_or_default();
    assert!(device.last() > Some(&first(&server)) && server.last() > Some(&first(&device)), "they took turns");
    let c = site.server();
    let ran_here = rival.ran.lock().unwrap().clone();
    for round in 0..ROUNDS {
        let done = lines.iter().find(|line| line.starts_with(&format!("round {round}: job "))).unwrap();
        let ran = usize::from(done.contains("job ran")) + ran_here.iter().filter(|ran| **ran == round).count();
        assert!(ran <= 1, "job {round} ran {ran} times");
        let price: u32 = done.rsplit(' ').next().unwrap().parse().unwrap();
        let cached = c.cache(("price", round)).get_blocking::<u32>().unwrap();
        assert!(cached.is_none_or(|cached| cached == price), "{cached:?} here, {price} there");
    }
}

/// The device plays its rounds beside a rival while `meanwhile` happens to its line.
fn played(site: &mut Site, meanwhile: impl FnOnce(&mut Site, &Program)) -> (Vec<String>, Rival) {
    played_by(site, &|_| {}, meanwhile)
}

/// The same by a device whose flash was made ready.
fn played_by(
    site: &mut Site,
    made: &dyn Fn(&Path),
    meanwhile: impl FnOnce(&mut Site, &Program),
) -> (Vec<String>, Rival) {
    let (flash, rival, c) = (Folder::new(), Rival::default(), site.server());
    made(&flash.0);
    let mut firmware = device(site.line.port(), &flash.0);
    std::thread::scope(|scope| {
        scope.spawn(|| rival.play(&c));
        meanwhile(site, &firmware);
        let code = firmware.end();
        rival.enough.store(true, SeqCst);
        assert_eq!(code, Some(0), "the firmware says that it ended well");
    });
    (firmware.lines(), rival)
}

/// A constant in its source would be every unit's.
#[test]
fn the_example_does_not_build_without_an_identity_of_its_own() {
    for (identity, why) in [(None, "each unit needs an identity of its own"), (Some("12"), "16 hexadecimal digits")] {
        let said = device_without(identity);
        assert!(said.contains(why), "{said}");
    }
}

#[test]
fn a_device_and_a_server_share_a_lock_jobs_and_values() {
    let mut site = Site::new();
    let (lines, rival) = played(&mut site, |_, _| {});
    checked(&site, &lines, &rival);
    let ran = |round: u32| {
        let here = rival.ran.lock().unwrap().contains(&round);
        here || lines.contains(&format!("round {round}: job ran, price {}", 1_000 + round))
    };
    assert!((0..ROUNDS).all(ran), "on a good line each job runs, on one side or the other");
    let cached = site.server().cache(("price", 3)).get_blocking::<u32>().unwrap();
    assert_eq!(cached, Some(1_003), "what the device computed is the server's");
    let gateway = site.gateway.take().unwrap();
    gateway.interrupt();
    gateway.says(|line| line == "gateway: ended, 1 served");
}

/// The same unit with a key beside its boot count, behind a gateway that lets in nobody else; its line is cut, and bytes change.
#[test]
fn a_device_with_a_key_does_the_same_behind_a_gateway_that_knows_it() {
    let (folder, redis) = (Folder::new(), Server::start(Engine::Redis));
    let file = folder.0.join("gateway.toml");
    let text = format!(
        "listen = [\"tcp:127.0.0.1:0\"]\nredis = {:?}\nprefix = \"site\"\n[[device]]\nid = \"cac41f10-00000001\"\n\
         keys = [\"{}\"]\nallow = [\"lock:shared\", \"once:job:*\", \"cached:price:*\"]\n",
        redis.url(),
        "6b".repeat(16),
    );
    fs::write(&file, text).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    let gateway = gateway(&["--config", file.to_str().unwrap()]);
    let port = port_of(&gateway);
    let line = Proxy::to(port);
    line.garble(Direction::ToServer, 600);
    let mut site = Site { redis, gateway: Some(gateway), port, line };
    // without its key it is nobody
    let stranger = Folder::new();
    let unkeyed = device(site.line.port(), &stranger.0);
    unkeyed.says(|line| line.starts_with("round 0: "));
    drop(unkeyed);
    let (lines, rival) =
        played_by(&mut site, &|flash| fs::write(flash.join("key"), [0x6b; 16]).unwrap(), |site, firmware| {
            firmware.says(|line| line.starts_with("round 4: job"));
            site.line.cut();
        });
    checked(&site, &lines, &rival);
    let gateway = site.gateway.take().unwrap();
    gateway.says(|line| line.ends_with(": is cac41f10-00000001"));
    gateway.interrupt();
    gateway.says(|line| line.starts_with("gateway: ended, ") && line.contains("records of nobody dropped"));
}

#[test]
fn a_line_that_is_cut_and_comes_back_loses_nothing() {
    let mut site = Site::new();
    let (lines, rival) = played(&mut site, |site, firmware| {
        for round in [3, 8, 13] {
            firmware.says(|line| line.starts_with(&format!("round {round}: job")));
            site.line.cut();
        }
    });
    checked(&site, &lines, &rival);
    assert!(site.line.connections() >= 4);
}

#[test]
fn bytes_that_are_changed_or_lost_cost_time_only() {
    let mut site = Site::new();
    for direction in [Direction::ToServer, Direction::ToClient] {
        site.line.garble(direction, 300);
    }
    let (lines, rival) = played(&mut site, |_, _| {});
    checked(&site, &lines, &rival);
    // the device asks again itself, by the same number, and the gateway knows that it has answered
    let told = site.gateway.as_ref().unwrap().says(|line| line.contains(" requests done, "));
    assert!(!told.contains(" 0 repeated") && !told.contains(" 0 pieces of rubbish"), "{told}");
}

#[test]
fn a_gateway_that_is_killed_and_started_again_is_found_again() {
    let mut site = Site::new();
    let (lines, rival) = played(&mut site, |site, firmware| {
        for round in [4, 11] {
            firmware.says(|line| line.starts_with(&format!("round {round}: job")));
            site.restart_gateway();
        }
    });
    checked(&site, &lines, &rival);
}

#[test]
fn a_device_that_is_reset_blocks_nobody_beyond_its_lease_and_is_another_one_after_that() {
    let site = Site::new();
    let (flash, c) = (Folder::new(), site.server());
    let firmware = device(site.line.port(), &flash.0);
    firmware.says(|line| line == "boot 1");
    // while it holds the lock
    firmware.says(|line| line.starts_with("round 5:"));
    let before = fences(&firmware.lines()).len();
    while fences(&firmware.lines()).len() == before {
        std::thread::sleep(Duration::from_millis(1));
    }
    let lines = firmware.lines();
    drop(firmware);
    let began = Instant::now();
    let held = c.lock("shared").ttl(secs(2)).wait(secs(20)).acquire_blocking().unwrap();
    assert!(began.elapsed() < secs(8), "{:?} is longer than its lease of two seconds", began.elapsed());
    assert!(fences(&lines).iter().all(|fence| *fence < held.fence().0));
    let fence = held.fence().0;
    held.release().unwrap();
    let mut firmware = device(site.line.port(), &flash.0);
    firmware.says(|line| line == "boot 2");
    assert_eq!(firmware.end(), Some(0));
    let second = fences(&firmware.lines());
    assert!(increasing(&second) && second[0] > fence);
    for round in 0..5 {
        let skipped = firmware.lines().iter().any(|line| line.starts_with(&format!("round {round}: job skipped")));
        assert!(skipped, "its first life had done job {round}");
    }
}

#[test]
fn a_device_that_is_reset_does_not_take_what_it_held_for_its_own() {
    let (site, flash) = (Site::new(), Folder::new());
    let holds = || {
        let firmware = device(site.line.port(), &flash.0);
        // both lives ask for the same in the same order; the first one ends while it holds the lock
        firmware.says(|line| line.starts_with("holds "));
        fences(&firmware.lines())
    };
    let (first, second) = (holds(), holds());
    assert!(second[0] > first[first.len() - 1], "{first:?}, then {second:?}");
}
