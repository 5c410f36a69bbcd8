//! Waiting: one channel per instance to be told on, in a cluster one per slot, and who waits behind it, each by its token.
//!
//! Invariant: whoever stands in a line on the server has an entry here, or a command is on its way that takes it out.
//! Not here: whose turn it is, which the server says; the subscription itself.

mod channels;
mod message;

use super::{fleet::slots::slot_of, name::Name};
use crate::sync::{locked, wake};
use cachify_core::{patience::Ticket, time::Instant, token::HolderToken};
use channels::{Channel, Channels, name_of};
pub(super) use message::{Message, Turn, hex};
use std::{
    collections::{HashMap, HashSet, VecDeque},
    future::poll_fn,
    mem::replace,
    sync::{Arc, Mutex, MutexGuard},
    task::{Poll, Waker},
};
use tokio::sync::watch;

/// Who waits for what.
#[derive(Debug)]
pub(super) struct Inbox {
    /// The channel of one server; in a cluster what each slot's begins with.
    name: String,
    is_sharded: bool,
    table: Mutex<Table>,
    /// Told whenever a channel is wanted, or its subscription changes.
    changed: watch::Sender<()>,
}

#[derive(Debug, Default)]
struct Table {
    channels: Channels,
    entries: HashMap<HolderToken, Entry>,
    /// Whose a ticket is. Never zero, which is no ticket.
    tickets: HashMap<u32, HolderToken>,
    last_ticket: u32,
    keys: HashMap<Name, HashSet<HolderToken>>,
    /// Who is to ask when a turn of somebody else's must be over, in order of time.
    standbys: VecDeque<(Instant, HolderToken)>,
}

/// One who asks, or was told to wait.
#[derive(Debug)]
struct Entry {
    name: Name,
    slot: u16,
    ticket: u32,
    /// Whether there was any news since it last asked.
    news: bool,
    waker: Option<Waker>,
    place: Place,
}

/// Where somebody stands in the line of a key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Place {
    /// As the line spells it; empty for one that does not stand.
    pub(super) member: String,
    /// When it came, in microseconds of the server; zero if it comes now.
    pub(super) arrived: u64,
}

/// What is known before a command is sent.
#[derive(Clone, Debug, Default)]
pub(super) struct Asked {
    /// `NONE` while no message would reach it.
    pub(super) ticket: Ticket,
    pub(super) place: Place,
    /// Where it stood before, to be given up.
    pub(super) former: Option<Place>,
}

impl Table {
    fn enter(&mut self, name: &Name, slot: u16, token: HolderToken) -> &mut Entry {
        let Self { entries, tickets, last_ticket, keys, .. } = self;
        entries.entry(token).or_insert_with(|| {
            // after four thousand million a number may still be somebody's
            loop {
                *last_ticket = last_ticket.wrapping_add(1).max(1);
                if !tickets.contains_key(last_ticket) {
                    break;
                }
            }
            tickets.insert(*last_ticket, token);
            keys.entry(name.clone()).or_default().insert(token);
            Entry { name: name.clone(), slot, ticket: *last_ticket, news: false, waker: None, place: Place::default() }
        })
    }

    fn remove(&mut self, token: HolderToken) -> Option<Entry> {
        let entry = self.entries.remove(&token)?;
        self.tickets.remove(&entry.ticket);
        if let Some(tokens) = self.keys.get_mut(&entry.name) {
            tokens.remove(&token);
            if tokens.is_empty() {
                self.keys.remove(&entry.name);
            }
        }
        Some(entry)
    }

    fn of_ticket(&mut self, ticket: Ticket) -> Option<&mut Entry> {
        self.tickets.get(&ticket.0).and_then(|token| self.entries.get_mut(token))
    }
}

impl Entry {
    /// There is news; whom to wake.
    fn tell(&mut self) -> Option<Waker> {
        self.news = true;
        self.waker.take()
    }
}

