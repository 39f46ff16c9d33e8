#!/bin/sh
# What an administrator does with the packages, in a clean Debian: install.sh DIRECTORY_OF_DEBS
# Installs, relays a file, upgrades, removes and purges in a root directory of this release that has what the packages
# depend on and nothing else; mmdebstrap makes it once and it is kept in ~/.cache/paxect. Status 77: skipped, says why.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
debs=$(cd "$1" && pwd)
skip() { echo "install.sh: skipped: $*"; exit 77; }
fail() { echo "install.sh: $*" >&2; exit 1; }
[ "$(id -u)" -eq 0 ] || skip "changing the root directory takes root"
command -v mmdebstrap >/dev/null || skip "no mmdebstrap"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM

# The clean root: what the packages depend on is in it, so that dpkg alone can install them, and the two tools of systemd
# that their scripts call.
suite=$(. /etc/os-release && echo "$VERSION_CODENAME")
depends=$(for package in "$debs"/*.deb; do dpkg-deb -f "$package" Depends; done | tr ',' '\n' |
  sed 's/^ *//; s/[ (|].*//; /^libpaxect/d; /^$/d' | sort -u | paste -sd,)
depends=$depends,systemd-standalone-sysusers,systemd-standalone-tmpfiles
cache=${XDG_CACHE_HOME:-$HOME/.cache}/paxect
archive=$cache/$suite-$(printf '%s' "$depends" | cksum | cut -d' ' -f1).tar
if [ ! -f "$archive" ]; then
  mkdir -p "$cache"
  echo "install.sh: making a clean $suite with $depends"
  mmdebstrap --quiet --variant=minbase --include="$depends" "$suite" "$work/new.tar" >"$work/log" 2>&1 || {
    tail -n 20 "$work/log"
    skip "mmdebstrap cannot make a root directory here, as it says above"
  }
  mv "$work/new.tar" "$archive"
fi
root=$work/root
mkdir "$root"
tar x -C "$root" -f "$archive" --exclude='./dev/*'
mkdir -p "$root/debs" "$root/newer"
cp "$debs"/*.deb "$root/debs"
for package in "$debs"/*.deb; do # the same under a higher version
  rm -rf "$work/unpacked"
  dpkg-deb -R "$package" "$work/unpacked"
  version=$(dpkg-deb -f "$package" Version)
  sed -i "s/^Version: .*/&.1/; s/(= $version)/(= $version.1)/" "$work/unpacked/DEBIAN/control"
  dpkg-deb --build "$work/unpacked" "$root/newer/$(basename "$package")" >/dev/null
done
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
