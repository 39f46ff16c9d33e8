#!/bin/sh
# Creates a clean root directory of this Debian release: clean_root.sh DIRECTORY_OF_DEBS PACKAGES ROOT
# ROOT contains the dependencies of our packages and the PACKAGES (separated by commas) and nothing else, so that dpkg
# can install ours. They are in /debs, and with a higher version in /newer. mmdebstrap creates the root once; the archive
# is kept in ~/.cache/paxect. Status 77 with the reason where it cannot be created.
set -eu
debs=$(cd "$1" && pwd)
skip() { echo "clean_root.sh: skipped: $*"; exit 77; }
[ "$(id -u)" -eq 0 ] || skip "changing the root directory takes root"
command -v mmdebstrap >/dev/null || skip "no mmdebstrap"
mkdir "$3"
root=$(cd "$3" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM

suite=$(. /etc/os-release && echo "$VERSION_CODENAME")
components=main
case $(. /etc/os-release && echo "$ID") in ubuntu) components=main,universe ;; esac
depends=$(for package in "$debs"/*.deb; do dpkg-deb -f "$package" Depends; done | tr ',' '\n' |
  sed 's/^ *//; s/[ (|].*//; /^libpaxect/d; /^paxect/d; /^$/d' | sort -u | paste -sd,),$2
cache=${XDG_CACHE_HOME:-$HOME/.cache}/paxect
archive=$cache/$suite-$(printf '%s' "$depends" | cksum | cut -d' ' -f1).tar
if [ ! -f "$archive" ]; then
  mkdir -p "$cache"
  echo "clean_root.sh: making a clean $suite with $depends"
  mmdebstrap --quiet --variant=minbase --components="$components" --include="$depends" "$suite" "$work/new.tar" \
    >"$work/log" 2>&1 || {
    tail -n 20 "$work/log"
    skip "mmdebstrap cannot make a root directory here, as it says above"
  }
  mv "$work/new.tar" "$archive"
fi
tar x -C "$root" -f "$archive" --exclude='./dev/*'

mkdir "$root/debs" "$root/newer"
cp "$debs"/*.deb "$root/debs"
for package in "$debs"/*.deb; do
  rm -rf "$work/unpacked"
  dpkg-deb -R "$package" "$work/unpacked"
  version=$(dpkg-deb -f "$package" Version)
  sed -i "s/^Version: .*/&.1/; s/(= $version)/(= $version.1)/" "$work/unpacked/DEBIAN/control"
  dpkg-deb --build "$work/unpacked" "$root/newer/$(basename "$package")" >/dev/null
done
