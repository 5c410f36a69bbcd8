//! No numbers: the feature `metrics` is off.
#![allow(clippy::unused_self, clippy::too_many_arguments, reason = "there are some with the feature")]

use super::{
    labels::{Came, Discarded, Got, Loaded},
    names::Names,
};
use cachify_core::{Cause, Holding, key::Kind, observe::Loss, op::Op};
use std::time::Duration;

pub(super) struct Meters;

impl Meters {
    pub(super) const fn new(_: bool, _: &str) -> Self {
        Self
    }
    pub(super) const fn are_asked_for(&self) -> bool {
        false
    }
    pub(super) const fn came(&self, _: &Names, _: u16, _: Came) {}
    pub(super) const fn discarded(&self, _: &Names, _: u16, _: Discarded) {}
    pub(super) const fn acquired(&self, _: &Names, _: Kind, _: u16, _: Got) {}
    pub(super) const fn waited(&self, _: &Names, _: Kind, _: u16, _: Got, _: Duration) {}
    pub(super) const fn hold(&self, _: &Names, _: Kind, _: u16, _: Duration) {}
    pub(super) const fn loaded(&self, _: &Names, _: u16, _: Loaded, _: Duration) {}
    pub(super) const fn held(&self, _: &Names, _: Kind, _: u16, _: i8) {}
    pub(super) const fn waiting(&self, _: &Names, _: Kind, _: u16, _: i8) {}
    pub(super) const fn lost(&self, _: &Names, _: Kind, _: u16, _: Loss) {}
    pub(super) const fn evicted(&self, _: &Names, _: u16, _: bool) {}
    pub(super) const fn entries(&self, _: &Names, _: u16, _: usize) {}
    pub(super) const fn asked(&self, _: &Op, _: Duration, _: Option<Cause>) {}
    pub(super) const fn renewed(&self, _: Kind, _: Result<Option<Holding>, Cause>) {}
    pub(super) const fn woken(&self, _: bool) {}
}
