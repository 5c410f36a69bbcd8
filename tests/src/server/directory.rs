//! A directory of a server's own, gone when the server is.

use std::{
    env,
    fs::{self, File},
    io::ErrorKind,
    path::{Path, PathBuf},
    process,
    sync::atomic::{AtomicU32, Ordering::Relaxed},
};

#[derive(Debug)]
pub(super) struct Directory(PathBuf);

impl Directory {
    pub(super) fn new() -> Self {
        static LAST: AtomicU32 = AtomicU32::new(0);
        loop {
            // short: a Unix socket's whole path has about a hundred bytes
            let name = format!("cachify-server-{}-{}", process::id(), LAST.fetch_add(1, Relaxed));
            let path = env::temp_dir().join(name);
            match fs::create_dir(&path) {
                Ok(()) => return Self(path),
                // of a process that had this one's number, and was killed with its watchdog
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => panic!("a temporary directory cannot be made: {error}"),
            }
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    /// A file's path as a word of a command line.
    pub(super) fn text(&self, file: &str) -> String {
        self.0.join(file).to_str().expect("the temporary directory has a UTF-8 name").to_owned()
    }

    /// One log for both outputs of the server.
    pub(super) fn log_files(&self) -> (File, File) {
        let log = File::create(self.0.join("log")).expect("a log can be written");
        let errors = log.try_clone().expect("a file can be shared");
        (log, errors)
    }

    /// What the server wrote, for the message of a panic.
    pub(super) fn log(&self) -> String {
        fs::read_to_string(self.0.join("log")).unwrap_or_default()
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
