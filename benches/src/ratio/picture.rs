//! One picture a trace: the ratios over the bounds.

use super::Answered;
use std::fmt::Write as _;

const WIDE: f64 = 640.0;
const HIGH: f64 = 400.0;
const EDGE: f64 = 60.0;

type Of = fn(&Answered) -> f64;

/// As SVG: a line for each cache.
#[must_use]
pub fn picture(name: &str, points: &[(usize, Answered)]) -> String {
    let x = |at: usize| EDGE + (WIDE - 2.0 * EDGE) * at as f64 / (points.len().max(2) - 1) as f64;
    let y = |percent: f64| HIGH - EDGE - (HIGH - 2.0 * EDGE) * percent / 100.0;
    let mut svg = format!(
        "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {WIDE} {HIGH}' font-family='sans-serif' font-size='12'>\n\
         <rect width='{WIDE}' height='{HIGH}' fill='white'/><text x='{EDGE}' y='24' font-size='15'>{name}: hits of a hundred requests</text>\n"
    );
    for percent in [0.0, 25.0, 50.0, 75.0, 100.0] {
        let (at, right) = (y(percent), WIDE - EDGE);
        let _ = writeln!(
            svg,
            "<path d='M{EDGE} {at}H{right}' stroke='#ddd'/><text x='24' y='{}'>{percent}</text>",
            at + 4.0
        );
    }
    for (at, (bound, _)) in points.iter().enumerate() {
        let _ = writeln!(svg, "<text x='{}' y='{}' text-anchor='middle'>{bound}</text>", x(at), HIGH - EDGE + 20.0);
    }
    let lines: [(&str, &str, Of); 4] = [
        ("cachify", "#c0392b", |all| all.ours),
        ("moka", "#2471a3", |all| all.moka),
        ("quick_cache", "#1e8449", |all| all.quick),
        ("Belady", "#7f8c8d", |all| all.belady),
    ];
    for (number, (label, colour, of)) in lines.into_iter().enumerate() {
        let path: Vec<_> =
            points.iter().enumerate().map(|(at, (_, all))| format!("{:.1} {:.1}", x(at), y(of(all)))).collect();
        let (left, base) = (EDGE + 130.0 * number as f64, HIGH - 12.0);
        let _ = writeln!(
            svg,
            "<path d='M{}' fill='none' stroke='{colour}' stroke-width='2'/><text x='{left}' y='{base}' fill='{colour}'>{label}</text>",
            path.join("L")
        );
    }
    svg + "</svg>\n"
}
