#!/bin/sh
# Measures the relay beside the durable writes of the same bytes and beside libzstd alone:
# tests/bench/relay.sh [DIRECTORY]
# The files are relayed in DIRECTORY, which selects the disk. Without it, root gets a new ext4 with a journal on a loop
# device, and other users work below build/. (An ext4 without a journal skips inodes that were freed within the last
# minutes, so that its speed depends on what was removed before.) Takes some minutes and 8 GiB; with QUICK=1 a tenth of
# the files.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
cd "$root"
./cmake/setup.sh test
cmake --preset release >/dev/null
cmake --build --preset release --target paxect paxect-core paxect_link bench_relay_floor bench_floor >/dev/null
work=$(mktemp -d "$(realpath "${1:-build}")/relay-bench.XXXXXX")
device=
leave() {
  [ -z "$device" ] || { umount "$work/disk" || true; losetup --detach "$device" || true; }
  rm -rf "$work"
}
trap leave EXIT
trap 'exit 130' INT TERM
mkdir "$work/disk"
if [ $# -eq 0 ] && [ "$(id -u)" -eq 0 ]; then
  truncate --size=8G "$work/image"
  mkfs.ext4 -q -E lazy_itable_init=0,lazy_journal_init=0 "$work/image"
  # Direct, so that what is flushed goes to the disk once and nowhere else.
  device=$(losetup --find --show --direct-io=on "$work/image")
  mount "$device" "$work/disk"
fi
python3 tests/bench/relay.py build/release "$work/disk"
