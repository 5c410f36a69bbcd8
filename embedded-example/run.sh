#!/usr/bin/env bash
# Builds the firmware and runs it under QEMU: the five scenes and the conformance suite on a Cortex-M4, the smallest
# scene on a Cortex-M0 with 16 KiB of RAM. Ends with the first exit code that is not zero.
set -euo pipefail
cd "$(dirname "$0")"
. ./toolchain.sh
need qemu-system-arm qemu-system-arm

emulate() { # emulate <machine> <target> <binary> [cargo arguments...]
  local machine=$1 target=$2 binary=$3
  shift 3
  printf '\n-- %s on %s\n' "$binary" "$machine"
  local image
  image=$(bash image.sh "$target" "$binary" "$@")
  # a wrong memory map hangs without a word, hence the time limit
  timeout 60 qemu-system-arm -M "$machine" -display none -monitor none -serial null \
    -semihosting-config enable=on,target=native -icount shift=5,sleep=off \
    -kernel "$image"
}

emulate mps2-an386 thumbv7em-none-eabihf embedded-example
emulate mps2-an386 thumbv7em-none-eabihf conformance --features testing
emulate microbit thumbv6m-none-eabi smallest --features microbit
printf '\nthe firmware ended well\n'
