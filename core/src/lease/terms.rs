//! What is asked for, and for how long: by what was said, else by the instance's defaults.

use super::{InFlightOf, KeyBufOf, Lease, MonitorOf, Stage};
use crate::{
    cache::Aging,
    instance::{Config, Handle},
    key::Kind,
    label::{Label, Said},
    patience::Ticket,
    store::{Platform, Store},
    time::{Clock, Instant, millis, short},
    token::{FencingToken, HolderToken},
    ttl::Ttl,
    validity::Validity,
};
use core::time::Duration;

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeaseOf {
    /// To be the only one.
    Lock,
    /// To be one of `size`.
    Permit {
        /// How many there are.
        size: u32,
    },
    /// To run.
    Run {
        /// For how long others are skipped after a success.
        keep: Duration,
    },
}

/// How long to wait for a lease.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Wait {
    /// Not at all.
    #[default]
    No,
    /// At most this long.
    For(Duration),
    /// Without limit.
    Forever,
}

/// What is asked for: times in milliseconds, a wait of zero is none.
// in an order for the same reason as that of the lease: times without an end side by side would be filled by a call
#[repr(C)]
struct Terms {
    ttl: u64,
    poll: u32,
    keep: u64,
    size: u32,
    kind: Kind,
    renew: bool,
    wait: u64,
}

/// Before it is asked for.
impl<H: Handle> Lease<H> {
    /// A lock, a permit or a run about to be asked for, without its key.
    // thin, so that times that are written in an attribute are counted out by the compiler
    #[inline]
    pub fn of(handle: H, of: LeaseOf, ttl: Option<Duration>, wait: Wait, renew: bool) -> Self {
        let store = handle.instance().store();
        let wait = match wait {
            Wait::No => 0,
            Wait::For(time) if time.is_zero() => 0,
            Wait::For(time) => millis(time).saturating_add(store.clock().cut()),
            Wait::Forever => u64::MAX,
        };
        let config = handle.instance().config();
        let (kind, size, keep, default) = match of {
            LeaseOf::Lock => (Kind::Lock, 0, 0, config.lease),
            LeaseOf::Permit { size } => (Kind::Pool, size, 0, config.permit),
            LeaseOf::Run { keep } => (Kind::Once, 0, millis(keep), config.lease),
        };
        let poll = Self::longest_pause(store, config);
        let (ttl, renew) = Self::lasting(store, millis(ttl.unwrap_or(default)), renew);
        Self::new(handle, &Terms { ttl, poll, keep, size, kind, renew, wait })
    }

    /// A flight about to be asked for, without its key.
    #[inline]
    pub fn flight(handle: H, ttl: Option<Ttl>) -> Self {
        let (store, config) = (handle.instance().store(), handle.instance().config());
        let keep = Ttl::resolve(ttl, config.ttl).millis();
        let poll = Self::longest_pause(store, config);
        let (ttl, renew) = if store.is_local() { (u64::MAX, false) } else { (millis(config.flight), true) };
        Self::new(handle, &Terms { kind: Kind::Cache, size: 0, poll, keep, ttl, wait: u64::MAX, renew })
    }

    /// A flight is asked for also where there is a value which is due.
    pub fn age(&mut self, aging: Aging) {
        self.anew(aging, aging.due(self.keep));
    }

    /// A flight is asked for though there is a value; see [`Ask::window`](crate::op::Ask::window).
    pub fn anew(&mut self, aging: Aging, window: u32) {
        (self.size, self.keep) = (window, aging.kept(self.keep));
    }

    /// How long it is asked for, and whether it is renewed: in the holder's own memory it needs neither.
    fn lasting(store: &H::Store, ttl: u64, renew: bool) -> (u64, bool) {
        match renew && store.is_local() {
            // zero is refused, here too
            true => (if ttl == 0 { 0 } else { u64::MAX }, false),
            false => (ttl, renew),
        }
    }

    fn longest_pause(store: &H::Store, config: &Config) -> u32 {
        short(millis(config.poll)).min(store.poll_at_most())
    }

    #[cfg_attr(not(target_pointer_width = "64"), inline(never))]
    fn new(handle: H, terms: &Terms) -> Self {
        let Terms { ttl, poll, keep, size, kind, renew, wait } = *terms;
        Self {
            handle,
            label: Said::default(),
            poll,
            key: <KeyBufOf<H>>::default(),
            deadline: Instant::from_millis(wait),
            at: Instant::ZERO,
            ttl,
            keep,
            token: HolderToken([0; 4]),
            fence: FencingToken(0),
            validity: Validity::ended(),
            ticket: Ticket::NONE,
            size,
            index: 0,
            kind,
            renew,
            stage: Stage::New,
            error: None,
            state: InFlightOf::<H>::default(),
            monitor: MonitorOf::<H>::default(),
        }
    }

    /// The same with a label of its own, if one was said.
    #[inline]
    #[must_use]
    pub fn labelled(mut self, label: Label) -> Self {
        self.label = Said::new(label);
        self
    }

    /// Both at once: a lease that is moved twice costs a device a hundred instructions.
    #[must_use]
    pub fn of_key_as(mut self, key: KeyBufOf<H>, label: Label) -> Self {
        self.key = key;
        self.label = Said::new(label);
        #[cfg(feature = "insight")]
        self.name();
        self
    }

    /// The same with its key, which was rendered elsewhere.
    #[must_use]
    pub fn of_key(mut self, key: KeyBufOf<H>) -> Self {
        self.key = key;
        #[cfg(feature = "insight")]
        self.name();
        self
    }

    /// Where its key is rendered.
    pub fn key_mut(&mut self) -> &mut KeyBufOf<H> {
        &mut self.key
    }
}
