//! A span of time as an attribute takes it from an expression: a `Duration`, or a whole number of seconds.

use core::time::Duration;

/// What says how long.
#[diagnostic::on_unimplemented(
    message = "`{Self}` says no span of time",
    label = "a span of time is a `Duration`, or a whole number of seconds"
)]
pub trait Span {
    /// So long; a number below zero is none, which is refused as zero is.
    fn span(self) -> Duration;
}

#[diagnostic::do_not_recommend]
impl Span for Duration {
    #[inline]
    fn span(self) -> Duration {
        self
    }
}

macro_rules! seconds {
    ($($of:ty),*) => { $(
        #[diagnostic::do_not_recommend]
        impl Span for $of {
            #[inline]
            fn span(self) -> Duration {
                Duration::from_secs(u64::try_from(self).unwrap_or_default())
            }
        }
    )* };
}

seconds!(u8, u16, u32, u64, usize, i8, i16, i32, i64, isize);

/// How long `said` is.
#[inline]
#[must_use]
pub fn duration(said: impl Span) -> Duration {
    said.span()
}
