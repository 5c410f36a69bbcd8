//! What a refusal says of the call: which primitive, by which template.

use crate::key::Kind;
use core::{fmt, time::Duration};

/// What was asked for when a call was refused: the primitive, and of an attribute the template of its key.
///
/// Without the feature `named`, as on devices, it knows neither and takes no room. All are equal, so refusals are equal that have
/// one reason, whatever was asked for.
#[derive(Clone, Copy, Default)]
pub struct Asked {
    #[cfg(feature = "named")]
    of: Option<&'static Named>,
}

/// A primitive, and the template of an attribute.
#[doc(hidden)]
#[derive(Debug)]
#[cfg_attr(not(feature = "named"), expect(dead_code, reason = "nobody looks at it"))]
pub struct Named {
    kind: Kind,
    template: Option<&'static str>,
}

impl Named {
    #[must_use]
    pub const fn new(kind: Kind, template: &'static str) -> Self {
        Self { kind, template: Some(template) }
    }

    #[cfg(feature = "named")]
    const fn by_value(kind: Kind) -> &'static Self {
        match kind {
            Kind::Cache => &Self { kind: Kind::Cache, template: None },
            Kind::Lock => &Self { kind: Kind::Lock, template: None },
            Kind::Once => &Self { kind: Kind::Once, template: None },
            Kind::Pool => &Self { kind: Kind::Pool, template: None },
        }
    }
}

impl Asked {
    /// Nothing is known of the call.
    pub const NOTHING: Self = Self {
        #[cfg(feature = "named")]
        of: None,
    };

    /// Of that kind.
    #[inline]
    pub(crate) const fn of(kind: Kind) -> Self {
        #[cfg(feature = "named")]
        return Self { of: Some(Named::by_value(kind)) };
        #[cfg(not(feature = "named"))]
        {
            let _ = kind;
            Self {}
        }
    }

    /// Of an attribute.
    #[inline]
    pub(crate) const fn by(named: &'static Named) -> Self {
        #[cfg(feature = "named")]
        return Self { of: Some(named) };
        #[cfg(not(feature = "named"))]
        {
            let _ = named;
            Self {}
        }
    }

    /// Which primitive it was.
    #[must_use]
    pub const fn kind(self) -> Option<Kind> {
        #[cfg(feature = "named")]
        if let Some(named) = self.of {
            return Some(named.kind);
        }
        None
    }

    /// The template of an attribute's key as it is written there, the function's name for `{fn}`; `None` of a key by value.
    #[must_use]
    pub const fn template(self) -> Option<&'static str> {
        #[cfg(feature = "named")]
        if let Some(named) = self.of {
            return named.template;
        }
        None
    }

    /// Begins a sentence with what was asked for.
    pub(super) fn begin(self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind().map_or("it", word))?;
        self.template().map_or(Ok(()), |template| write!(f, " \"{template}\""))
    }

    /// The same, before a sentence of its own.
    pub(super) fn before(self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.kind().is_none() {
            return Ok(());
        }
        self.begin(f)?;
        f.write_str(": ")
    }
}

impl PartialEq for Asked {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Asked {}

impl fmt::Debug for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.kind().is_none() { f.write_str("?") } else { self.begin(f) }
    }
}

/// As users write it.
const fn word(kind: Kind) -> &'static str {
    match kind {
        Kind::Cache => "cached",
        Kind::Lock => "lock",
        Kind::Once => "once",
        Kind::Pool => "pool",
    }
}

/// A time for people: rounded up to two figures or more, in one unit.
pub(super) struct For(pub(super) Duration);

impl fmt::Display for For {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [(u128, &str); 4] = [(1, "ms"), (1_000, "s"), (60_000, "min"), (3_600_000, "h")];
        let millis = self.0.as_nanos().div_ceil(1_000_000);
        // the next unit is for what has ten of it, but a second is told as one
        let (unit, name) = match millis {
            0..1_000 => UNITS[0],
            1_000..600_000 => UNITS[1],
            600_000..36_000_000 => UNITS[2],
            _ => UNITS[3],
        };
        write!(f, "{} {name}", millis.div_ceil(unit))
    }
}
