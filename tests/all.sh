#!/usr/bin/env bash
# The one test command: every check of `.ci/checks`, cheap ones first, with the seconds of each. The first failure ends it.
# On a fresh Debian machine with Rust it installs what it needs as root, saying what; else it names the one command.
set -euo pipefail
cd "$(dirname "$0")/.."

checks=(
  format
  msrv
  circles
  licences
  clippy
  docs
  package
  thumb
  firmware
  sizes
  examples
  tour
  doctests
  fuzz
  tests
)
for check in .ci/checks/*; do
  [[ " ${checks[*]} " == *" ${check##*/} "* ]] || { echo "tests/all.sh does not list $check" >&2; exit 1; }
done

table=
log=$(mktemp)
trap 'rm -f "$log"' EXIT
for check in "${checks[@]}"; do
  printf '\n== %s\n' "$check"
  began=$SECONDS failed=
  if [ "$check" = tests ]; then
    # its closing line is said once more at the end
    ".ci/checks/$check" 2>&1 | tee "$log" || failed=yes
  else
    ".ci/checks/$check" || failed=yes
  fi
  took=$((SECONDS - began))
  printf '%s: %d s\n' "$check" "$took"
  table+=$(printf '%-9s %5d s' "$check" "$took")$'\n'
  if [ -n "$failed" ]; then
    printf '\n%s\n%s failed; .ci/checks/%s runs it alone\n' "$table" "$check" "$check" >&2
    exit 1
  fi
done

printf '\n%s%-9s %5d s\n' "$table" all "$SECONDS"
grep -E 'tests run: |[0-9]+ passed, [0-9]+ failed$' "$log" | tail -n 1 || true
