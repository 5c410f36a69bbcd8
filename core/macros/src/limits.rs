//! What an attribute says of loads that take long: that they end, or go on without their caller.

use crate::{Home, borrowed, span::Span, values::flag};
use proc_macro2::Ident;
use syn::{Error, Expr, FnArg, ReceiverKind, Result, Signature, spanned::Spanned};

/// What an attribute says of loads that take long.
#[derive(Default)]
pub(crate) struct Limits {
    /// Where it is said that a load finishes although its caller gave up.
    pub(crate) detached: Option<proc_macro2::Span>,
    /// How long a load may take, and where that is said.
    pub(crate) hard: Option<(Span, proc_macro2::Span)>,
    /// After how long a value that is there is served, and where that is said.
    pub(crate) soft: Option<(Span, proc_macro2::Span)>,
}

impl Limits {
    pub(crate) fn set(&mut self, name: &Ident, value: &Expr, home: Home) -> Result<()> {
        let at = name.span();
        let limit = || -> Result<_> { Ok((Span::parse(value, false)?.finite("a limit", value)?, at)) };
        match (name == "load_timeout", home) {
            (true, _) => self.hard = Some(limit()?),
            (false, Home::Core) => {
                return Err(Error::new(at, "without std there is no task in which a load could go on"));
            }
            _ if name == "detached" => self.detached = flag(value)?.then_some(at),
            _ => self.soft = Some(limit()?),
        }
        Ok(())
    }

    /// Refuses what contradicts itself, or a window: whether there is one.
    pub(crate) fn check(&self, has_window: bool) -> Result<()> {
        let Some((soft, at)) = &self.soft else { return Ok(()) };
        if !has_window {
            let what =
                "`soft_load_timeout` serves a value past its TTL: say for how long there is one, by `stale_for = ..`";
            return Err(Error::new(*at, what));
        }
        if self.detached.is_none() {
            let what = "a load goes on past `soft_load_timeout` in a task of its own: say `detached`, too";
            return Err(Error::new(*at, what));
        }
        match (soft, &self.hard) {
            (Span::Millis(soft), Some((Span::Millis(hard), at))) if soft >= hard => {
                let what = "with `load_timeout` no longer than `soft_load_timeout` nothing is served in between: make it longer";
                Err(Error::new(*at, what))
            }
            _ => Ok(()),
        }
    }

    /// Refuses what a function with this signature cannot do.
    pub(crate) fn check_of(&self, signature: &Signature) -> Result<()> {
        if signature.asyncness.is_none() {
            if let Some(at) = self.detached {
                let what = "a thread that calls stays until its load is over: `detached` is for `async fn`";
                return Err(Error::new(at, what));
            }
            if let Some((_, at)) = &self.hard {
                let what = "a thread cannot be taken out of its load: `load_timeout` is for `async fn`; let what the body waits for have a limit";
                return Err(Error::new(*at, what));
            }
        }
        match self.detached.and_then(|_| lent(signature)) {
            Some(lent) => {
                let what = "a load that goes on after its caller has gone cannot borrow from it: with `detached` take what is owned, as \
                            `String` or `Arc`, and use the global instance or a static";
                Err(Error::new(lent, what))
            }
            None => Ok(()),
        }
    }
}

/// What a function borrows from its caller, as far as it shows.
fn lent(signature: &Signature) -> Option<proc_macro2::Span> {
    signature.inputs.iter().find_map(|argument| match argument {
        FnArg::Receiver(receiver) => match &receiver.kind {
            ReceiverKind::Value => None,
            ReceiverKind::Typed(_, of) => borrowed::from_call(of),
            _ => Some(receiver.span()),
        },
        FnArg::Typed(typed) => borrowed::from_call(&typed.ty),
    })
}
