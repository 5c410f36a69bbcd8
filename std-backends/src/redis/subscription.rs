//! The subscriptions of one instance, one to each server with keys for which somebody waits: on the background thread, made
//! again whenever they break.
//!
//! Not here: who waits for a message, which is the inbox's.

use super::{
    Shared,
    inbox::{Message, Place, Turn, hex},
    reply::{Failure, failure, unreached},
    server::Server,
    server::dial::dial,
};
use cachify_core::{
    Cause,
    drive::beside,
    observe::Event,
    time::{Clock, Instant, Timer},
};
use redis::{AsyncConnectionConfig, Pipeline, ProtocolVersion, PushInfo, PushKind, Value, aio::MultiplexedConnection};
use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};
use tokio::{sync::mpsc, task::JoinHandle};

/// How often a silent subscription is asked whether it is still there.
const PING: Duration = Duration::from_secs(5);
/// How soon a broken one is made again, at first.
const PAUSE: Duration = Duration::from_millis(20);

/// Sees to it that every server has a subscription that serves a slot for which one is wanted, until the instance ends.
pub(super) async fn keep_all(shared: Arc<Shared>) {
    let mut wanted = shared.inbox.changes();
    let mut running: HashMap<u64, JoinHandle<()>> = HashMap::new();
    loop {
        let moved = shared.fleet.changed();
        running.retain(|_, keeper| !keeper.is_finished());
        let (mut look_at, now) = (Instant::MAX, shared.common.clock.now());
        for slot in shared.inbox.wanted() {
            if let Some(server) = shared.fleet.find(slot) {
                let keeper = || tokio::spawn(keep(shared.clone(), server.clone()));
                running.entry(server.number).or_insert_with(keeper);
                continue;
            }
            // nobody serves it, which may last
            look_at = now.saturating_add(Duration::from_secs(1));
            if shared.fleet.may_learn(now) {
                shared.fleet.doubt();
            }
        }
        let news = beside(moved, async { drop(wanted.changed().await) });
        let news = beside(news, shared.common.clock.sleep_until(look_at));
        if shared.common.or_closed(news).await.is_none() {
            return;
        }
    }
}

/// The slots of that server for which there is to be a subscription.
fn slots_of(shared: &Shared, server: &Server) -> HashSet<u16> {
    let is_its = |slot: &u16| shared.fleet.find(*slot).is_some_and(|owner| owner.number == server.number);
    shared.inbox.wanted().into_iter().filter(is_its).collect()
}

/// Keeps the subscription to one server, as long as it serves any slot for which there is to be one.
async fn keep(shared: Arc<Shared>, server: Arc<Server>) {
    let mut pause = PAUSE;
    let mut told = false;
    while !shared.common.is_closed() && !shared.common.lacks_scripts() && !slots_of(&shared, &server).is_empty() {
        let life = server.replaced();
        match connect(&server).await {
            Ok((connection, messages)) => {
                let began = server.now();
                let mut standing = Line {
                    shared: &shared,
                    server: &server,
                    connection,
                    heard: HashSet::new(),
                    told,
                    is_stale: true,
                    life,
                    refused: HashSet::new(),
                    again: None,
                    pause: PAUSE,
                };
                standing.receive(messages).await;
                told = standing.told;
                // one that breaks at once is made again ever more slowly
                if server.now().since(began) > Duration::from_secs(1) {
                    pause = PAUSE;
                }
                server.broke();
            }
            Err(cause) => {
                shared.inbox.set(slots_of(&shared, &server), server.number, false);
                told = tell(&shared, told, cause);
            }
        }
        shared.fleet.doubt();
        shared.common.or_closed(server.common.clock.sleep_until(server.now().saturating_add(pause))).await;
        pause = (pause * 2).min(Duration::from_secs(1));
    }
    // who keeps the others looks whether another one is wanted by now
    shared.inbox.set([], server.number, false);
}

/// Whoever waits polls meanwhile, and would never know why; told once.
fn tell(shared: &Shared, told: bool, cause: Cause) -> bool {
    let is_lasting = matches!(cause, Cause::Rejected { .. });
    if is_lasting && !told {
        shared.common.tell(&Event::Failed { key: None, cause });
    }
    told || is_lasting
}

type Messages = mpsc::UnboundedReceiver<PushInfo>;

async fn connect(server: &Arc<Server>) -> Result<(MultiplexedConnection, Messages), Cause> {
    let (sender, messages) = mpsc::unbounded_channel();
    let config = AsyncConnectionConfig::new().set_push_sender(sender);
    // messages and answers on one connection need the newer protocol, whatever the commands use
    let connection = dial(server, config, Some(ProtocolVersion::RESP3)).await?;
    Ok((connection, messages))
}

/// For how long what is free is kept for the one who was called, as the scripts have it.
const TURN: Duration = Duration::from_secs(1);

/// A subscription that stands.
struct Line<'a> {
    shared: &'a Arc<Shared>,
    server: &'a Arc<Server>,
    connection: MultiplexedConnection,
    /// The slots that were asked for on it.
    heard: HashSet<u16>,
    /// Whether the observer knows why there is none for some.
    told: bool,
    /// Whether others may be wanted by now.
    is_stale: bool,
    /// How often its server had been replaced before.
    life: u64,
    /// What it was refused, when it asks again for that, and after how long that was.
    refused: HashSet<u16>,
    again: Option<Instant>,
    pause: Duration,
}

impl Drop for Line<'_> {
    fn drop(&mut self) {
        self.shared.inbox.set(self.heard.drain(), self.server.number, false);
    }
}

