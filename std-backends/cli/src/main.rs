//! The tool `cachify`: who holds what on a Redis or Valkey, since when, who waits; and what to do about it.
//!
//! `options` is the command line; each command has a file of its own. `connect` reaches the servers, `scan` walks over
//! their keys in small steps, `look` reads what lies there without a script, `survey` does both, `output` says it.
#![forbid(unsafe_code)]

mod connect;
mod consent;
mod doctor;
mod failure;
mod force;
mod inspect;
mod look;
mod ls;
mod options;
mod output;
mod pages;
mod reset;
mod scan;
mod stats;
mod survey;
mod top;
mod watch;

use clap::Parser;
use failure::Failure;
use options::{Command, Options};
use output::Out;
use std::process::ExitCode;

fn main() -> ExitCode {
    let options = Options::parse();
    let out = Out::new(options.json);
    match run(&options, out) {
        Ok(code) => code,
        Err(failure) => failure.tell(),
    }
}

fn run(options: &Options, mut out: Out) -> Result<ExitCode, Failure> {
    let code = match &options.command {
        Command::Completions { shell } => pages::completions(*shell, &mut out)?,
        Command::Man => pages::man(&mut out)?,
        Command::Ls(asked) => ls::run(&connect::fleet(options)?, asked, &mut out)?,
        Command::Inspect(asked) => inspect::run(&connect::fleet(options)?, asked, &mut out)?,
        Command::Watch(asked) => watch::run(&connect::fleet(options)?, asked, &mut out)?,
        Command::Top(asked) => top::run(connect::fleet(options)?, asked, options.json)?,
        Command::Stats(asked) => stats::run(&connect::fleet(options)?, *asked, &mut out)?,
        Command::ForceRelease(asked) => force::run(&connect::fleet(options)?, asked, &mut out)?,
        Command::Reset(asked) => reset::run(&connect::fleet(options)?, asked, &mut out)?,
        Command::Doctor => doctor::run(&connect::fleet(options)?, &mut out)?,
    };
    out.flush()?;
    Ok(code)
}
