#!/usr/bin/env bash
# The one test command: checks, both thumb builds, the firmware under QEMU, the examples, all tests.
# On a fresh Debian machine with Rust it installs what it needs as root, saying what; else it names the one command.
set -euo pipefail
cd "$(dirname "$0")/.."
. embedded-example/toolchain.sh

step() { printf '\n== %s\n' "$*"; }

need cc gcc
for tool in cargo-fmt cargo-clippy; do
  command -v "$tool" >/dev/null || { echo "$tool is missing: run 'rustup component add rustfmt clippy'" >&2; exit 1; }
done

step "format"
cargo fmt --all --check
(cd embedded-example && cargo fmt --check)
(cd tests/fuzz && cargo fmt --check)

step "clippy, as it is used and with each written combination of features"
cargo clippy --workspace --all-targets -- -D warnings
cargo clippy --quiet -p cachify --features redis --examples -- -D warnings
cargo clippy -p cachify-core --all-features -- -D warnings
for features in "" alloc macros postcard heapless spin critical-section testing "alloc,testing" link "alloc,link"; do
  cargo clippy --quiet -p cachify-core --no-default-features --features "$features" -- -D warnings
done
for features in "" macros tokio json redis redis-tls link gateway "json,macros,redis"; do
  cargo clippy --quiet -p cachify --no-default-features --features "$features" -- -D warnings
done

step "documentation"
RUSTDOCFLAGS=-Dwarnings cargo doc --workspace --no-deps
RUSTDOCFLAGS=-Dwarnings cargo doc -p cachify-core --all-features --no-deps
RUSTDOCFLAGS=-Dwarnings cargo doc -p cachify --all-features --no-deps

step "core for thumbv6m (no compare-and-swap) and thumbv7em, linked"
(cd embedded-example && for target in thumbv6m-none-eabi thumbv7em-none-eabihf; do
  thumb_cargo "$target" build --release --quiet --bin size --features lock,once,pool,cache
  echo "$target linked"
done)

step "the firmware under QEMU"
embedded-example/run.sh

step "what the firmware costs"
embedded-example/sizes.sh

step "the tour, as in the README"
cargo run --release --quiet --example tour

step "the tour, asked for a Redis that it was built without"
if said=$(cargo run --release --quiet --example tour -- --redis redis://localhost 2>&1); then exit 1; fi
grep '^tour: this tour was built without Redis' <<<"$said"

for example in own_store webhook cron observer; do
  step "the example $example"
  cargo run --quiet -p cachify-examples --example "$example"
done

step "documentation tests"
cargo test --workspace --doc --features cachify-core/testing,cachify-core/alloc,cachify-core/link

step "whatever bytes may come"
tests/fuzz.sh

step "servers: Redis and Valkey"
tests/servers.sh
redis-server --version
valkey-server --version

step "tests"
if command -v cargo-nextest >/dev/null; then
  cargo nextest run --workspace --features cachify-core/spin,cachify-core/critical-section,cachify-core/heapless
else
  echo "cargo-nextest is not here; cargo test runs the same tests"
  cargo test --workspace --lib --bins --tests | tee /tmp/cachify-tests.$$
  awk '/^test result/ { p += $4; f += $6 } END { printf "%d passed, %d failed\n", p, f }' /tmp/cachify-tests.$$
  rm -f /tmp/cachify-tests.$$
fi
