# Sourced by every check: stops at the first failure, goes to the project's folder, and names what is missing.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. embedded-example/toolchain.sh # need, thumb_cargo

published=(cachify-template cachify-macros cachify-core cachify-link cachify cachify-cli)

# cargo_tool <name>: installs a tool of cargo's that is missing.
cargo_tool() {
  command -v "cargo-$1" >/dev/null && return
  echo "installing cargo-$1" >&2
  cargo install --locked --quiet "cargo-$1"
}

nightly() {
  cargo +nightly --version >/dev/null 2>&1 ||
    { echo "nightly Rust is missing: run 'rustup toolchain install nightly'" >&2; exit 1; }
}
