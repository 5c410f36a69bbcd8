//! Calls each shape beside the same bare function, twice, with the same arguments.

mod rows;
mod support;

use std::panic::{AssertUnwindSafe, catch_unwind};
use support::noted;

/// A shape under an attribute, and the bare function.
pub struct Row {
    pub title: &'static str,
    /// How often the body is to run in two calls.
    pub runs: u8,
    pub bare: fn() -> String,
    pub with: fn() -> String,
    /// Whether it is known to return something else.
    pub differs: bool,
    /// What holds after the calls with the attribute.
    pub also: fn() -> bool,
}

/// What a call returned, or that it panicked, and what was noted meanwhile.
fn seen(call: fn() -> String) -> (String, Vec<String>) {
    let out = catch_unwind(AssertUnwindSafe(call)).unwrap_or_else(|why| {
        let why = why.downcast_ref::<&str>().map(|why| (*why).to_owned()).or_else(|| why.downcast_ref().cloned());
        format!("panicked: {}", why.unwrap_or_default())
    });
    (out, noted())
}

/// What is wrong, if anything is. Where the body is to run once, the second call notes only what its arguments leave.
fn judge(row: &Row) -> Option<String> {
    let bare = [seen(row.bare), seen(row.bare)];
    let with = [seen(row.with), seen(row.with)];
    let first = bare[0] == with[0];
    let second = if row.runs == 1 {
        let of_body = |log: &[String]| log.iter().any(|line| !line.starts_with("left"));
        bare[1].0 == with[1].0 && !of_body(&with[1].1)
    } else {
        bare[1] == with[1]
    };
    let also = (row.also)();
    noted();
    ((first && second && also) == row.differs)
        .then(|| format!("{}: bare {bare:?}, with it {with:?}, also {also}", row.title))
}

fn main() {
    std::panic::set_hook(Box::new(|_| {}));
    cachify::Cachify::builder().prefix("shapes").init().expect("memory");
    let rows = rows::all();
    let wrong: Vec<_> = rows.iter().filter_map(judge).collect();
    for one in &wrong {
        println!("{one}");
    }
    println!("{} functions were called beside their bare ones, {} are wrong", rows.len(), wrong.len());
    std::process::exit(i32::from(!wrong.is_empty()));
}
