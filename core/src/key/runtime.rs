//! Templates that are known only at run time, by the rules of the macros.

use super::{DynPart, KeyError, KeySink, Text};
use cachify_template::{Argument, Piece, pieces};
use core::fmt;

/// A parsed template.
///
/// A named placeholder takes the argument whose name is the placeholder's text, path included (`"item.id"`).
/// A format spec is refused: only the macros can render it.
///
/// ```
/// use cachify_core::key::{Arguments, AsKey, KeyBuf, KeyBuffer, KeyTemplate};
/// let template = KeyTemplate::parse("user:{id}:{}")?;
/// let mut buf = KeyBuf::<32>::default();
/// template.with(Arguments { positional: &[&"a:b"], named: &[("id", &7)] }).render_key(&mut buf);
/// assert_eq!(buf.bytes(), Ok(&b"user:7:a%3Ab"[..]));
/// # Ok::<(), cachify_core::key::KeyError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyTemplate<'t>(&'t str);

/// What a template is rendered with.
#[derive(Clone, Copy, Default)]
pub struct Arguments<'a> {
    /// For `{}` and `{0}`.
    pub positional: &'a [&'a dyn DynPart],
    /// For `{name}`.
    pub named: &'a [(&'a str, &'a dyn DynPart)],
}

impl fmt::Debug for Arguments<'_> {
    // names only: values may be secret
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.named.iter().map(|(name, _)| name)).finish()
    }
}

impl<'t> KeyTemplate<'t> {
    /// Checks a template; malformed ones and format specs are errors.
    ///
    /// # Errors
    /// [`KeyError`] for a template that is malformed, or has a format spec.
    pub fn parse(template: &'t str) -> Result<Self, KeyError> {
        for piece in pieces(template) {
            if let Piece::Placeholder(hole) = piece?
                && !hole.spec.is_empty()
            {
                return Err(KeyError::SpecAtRunTime);
            }
        }
        Ok(Self(template))
    }

    /// The template with its arguments: a key.
    #[must_use]
    pub const fn with<'a>(self, arguments: Arguments<'a>) -> Rendering<'a>
    where
        't: 'a,
    {
        Rendering { template: self, arguments }
    }
}

/// A template with its arguments; made by [`KeyTemplate::with`].
#[derive(Clone, Copy, Debug)]
pub struct Rendering<'a> {
    template: KeyTemplate<'a>,
    arguments: Arguments<'a>,
}

impl Rendering<'_> {
    pub(super) const fn template(&self) -> &str {
        self.template.0
    }

    pub(super) fn render(&self, out: &mut impl KeySink) {
        for piece in pieces(self.template.0) {
            match piece {
                Ok(Piece::Literal(text)) => out.put_text(Text::of(text)),
                Ok(Piece::Placeholder(hole)) => match self.argument(hole.argument, hole.text) {
                    Some(part) => part.render_dyn(out, hole.stop),
                    None => out.fail(KeyError::Missing),
                },
                Err(e) => out.fail(e.into()),
            }
        }
    }

    fn argument(&self, argument: Argument<'_>, text: &str) -> Option<&dyn DynPart> {
        match argument {
            Argument::Position(n) => self.arguments.positional.get(n).copied(),
            Argument::Name(_) => self.arguments.named.iter().find(|(name, _)| *name == text).map(|(_, part)| *part),
        }
    }
}
