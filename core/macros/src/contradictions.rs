//! What the arguments of one attribute cannot say together.

use crate::{Home, Primitive, aging::Early, arguments::Layer};
use syn::{Error, Result};

impl Layer {
    /// Refuses what contradicts itself; told at `at` where no argument is to blame alone.
    pub(crate) fn check(&self, at: proc_macro2::Span) -> Result<()> {
        self.aging.check(self.ttl.as_ref(), self.ttl_of.is_some(), self.keeps_all())?;
        self.limits.check(self.aging.stale_for.is_some())?;
        self.grouped.check(self.ttl.as_ref(), self.aging.stale_for.is_some() || self.aging.early.is_some())?;
        if self.failure_for.is_some() && self.cache_err && self.cache_none {
            return Err(Error::new(
                at,
                "a result is a `Result` or an `Option`: `cache_err` or `cache_none` says how long",
            ));
        }
        if self.failure_for.is_some() && (self.encode.is_some() || self.ttl_of.is_some()) {
            let what = "a failure kept for a while has no value: neither `encode` nor a `ttl` by value goes with it";
            return Err(Error::new(at, what));
        }
        if self.passing.is_said() && self.keeps_all() {
            let what = "a failure that is kept is everybody's: leave out `share_err`, or what keeps it";
            return Err(Error::new(self.passing.span().unwrap_or(at), what));
        }
        if let Some((Early::Part(over), at)) = self.aging.early {
            if self.failure_for.is_some() {
                let what =
                    "a failure that is kept for a time of its own would always be due: leave out `early`, or that time";
                return Err(Error::new(at, what));
            }
            if self.jitter.is_some_and(|percent| percent >= 100 - over) {
                let what = "`jitter` may take all of a TTL that `early` leaves, and more: make one of them smaller";
                return Err(Error::new(at, what));
            }
        }
        if self.encode.is_some() != self.decode.is_some() {
            return Err(Error::new(at, "`encode` and `decode` belong together"));
        }
        if self.primitive == Primitive::Pooled && self.size.is_none() {
            return Err(Error::new(at, "a pool needs its size, as in `size = 5`"));
        }
        if self.home == Home::Core && self.instance.is_none() {
            return Err(Error::new(at, "without std there is no global instance: say `instance = ..`"));
        }
        let other = match (&self.otherwise, &self.when_busy) {
            (Some(_), _) => Some("otherwise"),
            (None, Some(_)) => Some("when_busy"),
            _ => None,
        };
        if let (Some(_), Some(other)) = (&self.on_full, other) {
            let what = format!("`on_full` and `{other}` exclude each other: write the closure of `{other}`");
            return Err(Error::new(at, what));
        }
        Ok(())
    }
}
