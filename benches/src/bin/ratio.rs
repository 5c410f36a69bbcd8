//! `ratio [seeds N] [FILE BOUND,BOUND ..]..`: hit ratios on the generated traces and on those of files, beside moka,
//! `quick_cache` and Belady's optimum; a picture for each trace in `target/ratio/`.
#![allow(clippy::cast_precision_loss, reason = "ratios, of numbers far below 2^52")]

use cachify_benches::ratio::{Answered, Trace, answered, grid, picture, read, yardstick};
use std::{env, error::Error, fs, path::Path};

fn main() -> Result<(), Box<dyn Error>> {
    let mut words: Vec<String> = env::args().skip(1).collect();
    let seeds = match words.first().map(String::as_str) {
        Some("seeds") => words.drain(..2).nth(1).and_then(|seeds| seeds.parse().ok()).ok_or("`seeds N`")?,
        _ => 1,
    };
    let mut files = Vec::new();
    for two in words.chunks(2) {
        let [file, bounds] = two else { return Err("a file has its bounds behind it: `FILE 1000,2000`".into()) };
        let bounds = bounds.split(',').map(str::parse).collect::<Result<Vec<usize>, _>>()?;
        files.push(read(Path::new(file), &bounds)?);
    }
    fs::create_dir_all("target/ratio")?;
    for seed in 1..=seeds {
        println!("seed {seed}");
        let own = yardstick(seed);
        summary(&tables(files.iter().chain(&own))?);
    }
    println!("zipf grid");
    summary(&tables(grid(1).iter())?);
    Ok(())
}

/// A table for each trace; all their points.
fn tables<'t>(traces: impl Iterator<Item = &'t Trace>) -> Result<Vec<Answered>, Box<dyn Error>> {
    println!("{:<14} {:>7} {:>8} {:>8} {:>8} {:>8}", "trace", "bound", "cachify", "moka", "quick", "Belady");
    let mut all = Vec::new();
    for trace in traces {
        let points: Vec<_> = trace.bounds.iter().map(|bound| (*bound, answered(trace, *bound))).collect();
        for (bound, Answered { ours, moka, quick, belady }) in &points {
            println!("{:<14} {bound:>7} {ours:>8.2} {moka:>8.2} {quick:>8.2} {belady:>8.2}", trace.name);
        }
        let name = trace.name.replace([' ', '+'], "-");
        fs::write(format!("target/ratio/{name}.svg"), picture(&trace.name, &points))?;
        all.extend(points.into_iter().map(|(_, answered)| answered));
    }
    Ok(all)
}

/// Means, how often ours is at or above the better peer, and the worst it is below.
fn summary(all: &[Answered]) {
    let mean = |of: fn(&Answered) -> f64| all.iter().map(of).sum::<f64>() / all.len() as f64;
    let ahead = |one: &Answered| one.ours - one.moka.max(one.quick);
    let level = all.iter().filter(|one| ahead(one) >= -0.2).count();
    let worst = all.iter().map(ahead).fold(f64::MAX, f64::min);
    println!(
        "mean: cachify {:.2}, moka {:.2}, quick_cache {:.2}, Belady {:.2}; at or above the better peer (within 0.2) at {level} \
         of {}; worst {worst:+.2}\n",
        mean(|all| all.ours),
        mean(|all| all.moka),
        mean(|all| all.quick),
        mean(|all| all.belady),
        all.len()
    );
}
