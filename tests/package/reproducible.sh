#!/bin/sh
# Checks that the packages are reproducible: reproducible.sh DIRECTORY_OF_DEBS
# Builds them again from a copy of the source in another directory, without a compiler cache and with another umask, and
# compares them byte for byte.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
debs=$(cd "$1" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/another-folder"
(cd "$root" && tar c --exclude=./build --exclude=./.git .) | tar x -C "$work/another-folder"
export CCACHE_DISABLE=1
(umask 077 && "$work/another-folder/cmake/packaging/build.sh" "$work/again" >"$work/log" 2>&1) || {
  tail -n 30 "$work/log" >&2
  exit 1
}
status=0
for package in "$debs"/*.deb; do
  cmp "$package" "$work/again/$(basename "$package")" || status=1
done
[ "$status" -eq 0 ] || { echo "reproducible.sh: the packages depend on where or when they are built" >&2; exit 1; }
(cd "$debs" && sha256sum ./*.deb)
echo "reproducible.sh: identical"
