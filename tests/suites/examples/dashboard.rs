//! The shop that shows how it is: its pages follow what happens, and its dashboard and alerts ask for what it exports.
#![allow(clippy::disallowed_methods, reason = "real servers live in real time")]

use cachify::{Cachify, secs};
use cachify_tests::{
    program::{Program, built},
    server::{Engine, Server},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::{Read, Write},
    net::TcpStream,
    path::{Path, PathBuf},
    process::Command,
    sync::LazyLock,
    thread,
    time::Duration,
};

static DASHBOARD: LazyLock<PathBuf> = LazyLock::new(|| built(&["--example", "dashboard"]));

struct Shop {
    _program: Program,
    address: String,
}

impl Shop {
    fn open(url: &str) -> Self {
        let mut command = Command::new(&*DASHBOARD);
        let program = Program::start("shop", command.args(["--redis", url, "--serve", "127.0.0.1:0"]));
        let said = program.says(|line| line.starts_with("the shop is on http://"));
        Self { _program: program, address: said.rsplit_once('/').unwrap().1.to_owned() }
    }

    /// Status and text of an answer.
    fn ask(&self, method: &str, way: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        write!(stream, "{method} {way} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
    }

    fn until(&self, way: &str, is: impl Fn(&str) -> bool) {
        for _ in 0..600 {
            if is(&self.ask("GET", way).1) {
                return;
            }
            thread::sleep(Duration::from_millis(50));
        }
        panic!("{way} stays so: {:?}", self.ask("GET", way));
    }

    /// The labels of each metric that is exported now, each with its values.
    fn exports(&self) -> Exported {
        let mut exported = Exported::new();
        for line in self.ask("GET", "/metrics").1.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
            let series = line.rsplit_once(' ').unwrap().0;
            let (name, labels) = series.split_once('{').unwrap_or((series, "}"));
            let known = exported.entry(name.to_owned()).or_default();
            // a template has braces and no commas
            for label in labels.trim_end_matches('}').split(',').filter(|label| !label.is_empty()) {
                let (label, value) = label.split_once('=').unwrap();
                known.entry(label.to_owned()).or_default().insert(value.trim_matches('"').to_owned());
            }
        }
        exported
    }
}

type Exported = BTreeMap<String, BTreeMap<String, BTreeSet<String>>>;

fn beside(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../std-backends/more-examples/dashboard");
    fs::read_to_string(folder.join(name)).unwrap()
}

#[test]
fn its_health_follows_the_store_and_prices_are_told_without_it() {
    let mut server = Server::start(Engine::Redis);
    let shop = Shop::open(&server.url());
    assert_eq!(shop.ask("GET", "/price/7"), (200, "107".to_owned()));
    shop.until("/health", |page| page.starts_with("ready\n") && page.contains(" away\n"));
    server.kill();
    shop.until("/health", |page| page.starts_with("degraded: the store cannot be reached; prices are computed"));
    assert_eq!(shop.ask("GET", "/health").0, 200, "a restart would bring nothing back");
    assert_eq!(shop.ask("GET", "/price/8"), (200, "108".to_owned()));
    let (status, why) = shop.ask("POST", "/sell/7/0");
    assert!(status == 503 && why.starts_with("lock \"item:{id}\": "), "{status} {why}");
    server.restart();
    shop.until("/health", |page| page.starts_with("ready\n"));
    assert_eq!(shop.ask("POST", "/sell/7/0"), (200, "sold 7".to_owned()));
}

/// Does a bit of all, with a loss and an outage.
fn work(shop: &Shop, server: &mut Server) {
    for way in ["/price/1", "/price/1", "/health"] {
        shop.ask("GET", way);
    }
    for way in ["/sell/1/1", "/ship/1", "/ship/1", "/report"] {
        assert_eq!(shop.ask("POST", way).0, 200, "{way}");
    }
    let c = Cachify::builder().redis(server.url()).prefix("shop").op_timeout(secs(10)).build().unwrap();
    thread::scope(|scope| {
        scope.spawn(|| shop.ask("POST", "/sell/2/3000"));
        shop.until("/metrics", |page| page.contains("cachify_held{primitive=\"lock\",name=\"item:{id}\"} 1"));
        scope.spawn(|| shop.ask("POST", "/sell/2/0"));
        shop.until("/metrics", |page| page.contains("cachify_waiting{primitive=\"lock\",name=\"item:{id}\"} 1"));
        assert_eq!(c.lock(("item", 2)).force_release_blocking(), Ok(true));
    });
    server.kill();
    shop.ask("POST", "/sell/3/0");
    server.restart();
    shop.until("/metrics", |page| page.contains("cachify_lost_total") && page.contains("cachify_store_errors_total"));
}

/// Every name and label that an expression asks for is exported, and so is each value that it tells apart.
fn asks_for_what_there_is(expression: &str, exported: &Exported) {
    let is_of_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    for (at, _) in expression.match_indices("cachify_") {
        let rest = &expression[at..];
        let end = rest.find(|c| !is_of_name(c)).unwrap_or(rest.len());
        let (name, rest) = rest.split_at(end);
        // of instances in memory, which this one is not
        if ["cachify_cache_entries", "cachify_cache_evictions_total"].contains(&name) {
            continue;
        }
        let labels = exported.get(name).unwrap_or_else(|| panic!("{name} is not exported: {expression}"));
        let selected = rest.strip_prefix('{').and_then(|rest| rest.split_once('}')).map_or("", |(inside, _)| inside);
        for selector in selected.split(',').filter(|selector| !selector.is_empty()) {
            let (label, values) = selector.split_once(['=', '!']).unwrap();
            let known = labels.get(label).unwrap_or_else(|| panic!("{name} has no label {label}: {expression}"));
            let values = values.trim_matches(['=', '~', '"']).split('|').collect::<Vec<_>>();
            assert!(values.iter().any(|value| known.contains(*value)), "{label} of {name} is none of {values:?}");
        }
        // the labels that it is summed by stand before it
        let by = expression[..at].rsplit_once("by (").and_then(|(_, by)| by.split_once(')')).map_or("", |(by, _)| by);
        for label in by.split(", ").filter(|label| !label.is_empty()) {
            assert!(labels.contains_key(label), "{name} has no label {label}: {expression}");
        }
    }
}

#[test]
fn dashboard_and_alerts_ask_for_what_is_exported() {
    let mut server = Server::start(Engine::Redis);
    let shop = Shop::open(&server.url());
    work(&shop, &mut server);
    let exported = shop.exports();

    let dashboard: serde_json::Value = serde_json::from_str(&beside("grafana.json")).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let targets = panels.iter().flat_map(|panel| panel["targets"].as_array().unwrap());
    let asked: Vec<_> = targets.map(|target| target["expr"].as_str().unwrap().to_owned()).collect();
    assert!(panels.len() == 12 && asked.len() == 13, "{asked:?}");

    let alerts = beside("alerts.yml");
    let rules: Vec<_> = alerts.split("- alert: ").skip(1).collect();
    for rule in &rules {
        let expression = rule
            .split_once("expr:")
            .unwrap()
            .1
            .split("\n        ")
            .take_while(|line| !line.starts_with("for:") && !line.starts_with("labels:"));
        asks_for_what_there_is(&expression.collect::<Vec<_>>().join(" "), &exported);
        for word in ["severity: ", "summary: ", "first: "] {
            assert!(rule.contains(word), "{word} is not said in {rule}");
        }
    }
    assert_eq!(rules.len(), 5);
    for expression in &asked {
        asks_for_what_there_is(expression, &exported);
    }
}
