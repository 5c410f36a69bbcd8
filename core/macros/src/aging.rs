//! What an attribute says of values near their end.

use crate::span::Span;
use proc_macro2::TokenStream;
use quote::quote;
use syn::{Error, Expr, Result};

/// What an attribute says of values near their end.
#[derive(Default)]
pub(crate) struct Aging {
    /// For how long a value is served that is stale, and where that is said.
    pub(crate) stale_for: Option<(Span, proc_macro2::Span)>,
    /// Where it is said that it is served also when the load failed.
    pub(crate) on_error: Option<proc_macro2::Span>,
    /// After how many per cent of its TTL it is loaded again, and where that is said.
    pub(crate) early: Option<(u8, proc_macro2::Span)>,
}

impl Aging {
    /// Refuses what contradicts itself, or the TTL: one for all, or by value.
    pub(crate) fn check(&self, ttl: Option<&(Span, Expr)>, is_by_value: bool, keeps_all: bool) -> Result<()> {
        let known = ttl.map(|(ttl, written)| (matches!(ttl, Span::Forever), written));
        match (&self.stale_for, known) {
            (Some((_, at)), None) if !is_by_value => {
                return Err(Error::new(*at, "`stale_for` begins where a TTL ends: say `ttl = ..`, too"));
            }
            (Some(_), Some((true, forever))) => return Err(endless("stale", forever)),
            _ => {}
        }
        if let (Some(at), None) = (self.on_error, &self.stale_for) {
            return Err(Error::new(at, "`stale_on_error` needs a window, which bounds it: say `stale_for = ..`, too"));
        }
        if let (Some(at), true) = (self.on_error, keeps_all) {
            let what = "a failure that is kept takes the place of the value that `stale_on_error` would serve: leave out \
                        one of them";
            return Err(Error::new(at, what));
        }
        match (self.early, known) {
            (Some((_, at)), _) if is_by_value => {
                let what = "`early` is a part of a TTL that is known beforehand, which one by value is not";
                Err(Error::new(at, what))
            }
            (Some(_), Some((true, forever))) => Err(endless("due early", forever)),
            _ => Ok(()),
        }
    }

    /// The rules, as an expression; `None` where nothing is said.
    pub(crate) fn rules(&self, private: &TokenStream) -> Option<TokenStream> {
        if self.stale_for.is_none() && self.early.is_none() {
            return None;
        }
        let stale = self.stale_for.as_ref().and_then(|(span, _)| span.duration(private));
        let stale = stale.map(|stale| quote!(.stale_for(#stale)));
        let on_error = self.on_error.map(|_| quote!(.stale_on_error()));
        let early = self.early.map(|(over, _)| {
            let left = 100 - over;
            quote!(.early(#left))
        });
        Some(quote!(#private::Aging::NONE #stale #on_error #early))
    }
}

fn endless(what: &str, forever: &Expr) -> Error {
    Error::new_spanned(forever, format!("a value that is kept for ever is never {what}"))
}
