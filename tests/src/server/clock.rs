//! A server's wall clock, which stands still unless a test moves it.

use super::directory::Directory;
use std::{
    fs::{self, File},
    os::unix::fs::FileExt,
    sync::Mutex,
    time::Duration,
};

/// Some moment of 2026, in microseconds.
const BEGIN: i64 = 1_780_000_000_000_000;

#[derive(Debug)]
pub(super) struct StillClock {
    file: File,
    now: Mutex<i64>,
}

impl StillClock {
    pub(super) fn new(directory: &Directory) -> Self {
        let path = directory.path().join("clock");
        fs::write(&path, BEGIN.to_ne_bytes()).expect("a file can be written");
        let file = File::options().write(true).open(&path).expect("a file can be opened");
        Self { file, now: Mutex::new(BEGIN) }
    }

    /// What the server is started with, so that it reads this clock.
    pub(super) fn environment(directory: &Directory) -> [(&'static str, String); 2] {
        [("LD_PRELOAD", env!("CACHIFY_CLOCK_LIBRARY").into()), ("CACHIFY_CLOCK", directory.text("clock"))]
    }

    pub(super) fn step(&self, by: Duration, forward: bool) {
        let micros = i64::try_from(by.as_micros()).expect("a step of less than 292 thousand years");
        let mut now = self.now.lock().expect("no panics");
        *now += if forward { micros } else { -micros };
        self.file.write_all_at(&now.to_ne_bytes(), 0).expect("the clock can be written");
    }
}
