//! How often this device started: a counter that survives a reset.
//!
//! In QEMU it is a file of the host; a product keeps it in flash, for example with `sequential-storage`.

use semihosting::{
    fs::{self, File},
    io::{Read, Write},
};

const FILE: &core::ffi::CStr = c"boot-count";

/// Counts this start, and says which it is. Written before anything else is done, so that no two lives are taken for
/// one.
#[must_use]
pub fn boot_count() -> u32 {
    let mut bytes = [0; 4];
    let before = File::open(FILE).and_then(|mut file| file.read(&mut bytes)).map_or(0, |_| u32::from_le_bytes(bytes));
    let now = before.wrapping_add(1).max(1);
    let written = File::create(FILE).and_then(|mut file| file.write_all(&now.to_le_bytes()));
    if written.is_err() {
        let _ = fs::remove_file(FILE);
        super::exit(3);
    }
    now
}
