#!/bin/sh
# Benchmarks the relay beside the bare durable writes of the same bytes and beside bare libzstd:
# tests/bench/relay.sh [DIRECTORY]
# The files are relayed in DIRECTORY (default: below build/), which decides the disk. Takes some minutes and
# 6 GiB. With QUICK=1 a tenth of it.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
place=${1:-$root/build}
place=$(realpath "$place")
cd "$root"
./cmake/setup.sh test
cmake --preset release >/dev/null
cmake --build --preset release --target paxect paxect-core paxect_link bench_relay_floor bench_floor >/dev/null
work=$(mktemp -d "$place/relay-bench.XXXXXX")
trap 'rm -rf "$work"' EXIT INT TERM
python3 tests/bench/relay.py build/release "$work"
