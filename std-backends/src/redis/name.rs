//! What a key is called on the server: every record of one key in one cluster slot.

use cachify_core::key::{Key, Kind};

/// A key as the server spells it; its other records append a suffix.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Name {
    pub(super) kind: Kind,
    pub(super) text: String,
}

/// Who waits for a key.
pub(super) const LINE: &str = ":q";
/// The flight of a cached value.
pub(super) const FLIGHT: &str = ":f";
/// The holders of a pool.
pub(super) const HOLDERS: &str = ":h";

/// What all names of a prefix begin with, spelled as these are: without a brace.
pub(super) fn beginning(prefix: &str) -> String {
    let name = Name::of(&Key::new(Kind::Lock, prefix, b"", 0)).text;
    let (before, _) = name.split_once('{').unwrap_or_default();
    before.strip_suffix("l:").unwrap_or(before).to_owned()
}

impl Name {
    pub(super) fn of(key: &Key<'_>) -> Self {
        Self { kind: key.kind, text: key.to_string() }
    }

    /// From a message. Braces stand nowhere but around the user's part, so the kind is found before the first.
    pub(super) fn parse(text: String) -> Option<Self> {
        let letter = text.get(..text.find('{')?)?.trim_end_matches(':').chars().next_back()?.to_string();
        let kinds = [Kind::Cache, Kind::Lock, Kind::Once, Kind::Pool];
        let kind = kinds.into_iter().find(|kind| kind.letter() == letter)?;
        Some(Self { kind, text })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn names_are_read_back_from_messages() {
        for kind in [Kind::Cache, Kind::Lock, Kind::Once, Kind::Pool] {
            for (prefix, part) in
                [("app", "user:7"), ("", "x"), ("a:c:{", "}{p:"), ("p", ""), ("%", "%"), ("}%:l:", "%(")]
            {
                let name = Name::of(&Key::new(kind, prefix, part.as_bytes(), 0));
                assert_eq!(Name::parse(name.text.clone()), Some(name));
            }
        }
        assert_eq!(Name::parse("rubbish".into()), None);
        assert_eq!(Name::parse("x:{y}".into()), None);
    }

    #[test]
    fn no_brace_stands_in_the_beginning_of_a_name() {
        for (prefix, spelled) in [("app", "app:"), ("", ""), ("a{b", "a%(b:"), ("{a}", "%(a%):")] {
            assert_eq!(beginning(prefix), spelled);
        }
    }

    #[test]
    fn no_two_keys_have_one_name() {
        let marks = ["", "%", "{", "}", "(", "!", ":", "l"];
        let texts: Vec<_> = marks.iter().flat_map(|a| marks.map(|b| format!("{a}{b}"))).collect();
        let texts: BTreeSet<_> = texts.into_iter().collect();
        let mut seen = BTreeSet::new();
        for kind in [Kind::Cache, Kind::Lock, Kind::Once, Kind::Pool] {
            for (prefix, part) in texts.iter().flat_map(|prefix| texts.iter().map(move |part| (prefix, part))) {
                let name = Name::of(&Key::new(kind, prefix, part.as_bytes(), 0));
                assert_eq!(Name::parse(name.text.clone()).as_ref(), Some(&name), "{prefix:?} {part:?}");
                assert!(seen.insert(name.text), "{prefix:?} {part:?}");
            }
        }
    }
}
