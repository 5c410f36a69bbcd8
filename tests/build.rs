//! Builds the clock that tests move real servers with.

use std::{env, path::Path, process::Command};

fn main() {
    let source = "src/server/clock.c";
    println!("cargo::rerun-if-changed={source}");
    let Some(directory) = env::var_os("OUT_DIR") else { return };
    let library = Path::new(&directory).join("clock.so");
    let built = Command::new("cc").args(["-shared", "-fPIC", "-O1", "-Wall", "-o"]).arg(&library).arg(source).status();
    assert!(built.is_ok_and(|status| status.success()), "a C compiler is missing: `cc` (Debian's package gcc)");
    println!("cargo::rustc-env=CACHIFY_CLOCK_LIBRARY={}", library.display());
}
