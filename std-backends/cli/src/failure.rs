//! Why a command did not do what was asked, and its exit code.

use cachify::{Cause, Error};
use std::{
    fmt,
    io::{self, ErrorKind, Write},
    process::ExitCode,
};

/// Why it was not done.
#[derive(Debug)]
pub(crate) enum Failure {
    /// What was asked for is not there, or was refused: exit code 1.
    Refused(String),
    /// The command line says something that cannot be meant: 2.
    Wrong(String),
    /// A server did not do its part: 3.
    Server(String),
    /// Whoever read the output has enough, which is no failure.
    Closed,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Refused(why) | Self::Wrong(why) | Self::Server(why) => why,
            Self::Closed => "nobody reads any more",
        })
    }
}

impl Failure {
    /// Says it in one sentence; the exit code.
    pub(crate) fn tell(&self) -> ExitCode {
        let (code, why) = match self {
            Self::Closed => return ExitCode::SUCCESS,
            Self::Refused(why) => (1, why),
            Self::Wrong(why) => (2, why),
            Self::Server(why) => (3, why),
        };
        warn(why);
        ExitCode::from(code)
    }

    /// A server that is known by an address.
    pub(crate) fn at(address: &str, cause: Cause) -> Self {
        Self::Server(format!("{address}: {cause}"))
    }
}

/// A sentence beside the output; whoever closed that way has no use for it.
pub(crate) fn warn(sentence: &str) {
    let _ = writeln!(io::stderr(), "cachify: {sentence}");
}

/// What could not be seen.
pub(crate) fn warn_of(unseen: &[String]) {
    for sentence in unseen {
        warn(&format!("not all was seen: {sentence}"));
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            ErrorKind::BrokenPipe => Self::Closed,
            _ => Self::Server(format!("the output cannot be written: {error}")),
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error {
            Error::Store(cause) => cause.into(),
            other => Self::Wrong(other.to_string()),
        }
    }
}

impl From<Cause> for Failure {
    fn from(cause: Cause) -> Self {
        Self::Server(cause.to_string())
    }
}
