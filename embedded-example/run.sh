#!/usr/bin/env bash
# Builds the firmware and runs it under QEMU on a Cortex-M4; ends with the firmware's own exit code.
set -euo pipefail
cd "$(dirname "$0")"
. ./toolchain.sh
target=thumbv7em-none-eabihf
need qemu-system-arm qemu-system-arm
thumb_cargo "$target" build --release --bin embedded-example
# a wrong memory.x hangs without a word, hence the time limit
timeout 60 qemu-system-arm -M mps2-an386 -display none -monitor none -serial null \
  -semihosting-config enable=on,target=native -icount shift=5,sleep=off \
  -kernel "${CARGO_TARGET_DIR:-target}/$target/release/embedded-example"
echo "the firmware ended well"
