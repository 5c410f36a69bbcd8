#!/usr/bin/env bash
# What this library costs beside its peers, both sides taking turns in one run (A B A B ...): `benches/compare.sh`
# prints everything, `benches/compare.sh memory` and `benches/compare.sh redis [quick] [one-thread] [PART ...]` one half.
#
# memory: a line `ratio <name> ours=<ns> peer=<ns> x<ours/peer>` for each comparison; below 1 ours is faster. The
# nanoseconds are each side's median over the rounds, the loop's own cost (`note loop`) included; the ratio is the median
# of the rounds' ratios. `src/compare.rs` has the numbers.
#
# redis: tables against raw commands, rslock and py-cachify on a `redis-server` that it starts, then a line
# `goal <what>: <measured>: met|MISSED` for each promise. PART is one of calls, crowds, hand-over, turns, down, cluster; `one-thread`
# is tokio's current_thread runtime instead of the other; `quick` has a tenth of the rounds. py-cachify is installed by pip
# into a folder of `target/`; without it its column is empty.
#
# ratio [seeds N] [FILE BOUND,BOUND ..]..: how many of a hundred requests are hits, on generated traces and those of files (a
# key a line, or the format of the ARC paper), beside moka, quick_cache and Belady's optimum; pictures in `target/ratio/`.
#
# failures: a reset during a load, a loader that panics, a TTL shorter than the load, recursion; here, in moka, quick_cache and
# cached.
#
# `--against COMMIT [memory] [redis] [sizes]`: this version beside another one of its own, in one program (`against.sh`).
set -euo pipefail
cd "$(dirname "$0")/.."
if [ "${1:-}" = ratio ]; then
  exec cargo run --quiet --release -p cachify-benches --no-default-features --bin ratio -- "${@:2}"
fi
if [ "${1:-}" = failures ]; then
  exec cargo run --quiet -p cachify-benches --no-default-features --bin failures
fi
if [ "${1:-}" = --against ]; then exec bash benches/against.sh "${@:2}"; fi

PEERS=(py-cachify==3.1.0 redis==8.1.0)
python=target/py-cachify-3.1.0

machine() {
  cpu=$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo 2>/dev/null | head -n 1)
  load=$(cut -d ' ' -f 1 /proc/loadavg 2>/dev/null || echo unknown)
  peers=$(cargo tree --quiet -p cachify-benches --depth 1 --prefix none --edges normal |
    sed -n -E 's/^(cached|moka|quick_cache|redis|rslock|tokio) v([^ ]*).*/, \1 \2/p' | sort | tr -d '\n')
  echo "machine ${cpu:-$(uname -m)}, $(getconf _NPROCESSORS_ONLN) cores, load $load, $(rustc --version)$peers"
}

memory() {
  cargo bench --quiet -p cachify-benches --no-default-features --bench memory
}

# A venv with py-cachify in it.
peers() {
  "$python/bin/python" -c 'import py_cachify, redis' 2>/dev/null && return
  command -v python3 >/dev/null && python3 -m venv "$python" && "$python/bin/pip" install -q "${PEERS[@]}"
} >&2

redis() {
  command -v redis-server >/dev/null || { echo "redis-server is missing: run 'bash tests/servers.sh'" >&2; exit 1; }
  cargo build --quiet --release -p cachify-benches --bin redis
  redis-server --version
  if peers; then
    echo "$("$python/bin/python" --version), ${PEERS[*]}"
    set -- "python=$python/bin/python" "$@"
  else
    echo "note pip could not install ${PEERS[*]}"
  fi
  cargo run --quiet --release -p cachify-benches --bin redis -- "$@"
}

part=${1:-all}
[ $# -eq 0 ] || shift
case $part in
  memory) machine; memory ;;
  redis) machine; redis "$@" ;;
  all) machine; memory; echo; redis ;;
  *) sed -n 's/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
esac
