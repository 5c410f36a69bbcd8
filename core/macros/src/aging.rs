//! What an attribute says of values near their end.

use crate::{span::Span, values::part};
use proc_macro2::TokenStream;
use quote::quote;
use syn::{Error, Expr, Path, Result};

/// What an attribute says of values near their end.
#[derive(Default)]
pub(crate) struct Aging {
    /// For how long a value is served that is stale, and where that is said.
    pub(crate) stale_for: Option<(Span, proc_macro2::Span)>,
    /// Where it is said that it is served also when the load failed.
    pub(crate) on_error: Option<proc_macro2::Span>,
    /// When it is loaded again though it is fresh, and where that is said.
    pub(crate) early: Option<(Early, proc_macro2::Span)>,
}

/// When a value is loaded again that is fresh.
pub(crate) enum Early {
    /// After so many per cent of its TTL.
    Part(u8),
    /// By chance, as this `Early` says.
    Chance(Path),
}

impl Early {
    pub(crate) fn parse(value: Expr) -> Result<Self> {
        match value {
            Expr::Path(path) if path.qself.is_none() => Ok(Self::Chance(path.path)),
            value => part(&value, 99, EARLY).map(Self::Part),
        }
    }
}

const EARLY: &str = "the part of the TTL after which a value is loaded again, from 0.01 to 0.99: `early = 0.8`; or \
                     `early = Early::XFetch`";

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
        match (&self.early, known) {
            (Some((Early::Part(_), at)), _) if is_by_value => {
                let what = "`early` is a part of a TTL that is known beforehand, which one by value is not: say \
                            `early = Early::XFetch`";
                Err(Error::new(*at, what))
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
        let early = self.early.as_ref().map(|(early, _)| match early {
            Early::Part(over) => {
                let left = 100 - over;
                quote!(.early(#left))
            }
            Early::Chance(path) => quote!(.starting(#path)),
        });
        Some(quote!(#private::Aging::NONE #stale #on_error #early))
    }

    /// Whether it is drawn anew for each call when a value is due.
    pub(crate) const fn is_drawn(&self) -> bool {
        matches!(self.early, Some((Early::Chance(_), _)))
    }
}

fn endless(what: &str, forever: &Expr) -> Error {
    Error::new_spanned(forever, format!("a value that is kept for ever is never {what}"))
}
