//! The tour of several processes: what they share on a real server, and how they end without one.
#![allow(clippy::disallowed_methods, reason = "real servers live in real time")]

use super::{Directory, TOUR, assert_one_sentence, assert_said, lines, text, tour_with};
use cachify_tests::{
    resp::Reply,
    server::{Engine, Server},
};
use std::{
    path::Path,
    process::{Child, Command, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

const PROCESSES: u64 = 3;

fn over(url: &str, directory: &Path) -> Output {
    tour_with(directory, &["--redis", url, "--processes", "3"])
}

/// Files analysed, requests, hits, requests that waited, and summaries, by one line of the table.
fn row(lines: &[String], name: &str) -> [u64; 5] {
    let line = lines.iter().find_map(|line| line.strip_prefix(name)).expect(name);
    let numbers = line.split_whitespace().map(|number| number.replace(',', "").parse().unwrap());
    numbers.collect::<Vec<_>>().try_into().unwrap()
}

fn number(reply: &Reply) -> i64 {
    let Reply::Int(number) = reply else { panic!("{reply:?}") };
    *number
}

#[test]
fn three_processes_analyse_each_file_once_and_write_one_summary() {
    let directory = Directory::of(120);
    for engine in Engine::ALL {
        let server = Server::start(engine);
        // the second run is not served by what the first one left
        for _ in 0..2 {
            let lines = lines(&over(&server.url(), &directory.0));
            let [analysed, requests, hits, waited, summaries] = row(&lines, "in all");
            assert_eq!((analysed, requests, summaries), (120, PROCESSES * 12 * 2 * 120, 1), "{lines:#?}");
            assert_eq!(hits + waited, requests - 120);
            let parts = (1..=PROCESSES).map(|n| row(&lines, &format!("process {n}")));
            let sums = parts.fold([0; 5], |sum, part| std::array::from_fn(|at| sum[at] + part[at]));
            assert_eq!(sums, [analysed, requests, hits, waited, summaries]);

            assert_said(&lines, "120 files, 3 processes, 120 analyses in all: each file was analysed exactly once");
            assert_said(&lines, "4,320 of 4,320 requests of the second pass were hits");
            assert_said(&lines, "120 updates of the shared report, none was lost");
            assert_said(&lines, "the summary was written 1 time in all; 35 duplicates skipped");
            assert!(!lines.iter().any(|line| line.contains('✗')), "{lines:#?}");
        }
        everything_ends(&server);
    }
}

/// Nothing that a run left behind stays for ever.
fn everything_ends(server: &Server) {
    let Reply::List(keys) = server.command(&["KEYS", "*"]) else { panic!("KEYS answers with a list") };
    assert!(keys.len() >= 240, "{}", keys.len());
    for key in keys {
        let Reply::Text(key) = key else { panic!("{key:?}") };
        let key = text(&key);
        let ttl = number(&server.command(&["PTTL", &key]));
        // -2: ended since it was listed
        assert!(ttl == -2 || (1..=2 * 3_600_000).contains(&ttl), "{key}: {ttl}");
    }
}

#[test]
fn a_server_that_is_killed_half_way_ends_every_process_in_one_sentence() {
    ends_without_its_server(Duration::from_secs(15), Server::kill);
}

#[test]
fn a_server_that_stands_still_half_way_ends_every_process_in_one_sentence() {
    ends_without_its_server(Duration::from_secs(30), |server| server.pause());
}

fn ends_without_its_server(limit: Duration, stop: impl Fn(&mut Server)) {
    let directory = Directory::of(1_500);
    let mut server = Server::start(Engine::Redis);
    let tour = started(&server.url(), &directory.0);
    let begun = Instant::now();
    while number(&server.command(&["DBSIZE"])) < 300 {
        assert!(begun.elapsed() < Duration::from_secs(60), "the tour does not get on");
        thread::sleep(Duration::from_millis(5));
    }
    stop(&mut server);
    let stopped = Instant::now();
    // to the end of standard error, which all processes share: none is left
    let output = tour.wait_with_output().unwrap();
    assert!(stopped.elapsed() < limit, "{:?}", stopped.elapsed());

    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    let mut who: Vec<_> = said.lines().map(|line| line.split("Redis went away half-way: ").next().unwrap()).collect();
    who.sort_unstable();
    assert_eq!(who, ["tour: ", "tour: process 2: ", "tour: process 3: "], "{said}");
    for line in said.lines() {
        assert!(line.ends_with("refused, and there are no totals"), "{line}");
        for none in [" 0 cached calls", " 0 leases"] {
            assert!(!line.contains(none), "caches compute, leases refuse: {line}");
        }
    }
    assert!(!text(&output.stdout).contains("in all"), "nothing is claimed");
}

fn started(url: &str, directory: &Path) -> Child {
    let mut tour = Command::new(&*TOUR);
    tour.arg(directory).args(["--redis", url, "--processes", "3"]);
    tour.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

#[test]
fn no_server_at_the_start_is_one_sentence_within_five_seconds() {
    let directory = Directory::new().with("file", "text\n");
    let says = |url: &str, what: &str| {
        let begun = Instant::now();
        let output = over(url, &directory.0);
        assert!(begun.elapsed() < Duration::from_secs(5), "{url}: {:?}", begun.elapsed());
        assert_one_sentence(&output, "cannot begin with this Redis: ");
        assert_one_sentence(&output, what);
        assert!(!text(&output.stderr).contains("secret"), "{}", text(&output.stderr));
    };
    // compiled before anything is timed
    let _ = &*TOUR;
    let mut server = Server::start(Engine::Redis);
    let url = server.url();
    server.pause();
    says(&url, "the store");
    server.kill();
    says(&url, "the store cannot be reached");
    says("redis://:secret@localhost:port", "the URL of the server is not one");
    says("localhost:6379", "the URL of the server is not one");
    says("http://:secret@localhost", "the URL of the server is not one");

    let server = Server::of(Engine::Redis).password("right").start();
    says(&server.url().replace("right", "secret"), "");
}
