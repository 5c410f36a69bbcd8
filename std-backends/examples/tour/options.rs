//! What was asked for on the command line.

use crate::failure::Failure;
use std::{
    env,
    ffi::OsString,
    path::{Path, PathBuf},
};

pub(crate) const HELP: &str = "\
Usage: cargo run --release --example tour -- [DIRECTORY]
       cargo run --release -p cachify --features redis --example tour -- [DIRECTORY] --redis URL [--processes N]

Twelve workers analyse every file of DIRECTORY (`core/src` unless said) twice, and one file a third time.
With `--redis` they share a Redis or Valkey with the twelve of each other process, N processes in all; what they
leave there ends within two hours. A promise that was not kept, or a Redis that is gone half-way, is status 1.";
/// By which the tour tells its other processes what they are.
pub(crate) const MEMBER: &str = "--member";
const DIRECTORY: &str = "core/src";
/// More would only get into each other's way.
const MOST: usize = 64;

pub(crate) struct Options {
    pub(crate) directory: PathBuf,
    pub(crate) fleet: Option<Fleet>,
}

/// Where processes meet.
pub(crate) struct Fleet {
    pub(crate) url: String,
    pub(crate) processes: usize,
    /// `None` for the process that a person started.
    pub(crate) member: Option<Member>,
}

/// A process that the first one started.
pub(crate) struct Member {
    pub(crate) number: usize,
    /// What the keys of this run begin with.
    pub(crate) prefix: String,
}

/// What was asked for; `None` where help was.
pub(crate) fn asked() -> Result<Option<Options>, Failure> {
    let (mut directory, mut url, mut processes, mut member) = (None, None, 1, None);
    let mut said = env::args_os().skip(1);
    while let Some(word) = said.next() {
        match word.to_str() {
            Some("--help" | "-h") => return Ok(None),
            Some("--redis") => url = Some(text(said.next()).ok_or(Failure::Usage("`--redis` needs a URL"))?),
            Some("--processes") => processes = number(said.next())?,
            Some(MEMBER) => member = Some(membership(said.next())?),
            Some(option) if option.starts_with('-') => return Err(Failure::Usage("there is no such option")),
            _ if directory.is_some() => return Err(Failure::Usage("expected one directory at most")),
            _ => directory = Some(word.into()),
        }
    }
    let fleet = match url {
        Some(url) => Some(Fleet { url, processes, member }),
        None if processes > 1 => return Err(Failure::Usage("processes share nothing in memory: add `--redis URL`")),
        None => None,
    };
    let directory = directory.unwrap_or_else(|| Path::new(DIRECTORY).to_owned());
    Ok(Some(Options { directory, fleet }))
}

fn text(word: Option<OsString>) -> Option<String> {
    word?.into_string().ok()
}

fn number(word: Option<OsString>) -> Result<usize, Failure> {
    let number = text(word).and_then(|word| word.parse().ok()).filter(|number| (1..=MOST).contains(number));
    number.ok_or(Failure::Usage("`--processes` needs a number from 1 to 64"))
}

impl Member {
    /// The word from which `membership` makes it again.
    pub(crate) fn word(&self) -> String {
        format!("{}:{}", self.number, self.prefix)
    }
}

fn membership(word: Option<OsString>) -> Result<Member, Failure> {
    let member = text(word).and_then(|word| {
        let (number, prefix) = word.split_once(':')?;
        Some(Member { number: number.parse().ok()?, prefix: prefix.to_owned() })
    });
    member.ok_or(Failure::Usage("`--member` is for the tour itself"))
}
