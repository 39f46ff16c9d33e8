#!/bin/sh
# Compares the C ABI of a built library with the one that is committed here: check.sh [--update] [LIBRARY DESCRIBED]
# Three views: the exported symbols with their versions (exports.txt), the constants of core.h (constants.txt), and
# the functions' signatures and structures' layouts (core.abi, by libabigail). --update rewrites them. DESCRIBED is the
# same library with debug data, of which signatures and layouts are taken.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../../.." && pwd)
update=
[ "${1:-}" != --update ] || { update=1; shift; }
library=${1:-$root/build/release/lib/libpaxect_core.so.1}
described=${2:-$root/build/release/tests/core/described/libpaxect_core.so.1}
for file in "$library" "$described"; do
  [ -f "$file" ] || { echo "check.sh: no library $file: build it first" >&2; exit 64; }
done
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

nm -D --defined-only --with-symbol-versions "$library" | awk '{ print $NF }' | LC_ALL=C sort >"$work/exports.txt"
cc -E -P "$root/libpaxect_core/include/paxect/core.h" | tr '\n' ' ' |
  grep -oE 'PAXECT_[A-Z0-9_]+ *= *-?[0-9]+' | tr -s ' ' >"$work/constants.txt"
abidw --exported-interfaces-only --suppressions "$here/suppressions.ini" --no-show-locs --no-corpus-path \
  --no-comp-dir-path --no-elf-needed --type-id-style hash "$described" >"$work/core.abi"
grep -q '<function-decl' "$work/core.abi" || {
  echo "check.sh: $described has no debug data, which has the signatures: name a library that was compiled with -g" >&2
  exit 64
}

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
