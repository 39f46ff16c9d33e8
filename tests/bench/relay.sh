#!/bin/sh
# Measures the relay beside the durable writes of the same bytes and beside libzstd alone:
# tests/bench/relay.sh [DIRECTORY]
# The files are relayed in DIRECTORY, or where make_disk says. Takes some minutes and 8 GiB; with QUICK=1 a tenth of the
# files.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
cd "$root"
. tests/bench/disk.sh
./cmake/setup.sh test
cmake --preset release >/dev/null
cmake --build --preset release --target paxect paxect-core paxect_link bench_relay_floor bench_floor >/dev/null
make_disk "$@"
run_there python3 tests/bench/relay.py build/release "$work/disk"
