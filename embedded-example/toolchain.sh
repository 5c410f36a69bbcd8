# Sourced, not run: how to build for a thumb target on this machine.
#
#   thumb_cargo <target> <cargo arguments...>
#
# The target installed by rustup wins. Else Debian's rustc-web and rust-web-src (one version, library source included)
# build core themselves, with the linker of rustup's toolchain or of binutils-arm-none-eabi. What is missing is
# installed as root, or named with the command that installs it.

. "$(dirname "${BASH_SOURCE[0]}")/../.ci/debian.sh" # need

thumb_cargo() {
  local target=$1 sysroot libdir
  shift
  libdir=$(rustc --print target-libdir --target "$target" 2>/dev/null || true)
  if [ -n "$libdir" ] && [ -d "$libdir" ]; then
    cargo "$@" --target "$target"
    return
  fi
  # the rustc of Debian, whose version its library source matches, is always /usr/bin/rustc
  need /usr/bin/rustc "rustc-web rust-web-src"
  need /usr/lib/rustlib/src/rust/library "rustc-web rust-web-src"
  sysroot=$(rustc --print sysroot)
  local lld="$sysroot/lib/rustlib/$(rustc -vV | sed -n 's/host: //p')/bin/rust-lld"
  if [ ! -x "$lld" ]; then
    need arm-none-eabi-ld binutils-arm-none-eabi
    lld=arm-none-eabi-ld
  fi
  local name=${target^^}
  # RUSTC_BOOTSTRAP for this job only: it turns nightly features on for every build script that probes
  env "CARGO_TARGET_${name//-/_}_LINKER=$lld" RUSTC=/usr/bin/rustc RUSTC_BOOTSTRAP=1 \
    cargo "$@" --target "$target" -Zbuild-std=core,alloc
}
