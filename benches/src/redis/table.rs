//! Measuring in turns, and the lines that are printed.

/// How long one operation of a side took, in microseconds, measured over one turn.
pub(super) type Turn<'a> = Box<dyn FnMut() -> f64 + 'a>;

/// Who is measured, in this order.
pub(super) const SIDES: [&str; 4] = ["ours", "raw", "rslock", "py-cachify"];

/// The sides of one comparison; `None` has no such operation.
pub(super) type Sides<'a> = [Option<Turn<'a>>; SIDES.len()];

/// Every turn of every side: A B C D A B C D ...; the first round only warms up.
pub(super) fn in_turns(rounds: usize, turns: &mut [Option<Turn<'_>>]) -> Vec<Vec<f64>> {
    let mut took = vec![Vec::new(); turns.len()];
    for round in 0..=rounds {
        for (turn, took) in turns.iter_mut().zip(&mut took) {
            let Some(turn) = turn else { continue };
            let micros = turn();
            if round > 0 {
                took.push(micros);
            }
        }
    }
    took
}

/// Measures, and prints each side's median and the median of its rounds' ratios to the raw commands.
pub(super) fn compare(what: &str, rounds: usize, mut sides: Sides<'_>) {
    let took = in_turns(rounds, &mut sides);
    let cells = took.iter().map(|took| micros(took));
    let ratios = [0, 2, 3].map(|side| times(&took[side], &took[1]));
    line(what, cells.chain(ratios));
}

pub(super) fn head(what: &str) {
    let ratios = [0, 2, 3].map(|side| format!("{}/raw", SIDES[side]));
    line(what, SIDES.map(String::from).into_iter().chain(ratios));
}

pub(super) fn line(what: &str, cells: impl IntoIterator<Item = String>) {
    let cells: Vec<_> = cells.into_iter().map(|cell| format!("{cell:>14}")).collect();
    println!("{what:<40} {}", cells.join(" "));
}

pub(super) fn micros(took: &[f64]) -> String {
    if took.is_empty() { "-".into() } else { format!("{:.1} us", median(took)) }
}

/// The median of the rounds' ratios.
pub(super) fn times(of: &[f64], to: &[f64]) -> String {
    let ratios: Vec<_> = of.iter().zip(to).map(|(of, to)| of / to).collect();
    if ratios.is_empty() { "-".into() } else { format!("x{:.2}", median(&ratios)) }
}

pub(super) fn median(of: &[f64]) -> f64 {
    share(of, 1, 2)
}

/// The value below which this share of all lies.
pub(super) fn share(of: &[f64], part: usize, whole: usize) -> f64 {
    let mut all = of.to_vec();
    all.sort_by(f64::total_cmp);
    all.get((all.len() * part / whole).min(all.len().saturating_sub(1))).copied().unwrap_or(f64::NAN)
}

/// What was promised, what was measured, and whether that holds.
pub(super) fn goal(what: &str, measured: &str, holds: bool) {
    println!("goal {what}: {measured}: {}", if holds { "met" } else { "MISSED" });
}
