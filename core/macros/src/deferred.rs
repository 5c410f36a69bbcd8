//! What runs when the call is over, as far as the names in a return type show it; what is behind other names, core finds
//! by type.

use crate::groups;
use syn::{GenericArgument, PathArguments, PathSegment, Type, TypeParamBound, punctuated::Punctuated};

/// Something that does its work after it was returned.
#[derive(Clone, Copy)]
pub(crate) enum Deferred {
    Future,
    Stream,
    Iterator,
    Closure,
}

impl Deferred {
    /// What the type is, or holds.
    pub(crate) fn of(of: &Type) -> Option<Self> {
        match groups::of(of) {
            Type::Reference(reference) => Self::of(&reference.elem),
            Type::Array(array) => Self::of(&array.elem),
            Type::Tuple(tuple) => tuple.elems.iter().find_map(Self::of),
            Type::TraitObject(object) => Self::bound(&object.bounds),
            Type::ImplTrait(opaque) => Self::bound(&opaque.bounds),
            Type::Path(path) => Self::named(path.path.segments.last()?),
            _ => None,
        }
    }

    fn bound<P>(bounds: &Punctuated<TypeParamBound, P>) -> Option<Self> {
        bounds.iter().find_map(|bound| match bound {
            TypeParamBound::Trait(bound) => match bound.path.segments.last()?.ident.to_string().as_str() {
                "Future" | "FusedFuture" | "TryFuture" => Some(Self::Future),
                "Stream" | "FusedStream" | "TryStream" | "AsyncIterator" => Some(Self::Stream),
                "Iterator" | "DoubleEndedIterator" | "ExactSizeIterator" => Some(Self::Iterator),
                // one that may be called again is a value
                "FnOnce" | "AsyncFnOnce" => Some(Self::Closure),
                _ => None,
            },
            _ => None,
        })
    }

    fn named(last: &PathSegment) -> Option<Self> {
        match last.ident.to_string().as_str() {
            "BoxFuture" | "LocalBoxFuture" => Some(Self::Future),
            "BoxStream" | "LocalBoxStream" => Some(Self::Stream),
            "Pin" | "Box" | "Rc" | "Arc" | "Vec" | "Option" | "Result" => match &last.arguments {
                PathArguments::AngleBracketed(arguments) => match arguments.args.first()? {
                    GenericArgument::Type(of) => Self::of(of),
                    _ => None,
                },
                _ => None,
            },
            _ => None,
        }
    }

    /// Why `attribute` is not for a function that returns it, and what to write.
    pub(crate) fn explain(self, attribute: &str, is_async: bool) -> String {
        let (what, instead) = match self {
            Self::Future if is_async => ("future, which runs", "await it in the body".to_owned()),
            Self::Future => (
                "future, which runs",
                format!(
                    "put `#[{attribute}(..)]` on an `async fn` of your own, such as an `async` method beside the trait's, \
                     and let this function call it (`#[async_trait]` rewrites its functions before the attribute sees them)"
                ),
            ),
            Self::Stream => (
                "stream, whose items are made",
                "collect them in the body, or put the attribute on what makes one of them".to_owned(),
            ),
            Self::Iterator => {
                ("iterator, whose items are made", "collect them in the body, and return a `Vec`".to_owned())
            }
            Self::Closure => ("closure, which runs", "call it in the body, and return what it returns".to_owned()),
        };
        format!("`{attribute}` would guard only the making of this {what} after the guard is gone: {instead}")
    }
}
