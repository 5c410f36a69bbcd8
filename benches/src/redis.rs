//! What Redis costs: each operation beside the raw commands people would write by hand, and beside the peers.
//!
//! One server of the run's own, on loopback; each side has one connection and takes its turns in the same run. Raw is
//! the crate `redis` without Nagle's delay, on the same runtime. What the peers do not do: rslock neither renews nor
//! tells waiters nor has fencing tokens; py-cachify is Python, and its locks have no owner.

mod cluster;
mod crowds;
mod cycles;
mod down;
mod hand_over;
mod helper;
mod server;
mod table;
mod turns;
mod world;

use world::{Options, World};

/// What can be asked for by itself, in the order of printing.
const PARTS: [&str; 6] = ["calls", "crowds", "hand-over", "turns", "down", "cluster"];

/// Prints all tables; the words of the command line are `python=PATH`, `one-thread`, `quick`, and
/// those of the parts that are wanted.
///
/// # Panics
/// If there is no `redis-server`, or something was refused that should have been granted.
pub fn run() {
    let words: Vec<_> = std::env::args().skip(1).collect();
    if let [word, url, flavour] = &words[..]
        && word == hand_over::WAITER
    {
        return hand_over::waiter(url, flavour);
    }
    if words.first().is_some_and(|word| word == turns::CALLERS) {
        return turns::callers(&words[1..]);
    }
    let mut options = Options::default();
    for word in &words {
        match (word.as_str(), word.strip_prefix("python=")) {
            (_, Some(python)) => options.python = Some(python.into()),
            ("one-thread", _) => options.one_thread = true,
            ("quick", _) => options.quick = true,
            (part, _) if PARTS.contains(&part) => options.parts.push(part.into()),
            _ => panic!("`{word}` is none of python=PATH, one-thread, quick, {PARTS:?}"),
        }
    }
    let world = World::new(options);
    if world.python.is_none() {
        println!("note py-cachify is not installed, so its column is empty");
    }
    for part in PARTS {
        if world.options.parts.is_empty() || world.options.parts.iter().any(|wanted| wanted == part) {
            match part {
                "calls" => cycles::run(&world),
                "crowds" => crowds::run(&world),
                "hand-over" => hand_over::run(&world),
                "turns" => turns::run(&world),
                "cluster" => cluster::run(&world),
                _ => down::run(&world),
            }
            println!();
        }
    }
}
