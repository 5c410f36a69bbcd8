//! The format specs of Rust, without arguments of their own (`width$`, `.*`), and `hash`.

/// The spec that no format of Rust has: a hash of the value stands for it.
pub const HASH: &str = "hash";

/// Whether `spec` is [`HASH`], or `[[fill]align][sign]['#']['0'][width]['.' precision][type]`.
pub(crate) fn is_valid(spec: &str) -> bool {
    if spec == HASH {
        return true;
    }
    let rest = after_alignment(spec);
    let rest = rest.strip_prefix(['+', '-']).unwrap_or(rest);
    let rest = rest.strip_prefix('#').unwrap_or(rest);
    let rest = digits(rest);
    let rest = match rest.strip_prefix('.') {
        Some(precision) if precision.starts_with(|c: char| c.is_ascii_digit()) => digits(precision),
        Some(_) => return false,
        None => rest,
    };
    matches!(rest, "" | "?" | "x" | "X" | "o" | "b" | "e" | "E" | "x?" | "X?")
}

fn after_alignment(spec: &str) -> &str {
    let is_align = |c: char| matches!(c, '<' | '^' | '>');
    let mut chars = spec.chars();
    let (first, second) = (chars.next(), chars.clone().next());
    match (first, second) {
        (Some(_), Some(c)) if is_align(c) => chars.as_str().get(1..).unwrap_or_default(),
        (Some(c), _) if is_align(c) => chars.as_str(),
        _ => spec,
    }
}

fn digits(text: &str) -> &str {
    text.trim_start_matches(|c: char| c.is_ascii_digit())
}
