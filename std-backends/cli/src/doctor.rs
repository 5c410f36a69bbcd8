//! `doctor`: what is wrong with the servers, each with what to change.

mod access;
mod checks;

use crate::{
    connect::{Fleet, Node},
    failure::Failure,
    output::{Out, Style, shown},
    stats::info,
};
use cachify::{Cause, Error, Health};
use serde_json::json;
use std::{collections::BTreeMap, process::ExitCode};

/// What a check found.
#[derive(Clone, Debug)]
pub(crate) struct Finding {
    pub(crate) check: &'static str,
    pub(crate) verdict: Verdict,
    /// What is so.
    pub(crate) found: String,
    /// What to change, if anything is to be.
    pub(crate) advice: Option<String>,
}

/// How that is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Well,
    /// The access list, or the server, does not say.
    Unknown,
    /// To be changed.
    Wrong,
}

impl Finding {
    pub(crate) fn well(check: &'static str, found: impl Into<String>) -> Self {
        Self { check, verdict: Verdict::Well, found: found.into(), advice: None }
    }

    pub(crate) fn unknown(check: &'static str, found: impl Into<String>) -> Self {
        Self { check, verdict: Verdict::Unknown, found: found.into(), advice: None }
    }

    pub(crate) fn wrong(check: &'static str, found: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { check, verdict: Verdict::Wrong, found: found.into(), advice: Some(advice.into()) }
    }
}

/// Examines every server. The exit code is 1 if anything is to be changed.
pub(crate) fn run(fleet: &Fleet, out: &mut Out) -> Result<ExitCode, Failure> {
    // one that is not reached is asked no more
    let masters = fleet.masters().map_err(|failure| unreached(out, "servers", failure))?;
    let mut examined = Vec::new();
    for master in &masters {
        let node = Node::of(master).map_err(|failure| unreached(out, &master.address, failure))?;
        examined.push((master.address.clone(), node));
    }
    let health = fleet.instance.about_blocking();
    let mut is_well = true;
    for (address, node) in &mut examined {
        let findings = examine(fleet, &health, address, node)?;
        is_well &= findings.iter().all(|finding| finding.verdict != Verdict::Wrong);
        say(out, address, &findings)?;
    }
    if masters.len() > 1 {
        let findings = [checks::clocks(&health)];
        is_well &= findings.iter().all(|finding| finding.verdict != Verdict::Wrong);
        say(out, "all servers", &findings)?;
    }
    Ok(ExitCode::from(u8::from(!is_well)))
}

fn examine(fleet: &Fleet, health: &Health, address: &str, node: &mut Node) -> Result<Vec<Finding>, Failure> {
    let info = info(node)?;
    let said = health.nodes.iter().find(|other| other.address == address);
    let mut findings = vec![checks::server(&info), checks::role(&info)];
    match said.map(|node| &node.found) {
        Some(Ok(found)) => {
            findings.extend([
                checks::policy(found, &info),
                checks::scripts(found),
                checks::clock(found),
                checks::round_trip(found),
            ]);
            if found.scripts {
                findings.extend(access::check(node, fleet.prefix())?);
            }
        }
        Some(Err(cause)) => findings.push(Finding::wrong("library", cause.to_string(), advice(*cause))),
        None => findings.push(Finding::unknown("library", "it was not asked")),
    }
    findings.extend([checks::memory(&info), checks::connections(&info)]);
    if let Some(Error::Store(cause)) = &health.refused {
        findings.push(Finding::wrong("question", cause.to_string(), advice(*cause)));
    }
    Ok(findings)
}

/// Says that a server is not reached, and what may help.
fn unreached(out: &mut Out, address: &str, failure: Failure) -> Failure {
    let Failure::Server(why) = &failure else { return failure };
    let why = why.strip_prefix(address).and_then(|why| why.strip_prefix(": ")).unwrap_or(why);
    let _ = say(out, address, &[Finding::wrong("reach", why, reachable(why))]).and_then(|()| out.flush());
    failure
}

/// What to do about a server that is not reached, by the words in which that was said.
fn reachable(why: &str) -> &'static str {
    let known: BTreeMap<_, _> = [
        ("user name or password", "set the user and password that the server's access list has, in CACHIFY_URL"),
        ("no Redis server", "name the port on which Redis or Valkey listens: something else answers there"),
        ("speaks TLS", "begin the URL with `rediss://`"),
        ("speaks no TLS", "begin the URL with `redis://`"),
        ("clients", "raise `maxclients`, or find who keeps so many connections (`CLIENT LIST`)"),
        ("protected mode", "give the server a password or a `bind` address, or go there from its own machine"),
        ("not trusted", "name the authority's file: `?tls_authority=/path` in the URL"),
        ("sentinels know no service", "name the service as `sentinel monitor` does, behind the last `/` of the URL"),
    ]
    .into();
    let said = known.into_iter().find(|(words, _)| why.contains(words));
    said.map_or("see that the server runs, and that nothing on the way refuses its port", |(_, advice)| advice)
}

/// The same for what the library says.
fn advice(cause: Cause) -> &'static str {
    let said = cause.to_string();
    match cause {
        _ if said.contains("access list") => "allow what the guide's page `redis` lists under \"Access list\"",
        _ if said.contains("read-only replica") => "name the master, or its sentinels (`redis+sentinel://..`)",
        _ if said.contains("node of a cluster") => "begin the URL with `redis+cluster://`",
        Cause::NotNow(_) => "this passes by itself; if it does not, see the server's log",
        _ => reachable(""),
    }
}

fn say(out: &mut Out, address: &str, findings: &[Finding]) -> Result<(), Failure> {
    for Finding { check, verdict, found, advice } in findings {
        let word = match verdict {
            Verdict::Well => "well",
            Verdict::Unknown => "unknown",
            Verdict::Wrong => "wrong",
        };
        if out.json {
            out.value(
                &json!({ "server": address, "check": check, "verdict": word, "found": found, "advice": advice }),
            )?;
        }
    }
    if out.json {
        return Ok(());
    }
    let head = out.styled(Style::Bold, &shown(address, 100));
    out.line(&head)?;
    for Finding { check, verdict, found, advice } in findings {
        let mark = match verdict {
            Verdict::Well => out.styled(Style::Green, "well   "),
            Verdict::Unknown => out.styled(Style::Yellow, "unknown"),
            Verdict::Wrong => out.styled(Style::Red, "wrong  "),
        };
        out.line(&format!("  {mark}  {check:<12} {}", shown(found, 300)))?;
        if let Some(advice) = advice {
            out.line(&format!("           {:<12} -> {}", "", shown(advice, 400)))?;
        }
    }
    Ok(())
}
