//! Nothing is seen: the features `metrics` and `tracing` are off, and nothing of it is compiled.
#![allow(clippy::unused_self, reason = "there is something to see with the features")]

use cachify_core::{
    Cause, Holding,
    key::Kind,
    observe::Event,
    op::{Answer, Op, Request},
};
use std::{marker::PhantomData, sync::Arc, task::Poll};

pub use cachify_core::__private::run;

/// A store says nothing of its keys.
macro_rules! sees_keys {
    () => {};
}
/// Nor of its leases.
macro_rules! sees_leases {
    () => {};
}
pub(crate) use {sees_keys, sees_leases};

/// When a question left the process: nobody knows.
pub(crate) type Since = ();

/// What the builder was asked for: nothing.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Asked(());

/// What an instance and its groups share: there is none.
pub(crate) enum Seeing {}

impl Seeing {
    pub(crate) const fn new(_: Asked, _: &str, _: &crate::clock::StdClock) -> Option<Arc<Self>> {
        None
    }
    pub(crate) const fn number(&self, _: &str) -> u16 {
        match *self {}
    }
}

/// What one instance sees by: nothing.
#[derive(Clone, Copy)]
pub(crate) struct Sight<'a>(PhantomData<&'a Seeing>);

impl<'a> Sight<'a> {
    #[inline]
    pub(crate) const fn of(_: Option<&'a (Arc<Seeing>, u16)>) -> Option<Self> {
        None
    }
    #[inline]
    pub(crate) const fn meets(self, _: Kind, _: u16) {}
    pub(crate) const fn here(self) -> Context {
        Context(())
    }
    pub(crate) const fn told(self, _: &Event<'_>) {}
    pub(crate) const fn holds(self, _: usize) {}
    pub(crate) const fn asks(self) {}
    pub(crate) const fn answered(self, (): (), _: &Op, _: Kind, _: Result<Option<Holding>, Cause>) {}
    pub(crate) const fn renewed(self, _: Kind, _: Result<Holding, Cause>) {}
}

/// The lease inside of which something is done: none is known.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Context(());

impl Context {
    pub(crate) fn within<T>(&self, step: impl FnOnce() -> T) -> T {
        step()
    }
}

/// What watches over a lease: nobody.
#[derive(Debug, Default)]
pub(crate) struct Watch;

impl Watch {
    #[inline]
    pub(crate) fn within<T>(&self, step: impl FnOnce() -> T) -> T {
        step()
    }
    pub(crate) const fn left(&mut self) {}
    pub(crate) const fn context(&self) -> Context {
        Context(())
    }
    #[inline]
    pub(crate) const fn is_called(&mut self) {}
    #[inline]
    pub(crate) fn polled(
        &mut self,
        _: Sight<'_>,
        _: &Request<'_>,
        ask: impl FnOnce() -> Poll<Result<Answer, Cause>>,
    ) -> Poll<Result<Answer, Cause>> {
        ask()
    }
    #[inline]
    pub(crate) fn landed(
        &mut self,
        _: Sight<'_>,
        _: &Request<'_>,
        ask: impl FnOnce() -> Poll<Result<Option<Answer>, Cause>>,
    ) -> Poll<Result<Option<Answer>, Cause>> {
        ask()
    }
}
