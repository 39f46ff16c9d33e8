#!/bin/sh
# Demo 8: a container on a medium that lost its first megabyte and 5 % of its sectors is restored, and the file decodes.
# shellcheck source=demo_common.sh source-path=SCRIPTDIR
. "$(dirname "$0")/demo_common.sh"

# damage FILE: zeros in its first megabyte and in every 19th sector of 4096 bytes behind it.
damage() {
  dd if=/dev/zero of="$1" bs=1000000 count=1 conv=notrunc 2>/dev/null
  sectors=$(($(wc -c <"$1") / 4096)) sector=250
  while [ "$sector" -lt "$sectors" ]; do
    dd if=/dev/zero of="$1" bs=4096 seek="$sector" count=1 conv=notrunc 2>/dev/null
    sector=$((sector + 19))
  done
}

echo "=== Demo 8 — A Container That Heals Itself ==="
head -c 8000000 /dev/urandom >original
"$paxect_core" encode -i original -o stick.freq --protect 25
[ -s stick.freq ] || fail "encode made no container"
echo "Protected: $("$paxect_core" info stick.freq | sed -n 's/^protection *//p')"

cp stick.freq before.freq
damage stick.freq
echo "Lost the first megabyte and 5 % of the sectors."
! "$paxect_core" test stick.freq 2>test.err || fail "stick.freq is not damaged"
grep -q 'it can be repaired: paxect-core repair stick.freq' test.err || fail "test does not say that it can be repaired"
"$paxect_core" repair stick.freq -o repaired.freq
cmp repaired.freq before.freq || fail "repaired.freq differs from the container before the damage"
"$paxect_core" decode -i repaired.freq -o file
cmp file original || fail "the file differs from the original"
echo "✅ The container is as it was, byte for byte, and the file came out whole."
