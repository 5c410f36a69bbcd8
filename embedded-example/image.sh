#!/usr/bin/env bash
# Builds one firmware image and prints where it lies: image.sh <target> <binary> [cargo arguments...]
set -euo pipefail
cd "$(dirname "$0")"
. ./toolchain.sh
target=$1 binary=$2
shift 2
thumb_cargo "$target" build --release --quiet --bin "$binary" "$@" >&2
case ${CARGO_TARGET_DIR:-} in
  /*) echo "$CARGO_TARGET_DIR/$target/release/$binary" ;;
  *) echo "$PWD/${CARGO_TARGET_DIR:-target}/$target/release/$binary" ;;
esac
