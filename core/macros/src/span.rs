//! Spans of time in attributes: `300`, `"250ms"`, `forever`, or any expression.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::{Error, Expr, ExprLit, Lit, Result, spanned::Spanned};

/// What was written for `ttl`, `wait` or `keep`.
#[derive(Clone)]
pub(crate) enum Span {
    Forever,
    /// An expression of type `Duration`.
    For(TokenStream),
}

impl Span {
    /// Reads a span; a literal zero is an error unless `zero_is_fine`.
    pub(crate) fn parse(value: &Expr, zero_is_fine: bool) -> Result<Self> {
        let at = value.span();
        let millis = match value {
            Expr::Path(path) if path.path.is_ident("forever") => return Ok(Self::Forever),
            Expr::Lit(ExprLit { lit: Lit::Int(n), .. }) if n.suffix().is_empty() => {
                n.base10_parse::<u64>()?.checked_mul(1_000)
            }
            Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => parse_text(&text.value()),
            Expr::Lit(_) => None,
            other => return Ok(Self::For(quote_spanned!(at=> #other))),
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
        Ok(Self::For(quote!(::core::time::Duration::from_millis(#millis))))
    }

    /// As a `Duration`; `forever` is an error that names `what`.
    pub(crate) fn finite(&self, what: &str, at: &Expr) -> Result<TokenStream> {
        match self {
            Self::For(duration) => Ok(duration.clone()),
            Self::Forever => Err(Error::new(at.span(), format!("{what} always ends: say how long"))),
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
