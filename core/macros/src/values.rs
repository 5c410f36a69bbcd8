//! What the value of one argument says, read by its kind.

use proc_macro2::{Ident, Span};
use syn::{Error, Expr, ExprLit, Lit, LitInt, Path, Result, spanned::Spanned};

/// Where companions go.
#[derive(Clone, Default)]
pub(crate) enum Companions {
    /// Under the function's own name.
    #[default]
    Own,
    /// Under another name.
    Named(Ident),
    /// Associated functions beside the function, as the word says that stands there.
    Methods(Ident),
    /// Nowhere.
    None,
}

/// What an attribute says of a failed load for those who waited for it.
#[derive(Default)]
pub(crate) enum Passing {
    /// They have it, where its type allows that.
    #[default]
    ByType,
    /// They have what a function makes of it.
    By(Expr),
    /// They load for themselves.
    Never,
}

impl Passing {
    /// `share_err = false`, or a function.
    pub(crate) fn parse(value: Expr) -> Self {
        match value {
            Expr::Lit(ExprLit { lit: Lit::Bool(flag), .. }) if flag.value => Self::ByType,
            Expr::Lit(ExprLit { lit: Lit::Bool(_), .. }) => Self::Never,
            copy => Self::By(copy),
        }
    }
}

impl Passing {
    pub(crate) const fn is_said(&self) -> bool {
        !matches!(self, Self::ByType)
    }

    /// Where the function stands, if there is one.
    pub(crate) fn span(&self) -> Option<Span> {
        if let Self::By(copy) = self { Some(copy.span()) } else { None }
    }
}

pub(crate) fn version(value: &Expr) -> Result<LitInt> {
    match value {
        Expr::Lit(ExprLit { lit: Lit::Int(n), .. }) if n.base10_parse::<u32>().is_ok() => Ok(n.clone()),
        other => Err(Error::new(other.span(), "a version is a whole number, as in `version = 2`")),
    }
}

pub(crate) fn path(value: &Expr) -> Result<Path> {
    match value {
        Expr::Path(path) => Ok(path.path.clone()),
        other => Err(Error::new(other.span(), "expected a name or a path")),
    }
}

pub(crate) fn flag(value: &Expr) -> Result<bool> {
    match value {
        Expr::Lit(ExprLit { lit: Lit::Bool(flag), .. }) => Ok(flag.value),
        other => Err(Error::new(other.span(), "expected `true` or `false`")),
    }
}

/// A part of a TTL in whole per cents, from 1 to `most`; else the error says `what` is expected.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "looked at")]
pub(crate) fn part(value: &Expr, most: u8, what: &str) -> Result<u8> {
    let said = match value {
        // in binary most parts are not what was written
        Expr::Lit(ExprLit { lit: Lit::Float(part), .. }) => (part.base10_parse::<f64>()? * 100.0).round(),
        _ => f64::NAN,
    };
    // NaN is in no range
    if (1.0..=f64::from(most)).contains(&said) { Ok(said as u8) } else { Err(Error::new(value.span(), what)) }
}

pub(crate) fn size(value: Expr) -> Result<Expr> {
    if let Expr::Lit(ExprLit { lit: Lit::Int(n), .. }) = &value
        && n.base10_parse::<u32>()? == 0
    {
        return Err(Error::new(n.span(), "a pool of size zero would never let anybody in"));
    }
    Ok(value)
}

pub(crate) fn companions(value: &Expr) -> Result<Companions> {
    match value {
        Expr::Lit(ExprLit { lit: Lit::Bool(flag), .. }) if !flag.value => Ok(Companions::None),
        Expr::Path(path) => {
            let name = path.path.require_ident()?.clone();
            Ok(if name == "methods" { Companions::Methods(name) } else { Companions::Named(name) })
        }
        other => Err(Error::new(other.span(), "expected `false`, `methods` or a name")),
    }
}
