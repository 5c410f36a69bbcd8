//! Functions of a device under attributes, whose bodies can be watched.

use crate::world::{Device, once_more};
use cachify_core::{Refused, cached, key::Kind, lock, once, pooled, testing::ManualClock, time::Clock};
use std::time::Duration;

/// What a body sees of its right.
pub(crate) trait Inside {
    fn enter(&self, kind: Kind, fence: u64, index: u32, is_valid: bool);
    /// Called at every poll.
    fn look(&self, is_valid: bool);
    /// How long the body takes.
    fn time(&self) -> Duration;
    fn clock(&self) -> &ManualClock;
    /// Called when the body ends.
    fn leave(&self) {}
    /// Whether the body succeeds.
    fn succeeds(&self) -> bool {
        true
    }
}

macro_rules! body {
    ($kind:ident, $guard:ident, $inside:ident) => {{
        $inside.enter(Kind::$kind, $guard.fence().0, $guard.index(), $guard.is_valid());
        let end = $inside.clock().now().saturating_add($inside.time());
        loop {
            $inside.look($guard.is_valid());
            if $inside.clock().now() >= end {
                break;
            }
            once_more().await;
        }
        $inside.leave();
        if $inside.succeeds() { Ok(()) } else { Err(Refused::Zero) }
    }};
}

#[lock(instance = device, key = "k", ttl = "600ms", wait = forever, guard = g, companions = false)]
pub(crate) async fn locked(device: &Device<'_>, inside: &impl Inside) -> Result<(), Refused> {
    body!(Lock, g, inside)
}

#[lock(instance = device, key = "k", ttl = "600ms", wait = 60, guard = g, companions = false)]
pub(crate) async fn locked_within_a_minute(device: &Device<'_>, inside: &impl Inside) -> Result<(), Refused> {
    body!(Lock, g, inside)
}

#[lock(instance = device, key = "k", ttl = "600ms", guard = g, companions = false)]
pub(crate) async fn locked_at_once(device: &Device<'_>, inside: &impl Inside) -> Result<(), Refused> {
    body!(Lock, g, inside)
}

#[pooled(instance = device, key = "k", size = 2, ttl = "600ms", wait = "2s", guard = g, companions = false)]
pub(crate) async fn pooled_two(device: &Device<'_>, inside: &impl Inside) -> Result<(), Refused> {
    body!(Pool, g, inside)
}

#[once(instance = device, key = "k", ttl = "600ms", keep = "1h", guard = g, companions = false)]
pub(crate) async fn run_once(device: &Device<'_>, inside: &impl Inside) -> Result<(), Refused> {
    body!(Once, g, inside)
}

#[cached(instance = device, key = "k", ttl = "300ms", companions = false)]
pub(crate) async fn answer(device: &Device<'_>, inside: &impl Inside) -> u32 {
    let end = inside.clock().now().saturating_add(inside.time());
    while inside.clock().now() < end {
        once_more().await;
    }
    42
}
