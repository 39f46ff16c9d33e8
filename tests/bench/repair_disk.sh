#!/bin/sh
# Measures repair beside dd on a disk of a given speed: tests/bench/repair_disk.sh [MIB_PER_SECOND]...
# Both copy a container of 256 MiB of data, of which half is noise, from a disk to the same disk and flush it; repair
# restores a burst on the way. Then once more with too little memory to keep the container. Needs root and the cgroup
# controllers blkio and memory, version 1. Prints the ratio of each of three pairs. PREFIX=DIRECTORY: an installed
# paxect-core.
set -eu
cd "$(dirname "$0")/../.."
. tests/bench/disk.sh
[ $# -gt 0 ] || set -- 20 40 80 160 320
core=$(realpath "${PREFIX:-build/release}/bin/paxect-core")
make_disk
[ -n "$device" ] || { echo "repair_disk.sh: run it as root: it limits the speed of a disk" >&2; exit 77; }
run_there "${PYTHON:-python3}" tests/bench/repair_disk.py "$core" "$work/disk" "$device" "$@"
