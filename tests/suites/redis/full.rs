//! A server whose memory is full and which evicts nothing: what is held stays held, and can be given back.

use super::world::{everywhere, millis, over, pass, run, until_blocking};
use cachify::{Holding, Ran, secs};
use cachify_tests::{record::Record, resp::Reply, server::Server};

fn fill_up(server: &Server) {
    server.command(&["CONFIG", "SET", "maxmemory-policy", "noeviction"]);
    server.command(&["CONFIG", "SET", "maxmemory", "1mb"]);
    let refused = server.command(&["SET", "more", "x"]);
    assert!(matches!(&refused, Reply::Error(why) if why.contains("OOM")), "{refused:?}");
}

#[test]
fn a_full_server_keeps_what_is_held_and_takes_back_what_is_not() {
    everywhere(|server| {
        let c = over(&server);
        let (long, short) = (secs(600), millis(900));
        let guards: Vec<_> = [short, long].map(|ttl| c.lock(("lock", ttl.as_secs())).ttl(ttl)).into();
        let guards: Vec<_> = guards.iter().map(|lock| lock.acquire_blocking().unwrap()).collect();
        let permits: Vec<_> =
            (0..3).map(|n| c.pool("pool", 3).ttl([short, long][n % 2]).take_blocking().unwrap()).collect();
        let runs: Vec<_> =
            ["kept", "failed"].map(|key| c.once(key).ttl(short).keep(long).begin_blocking().unwrap()).into();
        c.cache("old").ttl(long).get_or_insert_with_blocking(|| Ok::<u8, ()>(1)).unwrap();
        c.lock("forced").ttl(long).acquire_blocking().map(std::mem::forget).unwrap();
        let slow = std::thread::spawn({
            let (c, server) = (c.clone(), server.connect().unwrap());
            move || {
                let mut server = server;
                c.cache("slow").get_or_insert_with_blocking(|| {
                    server.ask(&["SET", "flying", "1"]).unwrap();
                    pass(millis(2_700));
                    // a flight that is renewed as long as it takes, on a full server too
                    let held = Record::parse(&server.ask(&["GET", "t:c:{slow}:f"]).unwrap());
                    Ok::<bool, ()>(held.is_some_and(|flight| flight.has_owner()))
                })
            }
        });
        until_blocking(|| server.command(&["EXISTS", "flying"]) == Reply::Int(1));
        fill_up(&server);
        // three of the short ones
        pass(millis(2_700));
        assert!(guards.iter().all(cachify::BlockingLockGuard::is_valid), "locks are renewed");
        assert!(permits.iter().all(cachify::BlockingPermit::is_valid), "permits are renewed");
        assert!(runs.iter().all(cachify::BlockingRunGuard::is_valid), "runs are renewed");
        assert_eq!(slow.join().unwrap(), Ok(true), "the value is returned, although there is no room for it");
        for guard in guards {
            assert_eq!(guard.release(), Ok(Holding::Held));
        }
        for permit in permits {
            assert_eq!(permit.release(), Ok(Holding::Held));
        }
        let mut runs = runs.into_iter();
        assert_eq!(runs.next().unwrap().complete(), Ok(Holding::Held));
        assert_eq!(runs.next().unwrap().fail(), Ok(Holding::Held));
        assert!(matches!(c.once("kept").run_blocking(|_| ()), Ok(Ran::Skipped(_))), "its marker was written");
        assert_eq!(c.lock("forced").force_release_blocking(), Ok(true));
        assert_eq!(c.cache("old").reset_blocking(), Ok(true));
        assert_eq!(c.pool("pool", 3).in_use_blocking(), Ok(0));
        run(async { assert_eq!(c.shutdown(secs(10)).await, 1, "the one that was forced, whose guard was forgotten") });
        assert!(!server.is_held("t:c:{slow}:f"), "the flight is over");
    });
}
