//! What a fragment of `macro_rules!` matched, without the invisible group that it arrives in.

use syn::{Expr, ExprGroup, ExprParen, Type, TypeGroup, TypeParen};

/// The expression itself; parentheses go, too.
pub(crate) fn expression(mut value: Expr) -> Expr {
    while let Expr::Group(ExprGroup { expr, .. }) | Expr::Paren(ExprParen { expr, .. }) = value {
        value = *expr;
    }
    value
}

/// The type itself.
pub(crate) fn of(mut written: &Type) -> &Type {
    while let Type::Group(TypeGroup { elem, .. }) | Type::Paren(TypeParen { elem, .. }) = written {
        written = elem;
    }
    written
}
