//! What is said: tables for people, JSON for programs, nothing that a terminal would obey.

use crate::failure::Failure;
use ratatui::text::Span;
use serde_json::Value;
use std::{
    env,
    fmt::Write as _,
    io::{self, BufWriter, IsTerminal, Stdout, Write},
};

/// Where the output goes, and how.
pub(crate) struct Out {
    pub(crate) json: bool,
    colours: bool,
    to: BufWriter<Stdout>,
}

/// How a piece of text stands out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    Bold,
    Red,
    Green,
    Yellow,
}

impl Out {
    pub(crate) fn new(json: bool) -> Self {
        let to = io::stdout();
        let colours = to.is_terminal() && env::var_os("NO_COLOR").is_none_or(|no| no.is_empty());
        Self { json, colours, to: BufWriter::new(to) }
    }

    /// One line of text, which has been escaped.
    pub(crate) fn line(&mut self, line: &str) -> Result<(), Failure> {
        Ok(writeln!(self.to, "{}", line.trim_end())?)
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        Ok(self.to.write_all(bytes)?)
    }

    /// One object on a line.
    pub(crate) fn value(&mut self, value: &Value) -> Result<(), Failure> {
        Ok(writeln!(self.to, "{}", harmless(&value.to_string()))?)
    }

    pub(crate) fn flush(&mut self) -> Result<(), Failure> {
        Ok(self.to.flush()?)
    }

    /// The text in a style, on a terminal that is to have colours.
    pub(crate) fn styled(&self, style: Style, text: &str) -> String {
        let code = match style {
            Style::Bold => "1",
            Style::Red => "31",
            Style::Green => "32",
            Style::Yellow => "33",
        };
        if self.colours { format!("\x1b[{code}m{text}\x1b[0m") } else { text.into() }
    }

    /// Rows under a head, in columns as wide as they need to be.
    pub(crate) fn table<const N: usize>(&mut self, head: [&str; N], rows: &[[String; N]]) -> Result<(), Failure> {
        let widths: [usize; N] = std::array::from_fn(|column| {
            rows.iter().map(|row| width(&row[column])).max().unwrap_or_default().max(width(head[column]))
        });
        let spaced = |cells: [&str; N]| {
            let cells = cells.iter().zip(widths);
            let cells = cells.map(|(cell, most)| format!("{cell}{}", " ".repeat(most - width(cell))));
            cells.collect::<Vec<_>>().join("  ")
        };
        let head = self.styled(Style::Bold, spaced(head).trim_end());
        self.line(&head)?;
        rows.iter().try_for_each(|row| self.line(&spaced(std::array::from_fn(|column| row[column].as_str()))))
    }
}

/// How many columns of a terminal a text takes.
pub(crate) fn width(text: &str) -> usize {
    Span::raw(text).width()
}

/// A text of somebody else's: what a terminal would obey or nobody could see is written as an escape, and what is too
/// long is cut.
pub(crate) fn shown(text: &str, most: usize) -> String {
    let mut shown = String::new();
    for (at, one) in text.chars().enumerate() {
        if at == most {
            shown.push('\u{2026}');
            break;
        }
        match one {
            '"' | '\'' => shown.push(one),
            one => shown.extend(one.escape_debug()),
        }
    }
    shown
}

/// JSON without a control character, whatever stands in its texts: all of them are inside of texts, for it has one line.
fn harmless(json: &str) -> String {
    let mut harmless = String::with_capacity(json.len());
    for one in json.chars() {
        let _ = match one.is_control() {
            true => write!(harmless, "\\u{:04x}", u32::from(one)),
            false => harmless.write_char(one),
        };
    }
    harmless
}

/// A time in milliseconds, as people say it.
pub(crate) fn time(millis: u64) -> String {
    let (seconds, minutes, hours, days) = (millis / 1_000, millis / 60_000, millis / 3_600_000, millis / 86_400_000);
    match millis {
        0..1_000 => format!("{millis} ms"),
        1_000..60_000 => format!("{seconds} s"),
        60_000..3_600_000 => format!("{minutes} m {} s", seconds % 60),
        3_600_000..86_400_000 => format!("{hours} h {} m", minutes % 60),
        _ => format!("{days} d {} h", hours % 24),
    }
}

/// A number of bytes, as people say it.
pub(crate) fn size(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["kB", "MB", "GB", "TB"];
    let mut scaled = (bytes, "B");
    for unit in UNITS {
        if scaled.0 < 10_000 {
            break;
        }
        scaled = (scaled.0 / 1_000, unit);
    }
    format!("{} {}", scaled.0, scaled.1)
}

/// One and many.
pub(crate) fn counted(number: u64, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_is_told_nothing_by_what_it_shows() {
        for (text, expected) in [
            ("plain grüße", "plain grüße"),
            ("two\nlines", "two\\nlines"),
            ("\u{1b}[2J", "\\u{1b}[2J"),
            ("\u{9b}31m", "\\u{9b}31m"),
            ("\u{202e}abc", "\\u{202e}abc"),
            ("a\\n", "a\\\\n"),
            ("it's \"so\"", "it's \"so\""),
        ] {
            assert_eq!(shown(text, 100), expected);
        }
        assert_eq!(shown("0123456789abc", 10), "0123456789\u{2026}");
        assert_eq!(shown("0123456789", 10), "0123456789");
        assert_eq!(shown(&"x".repeat(10_000), 40).chars().count(), 41);
        let json = serde_json::json!({ "label": "a\u{1b}\u{9b}\u{7f}\n" }).to_string();
        let harmless = harmless(&json);
        assert!(!harmless.chars().any(char::is_control), "{harmless}");
        assert_eq!(serde_json::from_str::<Value>(&harmless).unwrap()["label"], "a\u{1b}\u{9b}\u{7f}\n");
    }

    #[test]
    fn times_and_sizes_are_short() {
        for (millis, said) in
            [(0, "0 ms"), (999, "999 ms"), (61_000, "1 m 1 s"), (7_260_000, "2 h 1 m"), (90_000_000, "1 d 1 h")]
        {
            assert_eq!(time(millis), said);
        }
        assert_eq!((size(9_999), size(10_000), size(123_456_789)), ("9999 B".into(), "10 kB".into(), "123 MB".into()));
        assert_eq!(size(u64::MAX), "18446744 TB");
    }
}
