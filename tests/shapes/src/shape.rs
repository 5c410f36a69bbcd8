//! A shape of a function, as the lists in `shapes/` have it.

use crate::variant::Variant;

/// One shape: its source with marks, and what is said of it.
#[derive(Debug)]
pub(crate) struct Shape {
    pub(crate) name: String,
    pub(crate) source: String,
    said: Vec<Said>,
}

/// A line `//: word [only for which variants]: text`.
#[derive(Debug)]
struct Said {
    word: String,
    only: Vec<String>,
    text: String,
}

impl Shape {
    /// The shapes of one list: `//# name` begins one.
    pub(crate) fn all(list: &str) -> Vec<Self> {
        list.split("//# ").skip(1).map(Self::parse).collect()
    }

    fn parse(text: &str) -> Self {
        let (name, rest) = text.split_once('\n').unwrap_or((text, ""));
        let (said, source): (Vec<_>, Vec<_>) = rest.lines().partition(|line| line.starts_with("//: "));
        let said = said.into_iter().filter_map(|line| line.strip_prefix("//: ")).map(Said::parse).collect();
        Self { name: name.trim().to_owned(), source: source.join("\n"), said }
    }

    /// What is said by `word` for a variant; the last one counts.
    pub(crate) fn said(&self, word: &str, of: &Variant<'_>) -> Option<&str> {
        let said = self.said.iter().rev().find(|said| said.word == word && of.is_any(&said.only));
        said.map(|said| said.text.as_str())
    }

    /// Whether the shape is tried as this variant.
    pub(crate) fn has(&self, variant: &Variant<'_>) -> bool {
        let mut only = self.said.iter().filter(|said| said.word == "only");
        only.all(|said| variant.is_any(&said.only))
    }
}

impl Said {
    fn parse(line: &str) -> Self {
        let (head, text) = line.split_once(": ").unwrap_or((line, ""));
        let mut words = head.split_whitespace().map(str::to_owned);
        Self { word: words.next().unwrap_or_default(), only: words.collect(), text: text.trim().to_owned() }
    }
}
