//! Over the keys of one server in small steps, so that nobody else waits for it; and over a bounded number of them.

use crate::{
    connect::{Node, command},
    failure::Failure,
    options::{Bounds, Filter},
};
use cachify::{cachify_core::key::Kind, tool::Place};
use redis::Value;
use std::ops::ControlFlow;

/// How many keys a server looks at in one step, which takes it a fraction of a millisecond.
const STEP: u64 = 250;

/// Which keys are meant.
#[derive(Clone, Debug)]
pub(crate) struct Which {
    pattern: Option<String>,
    kinds: Vec<Kind>,
    pub(crate) bounds: Bounds,
}

impl Which {
    pub(crate) fn of(filter: &Filter) -> Self {
        let kinds = filter.kind.iter().map(|kind| kind.kind()).collect();
        Self { pattern: filter.pattern.clone(), kinds, bounds: filter.bounds }
    }

    /// All keys, within bounds.
    pub(crate) const fn all(bounds: Bounds) -> Self {
        Self { pattern: None, kinds: Vec::new(), bounds }
    }

    fn has(&self, place: &Place) -> bool {
        let fits = |pattern: &String| is_like(&place.key, pattern);
        (self.kinds.is_empty() || self.kinds.contains(&place.kind)) && self.pattern.as_ref().is_none_or(fits)
    }
}

/// Walks over the keys of a server; each step's are handed on, and some may come twice. A sentence if it ended before all
/// keys were looked at.
pub(crate) fn scan(
    node: &mut Node,
    prefix: &str,
    which: &Which,
    mut each: impl FnMut(&mut Node, Vec<Place>) -> Result<ControlFlow<()>, Failure>,
) -> Result<Option<String>, Failure> {
    let empty = Place::new(Kind::Lock, None, "").name(prefix);
    let beginning = empty.strip_suffix("l:{%}").unwrap_or_default();
    let (pattern, mut cursor, mut looked) = (format!("{}*", literal(beginning)), "0".to_owned(), 0);
    loop {
        let step = command(&["SCAN", &cursor, "MATCH", &pattern, "COUNT", &STEP.to_string()]);
        let answer = node.one(&step)?.map_err(|cause| Failure::at(&node.address, cause))?;
        let (next, names) = redis::from_redis_value::<(String, Vec<Vec<u8>>)>(answer)
            .map_err(|_| Failure::Server(format!("{}: the server answers `SCAN` with something else", node.address)))?;
        let ours = names.into_iter().filter_map(|name| Place::of(prefix, str::from_utf8(&name).ok()?));
        let ours = ours.filter(|place| which.has(place)).collect();
        looked += STEP;
        let has_enough = each(node, ours)?.is_break();
        cursor = next;
        if cursor == "0" {
            return Ok(None);
        }
        if has_enough || which.bounds.look != 0 && looked >= which.bounds.look {
            let all = match node.one(&command(&["DBSIZE"]))? {
                Ok(Value::Int(all)) => format!(" of its {all}"),
                _ => String::new(),
            };
            return Ok(Some(format!("{}: only about {looked}{all} keys were looked at", node.address)));
        }
    }
}

/// A text that a pattern of the server's takes as it is.
fn literal(text: &str) -> String {
    let mut literal = String::new();
    for one in text.chars() {
        if "*?[]\\^".contains(one) {
            literal.push('\\');
        }
        literal.push(one);
    }
    literal
}

/// Whether a text is like a pattern, in which `*` stands for any text and `?` for one character.
fn is_like(text: &str, pattern: &str) -> bool {
    let (text, pattern): (Vec<_>, Vec<_>) = (text.chars().collect(), pattern.chars().collect());
    let (mut at, mut by, mut star) = (0, 0, None);
    while at < text.len() {
        match pattern.get(by) {
            Some('*') => {
                star = Some((by, at));
                by += 1;
            }
            Some(one) if *one == '?' || *one == text[at] => (at, by) = (at + 1, by + 1),
            // the last star takes one character more
            _ => match &mut star {
                Some((star, from)) => {
                    *from += 1;
                    (by, at) = (*star + 1, *from);
                }
                None => return false,
            },
        }
    }
    pattern[by..].iter().all(|one| *one == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_as_in_a_shell() {
        for (pattern, text, expected) in [
            ("", "", true),
            ("*", "", true),
            ("*", "a:b", true),
            ("item:*", "item:7", true),
            ("item:*", "items:7", false),
            ("*:7", "a:7:7", true),
            ("a*b*c", "a1b2b3c", true),
            ("a*b*c", "a1b2b3", false),
            ("?", "é", true),
            ("?", "", false),
            ("a", "ab", false),
            ("[a]", "[a]", true),
        ] {
            assert_eq!(is_like(text, pattern), expected, "{pattern} {text}");
        }
        // no pattern takes long
        assert!(!is_like(&"a".repeat(5_000), &("a*".repeat(40) + "b")));
    }

    #[test]
    fn a_prefix_is_no_pattern() {
        assert_eq!(literal("a*[b]?\\:"), "a\\*\\[b\\]\\?\\\\:");
    }
}
