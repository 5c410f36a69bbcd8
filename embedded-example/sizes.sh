#!/usr/bin/env bash
# Prints what each primitive costs in flash and RAM over the same firmware with empty tasks, beside the budgets.
# Fails when all four together pass 12 kB of flash, or when anything lands in .data.
set -euo pipefail
cd "$(dirname "$0")"
. ./toolchain.sh
target=thumbv7em-none-eabihf
limit=12288
need arm-none-eabi-size binutils-arm-none-eabi

measure() { # measure <features>: text data bss
  thumb_cargo "$target" build --release --quiet --bin size --features "$1"
  arm-none-eabi-size "${CARGO_TARGET_DIR:-target}/$target/release/size" | awk 'NR == 2 { print $1, $2, $3 }'
}

read -r text0 data0 bss0 < <(measure "")
printf '%-24s %8s %8s %8s\n' "over empty tasks" flash .data .bss
printf '%-24s %8d %8d %8d\n' "base firmware" "$text0" "$data0" "$bss0"
for features in lock once pool cache lock,once,pool,cache; do
  read -r text data bss < <(measure "$features")
  flash=$((text + data - text0 - data0)) ram=$((data - data0))
  printf '%-24s %+8d %+8d %+8d\n' "${features//,/ + }" "$flash" "$ram" "$((bss - bss0))"
done
echo "budget of the firmware design: 9 kB flash for all four, aim at 6; 112 B RAM a slot; nothing in .data"
echo "limit today: $limit B flash"
[ "$flash" -le "$limit" ] || { echo "all four together pass the limit" >&2; exit 1; }
[ "$ram" -le 0 ] || { echo "$ram B landed in .data" >&2; exit 1; }
