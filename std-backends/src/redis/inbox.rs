//! Waiting: one channel per instance to be told on, and who waits for which key behind it.
//!
//! Invariant: while anybody waits here for a key, our channel is entered among its waiters on the server, or a message
//! is on its way, or somebody of ours is asking and will enter it again or pass the turn on.
//! Not here: the subscription itself.

use super::name::Name;
use crate::sync::locked;
use cachify_core::{key::Kind, patience::Ticket, token::HolderToken};
use std::{
    collections::{HashMap, VecDeque},
    future::poll_fn,
    sync::Mutex,
    task::{Poll, Waker},
};
use tokio::sync::watch;

/// Who waits for what.
#[derive(Debug)]
pub(super) struct Inbox {
    channel: String,
    table: Mutex<Table>,
    subscription: watch::Sender<Subscription>,
}

/// Whether messages reach us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Subscription {
    /// Not known yet: it was not asked for, or is on its way for the first time.
    Pending,
    Up,
    /// It broke, or could not be made; it is tried again now and then.
    Down,
}

#[derive(Debug)]
struct Table {
    /// Counts messages; a ticket is the count at the last message for its key. Never zero, which is no ticket.
    count: u32,
    /// Whether messages reach us.
    up: bool,
    keys: HashMap<Name, Waits>,
    last_place: u64,
}

/// What this process has to do with one key.
#[derive(Debug, Default)]
struct Waits {
    told: u32,
    /// How many of our commands that may enter the channel are on their way.
    asking: u32,
    line: VecDeque<(u64, Waker)>,
    /// When a waiter first came, so that it keeps its place among other processes.
    arrived: HashMap<HolderToken, u64>,
}

impl Waits {
    /// Whether nobody asks, waits, or was told to wait and is on the way to the line.
    fn is_idle(&self) -> bool {
        self.asking == 0 && self.line.is_empty() && self.arrived.is_empty()
    }
}

/// What a message found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Delivery {
    /// Somebody was woken, or is asking at this moment.
    Taken,
    /// Nobody waits any more: the turn is to be passed on.
    Unclaimed,
}

impl Table {
    fn next(&mut self) -> u32 {
        self.count = self.count.wrapping_add(1).max(1);
        self.count
    }

    fn waits(&mut self, name: &Name) -> &mut Waits {
        let told = self.count;
        self.keys.entry(name.clone()).or_insert_with(|| Waits { told, ..Waits::default() })
    }

    fn look(&mut self, name: &Name, token: HolderToken) -> Asked {
        let up = self.up;
        let waits = self.waits(name);
        Asked { ticket: Ticket(waits.told), up, arrived: waits.arrived.get(&token).copied().unwrap_or_default() }
    }
}

impl Inbox {
    pub(super) fn new(channel: String) -> Self {
        let table = Table { count: 1, up: false, keys: HashMap::new(), last_place: 0 };
        Self { channel, table: Mutex::new(table), subscription: watch::Sender::new(Subscription::Pending) }
    }

    pub(super) fn channel(&self) -> &str {
        &self.channel
    }

    /// Notes that somebody is about to ask, before anything is sent: the message can overtake the reply.
    pub(super) fn ask(&self, name: &Name, token: HolderToken) -> Asked {
        let mut table = locked(&self.table);
        table.waits(name).asking += 1;
        table.look(name, token)
    }

    /// What somebody who is asking is to send now.
    pub(super) fn look(&self, name: &Name, token: HolderToken) -> Asked {
        locked(&self.table).look(name, token)
    }

    /// Notes that the answer was to wait.
    pub(super) fn told_to_wait(&self, name: &Name, token: HolderToken, arrived: u64) {
        let mut table = locked(&self.table);
        let waits = table.waits(name);
        waits.asking = waits.asking.saturating_sub(1);
        waits.arrived.insert(token, arrived);
    }

    /// Notes that the asking ended otherwise: it is the next one's turn to ask. Whether a message came meanwhile and
    /// is nobody's now.
    pub(super) fn done_asking(&self, name: &Name, token: HolderToken, ticket: Ticket) -> bool {
        let (told, next) = self.leave(name, token, 1);
        next == Delivery::Unclaimed && ticket != Ticket::NONE && told != ticket.0
    }

    /// Notes that somebody who was told to wait will not ask any more; whether it was. Of others there is nothing to
    /// note.
    pub(super) fn gone(&self, name: &Name, token: HolderToken) -> bool {
        let waited = locked(&self.table).keys.get(name).is_some_and(|waits| waits.arrived.contains_key(&token));
        if waited {
            self.leave(name, token, 0);
        }
        waited
    }

    /// What was last told, and whether somebody else's turn has come.
    fn leave(&self, name: &Name, token: HolderToken, asked: u32) -> (u32, Delivery) {
        let (told, next) = {
            let mut table = locked(&self.table);
            let count = table.count;
            let Some(waits) = table.keys.get_mut(name) else { return (count, Delivery::Unclaimed) };
            waits.asking = waits.asking.saturating_sub(asked);
            waits.arrived.remove(&token);
            let (told, next) = (waits.told, waits.line.pop_front());
            if waits.is_idle() && next.is_none() {
                table.keys.remove(name);
            }
            (told, next)
        };
        let Some((_, waker)) = next else { return (told, Delivery::Unclaimed) };
        waker.wake();
        (told, Delivery::Taken)
    }

