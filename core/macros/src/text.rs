//! Texts in attributes: a literal, or literals joined by `concat!`, which the macro reads itself.

use crate::groups;
use syn::{
    Error, Expr, ExprLit, ExprUnary, Lit, LitStr, Macro, Result, Token, UnOp, parse::Parser, punctuated::Punctuated,
    spanned::Spanned,
};

/// The text; `otherwise` says what is demanded.
pub(crate) fn read(value: &Expr, otherwise: &str) -> Result<LitStr> {
    match value {
        Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Ok(text.clone()),
        Expr::Macro(call) => match joined(&call.mac) {
            Some(text) => Ok(LitStr::new(&text?, value.span())),
            None => Err(Error::new(value.span(), otherwise)),
        },
        Expr::Path(_) => {
            let advice = "an attribute can read no constant: write its text here, or join literals with `concat!`";
            Err(Error::new(value.span(), format!("{otherwise}; {advice}")))
        }
        other => Err(Error::new(other.span(), otherwise)),
    }
}

/// What `concat!` and `stringify!` make of their arguments; `None` for any other macro.
fn joined(call: &Macro) -> Option<Result<String>> {
    match call.path.segments.last()?.ident.to_string().as_str() {
        "stringify" => Some(Ok(call.tokens.to_string())),
        "concat" => {
            let parts = Punctuated::<Expr, Token![,]>::parse_terminated.parse2(call.tokens.clone());
            Some(parts.and_then(|parts| parts.into_iter().map(part).collect()))
        }
        _ => None,
    }
}

fn part(value: Expr) -> Result<String> {
    match groups::expression(value) {
        Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Ok(text.value()),
        Expr::Lit(ExprLit { lit: Lit::Char(one), .. }) => Ok(one.value().to_string()),
        Expr::Lit(ExprLit { lit: Lit::Bool(flag), .. }) => Ok(flag.value.to_string()),
        Expr::Lit(ExprLit { lit: Lit::Int(n), .. }) => Ok(n.base10_digits().to_owned()),
        Expr::Lit(ExprLit { lit: Lit::Float(n), .. }) => Ok(n.base10_digits().to_owned()),
        Expr::Unary(ExprUnary { op: UnOp::Neg(_), expr, .. }) => Ok(format!("-{}", part(*expr)?)),
        Expr::Macro(call) => joined(&call.mac).unwrap_or_else(|| Err(Error::new(call.span(), NO_LITERAL))),
        other => Err(Error::new(other.span(), NO_LITERAL)),
    }
}

const NO_LITERAL: &str = "`concat!` joins literals, other `concat!`s and `stringify!`";
