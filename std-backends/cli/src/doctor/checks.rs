//! What is told from what a server says of itself.

use super::{Finding, Verdict};
use crate::{
    output::{counted, shown, size, time},
    stats::{Info, number, version},
};
use cachify::{Found, Health};
use std::time::Duration;

/// The oldest Redis that one server needs; Valkey began later.
const OLDEST: u64 = 6;
/// By how much a clock may be off before ends of leases are read wrongly by people and by other nodes.
const OFF: Duration = Duration::from_secs(1);
/// A longer way makes every lock slow.
const FAR: Duration = Duration::from_millis(50);

pub(super) fn server(info: &Info) -> Finding {
    let Some((kind, version)) = version(info) else {
        return Finding::unknown(
            "server",
            "the access list does not allow `info`, or the server does not say what it is",
        );
    };
    let found = shown(&format!("{kind} {version}"), 80);
    let major = version.split('.').next().and_then(|major| major.parse::<u64>().ok());
    match (kind.as_str(), major) {
        ("redis", Some(major)) if major < OLDEST => Finding::wrong(
            "server",
            format!("{found} is too old"),
            "use Redis 7 or Valkey 8, or later ones; 6 at least",
        ),
        ("redis" | "valkey", _) => Finding::well("server", found),
        _ => Finding::unknown("server", format!("{found}: only Redis and Valkey are tested")),
    }
}

pub(super) fn role(info: &Info) -> Finding {
    match info.get("role").map(String::as_str) {
        Some("master") => Finding::well("role", "master"),
        Some("slave") => Finding::wrong(
            "role",
            "a replica, which takes no writes",
            "name the master, its sentinels (`redis+sentinel://..`), or the cluster (`redis+cluster://..`)",
        ),
        _ => Finding::unknown("role", "it does not say"),
    }
}

pub(super) fn policy(found: &Found, info: &Info) -> Finding {
    match found.policy.as_ref().or_else(|| info.get("maxmemory_policy")).map(String::as_str) {
        Some("noeviction") => Finding::well("eviction", "noeviction: what is held stays when memory is full"),
        Some(policy) => Finding::wrong(
            "eviction",
            format!("{}: a full server drops keys, live locks among them", shown(policy, 40)),
            "`CONFIG SET maxmemory-policy noeviction`, and in its configuration file; or keep values that may go on another server",
        ),
        None => Finding::unknown("eviction", "the access list does not allow `config|get`"),
    }
}

pub(super) fn scripts(found: &Found) -> Finding {
    match found.scripts {
        true => Finding::well("scripts", "are run"),
        false => Finding::wrong(
            "scripts",
            "are not run for this user: single commands keep what is kept, by weaker rules",
            "allow `+eval +evalsha` in its access list, where the server has scripts at all (the guide's page `without_lua`)",
        ),
    }
}

pub(super) fn clock(found: &Found) -> Finding {
    // seen as late as the answer came
    let off = Duration::from_millis(found.ahead_millis.unsigned_abs()).saturating_sub(found.round_trip);
    let way = if found.ahead_millis < 0 { "behind" } else { "ahead of" };
    let told = format!("{} {way} this machine's", time(u64::try_from(off.as_millis()).unwrap_or(u64::MAX)));
    if off > OFF {
        return Finding::wrong("clock", told, "set both clocks by the same servers of time (NTP)");
    }
    Finding::well("clock", told)
}

pub(super) fn round_trip(found: &Found) -> Finding {
    let told = format!("{:.2} ms", found.round_trip.as_secs_f64() * 1_000.0);
    if found.round_trip > FAR {
        return Finding::wrong("round trip", told, "every lock takes that long: use a server that is nearer");
    }
    Finding::well("round trip", told)
}

/// How much of what there is may be used before it is said.
const NEARLY: [u64; 2] = [9, 10];

