//! What can end the tour early, each as one sentence.
//!
//! A refused right and a failed read travel through the same `Result`: the attributes only ask for `From<Refused>`.

use crate::units::fitted;
use cachify::Refused;
use std::{
    fmt, io,
    path::{Path, PathBuf},
};

#[derive(Debug)]
pub(crate) enum Failure {
    Usage,
    Missing(PathBuf),
    NotADirectory(PathBuf),
    NoFiles(PathBuf),
    Unreadable(PathBuf, io::Error),
    /// Nobody waits for ever in vain in memory, so these two are the library's or the store's trouble.
    Refused(Refused),
    Library(cachify::Error),
    Worker,
    Output(io::Error),
    /// The counters contradict what the library promises.
    Broken,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage => f.write_str("expected one directory at most; see --help"),
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
            Self::Output(why) => write!(f, "cannot write the output: {}", plain(why)),
            Self::Broken => f.write_str("not all of the promises above were kept"),
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
