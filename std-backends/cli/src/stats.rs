//! `stats`: how many keys there are of what kind, by what they begin with; and what each server says of itself.

use crate::{
    connect::{Fleet, Node, command},
    failure::{Failure, warn_of},
    look::kind,
    options::Bounds,
    output::{Out, Style, counted, shown, size, time},
    scan::{Which, scan},
};
use cachify::cachify_core::key::Kind;
use redis::Value;
use serde_json::json;
use std::{
    collections::{BTreeMap, BTreeSet},
    ops::ControlFlow,
    process::ExitCode,
};

/// How many different beginnings are told apart; the others are counted together.
const MOST: usize = 200;
const OTHERS: &str = "(others)";

type Counts = BTreeMap<(Kind, Option<String>, String), u64>;

/// Counts the keys of all servers.
pub(crate) fn run(fleet: &Fleet, bounds: Bounds, out: &mut Out) -> Result<ExitCode, Failure> {
    let (mut counts, mut servers, mut unseen, which) = (Counts::new(), Vec::new(), Vec::new(), Which::all(bounds));
    let masters = fleet.masters()?;
    for master in &masters {
        let mut node = match Node::of(master) {
            Ok(node) => node,
            Err(Failure::Server(sentence)) if masters.len() > 1 => {
                unseen.push(sentence);
                continue;
            }
            Err(failure) => return Err(failure),
        };
        servers.push((master.address.clone(), info(&mut node)?));
        let mut found = BTreeSet::new();
        unseen.extend(scan(&mut node, fleet.prefix(), &which, |_, places| {
            for place in places {
                let begins = place.key.split(':').next().unwrap_or_default().to_owned();
                let of = (place.kind, place.group.clone(), begins);
                if found.insert((place.kind, place.group, place.key)) {
                    let full = counts.len() >= MOST && !counts.contains_key(&of);
                    let of = if full { (of.0, None, OTHERS.to_owned()) } else { of };
                    *counts.entry(of).or_default() += 1;
                }
            }
            Ok(ControlFlow::Continue(()))
        })?);
    }
    if out.json {
        say_json(out, &counts, &servers, &unseen)?;
    } else {
        say(fleet, out, &counts, &servers)?;
        out.flush()?;
        warn_of(&unseen);
    }
    Ok(ExitCode::SUCCESS)
}

/// What a server says of itself, as far as it may be asked.
pub(crate) type Info = BTreeMap<String, String>;

/// The fields of an answer to `INFO`.
pub(crate) fn info(node: &mut Node) -> Result<Info, Failure> {
    let text = match node.one(&command(&["INFO"]))? {
        Ok(Value::BulkString(text)) => String::from_utf8_lossy(&text).into_owned(),
        Ok(Value::VerbatimString { text, .. }) => text,
        _ => String::new(),
    };
    let fields = text.lines().filter_map(|line| line.split_once(':'));
    Ok(fields.map(|(name, value)| (name.to_owned(), value.trim().to_owned())).collect())
}

/// A number of it.
pub(crate) fn number(info: &Info, name: &str) -> Option<u64> {
    info.get(name)?.parse().ok()
}

/// What is told of each server, under these names.
const FIELDS: [&str; 12] = [
    "role",
    "uptime_in_seconds",
    "connected_clients",
    "maxclients",
    "used_memory",
    "maxmemory",
    "maxmemory_policy",
    "expired_keys",
    "evicted_keys",
    "keyspace_hits",
    "keyspace_misses",
    "instantaneous_ops_per_sec",
];

/// Kind and version.
pub(crate) fn version(info: &Info) -> Option<(String, String)> {
    let field = |name: &str| info.get(name).cloned();
    let kind = field("server_name").unwrap_or_else(|| "redis".into());
    Some((kind, field("valkey_version").or_else(|| field("redis_version"))?))
}

fn say_json(out: &mut Out, counts: &Counts, servers: &[(String, Info)], unseen: &[String]) -> Result<(), Failure> {
    let keys = counts.iter().map(
        |((of, group, begins), count)| json!({ "kind": kind(*of), "group": group, "begins": begins, "keys": count }),
    );
    let of = |(address, info): &(String, Info)| {
        let field =
            |name: &str| (name.to_owned(), json!(number(info, name).map_or(json!(info.get(name)), |n| json!(n))));
        let fields: serde_json::Map<_, _> = FIELDS.into_iter().map(field).collect();
        let (kind, version) = version(info).unzip();
        json!({ "address": address, "kind": kind, "version": version, "fields": fields })
    };
    let servers: Vec<_> = servers.iter().map(of).collect();
    out.value(&json!({ "keys": keys.collect::<Vec<_>>(), "servers": servers, "unseen": unseen }))
}

fn say(fleet: &Fleet, out: &mut Out, counts: &Counts, servers: &[(String, Info)]) -> Result<(), Failure> {
    let total = counted(counts.values().sum(), "key", "keys");
    let total = out.styled(Style::Bold, &format!("{total} under the prefix `{}`", shown(fleet.prefix(), 60)));
    out.line(&total)?;
    let row = |((of, group, begins), count): (&(Kind, Option<String>, String), &u64)| {
        let group = group.as_ref().map_or(String::new(), |group| format!("[{}] ", shown(group, 60)));
        [kind(*of).to_owned(), format!("{group}{}", shown(begins, 60)), count.to_string()]
    };
    let mut rows: Vec<_> = counts.iter().map(row).collect();
    if !rows.is_empty() {
        rows.sort_by_key(|row| std::cmp::Reverse(row[2].parse().unwrap_or(0_u64)));
        out.table(["KIND", "BEGINS", "KEYS"], &rows)?;
    }
    for (address, info) in servers {
        let (kind, version) = version(info).unwrap_or(("a server".into(), "that does not say which".into()));
        let head =
            out.styled(Style::Bold, &format!("{} {} at {}", shown(&kind, 40), shown(&version, 40), shown(address, 80)));
        out.line("")?;
        out.line(&head)?;
        for name in FIELDS {
            let Some(value) = info.get(name) else { continue };
            let said = match (name, value.parse::<u64>()) {
                ("uptime_in_seconds", Ok(seconds)) => time(seconds.saturating_mul(1_000)),
                ("maxmemory", Ok(0)) => "no limit".into(),
                ("used_memory" | "maxmemory", Ok(bytes)) => size(bytes),
                _ => shown(value, 60),
            };
            let name = if name == "uptime_in_seconds" { "up for".into() } else { name.replace('_', " ") };
            out.line(&format!("  {name:<26} {said}"))?;
        }
    }
    Ok(())
}
