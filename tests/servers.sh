#!/usr/bin/env bash
# Makes sure that the servers which tests talk to are here: Redis, Valkey, and openssl for their certificates.
# As root on Debian it installs what is missing, and leaves no service of it running; else it names the one command.
set -euo pipefail

missing=()
for tool in redis-server valkey-server openssl; do
  command -v "$tool" >/dev/null || missing+=("$tool")
done
[ ${#missing[@]} -gt 0 ] || exit 0

fail() { echo "missing: ${missing[*]}; $*" >&2; exit 1; }

command -v apt-get >/dev/null \
  || fail "install Redis 7, Valkey 8 and openssl with this system's package manager and try again"
[ "$(id -u)" = 0 ] || fail "run 'bash tests/servers.sh' as root and try again"

has_candidate() { [ -n "$(apt-cache policy "$1" | sed -n '/Candidate: [0-9]/p')" ]; }

# Debian 12 has Valkey in its backports only. They come from the mirror this machine already uses: apt itself is asked,
# so it does not matter in which format its sources are written.
add_backports() {
  local keyring=/usr/share/keyrings/debian-archive-keyring.gpg list=/etc/apt/sources.list.d/cachify-backports.list
  local codename mirror
  codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
  mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' 'Component: main' \
    "Codename: $codename" | sed -n 1p)
  [ -n "$mirror" ] || fail "no Debian mirror was found in apt's sources; enable one that has them and try again"
  echo "adding $codename-backports to apt's sources ($list)"
  echo "deb $([ ! -e "$keyring" ] || echo "[signed-by=$keyring] ")$mirror $codename-backports main" >"$list"
  if ! apt-get update -q || ! has_candidate valkey-server; then
    rm -f "$list"
    fail "$codename-backports has no valkey-server; put one on PATH and try again"
  fi
}

# A package starts its service on the well-known port unless this file says no.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  trap 'rm -f "$policy"' EXIT
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod +x "$policy"
fi

{
  echo "installing ${missing[*]}"
  apt-get update -q
  case " ${missing[*]} " in *" valkey-server "*) has_candidate valkey-server || add_backports ;; esac
  DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${missing[@]}" \
    || fail "run 'apt-get install ${missing[*]}' as root, see why it fails, and try again"
  for tool in "${missing[@]}"; do
    [ "$tool" != openssl ] || continue
    service "$tool" stop || true # for a machine whose own policy let it start
    update-rc.d "$tool" disable
  done
} >&2
