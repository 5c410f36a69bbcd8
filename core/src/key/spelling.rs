//! The whole key as stores outside the process spell it.
//!
//! Invariant: different keys never have one spelling, and braces stand only round the user's part.
//! In prefix and part `{` is `%(` and `}` is `%)`. A `%` is doubled before a brace, `(`, `)`, `!`, another `%` and the
//! end, and stays single before all else, so ordinary keys are spelled as they are.

use super::Key;
use core::fmt::{self, Write};

/// `prefix:kind:{user's part}`; an empty prefix drops its colon, an empty part is `%`.
///
/// Braces stand nowhere else, so that a cluster takes exactly the user's part for the hash tag.
impl fmt::Display for Key<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.prefix.is_empty() {
            spell(f, self.prefix)?;
            f.write_char(':')?;
        }
        f.write_str(self.kind.letter())?;
        f.write_str(":{")?;
        if self.bytes.is_empty() {
            f.write_char('%')?;
        }
        // a rendered key is UTF-8; what was made by hand is told apart all the same
        for chunk in self.bytes.utf8_chunks() {
            spell(f, chunk.valid())?;
            chunk.invalid().iter().try_for_each(|byte| write!(f, "%!{byte:02X}"))?;
        }
        f.write_char('}')
    }
}

/// As its `Display`, in quotes.
impl fmt::Debug for Key<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

fn spell(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    let mut rest = text;
    while let Some((before, from)) = rest.find(['{', '}', '%']).map(|at| rest.split_at(at)) {
        let after = from.get(1..).unwrap_or_default();
        let is_taken_for_ours = after.is_empty() || after.starts_with(['(', ')', '!', '%', '{', '}']);
        f.write_str(before)?;
        f.write_str(match from.chars().next() {
            Some('{') => "%(",
            Some('}') => "%)",
            _ if is_taken_for_ours => "%%",
            _ => "%",
        })?;
        rest = after;
    }
    f.write_str(rest)
}

#[cfg(test)]
mod tests {
    use crate::key::{Key, Kind};
    use std::{collections::BTreeSet, format, string::ToString, vec, vec::Vec};

    /// Every text of at most `len` of these characters: all that the rule names, a digit and a letter of an escape.
    fn texts(len: usize) -> Vec<Vec<u8>> {
        let mut all = vec![vec![]];
        let mut last = all.clone();
        for _ in 0..len {
            last = last.iter().flat_map(|text| b"%(){}!:7c\xff".map(|byte| [&text[..], &[byte]].concat())).collect();
            all.extend(last.clone());
        }
        all
    }

    #[test]
    fn no_two_keys_have_one_spelling() {
        let (mut seen, mut count) = (BTreeSet::new(), 0);
        let mut spell = |kind: Kind, prefix: &str, part: &[u8]| {
            let text = Key::new(kind, prefix, part, 0).to_string();
            let (head, tag) = text.split_once('{').unwrap();
            let tag = tag.strip_suffix('}').unwrap();
            assert!(!tag.is_empty() && !head.contains('}') && !tag.contains(['{', '}']), "{text}");
            assert!(seen.insert(text), "{kind:?} {prefix:?} {part:?}");
            count += 1;
        };
        for part in texts(4) {
            spell(Kind::Lock, "", &part);
        }
        let prefixes: Vec<_> =
            texts(3).into_iter().filter_map(|text| std::string::String::from_utf8(text).ok()).collect();
        for kind in [Kind::Cache, Kind::Once, Kind::Pool] {
            for (prefix, part) in prefixes.iter().flat_map(|p| texts(1).into_iter().map(move |part| (p, part))) {
                spell(kind, prefix, &part);
            }
        }
        assert!(count > 20_000, "{count}");
    }

    #[test]
    fn ordinary_keys_are_spelled_as_they_are() {
        for part in ["user:7", "a%3Ab", "100%25", "50% of", "grüße 😀", "%7B%7D", "f(x)!"] {
            assert_eq!(Key::new(Kind::Cache, "app-1", part.as_bytes(), 0).to_string(), format!("app-1:c:{{{part}}}"));
        }
    }
}
