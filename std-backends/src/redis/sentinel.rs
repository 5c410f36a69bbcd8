//! Sentinels: who is the master of a service now is asked anew for each connection.
//!
//! Source of the rules: "Guidelines for Redis clients with support for Redis Sentinel" (redis.io).

use super::reply::unconnected;
use cachify_core::Cause;
use redis::{Client, Connection, ConnectionAddr, ConnectionInfo, RedisResult, Value};
use std::{
    collections::HashMap,
    fmt,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

/// The sentinels of one service.
#[derive(Clone)]
pub(crate) struct Sentinels {
    pub(super) all: Arc<[Client]>,
    pub(super) service: Arc<str>,
    /// How its master is reached, but for the address.
    master: ConnectionInfo,
    /// Which of them answered last: it is asked first.
    first: Arc<AtomicUsize>,
    /// Whether a replica is meant; then the number of the attempt says which.
    of_replica: bool,
    attempt: Arc<AtomicUsize>,
}

const NO_SENTINEL: Cause = Cause::rejected("the server is no sentinel: a URL of `redis+sentinel://..` names sentinels");
const NO_SERVICE: Cause = Cause::rejected("the sentinels know no service of that name");

impl fmt::Display for Sentinels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}", if self.of_replica { "a replica" } else { "master" }, self.service)
    }
}

impl Sentinels {
    pub(super) fn new(all: Vec<Client>, service: &str, master: ConnectionInfo) -> Self {
        let (first, attempt) = Default::default();
        Self { all: all.into(), service: service.into(), master, first, of_replica: false, attempt }
    }

    /// The same service, at its replicas.
    pub(super) fn of_replicas(&self) -> Self {
        Self { of_replica: true, ..self.clone() }
    }

    /// Who is meant, by the first sentinel that knows; each may take as long as `limit`.
    pub(super) fn client(&self, limit: Duration) -> Result<Client, Cause> {
        let (count, first) = (self.all.len(), self.first.load(Ordering::Relaxed) % self.all.len().max(1));
        let (mut why, mut silent) = (Cause::Unreachable, 0);
        for at in (0..count).map(|next| (first + next) % count) {
            match self.ask(&self.all[at], limit) {
                Ok(Some((host, port))) => {
                    self.first.store(at, Ordering::Relaxed);
                    return elsewhere(&self.master, host, port).map_err(|error| unconnected(&error));
                }
                Ok(None) if why == Cause::Unreachable => why = NO_SERVICE,
                Ok(None) => {}
                Err(error) if error.detail().is_some_and(|detail| detail.contains("unknown command")) => {
                    why = NO_SENTINEL;
                }
                Err(error) => {
                    silent += 1;
                    why = if why == Cause::Unreachable { unconnected(&error) } else { why };
                }
            }
        }
        // another one may know it
        Err(if why == NO_SERVICE && silent > 0 { Cause::Unreachable } else { why })
    }

    /// Whom the last answer named is not there, or no master: another sentinel is asked first from now on.
    pub(super) fn distrust(&self) {
        self.first.fetch_add(1, Ordering::Relaxed);
    }

    fn ask(&self, sentinel: &Client, limit: Duration) -> RedisResult<Option<(String, u16)>> {
        let mut connection: Connection = sentinel.get_connection_with_timeout(limit)?;
        connection.set_read_timeout(Some(limit))?;
        connection.set_write_timeout(Some(limit))?;
        let mut question = redis::cmd("SENTINEL");
        if self.of_replica {
            let replicas: Vec<HashMap<String, String>> =
                question.arg("replicas").arg(&*self.service).query(&mut connection)?;
            let up = replicas.iter().filter(|replica| replica.get("flags").is_some_and(|flags| flags == "slave"));
            let all: Vec<_> =
                up.filter_map(|up| Some((up.get("ip")?.clone(), up.get("port")?.parse().ok()?))).collect();
            let turn = self.attempt.fetch_add(1, Ordering::Relaxed);
            return Ok(all.get(turn % all.len().max(1)).cloned());
        }
        match question.arg("get-master-addr-by-name").arg(&*self.service).query::<Value>(&mut connection)? {
            Value::Nil => Ok(None),
            answer => redis::from_redis_value(answer).map(Some).map_err(Into::into),
        }
    }
}

/// A server that is reached the same way, at that port of that host.
pub(super) fn elsewhere(info: &ConnectionInfo, host: String, port: u16) -> RedisResult<Client> {
    let addr = match info.addr().clone() {
        ConnectionAddr::TcpTls { insecure, tls_params, .. } => {
            ConnectionAddr::TcpTls { host, port, insecure, tls_params }
        }
        _ => ConnectionAddr::Tcp(host, port),
    };
    Client::open(info.clone().set_addr(addr))
}
