//! What `defmt` shows of the few types whose fields say nothing to a person.

use crate::{
    error::{Asked, Code},
    key::{Key, KeyError, Kind},
};
use defmt::{Format, Formatter, intern, write};

/// `l:item:7`, the kind by its letter; without the prefix, which a device knows.
impl Format for Key<'_> {
    fn format(&self, f: Formatter<'_>) {
        write!(f, "{=str}:{=str}", self.kind.letter(), self.text());
    }
}

/// `Lock "item:{id}"`, as far as it is known.
impl Format for Asked {
    fn format(&self, f: Formatter<'_>) {
        match (self.kind(), self.template()) {
            (Some(kind), Some(template)) => write!(f, "{} \"{=str}\"", kind, template),
            (Some(kind), None) => Kind::format(&kind, f),
            (None, _) => write!(f, "?"),
        }
    }
}

impl Format for Code {
    fn format(&self, f: Formatter<'_>) {
        self.as_str().format(f);
    }
}

/// A template that is made at run time says no more than that it is malformed.
impl Format for KeyError {
    #[expect(clippy::match_same_arms, reason = "on the host they are; in an image each is an address of its own")]
    fn format(&self, f: Formatter<'_>) {
        let name = match self {
            Self::TooLong => intern!("TooLong"),
            Self::Missing => intern!("Missing"),
            Self::Braces => intern!("Braces"),
            Self::SpecAtRunTime => intern!("SpecAtRunTime"),
            Self::Display => intern!("Display"),
            Self::NotUtf8 => intern!("NotUtf8"),
            Self::Template(_) => intern!("Template"),
        };
        name.format(f);
    }
}
