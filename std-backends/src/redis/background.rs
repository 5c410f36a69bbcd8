//! The thread of one instance: it gives back what was dropped, and listens for those who wait.
//!
//! It outlives any runtime of the user's, serves users who have none, and ends with the instance, after giving back
//! what was dropped before.

use super::{
    Shared,
    call::call,
    inbox::Delivery,
    name::Name,
    tasks::{Task, dial},
};
use crate::erased::Operation;
use cachify_core::{
    Fault,
    drive::beside,
    key::Kind,
    time::{Clock, Instant, Timer},
    token::HolderToken,
};
use redis::{AsyncConnectionConfig, ProtocolVersion, PushInfo, PushKind, Value, aio::MultiplexedConnection};
use std::{future::Future, sync::Arc, thread, time::Duration};
use tokio::{
    runtime::Handle,
    sync::{mpsc, oneshot},
};

/// How many rights may wait to be given back; more end by themselves.
const REAPER: usize = 4_096;
/// A right that could not be given back for so long has ended, or its server is gone for good.
const GIVE_UP: Duration = Duration::from_secs(3_600);
/// How often a silent subscription is asked whether it is still there.
const PING: Duration = Duration::from_secs(5);

/// The running thread.
#[derive(Debug)]
pub(super) struct Background {
    pub(super) runtime: Handle,
    chores: mpsc::Sender<Chore>,
}

/// What the thread is told to do, one after another.
#[derive(Debug)]
enum Chore {
    GiveBack { name: Name, token: HolderToken },
    Report(oneshot::Sender<()>),
    End,
}

impl Background {
    /// Starts the thread; `None` if the system has none to give.
    pub(super) fn start(shared: &Arc<Shared>) -> Option<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().ok()?;
        let handle = runtime.handle().clone();
        let (chores, inbox) = mpsc::channel(REAPER);
        let shared = shared.clone();
        let run = move || runtime.block_on(reap(shared, inbox));
        thread::Builder::new().name("cachify-redis".into()).spawn(run).ok()?;
        Some(Self { runtime: handle, chores })
    }

    /// Gives a right back, soon; whether there was room to note it.
    pub(super) fn give_back(&self, name: Name, token: HolderToken) -> bool {
        self.chores.try_send(Chore::GiveBack { name, token }).is_ok()
    }

    /// The same once more at `at`, when no copy of the question can be on its way any more.
    pub(super) fn give_back_later(&self, shared: &Arc<Shared>, name: Name, token: HolderToken, at: Instant) {
        let (shared, chores) = (shared.clone(), self.chores.clone());
        self.runtime.spawn(async move {
            shared.clock.sleep_until(at).await;
            drop(shared);
            let _ = chores.send(Chore::GiveBack { name, token }).await;
        });
    }

    /// Ends when everything dropped so far was given back, or given up.
    pub(super) async fn idle(&self) {
        let (sender, receiver) = oneshot::channel();
        if self.chores.send(Chore::Report(sender)).await.is_ok() {
            let _ = receiver.await;
        }
    }

    /// Ends the thread after what it was told to do.
    pub(super) fn end(&self) {
        let chores = self.chores.clone();
        self.runtime.spawn(async move { chores.send(Chore::End).await });
    }

    /// Subscribes, and keeps subscribed until the instance ends.
    pub(super) fn listen(&self, shared: &Arc<Shared>) {
        self.runtime.spawn(listen(shared.clone()));
    }
}

async fn reap(shared: Arc<Shared>, mut chores: mpsc::Receiver<Chore>) {
    while let Some(chore) = chores.recv().await {
        match chore {
            Chore::GiveBack { name, token } => give_back(&shared, &name, token).await,
            Chore::Report(done) => {
                let _ = done.send(());
            }
            Chore::End => break,
        }
    }
}

/// Until it is acknowledged, or must have ended; while the instance ends, one attempt has to do.
async fn give_back(shared: &Arc<Shared>, name: &Name, token: HolderToken) {
    let operation = match name.kind {
        Kind::Cache => Operation::Abandon(token),
        Kind::Lock => Operation::Release(token),
        Kind::Once => Operation::Fail(token),
        Kind::Pool => Operation::GiveBack(token),
    };
    let began = shared.clock.now();
    let mut pause = Duration::from_millis(50);
    loop {
        let until = shared.deadline();
        let (task, limit) = (Task(shared), shared.clock.sleep_until(until));
        match beside(call(shared, &task, name, &operation, until), limit).await {
            Ok(Ok(_)) => return,
            Ok(Err(Fault::TimedOut)) | Err(()) => shared.lines.forget(shared),
            Ok(Err(_)) => {}
        }
        if shared.is_closed() || shared.clock.now().since(began) > GIVE_UP {
            return;
        }
        shared.clock.sleep_until(shared.clock.now().saturating_add(pause)).await;
        pause = (pause * 2).min(Duration::from_secs(1));
    }
}

/// Keeps the subscription, until the instance ends.
async fn listen(shared: Arc<Shared>) {
    let mut pause = Duration::from_millis(20);
    while !shared.is_closed() {
        if let Ok((connection, mut messages)) = subscribe(&shared).await {
            pause = Duration::from_millis(20);
            shared.inbox.set_up(true);
            receive(&shared, connection, &mut messages).await;
            shared.inbox.set_up(false);
            shared.broke();
        }
        or_closed(&shared, shared.clock.sleep_until(shared.clock.now().saturating_add(pause))).await;
        pause = (pause * 2).min(Duration::from_secs(1));
    }
}

type Messages = mpsc::UnboundedReceiver<PushInfo>;

async fn subscribe(shared: &Shared) -> Result<(MultiplexedConnection, Messages), Fault> {
    let (sender, messages) = mpsc::unbounded_channel();
    let config = AsyncConnectionConfig::new().set_push_sender(sender);
    let info = shared.client.get_connection_info();
    // messages and answers on one connection need the newer protocol, whatever the commands use
    let settings = info.redis_settings().clone().set_protocol(ProtocolVersion::RESP3);
    let client = redis::Client::open(info.clone().set_redis_settings(settings)).map_err(|_| Fault::Unreachable)?;
    let mut connection = dial(shared, config, &client).await?;
    let limit = shared.clock.sleep_until(shared.deadline());
    match beside(connection.subscribe(shared.inbox.channel()), limit).await {
        Ok(Ok(())) => Ok((connection, messages)),
        Ok(Err(_)) | Err(()) => Err(Fault::Unreachable),
    }
}

/// Delivers messages until the connection is gone.
async fn receive(shared: &Arc<Shared>, connection: MultiplexedConnection, messages: &mut Messages) {
    loop {
        let silence = shared.clock.sleep_until(shared.clock.now().saturating_add(PING));
        let next = or_closed(shared, beside(messages.recv(), silence)).await;
        match next {
            None | Some(Ok(None)) => return,
            Some(Ok(Some(push))) => match push.kind {
                PushKind::Message => deliver(shared, push.data),
                PushKind::Disconnection => return,
                _ => {}
            },
            Some(Err(())) => {
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
    let Some(name) = String::from_utf8(text).ok().and_then(Name::parse) else { return };
    if shared.inbox.deliver(&name) == Delivery::Unclaimed {
        shared.pass_on(&name);
    }
}

/// `None` if the instance ends first.
async fn or_closed<T>(shared: &Shared, future: impl Future<Output = T>) -> Option<T> {
    let mut closed = shared.closed();
    let closing = async move {
        let _ = closed.wait_for(|closed| *closed).await;
    };
    beside(future, closing).await.ok()
}
