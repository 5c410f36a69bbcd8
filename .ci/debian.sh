# Sourced, not run: what is missing comes from Debian's packages, where this is root on such a machine.
#
#   need <command or file> <debian packages>
#
# A release may lack a package (Debian 12 has no Valkey), or have what its newer neighbours on this machine break: then it
# comes from the backports, of the mirror this machine already uses. apt itself is asked for that, so it does not matter
# in which format its sources are written.

need() {
  if command -v "$1" >/dev/null 2>&1 || [ -e "$1" ]; then return 0; fi
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "installing $2 (for $1)" >&2
    { apt-get update -q && { apt_install $2 || apt_backports $2; }; } >&2 && return 0
  fi
  echo "$1 is missing: run 'apt-get install -y --no-install-recommends $2' as root, see why it fails, and try again" >&2
  exit 1
}

apt_install() { DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "$@"; }

apt_backports() {
  local keyring=/usr/share/keyrings/debian-archive-keyring.gpg list=/etc/apt/sources.list.d/cachify-backports.list
  local codename mirror
  codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
  if [ -z "$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' "Codename: $codename-backports")" ]; then
    mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' 'Component: main' \
      "Codename: $codename" | sed -n 1p)
    [ -n "$mirror" ] || return
    echo "adding $codename-backports to apt's sources ($list)"
    echo "deb $([ ! -e "$keyring" ] || echo "[signed-by=$keyring] ")$mirror $codename-backports main" >"$list"
    apt-get update -q || { rm -f "$list"; return 1; }
  fi
  apt_install -t "$codename-backports" "$@"
}
