//! A bar on standard error, for a person who waits for a large directory.
//!
//! Nothing is drawn for a small one, nor where standard error is not a terminal.

use crate::units::{count, counted};
use std::{
    io::{self, IsTerminal, Write},
    sync::{Mutex, PoisonError},
};

/// Fewer files are done before anybody could read a bar.
const LARGE: usize = 200;
const WIDTH: usize = 40;

pub(crate) struct Progress {
    total: usize,
    /// How many are done, until it is closed.
    done: Mutex<Option<usize>>,
}

impl Progress {
    pub(crate) fn new(total: usize) -> Self {
        let drawn = total >= LARGE && io::stderr().is_terminal();
        Self { total, done: Mutex::new(drawn.then_some(0)) }
    }

    /// Nothing is drawn.
    pub(crate) const fn none() -> Self {
        Self { total: 0, done: Mutex::new(None) }
    }

    /// One more is done.
    pub(crate) fn step(&self) {
        // held while it draws, so that the bar never goes back
        let mut open = self.done.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(done) = open.as_mut() else { return };
        let drawn = self.percent(*done);
        *done += 1;
        let percent = self.percent(*done);
        if percent != drawn {
            let full = percent * WIDTH / 100;
            let (bar, rest) = ("█".repeat(full), "·".repeat(WIDTH - full));
            // a tour without its bar is still a tour
            let _ = write!(
                io::stderr(),
                "\r{bar}{rest} {percent:>3} %  {} of {}",
                count(*done as u64),
                counted(self.total as u64, "file")
            );
        }
    }

    /// Takes the bar away; nothing is drawn any more.
    pub(crate) fn close(&self) {
        if self.done.lock().unwrap_or_else(PoisonError::into_inner).take().is_some() {
            let _ = write!(io::stderr(), "\r\x1b[2K");
        }
    }

    fn percent(&self, done: usize) -> usize {
        (done * 100 / self.total.max(1)).min(100)
    }
}
