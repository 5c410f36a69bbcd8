#!/usr/bin/env bash
# Feeds arbitrary bytes to everything that reads what others send: tests/fuzz.sh [seconds for each target, 10 unless said]
# Nightly Rust and cargo-fuzz; the latter is installed when missing.
set -euo pipefail
cd "$(dirname "$0")/fuzz"
seconds=${1:-10}
cargo +nightly --version >/dev/null 2>&1 || { echo "nightly Rust is missing: run 'rustup toolchain install nightly'" >&2; exit 1; }
if ! cargo +nightly fuzz --version >/dev/null 2>&1; then
  echo "installing cargo-fuzz" >&2
  cargo install --locked --quiet cargo-fuzz
fi
log=$(mktemp)
trap 'rm -f "$log"' EXIT
cargo +nightly fuzz build --fuzz-dir . >"$log" 2>&1 || { cat "$log" >&2; exit 1; }
for target in frames requests keyed answers templates entries; do
  cargo +nightly fuzz run --fuzz-dir . "$target" -- -max_total_time="$seconds" -max_len=400 -rss_limit_mb=1024 >"$log" 2>&1 ||
    { cat "$log" >&2; exit 1; }
  echo "$target: $(grep '^Done' "$log")"
done
