//! What a function's page says of its companions: they have no page, for one of the function's name beside the
//! function's own would make links to it ambiguous.

use crate::{
    Primitive,
    companions::{self, Companion, KEY},
    entry, forgetting,
    function::{Function, private},
    key::{Key, Parameter},
    loading,
};
use syn::{Attribute, parse_quote};

/// The section on the companions. A function without documentation gets none: it would hide from `missing_docs`.
pub(crate) fn section(function: &Function) -> Vec<Attribute> {
    let documented = function.item.attrs.iter().any(|attribute| attribute.path().is_ident("doc"));
    let (Some((outer, key)), Some(place)) = (function.layers.first(), companions::place(function)) else {
        return Vec::new();
    };
    if !documented || function.is_method {
        return Vec::new();
    }
    let wait = if function.is_async() { ".await" } else { "" };
    let mut lines = vec![String::new(), "# Companions".into(), String::new()];
    for Companion { name, doc, about, of_all, .. } in companions::all(&private(outer)) {
        let keys: Vec<_> = companions::about(function, about, of_all).map(|(_, key)| key).collect();
        if !keys.is_empty() {
            lines.push(format!("- `{place}{name}({}){wait}`: {doc}", arguments(function, &keys)));
        }
    }
    for (name, doc) in entry::names(function) {
        let keys: Vec<_> = companions::about(function, |p| p == Primitive::Cached, true).map(|(_, key)| key).collect();
        let more = match (name, doc) {
            entry::INSERT => "value",
            entry::UPDATE => "|old| ..",
            _ => "",
        };
        let taken = [arguments(function, &keys), more.to_owned()].into_iter().filter(|text| !text.is_empty());
        lines.push(format!("- `{place}{name}({}){wait}`: {doc}", taken.collect::<Vec<_>>().join(", ")));
    }
    let all: Vec<_> = function.parameters.iter().map(self::name).collect();
    for (name, doc) in loading::names(function) {
        lines.push(format!("- `{place}{name}({}){wait}`: {doc}", all.join(", ")));
    }
    for (name, doc) in forgetting::names(function) {
        let taken: Vec<_> = forgetting::parameters(function).map(self::name).collect();
        let wait = if (name, doc) == forgetting::STATS { "" } else { wait };
        lines.push(format!("- `{place}{name}({}){wait}`: {doc}", taken.join(", ")));
    }
    let (name, doc) = KEY;
    lines.push(format!("- `{place}{name}({})`: {doc}", arguments(function, &[key])));
    lines.iter().map(|line| parse_quote!(#[doc = #line])).collect()
}

/// What a companion about `keys` takes, by name.
fn arguments(function: &Function, keys: &[&Key]) -> String {
    let taken = function.parameters.iter().enumerate().filter(|(at, _)| keys.iter().any(|key| key.takes(*at)));
    taken.map(|(_, parameter)| name(parameter)).collect::<Vec<_>>().join(", ")
}

fn name(parameter: &Parameter) -> String {
    let names: Vec<_> = parameter.names.iter().map(ToString::to_string).collect();
    match parameter.plain() {
        Some(name) => name.to_string(),
        None if names.is_empty() => "_".to_owned(),
        None => format!("({})", names.join(", ")),
    }
}