impl Line<'_> {
    /// Delivers messages until the connection is gone.
    async fn receive(&mut self, mut messages: Messages) {
        let (shared, server, clock) = (self.shared, self.server, &self.shared.common.clock);
        let mut wanted = shared.inbox.changes();
        let mut ping_at = server.now().saturating_add(PING);
        loop {
            let moved = shared.fleet.changed();
            // it is no master any more, and the next connection leads to another
            if server.replaced() != self.life {
                return;
            }
            if self.again.take_if(|again| *again <= server.now()).is_some() {
                self.refused.clear();
                self.is_stale = true;
            }
            if std::mem::take(&mut self.is_stale) && self.subscribe().await.is_err() {
                return;
            }
            let turn_ends = shared.inbox.end_turns(server.now());
            let at = [turn_ends, self.again].into_iter().flatten().fold(ping_at, Instant::min);
            let news = beside(moved, async { drop(wanted.changed().await) });
            let message = beside(messages.recv(), beside(news, clock.sleep_until(at)));
            match shared.common.or_closed(message).await {
                None | Some(Ok(None)) => return,
                Some(Ok(Some(push))) => {
                    ping_at = server.now().saturating_add(PING);
                    if push.kind == PushKind::Disconnection {
                        return;
                    }
                    self.deliver(push);
                }
                Some(Err(Ok(_))) => self.is_stale = true,
                Some(Err(Err(()))) if at < ping_at => {}
                Some(Err(Err(()))) => {
                    ping_at = server.now().saturating_add(PING);
                    if self.exchange(redis::pipe().cmd("PING"), 1).await.is_err() {
                        return;
                    }
                }
            }
        }
    }

    async fn exchange(&mut self, pipe: &Pipeline, count: usize) -> Result<Vec<Value>, Cause> {
        let limit = self.shared.common.clock.sleep_until(self.server.deadline());
        match beside(self.connection.send_packed_commands(pipe, 0, count), limit).await {
            Ok(answers) => answers.map_err(|error| unreached(&failure(&error))),
            Err(()) => Err(unreached(&Failure::TimedOut)),
        }
    }

    /// Asks for what is wanted of this server and was not asked for yet. That it stands is told by messages.
    async fn subscribe(&mut self) -> Result<(), Cause> {
        let now = slots_of(self.shared, self.server);
        // what went elsewhere may come back
        let left: Vec<_> = self.heard.extract_if(|slot| !now.contains(slot)).collect();
        self.shared.inbox.set(left, self.server.number, false);
        if now.is_empty() {
            return Err(Cause::Unreachable);
        }
        let is_new = |slot: &u16| !self.heard.contains(slot) && !self.refused.contains(slot);
        let new: Vec<_> = now.into_iter().filter(is_new).collect();
        if new.is_empty() {
            return Ok(());
        }
        let mut pipe = redis::pipe();
        let command = if self.shared.fleet.is_cluster() { "SSUBSCRIBE" } else { "SUBSCRIBE" };
        for slot in &new {
            pipe.cmd(command).arg(&*self.shared.inbox.channel(*slot));
        }
        self.heard.extend(&new);
        let answers = self.exchange(&pipe, new.len()).await?;
        let mut refused = Vec::new();
        for (slot, answer) in new.into_iter().zip(answers) {
            let Err(error) = answer.extract_error() else { continue };
            refused.push(slot);
            match failure(&error) {
                // not followed: two that do not agree would send us to and fro
                Failure::Elsewhere(_) => self.shared.fleet.doubt(),
                failure => self.told = tell(self.shared, self.told, unreached(&failure)),
            }
        }
        if refused.is_empty() {
            self.pause = PAUSE;
            return Ok(());
        }
        self.pause = (self.pause * 2).min(Duration::from_secs(1));
        self.again = Some(self.server.now().saturating_add(self.pause));
        self.heard.retain(|slot| !refused.contains(slot));
        self.refused.extend(&refused);
        self.shared.inbox.set(refused, self.server.number, false);
        Ok(())
    }

    fn deliver(&mut self, push: PushInfo) {
        match push.kind {
            PushKind::Message | PushKind::SMessage => deliver(self.shared, push.data),
            PushKind::Subscribe | PushKind::SSubscribe => self.stands(push.data.first(), true),
            PushKind::Unsubscribe | PushKind::SUnsubscribe => {
                self.stands(push.data.first(), false);
                self.shared.fleet.doubt();
            }
            _ => {}
        }
    }

    fn stands(&mut self, channel: Option<&Value>, is_up: bool) {
        let Some(Value::BulkString(channel)) = channel else { return };
        let slot = self.shared.inbox.slot_of_channel(channel);
        if !is_up {
            self.heard.remove(&slot);
            self.is_stale = true;
        }
        self.shared.inbox.set([slot], self.server.number, is_up);
    }
}

fn deliver(shared: &Arc<Shared>, data: Vec<Value>) {
    let Some(Value::BulkString(text)) = data.into_iter().nth(1) else { return };
    let Some(message) = str::from_utf8(&text).ok().and_then(Message::parse) else { return };
    let turn_ends = || shared.common.clock.now().saturating_add(TURN);
    let (is_here, turn) = match message {
        Message::All(name) => return shared.inbox.call_all(&name),
        Message::Called(turn) => (shared.inbox.call(turn.token), turn),
        Message::Standby(turn) => (shared.inbox.stand_by(turn.token, turn_ends()), turn),
    };
    if !is_here {
        give_up(shared, turn);
    }
}

/// Somebody was granted by another way, or is gone: only its place is given up, whatever it may hold.
fn give_up(shared: &Arc<Shared>, turn: Turn) {
    let Turn { token, size, name } = turn;
    let channel = shared.inbox.channel(shared.fleet.slot(&name.text));
    shared.pass_on(&name, Place { member: format!("{} {size} {channel}", hex(token)), arrived: 0 });
}
