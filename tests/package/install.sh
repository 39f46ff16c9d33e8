#!/bin/sh
# What an administrator does with the packages, in a clean Debian: install.sh DIRECTORY_OF_DEBS
# Installs, relays a file, upgrades, removes and purges in a root directory that has what the packages depend on and
# nothing else. No systemd runs in it: that is booted.sh. Status 77: skipped, says why.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
debs=$(cd "$1" && pwd)
skip() { echo "install.sh: skipped: $*"; exit 77; }
fail() { echo "install.sh: $*" >&2; exit 1; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM

# With the two tools of systemd that the packages' scripts call.
root=$work/root
"$here/clean_root.sh" "$debs" systemd-standalone-sysusers,systemd-standalone-tmpfiles "$root" || exit $?
cp "$here/inside.sh" "$root/inside.sh"

# Mounts of a namespace of our own end with it. Where none may be made, the programs still find what they need.
unshare --mount --fork sh -c '
  mkdir -p "$1/dev" "$1/proc"
  if mount -t tmpfs dev "$1/dev" 2>/dev/null; then
    for device in null zero urandom random; do
      : >"$1/dev/$device"
      mount --bind "/dev/$device" "$1/dev/$device"
    done
    mount --rbind /proc "$1/proc"
  fi
  exec chroot "$1" /bin/sh /inside.sh' sh "$root" || {
  status=$?
  unshare --mount true 2>/dev/null || skip "no mount namespace can be made here"
  fail "failed inside of the clean root, status $status"
}