impl Inbox {
    pub(super) fn new(name: String, is_sharded: bool) -> Self {
        Self { name, is_sharded, table: Mutex::default(), changed: watch::Sender::new(()) }
    }

    fn slot(&self, name: &Name) -> u16 {
        if self.is_sharded { slot_of(&name.text) } else { 0 }
    }

    /// The table, which knows the channel of that slot by now.
    fn table_with(&self, slot: u16) -> MutexGuard<'_, Table> {
        let mut table = locked(&self.table);
        if table.channels.get(slot).is_none() {
            // the search for a name takes long
            drop(table);
            let name = name_of(&self.name, slot, self.is_sharded);
            table = locked(&self.table);
            table.channels.of(slot, || name);
        }
        table
    }

    /// The slot whose channel that is.
    pub(super) fn slot_of_channel(&self, channel: &[u8]) -> u16 {
        if self.is_sharded { slot_of(&String::from_utf8_lossy(channel)) } else { 0 }
    }

    /// The channel on which messages about the keys of a slot come.
    pub(super) fn channel(&self, slot: u16) -> Arc<str> {
        let table = self.table_with(slot);
        table.channels.get(slot).map_or_else(|| "".into(), |channel| channel.name.clone())
    }

    /// Sees to it that there will be a subscription for what is about that name.
    pub(super) fn want(&self, name: &Name) {
        let slot = self.slot(name);
        let is_new = self.table_with(slot).channels.want(slot);
        if is_new {
            self.changed.send_replace(());
        }
    }

    /// The slots for which there is to be a subscription.
    pub(super) fn wanted(&self) -> Vec<u16> {
        locked(&self.table).channels.wanted()
    }

    /// Told whenever another one is wanted.
    pub(super) fn changes(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    /// Notes that one is about to ask who will wait, before anything is sent: the message can overtake the reply.
    pub(super) fn ask(&self, name: &Name, token: HolderToken, size: u32) -> Asked {
        let slot = self.slot(name);
        let mut table = self.table_with(slot);
        let Table { channels, .. } = &*table;
        let (is_known, is_up, channel) = channels
            .get(slot)
            .map_or((false, false, "".into()), |channel| (channel.is_known(), channel.is_up(), channel.name.clone()));
        let entry = table.enter(name, slot, token);
        entry.news = false;
        // who stood where nobody is told moves to where it is; who is told stays there when the subscription breaks
        let may_move = is_up && !entry.place.member.ends_with(&*channel);
        let mut former = String::new();
        if may_move || entry.place.member.is_empty() && is_known {
            let inbox = if is_up { &*channel } else { "" };
            former = replace(&mut entry.place.member, format!("{} {size} {inbox}", hex(token)));
        }
        let ticket = if is_up { Ticket(entry.ticket) } else { Ticket::NONE };
        let former = (!former.is_empty()).then_some(Place { member: former, arrived: 0 });
        Asked { ticket, place: entry.place.clone(), former }
    }

    /// Where somebody stands.
    pub(super) fn place(&self, token: HolderToken) -> Option<Place> {
        locked(&self.table).entries.get(&token).map(|entry| entry.place.clone())
    }

    /// Notes that the answer was to wait.
    pub(super) fn told_to_wait(&self, token: HolderToken, arrived: u64) {
        if let Some(entry) = locked(&self.table).entries.get_mut(&token) {
            // a server too full to note it forgets nothing that is known here
            entry.place.arrived = if arrived == 0 { entry.place.arrived } else { arrived };
        }
    }

    /// Forgets one who waits no more; where it stood, or may stand by a command on its way.
    pub(super) fn leave(&self, token: HolderToken) -> Option<Place> {
        let left = locked(&self.table).remove(token);
        left.map(|entry| entry.place).filter(|place| !place.member.is_empty())
    }

    /// Somebody's turn has come; whether it is still here.
    pub(super) fn call(&self, token: HolderToken) -> bool {
        let woken = match locked(&self.table).entries.get_mut(&token) {
            Some(entry) => entry.tell(),
            None => return false,
        };
        if let Some(waker) = woken {
            wake(waker);
        }
        true
    }

    /// There is news for all who wait for that.
    pub(super) fn call_all(&self, name: &Name) {
        let woken: Vec<_> = {
            let mut table = locked(&self.table);
            let Table { entries, keys, .. } = &mut *table;
            let tokens = keys.get(name).into_iter().flatten();
            tokens.filter_map(|token| entries.get_mut(token)?.tell()).collect()
        };
        woken.into_iter().for_each(wake);
    }

    /// Somebody is to ask then, unless it does before; whether it is still here.
    pub(super) fn stand_by(&self, token: HolderToken, until: Instant) -> bool {
        let mut table = locked(&self.table);
        let is_here = table.entries.contains_key(&token);
        if is_here {
            table.standbys.push_back((until, token));
        }
        is_here
    }

    /// Wakes those whose time has come; when the next one's comes.
    pub(super) fn end_turns(&self, now: Instant) -> Option<Instant> {
        let mut woken = Vec::new();
        let next = {
            let mut table = locked(&self.table);
            let Table { entries, standbys, .. } = &mut *table;
            while standbys.front().is_some_and(|(until, _)| *until <= now) {
                let token = standbys.pop_front().map(|(_, token)| token);
                woken.extend(token.and_then(|token| entries.get_mut(&token)?.tell()));
            }
            standbys.front().map(|(until, _)| *until)
        };
        woken.into_iter().for_each(wake);
        next
    }

    /// The subscriptions of some slots stand, or broke: everybody there asks again, for what was sent meanwhile is lost, and
    /// a server that is gone is better known at once.
    pub(super) fn set(&self, slots: impl IntoIterator<Item = u16>, by: u64, is_up: bool) {
        let woken: Vec<_> = {
            let mut table = locked(&self.table);
            let Table { channels, entries, .. } = &mut *table;
            let changed = channels.set(slots, by, is_up);
            let entries = entries.values_mut().filter(|entry| changed.contains(&entry.slot));
            entries.filter_map(Entry::tell).collect()
        };
        self.changed.send_replace(());
        woken.into_iter().for_each(wake);
    }

    /// Whether it is known if messages about that name reach us.
    pub(super) fn is_known(&self, name: &Name) -> bool {
        locked(&self.table).channels.get(self.slot(name)).is_some_and(Channel::is_known)
    }

    /// Ends when it is known whether messages about that name reach us; at once if it is.
    pub(super) async fn known(&self, name: &Name) {
        let mut changed = self.changed.subscribe();
        // the sender is ours
        while !self.is_known(name) && changed.changed().await.is_ok() {}
    }

    /// Ends when there is news for the one whose ticket that is; at once if there was any since it last asked.
    ///
    /// Dropping it does not end the wait.
    pub(super) async fn changed(&self, ticket: Ticket) {
        let _registered = Registered { inbox: self, ticket };
        poll_fn(|cx| {
            // neither copied nor dropped under the lock: what a waker does then is its own
            let waker = cx.waker().clone();
            let _before = {
                let mut table = locked(&self.table);
                match table.of_ticket(ticket) {
                    Some(entry) if !entry.news => entry.waker.replace(waker),
                    _ => return Poll::Ready(()),
                }
            };
            Poll::Pending
        })
        .await;
    }
}

/// A waker in the table; taken out when the future that registered it is dropped.
struct Registered<'a> {
    inbox: &'a Inbox,
    ticket: Ticket,
}

impl Drop for Registered<'_> {
    fn drop(&mut self) {
        let _waker = locked(&self.inbox.table).of_ticket(self.ticket).and_then(|entry| entry.waker.take());
    }
}

#[cfg(test)]
mod tests;
