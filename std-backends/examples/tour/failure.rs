//! What can end the tour early, each as one sentence.
//!
//! A refused right and a failed read travel through the same `Result`: the attributes only ask for `From<Refused>`.

use crate::units::{counted, fitted};
use cachify::Refused;
use std::{
    fmt, io,
    path::{Path, PathBuf},
};

#[derive(Debug)]
pub(crate) enum Failure {
    Usage(&'static str),
    Missing(PathBuf),
    NotADirectory(PathBuf),
    NoFiles(PathBuf),
    Unreadable(PathBuf, io::Error),
    /// Nobody waits for ever in vain in memory, so these two are the library's or the store's trouble.
    Refused(Refused),
    Library(cachify::Error),
    Worker,
    Report(io::Error),
    /// A tour that asks for Redis and was built without.
    WithoutRedis,
    /// No server at the start.
    Redis(cachify::Error),
    /// The server left half-way.
    Gone {
        refused: u64,
        computed: u64,
    },
    /// Another process could not be started, or not be listened to.
    Process(io::Error),
    /// Another process did not get through; it says itself why.
    Member(usize),
    /// Other processes took too long.
    Straggler,
    /// What another process says of itself.
    Of(usize, Box<Self>),
    Output(io::Error),
    /// The counters contradict what the library promises.
    Broken,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(why) => write!(f, "{why}; see --help"),
            Self::Missing(path) => write!(f, "there is no `{}` here; name an existing directory", shown(path)),
            Self::NotADirectory(path) => write!(f, "`{}` is not a directory", shown(path)),
            Self::NoFiles(path) => write!(f, "`{}` has no files to analyse", shown(path)),
            Self::Unreadable(path, why) if why.kind() == io::ErrorKind::NotFound && path.is_symlink() => {
                write!(f, "cannot read `{}`: it is a link to a file that does not exist", shown(path))
            }
            Self::Unreadable(path, why) => write!(f, "cannot read `{}`: {}", shown(path), plain(why)),
            Self::Refused(why) => write!(f, "a call was refused: {why}"),
            Self::Library(why) => write!(f, "cachify cannot do this: {why}"),
            Self::Worker => f.write_str("a worker stopped before it was done"),
            Self::Report(why) => write!(f, "cannot keep the report: {}", plain(why)),
            Self::WithoutRedis => {
                f.write_str("this tour was built without Redis: add `-p cachify --features redis` before `--example`")
            }
            Self::Redis(why) => write!(f, "cannot begin with this Redis: {why}"),
            Self::Gone { refused, computed } => write!(
                f,
                "Redis went away half-way: {} computed without it, {} refused, and there are no totals",
                counted(*computed, "cached call"),
                counted(*refused, "lease")
            ),
            Self::Process(why) => write!(f, "cannot tour in several processes: {}", plain(why)),
            Self::Member(number) => write!(f, "process {number} did not finish, so there are no totals"),
            Self::Straggler => f.write_str("another process took too long and was ended, so there are no totals"),
            Self::Of(number, why) => write!(f, "process {number}: {why}"),
            Self::Output(why) => write!(f, "cannot write the output: {}", plain(why)),
            Self::Broken => f.write_str("not all of the promises above were kept"),
        }
    }
}

impl Failure {
    /// The same, said by one process among several. Output that nobody reads is nobody's failure.
    pub(crate) fn of(self, process: usize) -> Self {
        match self {
            Self::Output(_) => self,
            why => Self::Of(process, Box::new(why)),
        }
    }
}

/// A path on one line.
fn shown(path: &Path) -> String {
    fitted(&path.to_string_lossy(), usize::MAX)
}

/// The system's words without its number.
fn plain(why: &io::Error) -> String {
    let text = why.to_string();
    text.split(" (os error").next().unwrap_or_default().to_lowercase()
}

impl From<Refused> for Failure {
    fn from(why: Refused) -> Self {
        Self::Refused(why)
    }
}

impl From<cachify::Error> for Failure {
    fn from(why: cachify::Error) -> Self {
        Self::Library(why)
    }
}

/// Only output is written with a bare `?`; reads name their file.
impl From<io::Error> for Failure {
    fn from(why: io::Error) -> Self {
        Self::Output(why)
    }
}
