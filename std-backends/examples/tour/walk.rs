//! The files of a directory, in a fixed order.
//!
//! Links to directories are not followed, so the walk ends; pipes and devices are left out, so no read hangs.

use crate::failure::Failure;
use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::atomic::AtomicU32,
};

pub(crate) struct File {
    pub(crate) path: PathBuf,
    /// Its path within the directory; different files never share one, for it is the key.
    pub(crate) name: String,
    /// How often its analysis really ran.
    pub(crate) runs: AtomicU32,
}

impl File {
    fn new(root: &Path, path: PathBuf) -> Self {
        let inner = path.strip_prefix(root).unwrap_or(&path);
        let name = match inner.to_str() {
            Some(name) => name.to_owned(),
            // a lossy text could be the same for two files
            None => inner.as_os_str().as_encoded_bytes().escape_ascii().to_string(),
        };
        Self { path, name, runs: AtomicU32::new(0) }
    }
}

pub(crate) fn files(root: &Path) -> Result<Vec<File>, Failure> {
    match fs::metadata(root) {
        Ok(found) if found.is_dir() => {}
        Ok(_) => return Err(Failure::NotADirectory(root.to_owned())),
        Err(why) if why.kind() == io::ErrorKind::NotFound => return Err(Failure::Missing(root.to_owned())),
        Err(why) => return Err(Failure::Unreadable(root.to_owned(), why)),
    }
    let (mut files, mut directories) = (Vec::new(), vec![root.to_owned()]);
    while let Some(directory) = directories.pop() {
        let unreadable = |why| Failure::Unreadable(directory.clone(), why);
        for entry in fs::read_dir(&directory).map_err(unreadable)? {
            let entry = entry.map_err(unreadable)?;
            let (path, kind) = (entry.path(), entry.file_type().map_err(unreadable)?);
            if kind.is_dir() {
                directories.push(path);
            } else if kind.is_file() || (kind.is_symlink() && may_be_file(&path)) {
                files.push(File::new(root, path));
            }
        }
    }
    if files.is_empty() {
        return Err(Failure::NoFiles(root.to_owned()));
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(files)
}

/// A link that leads nowhere counts as a file: whoever reads it reports that.
fn may_be_file(link: &Path) -> bool {
    fs::metadata(link).map_or_else(|_| true, |target| target.is_file())
}
