//! The sums over all analyses, made so that only the lock keeps them right.
//!
//! One process keeps them in memory. Several keep them in a file: what guards it must hold between processes.

use crate::{analysis::Analysis, failure::Failure};
use std::{
    env,
    fs::{self, OpenOptions},
    io::{self, ErrorKind, Write},
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

pub(crate) enum Report {
    Memory(Mutex<Totals>),
    File(PathBuf),
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Totals {
    pub(crate) files: u64,
    pub(crate) bytes: u64,
    pub(crate) lines: u64,
    pub(crate) words: u64,
}

impl Report {
    pub(crate) fn in_memory() -> Self {
        Self::Memory(Mutex::default())
    }

    /// The report of all processes of one run.
    pub(crate) fn shared(run: &str) -> Self {
        Self::File(path(run))
    }

    pub(crate) fn totals(&self) -> Result<Totals, Failure> {
        match self {
            Self::Memory(totals) => Ok(*totals.lock().unwrap_or_else(PoisonError::into_inner)),
            Self::File(path) => {
                let text = fs::read_to_string(path).map_err(Failure::Report)?;
                Totals::read(&text).ok_or_else(|| Failure::Report(ErrorKind::InvalidData.into()))
            }
        }
    }

    pub(crate) fn replace(&self, totals: Totals) -> Result<(), Failure> {
        match self {
            Self::Memory(kept) => *kept.lock().unwrap_or_else(PoisonError::into_inner) = totals,
            Self::File(path) => {
                // never made anew: whoever comes after the end of the run finds nothing to write to
                let file = OpenOptions::new().write(true).truncate(true).open(path);
                file.and_then(|mut file| file.write_all(totals.text().as_bytes())).map_err(Failure::Report)?;
            }
        }
        Ok(())
    }
}

/// The file behind a shared report, gone when this is dropped.
pub(crate) struct ReportFile(PathBuf);

impl ReportFile {
    pub(crate) fn create(run: &str) -> Result<Self, Failure> {
        let create = |path: &PathBuf| -> io::Result<()> {
            let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
            file.write_all(Totals::default().text().as_bytes())
        };
        let path = path(run);
        create(&path).map_err(Failure::Report)?;
        Ok(Self(path))
    }
}

impl Drop for ReportFile {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

fn path(run: &str) -> PathBuf {
    env::temp_dir().join(format!("{run}.report"))
}

impl Totals {
    /// As one worker alone adds them up.
    pub(crate) fn of(answers: &[Arc<Analysis>]) -> Self {
        answers.iter().fold(Self::default(), |sum, found| sum.with(found))
    }

    pub(crate) fn with(self, analysis: &Analysis) -> Self {
        Self {
            files: self.files + 1,
            bytes: self.bytes + analysis.bytes,
            lines: self.lines + analysis.lines,
            words: self.words + analysis.words,
        }
    }

    fn text(self) -> String {
        let Self { files, bytes, lines, words } = self;
        format!("{files} {bytes} {lines} {words}")
    }

    fn read(text: &str) -> Option<Self> {
        let mut numbers = text.split(' ').map(|number| number.parse().ok());
        let mut next = || numbers.next().flatten();
        Some(Self { files: next()?, bytes: next()?, lines: next()?, words: next()? })
    }
}
