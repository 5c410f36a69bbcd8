//! What survives a reset: how often this device started, and its key.
//!
//! In QEMU they are files of the host; a product keeps them in flash, for example with `sequential-storage`.

use semihosting::{
    fs::{self, File},
    io::{Read, Write},
};

const FILE: &core::ffi::CStr = c"boot-count";
const NEXT: &core::ffi::CStr = c"boot-count.next";

/// Counts this start, and says which it is. Written before anything else is done, so that no two lives are taken for
/// one.
#[must_use]
pub fn boot_count() -> u32 {
    let before = match File::open(FILE) {
        Ok(mut file) => {
            let mut bytes = [0; 4];
            // a count that is there and cannot be read is no first start
            file.read_exact(&mut bytes).unwrap_or_else(|_| super::exit(3));
            u32::from_le_bytes(bytes)
        }
        Err(_) => 0,
    };
    let now = before.wrapping_add(1).max(1);
    // the old count stays until the new one is whole, whenever the power fails
    let written = File::create(NEXT).and_then(|mut file| file.write_all(&now.to_le_bytes()));
    written.and_then(|()| fs::rename(NEXT, FILE)).unwrap_or_else(|_| super::exit(3));
    now
}

/// The key that was put beside the count when the unit was made, if it was.
#[must_use]
pub fn key() -> Option<[u8; 16]> {
    let mut key = [0; 16];
    let mut file = File::open(c"key").ok()?;
    // one that is there and cannot be read is no unit without a key
    file.read_exact(&mut key).unwrap_or_else(|_| super::exit(3));
    Some(key)
}

/// Sixteen hexadecimal digits as the two words of an identity.
pub const fn identity(text: &str) -> [u32; 2] {
    assert!(text.len() == 16, "DEVICE_IDENTITY has 16 hexadecimal digits");
    let (text, mut words, mut at) = (text.as_bytes(), [0; 2], 0);
    while at < 16 {
        let digit = match text[at] {
            digit @ b'0'..=b'9' => digit - b'0',
            digit @ b'a'..=b'f' => digit - b'a' + 10,
            digit @ b'A'..=b'F' => digit - b'A' + 10,
            _ => panic!("DEVICE_IDENTITY has 16 hexadecimal digits"),
        };
        words[at / 8] = words[at / 8] << 4 | digit as u32;
        at += 1;
    }
    words
}