    /// A message came: something of that name was given back.
    pub(super) fn deliver(&self, name: &Name) -> Delivery {
        let woken: Vec<_> = {
            let mut table = locked(&self.table);
            let count = table.next();
            let Some(waits) = table.keys.get_mut(name) else { return unclaimed(name.kind) };
            waits.told = count;
            // a value is for all of them; a right is for one
            let many = if name.kind == Kind::Cache { waits.line.len() } else { waits.line.len().min(1) };
            if many == 0 && waits.asking == 0 {
                return unclaimed(name.kind);
            }
            waits.line.drain(..many).collect()
        };
        for (_, waker) in woken {
            waker.wake();
        }
        Delivery::Taken
    }

    /// The subscription stands, or broke: everybody asks again, for what was sent meanwhile is lost, and a server that
    /// is gone is better known at once.
    pub(super) fn set(&self, subscription: Subscription) {
        let woken: Vec<_> = {
            let mut table = locked(&self.table);
            let up = subscription == Subscription::Up;
            let changes = table.up != up;
            table.up = up;
            let count = if changes { table.next() } else { table.count };
            let lines = table.keys.values_mut().filter(|_| changes).flat_map(|waits| {
                waits.told = count;
                waits.line.drain(..).map(|(_, waker)| waker)
            });
            lines.collect()
        };
        self.subscription.send_replace(subscription);
        woken.into_iter().for_each(Waker::wake);
    }

    pub(super) fn is_up(&self) -> bool {
        locked(&self.table).up
    }

    /// Ends when it is known whether messages reach us; at once if it is.
    pub(super) async fn known(&self) {
        let mut subscription = self.subscription.subscribe();
        // the sender is ours
        let _ = subscription.wait_for(|subscription| *subscription != Subscription::Pending).await;
    }

    /// Ends at once if a message for `name` came since `ticket`, else when it is this waiter's turn to ask.
    pub(super) async fn changed(&self, name: &Name, ticket: Ticket) {
        let mut place = Place { inbox: self, name, id: None };
        poll_fn(|cx| {
            let mut table = locked(&self.table);
            let last = table.last_place;
            let waits = table.waits(name);
            match place.id {
                None if waits.told != ticket.0 => Poll::Ready(()),
                None => {
                    waits.line.push_back((last + 1, cx.waker().clone()));
                    table.last_place = last + 1;
                    place.id = Some(last + 1);
                    Poll::Pending
                }
                Some(id) => match waits.line.iter_mut().find(|(other, _)| *other == id) {
                    Some((_, waker)) => {
                        waker.clone_from(cx.waker());
                        Poll::Pending
                    }
                    None => {
                        place.id = None;
                        Poll::Ready(())
                    }
                },
            }
        })
        .await;
    }
}

/// A message nobody waits for; a value needs no passing on, for everybody was told.
fn unclaimed(kind: Kind) -> Delivery {
    if kind == Kind::Cache { Delivery::Taken } else { Delivery::Unclaimed }
}

/// What is known before a command is sent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    pub(super) ticket: Ticket,
    pub(super) up: bool,
    pub(super) arrived: u64,
}

/// A place in the line of one key; leaves it when dropped, and passes on a turn it was given and did not take.
struct Place<'a> {
    inbox: &'a Inbox,
    name: &'a Name,
    id: Option<u64>,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let Some(id) = self.id else { return };
        let next = {
            let mut table = locked(&self.inbox.table);
            let Some(waits) = table.keys.get_mut(self.name) else { return };
            let next = match waits.line.iter().position(|(other, _)| *other == id) {
                Some(at) => waits.line.remove(at).and(None),
                None => waits.line.pop_front(),
            };
            if waits.is_idle() && next.is_none() {
                table.keys.remove(self.name);
            }
            next
        };
        if let Some((_, waker)) = next {
            waker.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cachify_core::key::Key;
    use std::{pin::pin, task::Context};

    const A: HolderToken = HolderToken([1; 4]);
    const B: HolderToken = HolderToken([2; 4]);

    fn inbox() -> (Inbox, Name) {
        let inbox = Inbox::new("in:x".into());
        inbox.set(Subscription::Up);
        (inbox, Name::of(&Key::new(Kind::Lock, "t", b"k", 0)))
    }

    #[test]
    fn who_was_told_to_wait_is_remembered_on_the_way_to_the_line() {
        let (inbox, name) = inbox();
        let (a, _) = (inbox.ask(&name, A), inbox.ask(&name, B));
        inbox.told_to_wait(&name, B, 7);
        inbox.done_asking(&name, A, a.ticket);
        assert_eq!(inbox.look(&name, B).arrived, 7);
        assert!(inbox.gone(&name, B) && !inbox.gone(&name, B));
        assert!(locked(&inbox.table).keys.is_empty(), "nothing is kept of keys that nobody waits for");
    }

    #[test]
    fn a_message_that_overtakes_the_reply_ends_the_wait_before_it_begins() {
        let (inbox, name) = inbox();
        let asked = inbox.ask(&name, A);
        assert_eq!(inbox.deliver(&name), Delivery::Taken);
        inbox.told_to_wait(&name, A, 1);
        let mut waiting = pin!(inbox.changed(&name, asked.ticket));
        assert!(waiting.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready());
    }

    #[test]
    fn a_message_for_an_asker_that_needs_it_no_more_is_left_over() {
        let (inbox, name) = inbox();
        let asked = inbox.ask(&name, A);
        inbox.deliver(&name);
        assert!(inbox.done_asking(&name, A, asked.ticket));
        assert_eq!(inbox.deliver(&name), Delivery::Unclaimed);
    }
}
