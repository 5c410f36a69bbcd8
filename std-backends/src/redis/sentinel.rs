//! Sentinels: who is the master of a service now is asked anew for each connection.
//!
//! Source of the rules: "Guidelines for Redis clients with support for Redis Sentinel" (redis.io).

use super::{reply::unconnected, server::Server};
use cachify_core::{Cause, drive::beside, time::Timer};
use redis::{
    AsyncConnectionConfig, Client, Connection, ConnectionAddr, ConnectionInfo, ProtocolVersion, PushKind, RedisResult,
    Value,
};
use std::{
    collections::HashMap,
    fmt,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::sync::mpsc;

/// How soon another sentinel is listened to when one has gone.
const PAUSE: Duration = Duration::from_millis(500);
/// How often a silent one is asked who is the master, for it may have gone without a word.
const ASK: Duration = Duration::from_secs(5);

/// The sentinels of one service.
#[derive(Clone)]
pub(crate) struct Sentinels {
    all: Arc<[Client]>,
    service: Arc<str>,
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
                    let addr = match self.master.addr().clone() {
                        ConnectionAddr::TcpTls { insecure, tls_params, .. } => {
                            ConnectionAddr::TcpTls { host, port, insecure, tls_params }
                        }
                        _ => ConnectionAddr::Tcp(host, port),
                    };
                    return Client::open(self.master.clone().set_addr(addr)).map_err(|error| unconnected(&error));
                }
                Ok(None) if why == Cause::Unreachable => why = NO_SERVICE,
                Ok(None) => {}
                Err(error) if error.detail().is_some_and(|detail| detail.contains("unknown command")) => {
                    why = NO_SENTINEL
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

    /// Tells the server when the sentinels have replaced it, until its instance ends. A master that was replaced may go on to
    /// serve whoever stays with it, for eight seconds and more.
    pub(super) async fn watch(self, server: Arc<Server>) {
        let common = server.common.clone();
        let mut master = None;
        for at in (0..self.all.len()).cycle() {
            common.or_closed(self.listen(&server, at, &mut master)).await;
            let pause = common.clock.sleep_until(server.now().saturating_add(PAUSE));
            if common.or_closed(pause).await.is_none() {
                return;
            }
        }
    }

    /// Listens to one sentinel for as long as it speaks.
    async fn listen(&self, server: &Server, at: usize, master: &mut Option<(String, u16)>) -> RedisResult<()> {
        let info = self.all[at].get_connection_info();
        let settings = info.redis_settings().clone().set_protocol(ProtocolVersion::RESP3);
        let client = Client::open(info.clone().set_redis_settings(settings))?;
        let (sender, mut messages) = mpsc::unbounded_channel();
        let config = AsyncConnectionConfig::new().set_push_sender(sender);
        let mut connection = client.get_multiplexed_async_connection_with_config(&config).await?;
        connection.subscribe("+switch-master").await?;
        loop {
            // what was said before we listened
            let mut question = redis::cmd("SENTINEL");
            question.arg("get-master-addr-by-name").arg(&*self.service);
            let now = question.query_async::<Option<(String, u16)>>(&mut connection).await?;
            if master.is_some() && now.is_some() && *master != now {
                server.demoted();
            }
            *master = now.or(master.take());
            let limit = server.common.clock.sleep_until(server.now().saturating_add(ASK));
            match beside(messages.recv(), limit).await {
                Ok(None) => return Ok(()),
                Ok(Some(push)) if push.kind == PushKind::Disconnection => return Ok(()),
                Ok(Some(_)) | Err(()) => {}
            }
        }
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
