//! Gives the linker the memory of the board, and a list of interrupts that is empty: the board names its own.

use std::{env, fs, path::PathBuf};

fn main() {
    let board = if env::var_os("CARGO_FEATURE_MICROBIT").is_some() { "microbit" } else { "mps2-an386" };
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    fs::copy(format!("boards/{board}.x"), out.join("memory.x")).expect("every board has its memory in boards/");
    fs::write(out.join("device.x"), "").expect("OUT_DIR can be written to");
    println!("cargo:rustc-link-search={}", out.display());
    println!("cargo:rerun-if-changed=boards");
}
