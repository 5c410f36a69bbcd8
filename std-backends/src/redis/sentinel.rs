//! Sentinels: who is the master of a service now is asked anew for each connection.
//!
//! Source of the rules: "Guidelines for Redis clients with support for Redis Sentinel" (redis.io).

use super::reply::unconnected;
use cachify_core::Cause;
use redis::{Client, Connection, ConnectionAddr, ConnectionInfo, RedisResult, Value};
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

/// The sentinels of one service.
#[derive(Clone)]
pub(crate) struct Sentinels {
    all: Arc<[Client]>,
    service: Arc<str>,
    /// How its master is reached, but for the address.
    master: ConnectionInfo,
    /// Which of them answered last: it is asked first.
    first: Arc<AtomicUsize>,
}

const NO_SENTINEL: Cause = Cause::rejected("the server is no sentinel: a URL of `redis+sentinel://..` names sentinels");
const NO_SERVICE: Cause = Cause::rejected("the sentinels know no service of that name");

impl Sentinels {
    pub(super) fn new(all: Vec<Client>, service: &str, master: ConnectionInfo) -> Self {
        Self { all: all.into(), service: service.into(), master, first: Arc::default() }
    }

    /// The master, by the first sentinel that knows it; each may take as long as `limit`.
    pub(super) fn master(&self, limit: Duration) -> Result<Client, Cause> {
        let (count, first) = (self.all.len(), self.first.load(Ordering::Relaxed));
        let mut why = Cause::Unreachable;
        for at in (0..count).map(|next| (first + next) % count) {
            match self.ask(&self.all[at], limit) {
                Ok(Some((host, port))) => {
                    self.first.store(at, Ordering::Relaxed);
                    let addr = match self.master.addr().clone() {
                        ConnectionAddr::TcpTls { insecure, tls_params, .. } => {
                            ConnectionAddr::TcpTls { host, port, insecure, tls_params }
                        }
                        _ => ConnectionAddr::Tcp(host, port),
                    };
                    return Client::open(self.master.clone().set_addr(addr)).map_err(|error| unconnected(&error));
                }
                Ok(None) => why = NO_SERVICE,
                Err(error) if error.detail().is_some_and(|detail| detail.contains("unknown command")) => {
                    why = NO_SENTINEL
                }
                Err(error) if why == Cause::Unreachable => why = unconnected(&error),
                Err(_) => {}
            }
        }
        Err(why)
    }

    fn ask(&self, sentinel: &Client, limit: Duration) -> RedisResult<Option<(String, u16)>> {
        let mut connection: Connection = sentinel.get_connection_with_timeout(limit)?;
        connection.set_read_timeout(Some(limit))?;
        connection.set_write_timeout(Some(limit))?;
        let mut question = redis::cmd("SENTINEL");
        question.arg("get-master-addr-by-name").arg(&*self.service);
        match question.query::<Value>(&mut connection)? {
            Value::Nil => Ok(None),
            answer => redis::from_redis_value(answer).map(Some).map_err(Into::into),
        }
    }
}
