//! Builds the clock that tests move real servers with, a search for addresses that takes long, a machine that slept, and a
//! command that no server here has.

use std::{env, path::Path, process::Command};

fn main() {
    let Some(directory) = env::var_os("OUT_DIR") else { return };
    for (name, variable) in [
        ("bless", "CACHIFY_BLESS_LIBRARY"),
        ("clock", "CACHIFY_CLOCK_LIBRARY"),
        ("names", "CACHIFY_NAMES_LIBRARY"),
        ("sleep", "CACHIFY_SLEEP_LIBRARY"),
    ] {
        let source = format!("src/server/{name}.c");
        println!("cargo::rerun-if-changed={source}");
        let library = Path::new(&directory).join(name).with_extension("so");
        let built =
            Command::new("cc").args(["-shared", "-fPIC", "-O1", "-Wall", "-o"]).arg(&library).arg(source).status();
        assert!(built.is_ok_and(|status| status.success()), "a C compiler is missing: `cc` (Debian's package gcc)");
        println!("cargo::rustc-env={variable}={}", library.display());
    }
}
