#!/bin/sh
# Prints `ratio <name> ours=<ns> peer=<ns> x<ours/peer>`, a line for each comparison; below 1 ours is faster.
# Both sides take turns in one run (A B A B ...). The nanoseconds are each side's median over the rounds, the loop's
# own cost (`note loop`) included; the ratio is the median of the rounds' ratios. `src/compare.rs` has the numbers.
set -eu
cd "$(dirname "$0")/.."

cargo build --quiet --release -p cachify-benches --bin compare
cpu=$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo 2>/dev/null | head -n 1)
load=$(cut -d ' ' -f 1 /proc/loadavg 2>/dev/null || echo unknown)
peers=$(cargo tree --quiet -p cachify-benches --depth 1 --prefix none --edges normal |
    sed -n -E 's/^(cached|moka|quick_cache|tokio) v([^ ]*).*/, \1 \2/p' | tr -d '\n')
echo "machine ${cpu:-$(uname -m)}, $(getconf _NPROCESSORS_ONLN) cores, load $load, $(rustc --version)$peers"
exec cargo run --quiet --release -p cachify-benches --bin compare
