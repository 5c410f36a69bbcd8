//! A shape under one attribute on one face, and its source without and with the attribute.

use crate::shape::Shape;

pub(crate) const ATTRIBUTES: [&str; 4] = ["cached", "lock", "once", "pooled"];

/// A shape, an attribute, and whether the function is async.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Variant<'s> {
    pub(crate) at: usize,
    pub(crate) shape: &'s Shape,
    pub(crate) attribute: &'static str,
    pub(crate) is_async: bool,
}

impl<'s> Variant<'s> {
    /// All variants of a shape, sync ones first.
    pub(crate) fn all(at: usize, shape: &'s Shape) -> impl Iterator<Item = Self> {
        let faces = [false, true].into_iter();
        let all = faces.flat_map(|is_async| ATTRIBUTES.map(|attribute| (is_async, attribute)));
        all.map(move |(is_async, attribute)| Self { at, shape, attribute, is_async }).filter(|v| shape.has(v))
    }

    const fn face(&self) -> &'static str {
        if self.is_async { "async" } else { "sync" }
    }

    /// Whether words such as `cached sync` mean it; none mean all.
    pub(crate) fn is_any(&self, words: &[String]) -> bool {
        let (attributes, faces): (Vec<_>, Vec<_>) = words.iter().partition(|word| ATTRIBUTES.contains(&word.as_str()));
        let has = |words: &[&String], own| words.is_empty() || words.iter().any(|word| *word == own);
        has(&attributes, self.attribute) && has(&faces, self.face())
    }

    /// The module of the bare function, which four attributes share.
    pub(crate) fn bare_module(&self) -> String {
        format!("bare_{:03}_{}", self.at, self.face())
    }

    /// The module of the function with the attribute.
    pub(crate) fn module(&self) -> String {
        format!("with_{:03}_{}_{}", self.at, self.face(), self.attribute)
    }

    pub(crate) fn title(&self) -> String {
        format!("{}, {} {}", self.shape.name, self.face(), self.attribute)
    }

    fn said(&self, word: &str) -> Option<&'s str> {
        self.shape.said(word, self)
    }

    /// The sentence by which it is to be refused.
    pub(crate) fn refused(&self) -> Option<&'s str> {
        self.said("refused")
    }

    /// Whether it is known to return something else than the bare function.
    pub(crate) fn differs(&self) -> bool {
        self.said("differs").is_some()
    }

    /// How often the body runs in two calls of the same arguments.
    pub(crate) fn runs(&self) -> u8 {
        let unless_said = if self.attribute == "cached" { 1 } else { 2 };
        self.said("runs").and_then(|runs| runs.parse().ok()).unwrap_or(unless_said)
    }

    pub(crate) fn bare(&self) -> String {
        self.module_of(&self.marks(|_| String::new()), None)
    }

    pub(crate) fn source(&self) -> String {
        let source = self.marks(|mark| self.layer(mark));
        self.module_of(&source, Some(self.said("also").unwrap_or("true")))
    }

    fn module_of(&self, source: &str, also: Option<&str>) -> String {
        let call = self.words(self.said("call").unwrap_or("f()~w"));
        let run = |body: &str| if self.is_async { format!("block_on(async {{ {body} }})") } else { body.to_owned() };
        let call = run(&format!("show(&({call}))"));
        let also = also.map(|also| format!("pub fn also() -> bool {{\n    {}\n}}\n", run(&self.words(also))));
        format!(
            "#[allow(unused_imports)]\nuse crate::support::*;\n{source}\n\
             pub fn call() -> String {{\n    {call}\n}}\n{}",
            also.unwrap_or_default()
        )
    }

    /// The source for its face, with each line that stands for an attribute as `layer` has it.
    fn marks(&self, layer: impl Fn(&str) -> String) -> String {
        let line = |line: &str| match line.trim_start().strip_prefix("~#") {
            Some(mark) => layer(mark),
            None => self.words(line),
        };
        self.shape.source.lines().map(line).collect::<Vec<_>>().join("\n")
    }

    /// `~fn`, `~w` (waits for a call), `~pause` and `~box(`, for its face.
    fn words(&self, text: &str) -> String {
        let words = if self.is_async {
            [
                ("unsafe ~fn", "async unsafe fn"),
                ("~fn", "async fn"),
                ("~w", ".await"),
                ("~pause", "pause().await;"),
                ("~box(", "Box::pin("),
            ]
        } else {
            [("unsafe ~fn", "unsafe fn"), ("~fn", "fn"), ("~w", ""), ("~pause", ""), ("~box(", "(")]
        };
        words.iter().fold(text.to_owned(), |text, (mark, word)| text.replace(mark, word))
    }

    /// `~#` is the attribute in question, `~#2` the same with another key, `~#lock` always that one; after the first
    /// space comes what is said beside, for this line alone.
    fn layer(&self, mark: &str) -> String {
        let (name, beside) = mark.split_once(' ').unwrap_or((mark, ""));
        let attribute = ATTRIBUTES.into_iter().find(|one| *one == name).unwrap_or(self.attribute);
        let is_in_question = name.is_empty() || name == "2";
        let mut arguments = vec![self.key(name)];
        if attribute == "pooled" && !beside.contains("size") {
            arguments.push("size = 2".to_owned());
        }
        if is_in_question && attribute != "cached" && self.said("says").is_none() {
            arguments.push("otherwise = crate::support::refused()".to_owned());
        }
        arguments.extend(self.said("more").filter(|_| is_in_question).map(str::to_owned));
        arguments.extend(Some(beside.to_owned()).filter(|beside| !beside.is_empty()));
        format!("#[cachify::{attribute}({})]", arguments.join(", "))
    }

    /// The key of a layer: what is said, after a text that no other function has.
    fn key(&self, name: &str) -> String {
        let (template, named) = self.said("key").map_or(("k", ""), |key| key.split_once(" | ").unwrap_or((key, "")));
        let template = format!("\"{}{name}:{template}\"", self.module());
        if named.is_empty() { format!("key = {template}") } else { format!("key({template}, {named})") }
    }
}
