//! Being told of a failover: one sentinel after another is listened to.

use super::Server;
use crate::redis::sentinel::Sentinels;
use cachify_core::{drive::beside, time::Timer};
use redis::{AsyncConnectionConfig, Client, ProtocolVersion, PushKind, RedisResult};
use std::{sync::Arc, time::Duration};
use tokio::sync::mpsc;

/// How soon another sentinel is listened to when one has gone.
const PAUSE: Duration = Duration::from_millis(500);
/// How often a silent one is asked who is the master, for it may have gone without a word.
const ASK: Duration = Duration::from_secs(5);

/// Tells the server when the sentinels have replaced it, until its instance ends. A master that was replaced may go on to
/// serve whoever stays with it, for eight seconds and more.
pub(super) async fn watch(sentinels: Sentinels, server: Arc<Server>) {
    let common = server.common.clone();
    let mut master = None;
    for at in (0..sentinels.all.len()).cycle() {
        common.or_closed(listen(&sentinels, &server, at, &mut master)).await;
        let pause = common.clock.sleep_until(server.now().saturating_add(PAUSE));
        if common.or_closed(pause).await.is_none() {
            return;
        }
    }
}

/// Listens to one sentinel for as long as it speaks.
async fn listen(
    sentinels: &Sentinels,
    server: &Server,
    at: usize,
    master: &mut Option<(String, u16)>,
) -> RedisResult<()> {
    let info = sentinels.all[at].get_connection_info();
    let settings = info.redis_settings().clone().set_protocol(ProtocolVersion::RESP3);
    let client = Client::open(info.clone().set_redis_settings(settings))?;
    let (sender, mut messages) = mpsc::unbounded_channel();
    let config = AsyncConnectionConfig::new().set_push_sender(sender);
    let mut connection = client.get_multiplexed_async_connection_with_config(&config).await?;
    connection.subscribe("+switch-master").await?;
    loop {
        // what was said before we listened
        let mut question = redis::cmd("SENTINEL");
        question.arg("get-master-addr-by-name").arg(&*sentinels.service);
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
