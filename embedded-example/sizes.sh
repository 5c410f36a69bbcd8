#!/usr/bin/env bash
# Prints what the primitives cost beside their budgets: flash over the same firmware with empty tasks, RAM, and
# instructions, which are counted under QEMU. Fails when a limit is passed, or when anything lands in .data.
set -euo pipefail
cd "$(dirname "$0")"
. ./toolchain.sh
target=thumbv7em-none-eabihf
need arm-none-eabi-size binutils-arm-none-eabi
need qemu-system-arm qemu-system-arm
built="${CARGO_TARGET_DIR:-target}/$target/release"
failed=

measure() { # measure <features>: text data bss
  thumb_cargo "$target" build --release --quiet --bin size --features "$1"
  arm-none-eabi-size "$built/size" | awk 'NR == 2 { print $1, $2, $3 }'
}

row() { # row <what> <is> <limit> <budget of the design>
  printf '%-52s %6d %6d %6s\n' "$@"
  [ "$2" -le "$3" ] || failed+=" '$1'"
}

read -r text0 data0 bss0 < <(measure "")
printf '%-24s %8s %8s %8s\n' "over empty tasks" flash .data .bss
printf '%-24s %8d %8d %8d\n' "base firmware" "$text0" "$data0" "$bss0"
declare -A alone
for features in lock lock-value once pool pool-value cache cache-value lock,once,pool,cache; do
  read -r text data bss < <(measure "$features")
  flash=$((text + data - text0 - data0)) ram=$((data - data0))
  alone[$features]=$flash
  printf '%-24s %+8d %+8d %+8d\n' "${features//,/ + }" "$flash" "$ram" "$((bss - bss0))"
done

# a store of 2 slots, frames of 104 bytes and 2 waiters
declare -A link
for features in remote remote-lock remote-cache remote-handle remote-keys; do
  read -r text data bss < <(measure "$features")
  link[$features]=$((text + data - text0 - data0))
  # the store, and the task that pumps
  link[$features-ram]=$(arm-none-eabi-nm -S "$built/size" | awk '/remote5STORE|9line_task4POOL/ { print "0x" $2 }' |
    { sum=0; while read -r bytes; do sum=$((sum + bytes)); done; echo "$sum"; })
  printf '%-24s %+8d %+8d %+8d\n' "$features" "${link[$features]}" "$((data - data0))" "$((bss - bss0))"
done

thumb_cargo "$target" build --release --quiet --bin count
declare -A is
while read -r name number; do is[$name]=$number; done < <(
  timeout 60 qemu-system-arm -M mps2-an386 -display none -monitor none -serial null \
    -semihosting-config enable=on,target=native -icount shift=0 -kernel "$built/count"
)

printf '\n%-52s %6s %6s %6s\n' "" is limit budget
row "flash of all four" "$flash" 9216 9216
row ".data of all four" "$ram" 0 0
# by value: the budget is 1.25 times the attribute
limits=(8140 8360 9330)
for kind in lock pool cache; do
  row "flash of a $kind by value" "${alone[$kind-value]}" "${limits[0]}" $((alone[$kind] * 5 / 4))
  limits=("${limits[@]:1}")
done
row "flash of the link alone" "${link[remote]}" 9200 6144
row "flash of the link, #[lock]" "${link[remote-lock]}" 13340 6144
row "flash of the link, #[cached]" "${link[remote-cache]}" 14620 6144
row "flash of the link, a lock's handle" "${link[remote-handle]}" 13980 6144
row "flash of the link with keys, #[lock]" "${link[remote-keys]}" 18700 14336
row "RAM of the link: store of 2 slots, pump" "${link[remote-ram]}" 1024 1024
row "RAM of the link with keys" "${link[remote-keys-ram]}" 1900 2048
row "RAM of a slot, 16-byte values" "${is[slot]}" 112 112
row "RAM of a waiting lock's future" "${is[future]}" 256 400
row "instructions: acquire + release, 16 keys" "${is[lock]}" 1160 700
row "instructions: cached hit, 16 keys" "${is[hit]}" 500 400
row "RAM of a waiting lock's future, by value" "${is[future-value]}" 368 320
limits=(1560 2160 530)
for call in lock pool hit; do
  row "instructions: $call by value, 16 keys" "${is[$call-value]}" "${limits[0]}" $((is[$call] * 5 / 4))
  limits=("${limits[@]:1}")
done
row "instructions: longest section, 64 keys, lock" "${is[section]}" 1400 1500
row "instructions: longest section, 64 keys, once" "${is[section-once]}" 1400 1500
row "instructions: longest section, 64 keys, cache" "${is[section-cache]}" 1400 1500
row "instructions: longest section, 64 keys, pool" "${is[section-pool]}" 1500 1500
row "instructions: pool of 64 permits, all but one held" "${is[section-permits]}" 3260 1500
[ -z "$failed" ] || { echo "past the limit:$failed" >&2; exit 1; }
