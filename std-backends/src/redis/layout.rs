//! What lies on a server, read without a script: for the tool `cachify`, and no part of the interface.
//!
//! The scripts write it (`lease.lua`, `permits.lua`, `clock.lua`), `core/src/key/spelling.rs` spells the names.

use super::name::{FLIGHT, HOLDERS, LINE, Name, beginning};
use cachify_core::key::{Key, Kind};

/// What the name of a record says.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// What the key is for.
    pub kind: Kind,
    /// The group of a cached value, if it is in one.
    pub group: Option<String>,
    /// The key as a companion shows it.
    pub key: String,
    /// Which of the key's records: none, or one of `:q`, `:f`, `:h`.
    pub record: &'static str,
}

impl Place {
    /// The first record of a key.
    #[must_use]
    pub fn new(kind: Kind, group: Option<&str>, key: &str) -> Self {
        Self { kind, group: group.map(str::to_owned), key: key.into(), record: "" }
    }

    /// Where the generation of a group lies.
    #[must_use]
    pub fn generation(group: &str) -> Self {
        Self::new(Kind::Cache, Some(group), "\u{1f}generation")
    }

    /// What a name says that an instance of this prefix gave; `None` for anybody else's.
    #[must_use]
    pub fn of(prefix: &str, name: &str) -> Option<Self> {
        let suffix = |record: &&str| name.strip_suffix(*record).is_some_and(|name| name.ends_with('}'));
        let record = [LINE, FLIGHT, HOLDERS].into_iter().find(|record| suffix(record)).unwrap_or_default();
        let (before, tag) = name.strip_suffix(record)?.strip_suffix('}')?.split_once('{')?;
        let kind = Name::parse(name.into())?.kind;
        let before = before.strip_prefix(&beginning(prefix))?.strip_suffix(':')?.strip_suffix(kind.letter())?;
        let group = match before.strip_suffix(':') {
            None => None,
            Some(group) => Some(unspelled(group.strip_prefix(':').unwrap_or(group).strip_prefix("g:")?)),
        };
        let key = if tag == "%" { String::new() } else { unspelled(tag) };
        let place = Self { kind, group, key, record };
        // another instance's may look like one of ours
        let is_ours = place.name(prefix) == name && (place.group.is_none() || kind == Kind::Cache);
        is_ours.then_some(place)
    }

    /// The name of the record under a prefix.
    #[must_use]
    pub fn name(&self, prefix: &str) -> String {
        let grouped = self.group.as_ref().map(|group| format!("{prefix}:g:{group}"));
        let key = Key::new(self.kind, grouped.as_deref().unwrap_or(prefix), self.key.as_bytes(), 0);
        format!("{key}{}", self.record)
    }
}

/// What `spelling.rs` made of a text.
fn unspelled(text: &str) -> String {
    let (mut plain, mut rest) = (String::with_capacity(text.len()), text);
    while let Some((before, after)) = rest.split_once('%') {
        plain.push_str(before);
        let (sign, behind) = match after.split_at_checked(1) {
            Some(("(", behind)) => ('{', behind),
            Some((")", behind)) => ('}', behind),
            Some(("%", behind)) => ('%', behind),
            _ => ('%', after),
        };
        plain.push(sign);
        rest = behind;
    }
    plain + rest
}

/// The record of a lock, a run or a flight.
#[derive(Clone, Debug, PartialEq)]
pub struct Lease {
    /// Who holds it, or held it last; [`NOBODY`] and [`MARKER`] are no holders.
    pub owner: String,
    /// Since when, in milliseconds of the server.
    pub since: u64,
    /// Until when.
    pub ends: u64,
    /// The last fence.
    pub fence: u64,
    /// By what people know the holder.
    pub label: String,
}

/// The owner of what was given back.
pub const NOBODY: &str = "--------------------------------";
/// The owner of a run that is done.
pub const MARKER: &str = "++++++++++++++++++++++++++++++++";
/// How many bytes a lease without a label has.
pub const LENGTH: usize = 58;
const LAYOUT: u8 = b'1';

impl Lease {
    /// Reads a record; `None` where another release laid it out, or another program.
    #[must_use]
    pub fn of(record: &[u8]) -> Option<Self> {
        let (head, label) = record.split_at_checked(LENGTH)?;
        let (owner, numbers) = head.strip_prefix(&[LAYOUT])?.split_at_checked(32)?;
        let mut numbers = numbers.as_chunks().0.iter().map(|bytes| whole(f64::from_be_bytes(*bytes)));
        let (since, ends, fence) = (numbers.next()?, numbers.next()?, numbers.next()?);
        let owner = String::from_utf8_lossy(owner).into_owned();
        Some(Self { owner, since, ends, fence, label: String::from_utf8_lossy(label).into_owned() })
    }
}

/// A number of Lua's; one below zero is zero.
#[expect(clippy::cast_sign_loss, reason = "that is what it is for")]
#[must_use]
pub const fn whole(number: f64) -> u64 {
    number as u64
}

/// Whether the field `v` of a pool says that this release laid it out.
#[must_use]
pub fn is_pool(version: &[u8]) -> bool {
    version.len() == 65 && version.ends_with(&[LAYOUT])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back_and_nobody_elses_is() {
        for prefix in ["app", "", "a{b", "app:g:x"] {
            for key in ["item:7", "", "%", "a{b}%(c", "50%%", "%!x", "q}:q", "{", "\u{1f}generation"] {
                for (kind, group) in [
                    (Kind::Lock, None),
                    (Kind::Once, None),
                    (Kind::Pool, None),
                    (Kind::Cache, None),
                    (Kind::Cache, Some("pages")),
                    (Kind::Cache, Some("a:c:{%")),
                ] {
                    for record in ["", LINE, FLIGHT, HOLDERS] {
                        let place = Place { record, ..Place::new(kind, group, key) };
                        assert_eq!(Place::of(prefix, &place.name(prefix)).as_ref(), Some(&place), "{prefix}");
                    }
                }
            }
        }
        for name in ["app2:l:{x}", "app:x:{k}", "app:l:x", "app:l:{x", "l:{x}", "app:g:pages:l:{x}", "app:l:{%!FF}", ""]
        {
            assert_eq!(Place::of("app", name), None, "{name}");
        }
    }

    #[test]
    fn a_lease_is_read_as_the_scripts_write_it() {
        let (rules, clock) = (include_str!("scripts/lease.lua"), include_str!("scripts/clock.lua"));
        for line in ["FORM = '>c1c32dddB'", &format!("LENGTH = {LENGTH}"), NOBODY, MARKER] {
            assert!(rules.contains(line), "{line}");
        }
        assert!(clock.contains(&format!("LAYOUT = '{}'", char::from(LAYOUT))));
        let numbers = [1.0_f64, 2.0, 3.0].map(f64::to_be_bytes).concat();
        let record = [b"1", MARKER.as_bytes(), &numbers, &[1], b"api-7"].concat();
        let read = Lease { owner: MARKER.into(), since: 1, ends: 2, fence: 3, label: "api-7".into() };
        assert_eq!(Lease::of(&record), Some(read));
        assert_eq!(Lease::of(&record[..LENGTH - 1]), None);
        assert_eq!(Lease::of(&[b"2", &record[1..]].concat()), None);
    }
}
