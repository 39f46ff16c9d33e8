#!/bin/sh
# Installs and uses the packages in a clean Debian: install.sh DIRECTORY_OF_DEBS
# Installs, relays a file, upgrades, removes and purges in a root directory that contains only the dependencies of the
# packages. No systemd runs in it; booted.sh tests that. Status 77: skipped, with the reason.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
debs=$(cd "$1" && pwd)
skip() { echo "install.sh: skipped: $*"; exit 77; }
fail() { echo "install.sh: $*" >&2; exit 1; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM

# Includes the two tools of systemd that the scripts of the packages call.
root=$work/root
"$here/clean_root.sh" "$debs" systemd-standalone-sysusers,systemd-standalone-tmpfiles "$root" || exit $?
cp "$here/inside.sh" "$root/inside.sh"

# The mounts end with their namespace. Where a mount is not permitted, the programs work without it.
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
