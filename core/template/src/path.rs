//! What stands before the colon of a placeholder: an argument and the way from it to the value.

/// One step from a value to a part of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access<'t> {
    /// `.name` or `.0`.
    Field(&'t str),
    /// `[0]`.
    Index(usize),
    /// `["key"]`.
    Key(&'t str),
}

/// The steps of a path, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accesses<'t>(&'t str);

impl<'t> Iterator for Accesses<'t> {
    type Item = Access<'t>;

    fn next(&mut self) -> Option<Access<'t>> {
        let (access, rest) = step(self.0)?;
        self.0 = rest;
        Some(access)
    }
}

/// Splits `a.b[0]` into its root and its steps; `None` when it is no path.
pub(crate) fn split(path: &str) -> Option<(&str, Accesses<'_>)> {
    let (root, steps) = path.split_at(path.find(['.', '[']).unwrap_or(path.len()));
    let root = without_raw(root);
    let valid_root = is_identifier(root) || root.bytes().all(|b| b.is_ascii_digit());
    let mut rest = steps;
    while let Some((_, after)) = step(rest) {
        rest = after;
    }
    (valid_root && rest.is_empty()).then_some((root, Accesses(steps)))
}

/// Where a placeholder's text ends and where its colon is; quoted keys may hold braces and colons.
pub(crate) fn extent(inside: &str) -> Option<(usize, Option<usize>)> {
    let (mut quoted, mut colon) = (false, None);
    for (at, c) in inside.char_indices() {
        match c {
            '"' if colon.is_none() => quoted = !quoted,
            '}' if !quoted => return Some((at, colon)),
            '{' if !quoted => return None,
            ':' if !quoted && colon.is_none() => colon = Some(at),
            _ => {}
        }
    }
    None
}

fn step(rest: &str) -> Option<(Access<'_>, &str)> {
    if let Some(field) = rest.strip_prefix('.') {
        let end = field.find(['.', '[']).unwrap_or(field.len());
        let (name, rest) = field.split_at(end);
        let name = without_raw(name);
        let is_position = !name.is_empty() && name.bytes().all(|b| b.is_ascii_digit());
        return (is_identifier(name) || is_position).then_some((Access::Field(name), rest));
    }
    let inside = rest.strip_prefix('[')?;
    if let Some(quoted) = inside.strip_prefix('"') {
        let (key, rest) = quoted.split_once("\"]")?;
        return Some((Access::Key(key), rest));
    }
    let (index, rest) = inside.split_once(']')?;
    Some((Access::Index(index.parse().ok()?), rest))
}

/// `r#type` is the name `type`.
fn without_raw(name: &str) -> &str {
    name.strip_prefix("r#").filter(|name| is_identifier(name)).unwrap_or(name)
}

fn is_identifier(name: &str) -> bool {
    let mut chars = name.chars();
    chars.next().is_some_and(|c| c == '_' || c.is_alphabetic()) && chars.all(|c| c == '_' || c.is_alphanumeric())
}
