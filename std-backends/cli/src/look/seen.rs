//! What was seen of one key.

use crate::output::{self, Out, shown, time};
use cachify::{cachify_core::key::Kind, tool::Place};
use serde_json::{Value, json};

/// How many characters of a key or label are shown in a table.
const MOST: usize = 60;

/// One key, as it was when it was looked at. What is not known, or of another kind, is not there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) place: Place,
    pub(crate) state: State,
    /// The token of who holds it, 32 digits.
    pub(crate) holder: Option<String>,
    pub(crate) label: Option<String>,
    pub(crate) fence: Option<u64>,
    /// Since it was granted, done or given back, in milliseconds.
    pub(crate) age: Option<u64>,
    /// Until it ends, in milliseconds; of a pool the first permit.
    pub(crate) remaining: Option<u64>,
    pub(crate) waiting: Option<u64>,
    /// How many permits of a pool.
    pub(crate) held: Option<u64>,
    pub(crate) size: Option<u64>,
    /// Of a cached value.
    pub(crate) bytes: Option<u64>,
    pub(crate) is_loading: bool,
}

/// How far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum State {
    /// Somebody holds it.
    Held,
    /// Its first value is being loaded.
    Loading,
    /// The run is done, and its marker kept.
    Done,
    /// The value is there.
    Kept,
    /// Nobody holds it; that it was held is remembered.
    Free,
    /// The access list does not let us see it.
    Unknown,
    /// Another release laid it out, or one without scripts.
    OtherLayout,
    /// Another program's data lies there.
    Foreign,
}

impl State {
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Loading => "loading",
            Self::Done => "done",
            Self::Kept => "kept",
            Self::Free => "free",
            Self::Unknown => "not to be seen",
            Self::OtherLayout => "another layout",
            Self::Foreign => "another program's",
        }
    }
}

/// What people call a kind.
pub(crate) const fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Lock => "lock",
        Kind::Once => "once",
        Kind::Pool => "pool",
        Kind::Cache => "cache",
    }
}

impl Seen {
    pub(crate) fn new(place: &Place) -> Self {
        Self {
            place: Place { record: "", ..place.clone() },
            state: State::Free,
            holder: None,
            label: None,
            fence: None,
            age: None,
            remaining: None,
            waiting: None,
            held: None,
            size: None,
            bytes: None,
            is_loading: false,
        }
    }

    pub(super) fn that_is(self, state: State) -> Self {
        Self { state, ..self }
    }

    /// How it stands, in a few words.
    pub(crate) fn stand(&self) -> String {
        match (self.state, self.held, self.size, self.bytes) {
            (State::Held, Some(held), Some(size), _) => format!("{held} of {size}"),
            (State::Held, Some(held), None, _) => format!("{held} held"),
            (State::Kept, .., bytes) => {
                let loading = if self.is_loading { ", loading" } else { "" };
                format!("kept{}{loading}", bytes.map(|bytes| format!(", {}", output::size(bytes))).unwrap_or_default())
            }
            (state, ..) => state.word().into(),
        }
    }

    /// Who holds it: by the label, and the first digits of the token.
    pub(crate) fn who(&self) -> String {
        let token = self.holder.as_ref().map(|token| shown(token, 8).trim_end_matches('\u{2026}').to_owned());
        match (&self.label, token) {
            (Some(label), Some(token)) => format!("{} ({token})", shown(label, MOST)),
            (None, Some(token)) => format!("({token})"),
            (Some(label), None) => shown(label, MOST),
            (None, None) => String::new(),
        }
    }

    /// The key, with its group in front.
    pub(crate) fn key(&self) -> String {
        let key = shown(&self.place.key, MOST);
        let key = if key.is_empty() { "(empty)".into() } else { key };
        self.place.group.as_ref().map_or(key.clone(), |group| format!("[{}] {key}", shown(group, MOST)))
    }

    pub(crate) fn since(&self) -> String {
        self.age.filter(|_| self.state != State::Kept || self.is_loading).map(time).unwrap_or_default()
    }

    pub(crate) fn left(&self) -> String {
        match (self.remaining, self.state) {
            (Some(left), _) => time(left),
            (None, State::Kept) => "for ever".into(),
            (None, _) => String::new(),
        }
    }

    pub(crate) fn waiters(&self) -> String {
        self.waiting.filter(|waiting| *waiting > 0).map(|waiting| waiting.to_string()).unwrap_or_default()
    }

    /// What a lock or run is called in a sentence.
    pub(crate) fn name(&self) -> String {
        let kind = if self.place.kind == Kind::Once { "run" } else { kind(self.place.kind) };
        format!("the {kind} `{}`", shown(&self.place.key, MOST))
    }

    /// Who holds it and since when, as a part of a sentence.
    pub(crate) fn held_by(&self) -> String {
        let who = self.who();
        let who = if who.is_empty() { "somebody".into() } else { who };
        let age = self.age.map(|age| format!(", who has held it for {}", time(age))).unwrap_or_default();
        format!("{who}{age}, fence {}", self.fence.unwrap_or_default())
    }

    pub(crate) fn json(&self, prefix: &str) -> Value {
        json!({
            "kind": kind(self.place.kind),
            "group": self.place.group,
            "key": self.place.key,
            "name": self.place.name(prefix),
            "state": self.state.word(),
            "holder": self.holder,
            "label": self.label,
            "fence": self.fence,
            "age_ms": self.age,
            "remaining_ms": self.remaining,
            "waiting": self.waiting,
            "held": self.held,
            "size": self.size,
            "bytes": self.bytes,
            "loading": self.is_loading,
        })
    }
}

const HEAD: [&str; 7] = ["KIND", "KEY", "STATE", "HOLDER", "SINCE", "REMAINING", "WAITING"];

/// What was seen, as a table.
pub(crate) fn table(out: &mut Out, all: &[Seen]) -> Result<(), crate::failure::Failure> {
    let row = |seen: &Seen| {
        let cells = [kind(seen.place.kind).into(), seen.key(), seen.stand(), seen.who()];
        let [kind, key, stand, who] = cells;
        [kind, key, stand, who, seen.since(), seen.left(), seen.waiters()]
    };
    let rows: Vec<_> = all.iter().map(row).collect();
    out.table(HEAD, &rows)
}
