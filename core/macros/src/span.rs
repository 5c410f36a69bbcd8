//! Spans of time in attributes: `300`, `"250ms"`, `forever`, or any expression.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Error, Expr, ExprLit, ExprUnary, Lit, Result, UnOp, spanned::Spanned};

/// What was written for `ttl`, `wait` or `keep`.
#[derive(Clone)]
pub(crate) enum Span {
    Forever,
    /// So many milliseconds.
    Millis(u64),
    /// An expression: a `Duration`, or a whole number of seconds.
    Said(Box<Expr>),
}

impl Span {
    /// Reads a span; a literal zero is an error unless `zero_is_fine`.
    pub(crate) fn parse(value: &Expr, zero_is_fine: bool) -> Result<Self> {
        let at = value.span();
        let millis = match value {
            Expr::Path(path) if path.path.is_ident("forever") => return Ok(Self::Forever),
            Expr::Lit(ExprLit { lit: Lit::Int(n), .. }) => n.base10_parse::<u64>()?.checked_mul(1_000),
            Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => parse_text(&text.value()),
            Expr::Lit(_) | Expr::Unary(ExprUnary { op: UnOp::Neg(_), .. }) => None,
            other => return Ok(Self::Said(Box::new(other.clone()))),
        };
        let millis = millis.ok_or_else(|| {
            Error::new(
                at,
                "expected seconds (`300`), a text such as \"250ms\" (ms, s, m, h, d), `forever`, or a `Duration`",
            )
        })?;
        if millis == 0 && !zero_is_fine {
            return Err(Error::new(at, "a time of zero: say how long, or leave the argument out for the default"));
        }
        Ok(Self::Millis(millis))
    }

    /// An expression of type `Duration`; `None` for ever.
    pub(crate) fn duration(&self, private: &TokenStream) -> Option<TokenStream> {
        match self {
            Self::Forever => None,
            Self::Millis(millis) => Some(quote!(::core::time::Duration::from_millis(#millis))),
            Self::Said(said) => Some(quote!(#private::duration(#said))),
        }
    }

    /// The expression, if it is one.
    pub(crate) fn said(&self) -> Option<&Expr> {
        if let Self::Said(said) = self { Some(said) } else { None }
    }

    /// Itself, if it ends; else an error that names `what`.
    pub(crate) fn finite(self, what: &str, at: &Expr) -> Result<Self> {
        match self {
            Self::Forever => Err(Error::new(at.span(), format!("{what} always ends: say how long"))),
            ends => Ok(ends),
        }
    }
}

fn parse_text(text: &str) -> Option<u64> {
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit())?);
    let millis = match unit.trim() {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(millis)
}
