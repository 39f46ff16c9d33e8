#!/bin/sh
# Compares the C ABI of a built library with the one that is committed here: check.sh [--update] [LIBRARY]
# Three views: the exported symbols with their versions (exports.txt), the constants of core.h (constants.txt), and
# the functions' signatures and structures' layouts (core.abi, by libabigail). --update rewrites them.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../../.." && pwd)
update=
[ "${1:-}" != --update ] || { update=1; shift; }
library=${1:-$root/build/release/lib/libpaxect_core.so.1}
[ -f "$library" ] || { echo "check.sh: no library $library: build it first" >&2; exit 64; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

nm -D --defined-only --with-symbol-versions "$library" | awk '{ print $NF }' | LC_ALL=C sort >"$work/exports.txt"
cc -E -P "$root/libpaxect_core/include/paxect/core.h" | tr '\n' ' ' |
  grep -oE 'PAXECT_[A-Z0-9_]+ *= *-?[0-9]+' | tr -s ' ' >"$work/constants.txt"
abidw --exported-interfaces-only --suppressions "$here/suppressions.ini" --no-show-locs --no-corpus-path \
  --no-comp-dir-path --no-elf-needed --type-id-style hash "$library" >"$work/core.abi"

if [ "$update" ]; then
  cp "$work/exports.txt" "$work/constants.txt" "$work/core.abi" "$here"
  exit
fi
status=0
for file in exports.txt constants.txt; do
  diff -u "$here/$file" "$work/$file" || status=1
done
abidiff --no-show-locs --suppressions "$here/suppressions.ini" "$here/core.abi" "$work/core.abi" || {
  [ $(($? & 8)) -eq 0 ] || echo "check.sh: programs built before this change break"
  status=1
}
[ $status -eq 0 ] || echo "check.sh: the ABI differs from the committed one: see tests/core/abi/README.md" >&2
exit $status
