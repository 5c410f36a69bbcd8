//! The channels of an instance, each with what is known of its subscription: one, or in a cluster one per slot.

use crate::redis::fleet::slots::tag_of;
use std::{
    collections::{HashMap, HashSet},
    mem::replace,
    sync::Arc,
};

/// Where messages about the keys of one slot come.
#[derive(Debug)]
pub(super) struct Channel {
    pub(super) name: Arc<str>,
    /// Somebody waited there once.
    is_wanted: bool,
    /// `None` while it is not known whether messages reach us.
    subscription: Option<Subscription>,
}

/// Whether messages reach us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Subscription {
    /// By the server with that number.
    Up(u64),
    /// It broke, or could not be made; it is tried again now and then.
    Down,
}

impl Channel {
    pub(super) const fn is_known(&self) -> bool {
        self.subscription.is_some()
    }

    pub(super) const fn is_up(&self) -> bool {
        matches!(self.subscription, Some(Subscription::Up(_)))
    }
}

/// By slot.
#[derive(Debug, Default)]
pub(super) struct Channels(HashMap<u16, Channel>);

impl Channels {
    pub(super) fn get(&self, slot: u16) -> Option<&Channel> {
        self.0.get(&slot)
    }

    /// The channel of a slot, made now if there is none.
    pub(super) fn of(&mut self, slot: u16, name: impl FnOnce() -> Arc<str>) -> &mut Channel {
        self.0.entry(slot).or_insert_with(|| Channel { name: name(), is_wanted: false, subscription: None })
    }

    /// Notes that there is to be a subscription; whether that is new.
    pub(super) fn want(&mut self, slot: u16) -> bool {
        self.0.get_mut(&slot).is_some_and(|channel| !replace(&mut channel.is_wanted, true))
    }

    pub(super) fn wanted(&self) -> Vec<u16> {
        self.0.iter().filter(|(_, channel)| channel.is_wanted).map(|(slot, _)| *slot).collect()
    }

    /// The subscriptions of some slots stand, or broke; for which of them that is news: what was sent between two of them is
    /// lost. One that another server has by now does not break with this one.
    pub(super) fn set(&mut self, slots: impl IntoIterator<Item = u16>, by: u64, is_up: bool) -> HashSet<u16> {
        let set = |slot: &u16| {
            let Some(channel) = self.0.get_mut(slot) else { return false };
            let (before, was_up) = (channel.subscription, channel.is_up());
            if is_up {
                channel.subscription = Some(Subscription::Up(by));
            } else if !was_up || before == Some(Subscription::Up(by)) {
                channel.subscription = Some(Subscription::Down);
            }
            channel.subscription != before && (was_up || is_up)
        };
        slots.into_iter().filter(set).collect()
    }
}

/// What the channel of a slot is called that begins with `base`: in a cluster so that a script may publish to it which has
/// a key of that slot.
pub(super) fn name_of(base: &str, slot: u16, is_sharded: bool) -> Arc<str> {
    if is_sharded { format!("{base}{{{}}}", tag_of(slot)).into() } else { base.into() }
}
