//! Parses key templates such as `"user:{id}"`, without allocating.
//!
//! One parser serves the attribute macros at compile time and `KeyTemplate` at run time, so both accept the same
//! language. Invariant: whatever [`pieces`] accepts renders injectively while no placeholder has a format spec.
//! Not here: rendering and escaping, which belong to `cachify-core`.
//!
//! ```
//! use cachify_template::{Argument, Piece, pieces};
//! let mut parsed = pieces("user:{id}");
//! assert_eq!(parsed.next(), Some(Ok(Piece::Literal("user:"))));
//! let Some(Ok(Piece::Placeholder(hole))) = parsed.next() else { panic!() };
//! assert_eq!(hole.argument, Argument::Name("id"));
//! assert_eq!(parsed.next(), None);
//! ```
#![no_std]
#![forbid(unsafe_code)]

mod path;
mod spec;

use core::fmt;
pub use path::{Access, Accesses};
pub use spec::HASH;

/// Part of a template, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece<'t> {
    /// Text taken over as it is; `{{` and `}}` have become one brace.
    Literal(&'t str),
    /// A value to be rendered here.
    Placeholder(Placeholder<'t>),
}

/// A placeholder and what surrounds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placeholder<'t> {
    /// The text between the braces.
    pub text: &'t str,
    /// Which argument it names.
    pub argument: Argument<'t>,
    /// The way from the argument to the value: `.field`, `[0]`, `["key"]`.
    pub path: Accesses<'t>,
    /// The format spec after the colon, or [`HASH`]; empty when there is none.
    pub spec: &'t str,
    /// The character right after the placeholder, which must be escaped inside the value.
    pub stop: Option<char>,
    /// Byte offset of the opening brace.
    pub at: usize,
}

/// The argument a placeholder starts from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Argument<'t> {
    /// `{}` or `{0}`: by position, counted from zero.
    Position(usize),
    /// `{name}`; of `{r#name}` the name alone.
    Name(&'t str),
}

/// Why a template was rejected, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TemplateError {
    /// Byte offset in the template.
    pub at: usize,
    /// What is wrong there.
    pub reason: Reason,
}

/// What is wrong with a template.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// `{` without its `}`.
    Unclosed,
    /// `}` without its `{`.
    Unopened,
    /// Two placeholders with nothing between them.
    Adjacent,
    /// `%` right after a placeholder.
    PercentAfter,
    /// `{}` and `{0}` in one template.
    Mixed,
    /// Not a name, a position or a path.
    BadPath,
    /// Not a Rust format spec, nor `hash`.
    BadSpec,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unclosed => "`{` is never closed; write `{{` for a literal brace",
            Self::Unopened => "`}` without `{`; write `}}` for a literal brace",
            Self::Adjacent => "two placeholders with nothing between them: different values could make one key",
            Self::PercentAfter => "`%` right after a placeholder: it could be taken for an escape",
            Self::Mixed => "`{}` and `{0}` cannot be mixed",
            Self::BadPath => "expected a name, a position, or a path such as `a.b`, `a[0]`, `a[\"k\"]`",
            Self::BadSpec => "expected a Rust format spec such as `03`, `>5`, `.2`, `x`, or `hash`",
        })
    }
}

impl fmt::Display for TemplateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (at byte {})", self.reason, self.at)
    }
}

impl core::error::Error for TemplateError {}

/// Splits a template into its pieces; after the first error there are no more.
#[must_use]
pub const fn pieces(template: &str) -> Pieces<'_> {
    Pieces { template, at: 0, positions: Positions::None, after_placeholder: false }
}

/// Iterator over the pieces of a template; made by [`pieces`].
#[derive(Clone, Debug)]
pub struct Pieces<'t> {
    template: &'t str,
    at: usize,
    positions: Positions,
    after_placeholder: bool,
}

#[derive(Clone, Copy, Debug)]
enum Positions {
    None,
    Counted(usize),
    Written,
}

impl<'t> Iterator for Pieces<'t> {
    type Item = Result<Piece<'t>, TemplateError>;

    fn next(&mut self) -> Option<Self::Item> {
        let rest = self.template.get(self.at..).filter(|rest| !rest.is_empty())?;
        let is_placeholder = rest.starts_with('{') && !rest.starts_with("{{");
        let piece = if is_placeholder { self.placeholder(rest) } else { self.literal(rest) };
        self.after_placeholder = is_placeholder;
        if piece.is_err() {
            self.at = self.template.len();
        }
        Some(piece)
    }
}

impl<'t> Pieces<'t> {
    fn literal(&mut self, rest: &'t str) -> Result<Piece<'t>, TemplateError> {
        if self.after_placeholder && rest.starts_with('%') {
            return Err(self.error(Reason::PercentAfter));
        }
        let brace = rest.find(['{', '}']).unwrap_or(rest.len());
        let (text, after) = rest.split_at(brace);
        let doubled = after.starts_with("{{") || after.starts_with("}}");
        if after.starts_with('}') && !doubled {
            self.at += brace;
            return Err(self.error(Reason::Unopened));
        }
        // a doubled brace ends the piece: its first half belongs to the text, its second is skipped
        let text = if doubled { rest.get(..=brace).unwrap_or(text) } else { text };
        self.at += text.len() + usize::from(doubled);
        Ok(Piece::Literal(text))
    }

    fn placeholder(&mut self, rest: &'t str) -> Result<Piece<'t>, TemplateError> {
        if self.after_placeholder {
            return Err(self.error(Reason::Adjacent));
        }
        let at = self.at;
        let inside = rest.get(1..).unwrap_or_default();
        let (end, colon) = path::extent(inside).ok_or_else(|| self.error(Reason::Unclosed))?;
        let text = inside.get(..end).unwrap_or_default();
        let (path, spec) = match colon {
            Some(colon) => (inside.get(..colon), inside.get(colon + 1..end)),
            None => (Some(text), None),
        };
        let (path, spec) = (path.unwrap_or_default(), spec.unwrap_or_default());
        let (root, accesses) = path::split(path).ok_or_else(|| self.error(Reason::BadPath))?;
        let argument = self.argument(root)?;
        if !spec::is_valid(spec) {
            return Err(self.error(Reason::BadSpec));
        }
        self.at += end + 2;
        let stop = self.template.get(self.at..).and_then(|after| after.chars().next());
        Ok(Piece::Placeholder(Placeholder { text, argument, path: accesses, spec, stop, at }))
    }

    fn argument(&mut self, root: &'t str) -> Result<Argument<'t>, TemplateError> {
        let digits = root.bytes().all(|b| b.is_ascii_digit());
        match (root.is_empty(), self.positions) {
            (true, Positions::Written) => Err(self.error(Reason::Mixed)),
            (true, seen) => {
                let position = if let Positions::Counted(n) = seen { n } else { 0 };
                self.positions = Positions::Counted(position + 1);
                Ok(Argument::Position(position))
            }
            (false, Positions::Counted(_)) if digits => Err(self.error(Reason::Mixed)),
            (false, _) if digits => {
                self.positions = Positions::Written;
                root.parse().map(Argument::Position).map_err(|_| self.error(Reason::BadPath))
            }
            (false, _) => Ok(Argument::Name(root)),
        }
    }

    const fn error(&self, reason: Reason) -> TemplateError {
        TemplateError { at: self.at, reason }
    }
}

#[cfg(test)]
mod tests;
