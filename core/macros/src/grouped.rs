//! What an attribute says of the group that its values are in.

use crate::{span::Span, text};
use proc_macro2::{Ident, TokenStream};
use quote::quote;
use syn::{Error, Expr, LitStr, Result};

/// What an attribute says of the group that its values are in.
#[derive(Default)]
pub(crate) struct Grouped {
    /// Its name, if it is not the function's path.
    pub(crate) name: Option<LitStr>,
    /// How many values it keeps at most, and how much these weigh.
    pub(crate) most: Option<Expr>,
    pub(crate) weight: Option<Expr>,
    /// For how long nobody need ask for one, and where that is said.
    pub(crate) idle: Option<(Span, proc_macro2::Span)>,
    /// The function's path, for a group without a name.
    path: TokenStream,
}

impl Grouped {
    pub(crate) const fn is_said(&self) -> bool {
        self.name.is_some() || self.most.is_some() || self.weight.is_some() || self.idle.is_some()
    }

    /// What says how much it keeps.
    pub(crate) fn bounds(&self) -> impl Iterator<Item = &Expr> {
        let idle = self.idle.as_ref().and_then(|(idle, _)| idle.said());
        self.most.iter().chain(&self.weight).chain(idle)
    }

    /// A group without a name has that of its function.
    pub(crate) fn of(&mut self, path: TokenStream) {
        self.path = path;
    }

    /// The group of an instance, as an expression of reference type.
    pub(crate) fn reach(&self, private: &TokenStream, instance: TokenStream) -> TokenStream {
        if !self.is_said() {
            return instance;
        }
        let name = match &self.name {
            Some(name) => quote!([#name, ""]),
            None => self.path.clone(),
        };
        let most = self.most.as_ref().map(|most| quote!(.max_entries(#most)));
        let weight = self.weight.as_ref().map(|weight| quote!(.max_weight(#weight)));
        let idle = self.idle.as_ref().and_then(|(idle, _)| idle.duration(private)).map(|idle| quote!(.idle(#idle)));
        quote!(#private::group(#instance, #name, #private::Said::NOTHING #most #weight #idle))
    }

    pub(crate) fn set(&mut self, name: &Ident, value: Expr) -> Result<()> {
        match name.to_string().as_str() {
            "group" => self.name = Some(text::read(&value, "a group is named by a string literal")?),
            "max_entries" => self.most = Some(value),
            "max_weight" => self.weight = Some(value),
            _ => {
                let idle = Span::parse(&value, false)?.finite("a time that nobody asks", &value)?;
                self.idle = Some((idle, name.span()));
            }
        }
        Ok(())
    }

    /// Refuses what contradicts itself, a TTL, or a window: whether there is one.
    pub(crate) fn check(&self, ttl: Option<&(Span, Expr)>, has_window: bool) -> Result<()> {
        let Some((idle, at)) = &self.idle else { return Ok(()) };
        if has_window {
            let what = "a value that nobody asks for has no window: leave out `idle`, or `stale_for` and `early`";
            return Err(Error::new(*at, what));
        }
        match (idle, ttl) {
            (Span::Millis(idle), Some((Span::Millis(ttl), _))) if idle >= ttl => {
                let what = "no value lives past its `ttl`, whoever asks for it: `idle` is shorter than that";
                Err(Error::new(*at, what))
            }
            _ => Ok(()),
        }
    }
}
