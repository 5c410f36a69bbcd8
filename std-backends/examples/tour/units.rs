//! Numbers as a person reads them.

use std::time::Duration;

/// `1234567` as `1,234,567`.
pub(crate) fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::new();
    for (at, digit) in digits.char_indices() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 file`, `2 files`.
pub(crate) fn counted(n: u64, what: &str) -> String {
    counted_as(n, what, &format!("{what}s"))
}

/// `1 process`, `2 processes`.
pub(crate) fn counted_as(n: u64, one: &str, many: &str) -> String {
    format!("{} {}", count(n), if n == 1 { one } else { many })
}

/// Bytes in decimal units.
pub(crate) fn size(bytes: u64) -> String {
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{} kB", tenths(bytes, 1_000)),
        1_000_000..1_000_000_000 => format!("{} MB", tenths(bytes, 1_000_000)),
        _ => format!("{} GB", tenths(bytes, 1_000_000_000)),
    }
}

/// A time to one decimal, in the unit that suits it.
pub(crate) fn time(took: Duration) -> String {
    let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
    match micros {
        0..1_000 => format!("{micros} µs"),
        1_000..1_000_000 => format!("{} ms", tenths(micros, 1_000)),
        _ => format!("{} s", tenths(micros, 1_000_000)),
    }
}

/// `n / unit`, rounded down to one decimal.
fn tenths(n: u64, unit: u64) -> String {
    format!("{}.{}", count(n / unit), n % unit * 10 / unit)
}

/// The first 16 hexadecimal digits of a hash.
pub(crate) fn short(hash: &[u8; 32]) -> String {
    let first = hash.first_chunk().copied().unwrap_or_default();
    format!("{:016x}", u64::from_be_bytes(first))
}

/// One line of at most `width` characters; of a longer text, the end, which tells paths apart.
pub(crate) fn fitted(text: &str, width: usize) -> String {
    let shown: Vec<char> = text.chars().map(|c| if c.is_control() { '?' } else { c }).collect();
    match shown.len().checked_sub(width) {
        None | Some(0) => shown.into_iter().collect(),
        Some(over) => ['…'].iter().chain(&shown[over + 1..]).collect(),
    }
}
