//! The process that waits.

use super::{LEASE, Who};
use crate::{
    clock::shared_nanos,
    redis::{server::client, world::Options},
};
use ::redis::{AsyncConnectionConfig, Cmd, PushInfo, PushKind, aio::MultiplexedConnection, cmd};
use cachify::{Cachify, secs};
use rslock::LockManager;
use std::{
    io::{self, Write},
    sync::Arc,
};
use tokio::sync::{
    Mutex,
    mpsc::{UnboundedReceiver, unbounded_channel},
};

/// The other process: waits for the lock it is told of, says when it was granted, and gives it back.
pub(in crate::redis) fn waiter(url: &str, flavour: &str) {
    let runtime = Options { one_thread: flavour == "one", ..Options::default() }.runtime();
    let ours = Cachify::builder().redis(url).prefix("ours").build().expect("the URL is ours");
    let rslock = LockManager::from_clients(vec![client(url)]);
    let hand = runtime.block_on(listen_by_hand(url));
    say("ready");
    for line in io::stdin().lines() {
        let line = line.expect("text");
        let Some((key, who)) = line.strip_prefix("wait ").and_then(|rest| rest.split_once(' ')) else { continue };
        say("waiting");
        let lock = ours.lock(key).ttl(LEASE).wait(secs(20));
        let granted = match Who::ALL.into_iter().find(|one| one.word() == who) {
            Some(Who::Ours) => runtime.block_on(async {
                tokio::spawn(async move {
                    let guard = lock.acquire().await.expect("it is released");
                    let now = shared_nanos();
                    guard.release().await.expect("kept");
                    now
                })
                .await
                .expect("no task panics")
            }),
            Some(Who::ByHand) => runtime.block_on(async {
                let (mut connection, messages) = (hand.0.clone(), hand.1.clone());
                let key = key.to_owned();
                tokio::spawn(async move { wait_by_hand(&mut connection, &messages, &key).await })
                    .await
                    .expect("no task panics")
            }),
            Some(Who::Rslock) => runtime.block_on(async {
                let guard = rslock.acquire(key, LEASE).await.expect("it is released");
                let now = shared_nanos();
                guard.release().await;
                now
            }),
            _ => {
                let guard = lock.acquire_blocking().expect("it is released");
                let now = shared_nanos();
                guard.release().expect("kept");
                now
            }
        };
        say(&granted.to_string());
        say("free");
    }
}

type Messages = Arc<Mutex<UnboundedReceiver<PushInfo>>>;

pub(super) fn by_hand_key(key: &str) -> String {
    format!("raw:{key}")
}

/// Take and give back, as people write it.
pub(super) fn by_hand(key: &str) -> [Cmd; 2] {
    let (mut take, mut free) = (cmd("SET"), cmd("DEL"));
    take.arg(by_hand_key(key)).arg("0123456789abcdef0123456789abcdef").arg("NX").arg("PX").arg(30_000);
    free.arg(by_hand_key(key));
    [take, free]
}

/// One connection for messages and commands.
async fn listen_by_hand(url: &str) -> (MultiplexedConnection, Messages) {
    let (sender, messages) = unbounded_channel();
    let config = AsyncConnectionConfig::new().set_push_sender(sender);
    let client = client(&format!("{url}?protocol=resp3"));
    let made = client.get_multiplexed_async_connection_with_config(&config).await;
    let mut connection = made.expect("the server answers");
    connection.subscribe(by_hand_key("hand-over")).await.expect("the server answers");
    (connection, Arc::new(Mutex::new(messages)))
}

async fn wait_by_hand(connection: &mut MultiplexedConnection, messages: &Messages, key: &str) -> u64 {
    let [take, free] = by_hand(key);
    let mut messages = messages.lock().await;
    loop {
        let taken: Option<String> = take.query_async(connection).await.expect("the server answers");
        if taken.is_some() {
            break;
        }
        while messages.recv().await.expect("subscribed").kind != PushKind::Message {}
    }
    let now = shared_nanos();
    let () = free.query_async(connection).await.expect("the server answers");
    now
}

fn say(line: &str) {
    let mut out = io::stdout().lock();
    writeln!(out, "{line}").and_then(|()| out.flush()).expect("somebody listens");
}
