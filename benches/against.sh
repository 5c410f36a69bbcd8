#!/usr/bin/env bash
# This version against another commit, in one program: benches/against.sh COMMIT [memory] [redis] [sizes]
# (all three unless said). `benches/compare.sh --against COMMIT` is the same.
#
# memory, redis: a line for each operation with both medians, the ratio with its quartiles, and the control: the older
# version against itself. A ratio above the limit, and above what nine of ten rounds of the control show, is SLOWER: 1.05;
# for eight callers in a loop 1.10 with bodies of 5 ms, 1.30 with 1 ms.
# sizes: `embedded-example/sizes.sh` of both, row by row. Instructions count as the same within 1 %.
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD
commit=$(git rev-parse --verify "${1:?which commit?}^{commit}")
shift
words=" ${*:-memory redis sizes} "
# not in `target/`: a workspace inside this one would inherit from it
work=${TMPDIR:-/tmp}/cachify-against-$(id -u)
old=$work/old
mkdir -p "$work"

# another number, so that cargo takes both for two packages of one name
[ "$(cat "$old.commit" 2>/dev/null)" = "$commit" ] || {
  rm -rf "$old" "$old.commit"
  mkdir -p "$old"
  git archive "$commit" | tar -x -C "$old"
  find "$old" -name Cargo.toml -exec sed -i -E 's/^version = "0\.1\.0"/version = "0.0.1"/; s/(path = "[^"]*", version = )"0\.1\.0"/\1"0.0.1"/' {} +
  echo "$commit" >"$old.commit"
}

program() {
  mkdir -p "$work/program/src"
  cp benches/against/main.rs "$work/program/src/main.rs"
  cp benches/against/ops.rs "$work/program/src/new.rs"
  cp benches/against/ops.rs "$work/program/src/old.rs"
  cat >"$work/program/Cargo.toml" <<EOF
[workspace]
[package]
name = "against"
version = "0.0.0"
edition = "2024"
[dependencies]
cachify_new = { package = "cachify", path = "$root/std-backends", features = ["redis"] }
cachify_old = { package = "cachify", path = "$old/std-backends", features = ["redis"] }
tokio = { version = "1", features = ["rt", "net", "time"] }
[profile.release]
lto = "thin"
codegen-units = 1
EOF
  # the versions that are locked here, but for our own packages
  [ -f "$work/program/Cargo.lock" ] ||
    awk 'BEGIN { RS = ""; ORS = "\n\n" } !/name = "cachify/' Cargo.lock >"$work/program/Cargo.lock"
  # a commit with another interface is measured by its own file
  CARGO_TARGET_DIR=$work/target cargo check --quiet --release --manifest-path "$work/program/Cargo.toml" 2>/dev/null ||
    cp "$old/benches/against/ops.rs" "$work/program/src/old.rs"
  CARGO_TARGET_DIR=$work/target cargo run --quiet --release --manifest-path "$work/program/Cargo.toml" -- "$@"
}

sizes() {
  local tree
  for tree in old new; do
    local at=$old
    [ $tree = old ] || at=$root
    # a limit that is passed is told by the row itself
    CARGO_TARGET_DIR=$work/thumb-$tree "$at/embedded-example/sizes.sh" >"$work/sizes.$tree" 2>/dev/null || true
  done
  # rows of both: the last three words are numbers of the second table, of the first one flash is the third from the end
  awk 'function name(n,   i, s) { s = ""; for (i = 1; i <= NF - n; i++) s = s (i > 1 ? " " : "") $i; return s }
    /^over|^ +is/ || NF < 4 { next }
    { key = name(3); is = $(NF - 2); sub(/^\+/, "", is) }
    FNR == NR { old[key] = is; next }
    { printf "against sizes  %-52s old=%7s new=%7s %+d\n", key, (key in old) ? old[key] : "-", is, is - old[key] }
  ' "$work/sizes.old" "$work/sizes.new"
}

failed=0
case $words in *" sizes "*) sizes ;; esac
stores=()
for store in memory redis; do case $words in *" $store "*) stores+=("$store") ;; esac; done
[ ${#stores[@]} = 0 ] || program "${stores[@]}" || failed=1
exit $failed
