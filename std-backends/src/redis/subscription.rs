//! The subscription of one instance: on the background thread, made again whenever it breaks.
//!
//! Not here: who waits for a message, which is the inbox's.

use super::{
    Shared,
    dial::dial,
    inbox::{Message, Place, Subscription, Turn, hex},
    reply::{Failure, failure},
    tasks::unreached,
};
use cachify_core::{
    Cause,
    drive::beside,
    observe::Event,
    time::{Clock, Timer},
};
use redis::{AsyncConnectionConfig, ProtocolVersion, PushInfo, PushKind, Value, aio::MultiplexedConnection};
use std::{sync::Arc, time::Duration};
use tokio::sync::mpsc;

/// How often a silent subscription is asked whether it is still there.
const PING: Duration = Duration::from_secs(5);
/// How soon a broken one is made again, at first.
const PAUSE: Duration = Duration::from_millis(20);

/// Keeps the subscription, until the instance ends.
pub(super) async fn keep(shared: Arc<Shared>) {
    let mut pause = PAUSE;
    let mut told = false;
    while !shared.is_closed() {
        match subscribe(&shared).await {
            Ok((connection, mut messages)) => {
                told = false;
                let began = shared.clock.now();
                shared.inbox.set(Subscription::Up);
                receive(&shared, connection, &mut messages).await;
                // one that breaks at once is made again ever more slowly
                if shared.clock.now().since(began) > Duration::from_secs(1) {
                    pause = PAUSE;
                }
                shared.inbox.set(Subscription::Down);
                shared.broke();
            }
            Err(cause) => {
                shared.inbox.set(Subscription::Down);
                // whoever waits polls meanwhile, and would never know why
                if matches!(cause, Cause::Rejected { .. }) && !told {
                    shared.tell(&Event::Failed { key: None, cause });
                    told = true;
                }
            }
        }
        shared.or_closed(shared.clock.sleep_until(shared.clock.now().saturating_add(pause))).await;
        pause = (pause * 2).min(Duration::from_secs(1));
    }
}

type Messages = mpsc::UnboundedReceiver<PushInfo>;

async fn subscribe(shared: &Shared) -> Result<(MultiplexedConnection, Messages), Cause> {
    let (sender, messages) = mpsc::unbounded_channel();
    let config = AsyncConnectionConfig::new().set_push_sender(sender);
    let info = shared.client.get_connection_info();
    // messages and answers on one connection need the newer protocol, whatever the commands use
    let settings = info.redis_settings().clone().set_protocol(ProtocolVersion::RESP3);
    let client = redis::Client::open(info.clone().set_redis_settings(settings)).map_err(|_| Cause::Unreachable)?;
    let mut connection = dial(shared, config, &client).await?;
    let limit = shared.clock.sleep_until(shared.deadline());
    match beside(connection.subscribe(shared.inbox.channel()), limit).await {
        Ok(Ok(())) => Ok((connection, messages)),
        Ok(Err(error)) => Err(unreached(failure(&error))),
        Err(()) => Err(unreached(Failure::TimedOut)),
    }
}

/// For how long what is free is kept for the one who was called, as the scripts have it.
const TURN: Duration = Duration::from_secs(1);

/// Delivers messages until the connection is gone.
async fn receive(shared: &Arc<Shared>, connection: MultiplexedConnection, messages: &mut Messages) {
    let mut ping_at = shared.clock.now().saturating_add(PING);
    loop {
        let now = shared.clock.now();
        let turn_ends = shared.inbox.end_turns(now);
        let at = turn_ends.map_or(ping_at, |end| end.min(ping_at));
        let next = shared.or_closed(beside(messages.recv(), shared.clock.sleep_until(at))).await;
        match next {
            None | Some(Ok(None)) => return,
            Some(Ok(Some(push))) => {
                ping_at = shared.clock.now().saturating_add(PING);
                match push.kind {
                    PushKind::Message => deliver(shared, push.data),
                    PushKind::Disconnection => return,
                    _ => {}
                }
            }
            Some(Err(())) if at < ping_at => {}
            Some(Err(())) => {
                ping_at = shared.clock.now().saturating_add(PING);
                let ping = redis::cmd("PING");
                let mut connection = connection.clone();
                let limit = shared.clock.sleep_until(shared.deadline());
                if !matches!(beside(connection.send_packed_command(&ping), limit).await, Ok(Ok(_))) {
                    return;
                }
            }
        }
    }
}

fn deliver(shared: &Arc<Shared>, data: Vec<Value>) {
    let Some(Value::BulkString(text)) = data.into_iter().nth(1) else { return };
    let Some(message) = str::from_utf8(&text).ok().and_then(Message::parse) else { return };
    let (is_here, turn) = match message {
        Message::All(name) => return shared.inbox.call_all(&name),
        Message::Called(turn) => (shared.inbox.call(turn.token), turn),
        Message::Standby(turn) => (shared.inbox.stand_by(turn.token, shared.clock.now().saturating_add(TURN)), turn),
    };
    if !is_here {
        give_up(shared, turn);
    }
}

/// Somebody was granted by another way, or is gone: only its place is given up, whatever it may hold.
fn give_up(shared: &Arc<Shared>, turn: Turn) {
    let Turn { token, size, name } = turn;
    let member = format!("{} {size} {}", hex(token), shared.inbox.channel());
    shared.pass_on(&name, Place { member, arrived: 0 });
}
