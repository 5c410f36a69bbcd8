//! What each server says of itself.

use super::{
    Shared,
    call::Wire,
    reply::unreached,
    server::Server,
    server::{
        node::{millis, nothing},
        tasks::{Task, Use},
    },
};
use crate::{
    clock::wall_micros,
    health::{Found, Node},
};
use cachify_core::{Cause, drive::beside, time::Timer};
use redis::Value;
use std::sync::Arc;

/// Every server that is known, asked side by side.
pub(super) async fn nodes(shared: &Arc<Shared>) -> Vec<Node> {
    let Some(background) = shared.common.background() else { return Vec::new() };
    let ask = |server: Arc<Server>| {
        let address = server.address.text();
        (address, background.runtime.spawn(async move { found(&server).await }))
    };
    let asked: Vec<_> = shared.fleet.all().into_iter().map(ask).collect();
    let mut nodes = Vec::with_capacity(asked.len());
    for (address, found) in asked {
        nodes.push(Node::new(address, found.await.unwrap_or(Err(Cause::Unreachable))));
    }
    nodes.sort_unstable_by(|one, other| one.address.cmp(&other.address));
    nodes
}

async fn found(server: &Arc<Server>) -> Result<Found, Cause> {
    let until = server.deadline();
    let task = Task::new(Use::Leases, until, server.op_timeout());
    let limit = server.common.clock.sleep_until(until);
    let found = beside(ask(&task, server), limit).await;
    found.unwrap_or_else(|()| {
        task.timed_out();
        Err(Cause::TimedOut)
    })
}

async fn ask(task: &Task, server: &Arc<Server>) -> Result<Found, Cause> {
    let send = async |words: &[&str]| {
        let mut cmd = redis::cmd(words[0]);
        cmd.arg(&words[1..]);
        task.send(server, false, || cmd).await
    };
    // a connection is made by the first of them, and the time of the second is that of one way and back
    let info = send(&["INFO"]).await;
    let began = server.now();
    let time = send(&["TIME"]).await.map_err(|failure| unreached(&failure))?;
    let round_trip = server.now().since(began);
    let theirs = i64::try_from(millis(&time).ok_or(Cause::Unreachable)?).unwrap_or(i64::MAX);
    let ours = i64::try_from(wall_micros() / 1_000).unwrap_or(i64::MAX);
    let policy = send(&["CONFIG", "GET", "maxmemory-policy"]).await.ok();
    let policy = policy.and_then(|pairs| redis::from_redis_value::<Vec<String>>(pairs).ok()?.pop());
    let scripts = task.send(server, false, nothing).await.is_ok();
    let ahead_millis = theirs.saturating_sub(ours);
    let told = info.map(|info| told(&info)).unwrap_or_default();
    Ok(Found { policy, scripts, ahead_millis, round_trip, ..told })
}

/// What stands in an answer to `INFO`.
fn told(info: &Value) -> Found {
    let text = match info {
        Value::BulkString(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        Value::VerbatimString { text, .. } => text.clone(),
        _ => return Found::default(),
    };
    let field =
        |name: &str| text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::to_owned);
    let valkey = field("valkey_version");
    let kind = field("server_name").or_else(|| field("redis_version").map(|_| "redis".into()));
    let role = field("role").map(|role| if role == "master" { "master" } else { "replica" });
    Found { kind, version: valkey.or_else(|| field("redis_version")), role, ..Found::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_servers_say_of_themselves_is_read() {
        let told = |text: &str| told(&Value::BulkString(text.replace(' ', "\r\n").into_bytes()));
        let redis = told("# redis_version:7.0.15 role:slave x");
        assert_eq!((redis.kind.as_deref(), redis.version.as_deref()), (Some("redis"), Some("7.0.15")));
        assert_eq!(redis.role, Some("replica"));
        let valkey = told("redis_version:7.2.4 server_name:valkey valkey_version:8.1.1 role:master");
        assert_eq!((valkey.kind.as_deref(), valkey.version.as_deref()), (Some("valkey"), Some("8.1.1")));
        assert_eq!(told("rubbish"), Found::default());
    }
}
