//! What is found out about one file, reading it once and never holding all of it.
//!
//! Bytes, not characters, so that a binary file is as good as any: only the longest line counts UTF-8 characters.

use hmac_sha256::Hash;
use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

const CHUNK: usize = 64 * 1024;

/// Cached values of a global instance derive serde, for its store may be chosen at run time.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Analysis {
    pub(crate) bytes: u64,
    /// As `str::lines` counts them: a last line needs no line end.
    pub(crate) lines: u64,
    pub(crate) words: u64,
    /// In characters, without the line end.
    pub(crate) longest: u64,
    pub(crate) sha256: [u8; 32],
}

/// Blocks the thread while it reads.
pub(crate) fn scan(path: &Path) -> io::Result<Analysis> {
    let (mut file, mut chunk) = (File::open(path)?, vec![0; CHUNK]);
    let (mut text, mut hash) = (Text::default(), Hash::new());
    loop {
        let read = match file.read(&mut chunk) {
            Ok(0) => break,
            Ok(read) => &chunk[..read],
            Err(why) if why.kind() == io::ErrorKind::Interrupted => continue,
            Err(why) => return Err(why),
        };
        text.take(read);
        hash.update(read);
    }
    Ok(text.end(hash.finalize()))
}

#[derive(Default)]
struct Text {
    bytes: u64,
    lines: u64,
    words: u64,
    longest: u64,
    in_word: bool,
    in_line: bool,
    width: u64,
}

impl Text {
    fn take(&mut self, chunk: &[u8]) {
        self.bytes += chunk.len() as u64;
        for &byte in chunk {
            let in_word = !byte.is_ascii_whitespace();
            self.words += u64::from(in_word && !self.in_word);
            self.in_word = in_word;
            if byte == b'\n' {
                self.end_line();
            } else {
                self.in_line = true;
                // neither what continues a character nor half a line end has a width
                self.width += u64::from(byte & 0xc0 != 0x80 && byte != b'\r');
            }
        }
    }

    fn end_line(&mut self) {
        self.lines += 1;
        self.longest = self.longest.max(self.width);
        self.width = 0;
        self.in_line = false;
    }

    fn end(mut self, sha256: [u8; 32]) -> Analysis {
        if self.in_line {
            self.end_line();
        }
        let Self { bytes, lines, words, longest, .. } = self;
        Analysis { bytes, lines, words, longest, sha256 }
    }
}
