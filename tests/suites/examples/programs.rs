//! The examples beside the tour as a person runs them: what they say, and how they end.

use cachify_tests::{
    program::built,
    server::{Engine, Server},
};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    sync::LazyLock,
};

static CRON: LazyLock<PathBuf> = LazyLock::new(|| built(&["--example", "cron"]));
static OBSERVER: LazyLock<PathBuf> = LazyLock::new(|| built(&["--example", "observer"]));
static OWN_STORE: LazyLock<PathBuf> = LazyLock::new(|| built(&["--example", "own_store"]));
static WEBHOOK: LazyLock<PathBuf> = LazyLock::new(|| built(&["--example", "webhook"]));

fn run(example: &Path, words: &[&str]) -> Output {
    Command::new(example).args(words).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Standard output with single blanks, of a program that ended well and without complaints.
fn lines(of: &Output) -> Vec<String> {
    assert!(of.status.success() && of.stderr.is_empty(), "{}", text(&of.stderr));
    text(&of.stdout).lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
}

/// A line of so many words, which may be in any order.
fn sorted(line: &str) -> Vec<&str> {
    let mut words: Vec<_> = line.split(", ").collect();
    words.sort_unstable();
    words
}

/// How often each tick was led and skipped.
fn ticks(lines: &[String]) -> BTreeMap<&str, (u32, u32)> {
    let mut ticks = BTreeMap::<_, (u32, u32)>::new();
    for (tick, did) in lines.iter().filter_map(|line| line.strip_prefix("tick ")?.split_once(": ")) {
        let (led, skipped) = ticks.entry(tick).or_default();
        *led += u32::from(did.ends_with(" leads"));
        *skipped += u32::from(did.ends_with(" skips"));
    }
    ticks
}

#[test]
fn the_observer_counts_what_happens_in_memory_and_without_a_server() {
    let lines = lines(&run(&OBSERVER, &[]));
    let table = ["in memory no server", "hits 2 0", "misses 1 3", "refusals 1 2", "losses 1 0", "failures 0 3"];
    assert_eq!(lines, table);
}

#[test]
fn two_programs_share_a_store_of_their_own() {
    let lines = lines(&run(&OWN_STORE, &[]));
    for said in [
        "lock: south is refused meanwhile",
        "lock: what north writes now, too late, is rejected by its fence",
        r#"cache: north loaded "42 apples", south sees Some("42 apples")"#,
        "once: north ran it, south skipped it",
        "pool: permits 0 and 1 are out, 2 in use, a third is refused",
    ] {
        assert!(lines.iter().any(|line| line == said), "`{said}` in {lines:#?}");
    }
}

/// The answers of a webhook to which nothing was delivered before.
fn assert_processed_once(lines: &[String]) {
    let orders: Vec<_> = lines.iter().filter(|line| line.starts_with("the order of")).collect();
    assert_eq!(orders, ["the order of delivery 1 is 3 apples", "the order of delivery 2 is 5 pears"]);
    let answers = answers(lines);
    let at_once = sorted(answers[0]);
    assert_eq!(at_once.iter().filter(|answer| **answer == "processed").count(), 1, "{at_once:?}");
    let others = ["processed", "processed before", "being processed"];
    assert!(at_once.iter().all(|answer| others.contains(answer)), "{at_once:?}");
    assert_eq!(answers[1..], ["processed before", "incomplete", "processed", "processed before"]);
}

/// By delivery, of which the first is sent three times at once.
fn answers(lines: &[String]) -> Vec<&str> {
    lines.iter().map(String::as_str).filter(|line| !line.starts_with("the order") && !line.ends_with(':')).collect()
}

#[test]
fn a_webhook_processes_each_delivery_once() {
    assert_processed_once(&lines(&run(&WEBHOOK, &[])));
}

#[test]
fn a_webhook_on_a_server_skips_what_another_one_processed() {
    for engine in Engine::ALL {
        let server = Server::start(engine);
        let url = server.url();
        assert_processed_once(&lines(&run(&WEBHOOK, &["--redis", &url])));
        let again = lines(&run(&WEBHOOK, &["--redis", &url]));
        assert_eq!(
            answers(&again),
            [
                "processed before, processed before, processed before",
                "processed before",
                "processed before",
                "processed before",
                "processed before",
            ]
        );
    }
}

#[test]
fn a_webhook_without_its_server_processes_nothing() {
    let without = lines(&run(&WEBHOOK, &["--redis", "redis://127.0.0.1:1"]));
    assert_eq!(answers(&without), ["not now, not now, not now", "not now", "not now", "not now", "not now"]);
}

#[test]
fn one_scheduler_leads_each_tick_and_the_others_skip() {
    let lines = lines(&run(&CRON, &[]));
    assert_eq!(ticks(&lines).into_values().collect::<Vec<_>>(), [(1, 3); 3], "{lines:#?}");
    assert_eq!(lines.last().unwrap(), "3 ticks, 4 schedulers, 3 jobs");
}

#[test]
fn schedulers_of_two_processes_lead_each_tick_once() {
    for engine in Engine::ALL {
        let server = Server::start(engine);
        let start = || {
            let mut cron = Command::new(&*CRON);
            cron.args(["--redis", &server.url()]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
        };
        let both = [start(), start()].map(|cron| lines(&cron.wait_with_output().unwrap())).concat();
        let ticks = ticks(&both);
        // the second one may have begun later
        assert!((3..=6).contains(&ticks.len()), "{both:#?}");
        for (led, skipped) in ticks.into_values() {
            assert!(led == 1 && [3, 7].contains(&skipped), "{both:#?}");
        }
    }
}

#[test]
fn what_cannot_be_done_is_status_one() {
    for (example, words) in [(&CRON, ["--redis", "redis://127.0.0.1:1"]), (&CRON, ["--radis", "x"])] {
        let output = run(example, &words);
        assert_eq!(output.status.code(), Some(1), "{words:?}");
        assert!(text(&output.stderr).starts_with("Error: "), "{words:?}");
    }
}