pub(super) fn memory(info: &Info) -> Finding {
    match (number(info, "used_memory"), number(info, "maxmemory")) {
        (Some(used), Some(0)) => Finding::well("memory", format!("{} used, no limit", size(used))),
        (Some(used), Some(most)) => {
            let told = format!("{} used of {}", size(used), size(most));
            if used.saturating_mul(NEARLY[1]) >= most.saturating_mul(NEARLY[0]) {
                let advice = "raise `maxmemory`, or give values a shorter TTL: a full server refuses new leases";
                return Finding::wrong("memory", told, advice);
            }
            Finding::well("memory", told)
        }
        _ => Finding::unknown("memory", "it does not say"),
    }
}

pub(super) fn connections(info: &Info) -> Finding {
    match (number(info, "connected_clients"), number(info, "maxclients")) {
        (Some(now), Some(most)) => {
            let told = format!("{} of {most}", counted(now, "client", "clients"));
            if now.saturating_mul(NEARLY[1]) >= most.saturating_mul(NEARLY[0]) {
                let advice = "raise `maxclients`, or find who keeps so many connections (`CLIENT LIST`)";
                return Finding::wrong("connections", told, advice);
            }
            Finding::well("connections", told)
        }
        (Some(now), None) => Finding::well("connections", counted(now, "client", "clients")),
        _ => Finding::unknown("connections", "it does not say"),
    }
}

/// The clocks of several nodes, by which each tells when a lease ends that moves from one to another.
pub(super) fn clocks(health: &Health) -> Finding {
    let ahead: Vec<_> = health.nodes.iter().filter_map(|node| Some(node.found.as_ref().ok()?.ahead_millis)).collect();
    let spread = ahead.iter().max().zip(ahead.iter().min()).map_or(0, |(most, least)| most.abs_diff(*least));
    let told = format!("{spread} ms apart");
    let verdict = if u128::from(spread) > OFF.as_millis() { Verdict::Wrong } else { Verdict::Well };
    match verdict {
        Verdict::Wrong => Finding::wrong("clocks", told, "set all of them by the same servers of time (NTP)"),
        _ => Finding::well("clocks", told),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info(fields: &[(&str, &str)]) -> Info {
        fields.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect()
    }

    #[test]
    fn what_is_too_old_nearly_full_or_far_is_wrong() {
        let verdict = |finding: Finding| finding.verdict;
        for (version, expected) in [("5.0.7", Verdict::Wrong), ("6.0.0", Verdict::Well), ("7.2.4", Verdict::Well)] {
            assert_eq!(verdict(server(&info(&[("redis_version", version)]))), expected, "{version}");
        }
        let valkey = [("redis_version", "7.2.4"), ("server_name", "valkey"), ("valkey_version", "8.1.1")];
        assert_eq!(server(&info(&valkey)).found, "valkey 8.1.1");
        assert_eq!(verdict(server(&info(&[]))), Verdict::Unknown);
        for (used, most, expected) in
            [("899", "1000", Verdict::Well), ("900", "1000", Verdict::Wrong), ("9", "0", Verdict::Well)]
        {
            assert_eq!(verdict(memory(&info(&[("used_memory", used), ("maxmemory", most)]))), expected);
            if most != "0" {
                assert_eq!(verdict(connections(&info(&[("connected_clients", used), ("maxclients", most)]))), expected);
            }
        }
        let found = |ahead_millis, round_trip| {
            let mut found = Found::default();
            (found.ahead_millis, found.round_trip) = (ahead_millis, Duration::from_millis(round_trip));
            found
        };
        for (ahead, way, expected) in [
            (0, 1, Verdict::Well),
            (-1_500, 400, Verdict::Wrong),
            (1_300, 400, Verdict::Well),
            (5_000, 1, Verdict::Wrong),
        ] {
            assert_eq!(verdict(clock(&found(ahead, way))), expected, "{ahead}");
        }
        assert_eq!(
            (verdict(round_trip(&found(0, 50))), verdict(round_trip(&found(0, 51)))),
            (Verdict::Well, Verdict::Wrong)
        );
    }
}
