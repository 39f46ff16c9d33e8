#!/bin/sh
# Measures what an open page costs a relay: tests/bench/panel.sh [DIRECTORY]
# Relays files of 4 KiB in turn without a panel and beside a panel with one viewer, whose page is open, and prints the
# ratio of each pair. The files are in DIRECTORY, or where make_disk says. ROUNDS pairs (15), FILES each (3000). Takes
# about a minute. Last, it prints the memory of a panel with 50 viewers.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
cd "$root"
. tests/bench/disk.sh
./cmake/setup.sh test
cmake --preset release >/dev/null
cmake --build --preset release --target paxect paxect_link paxect_panel >/dev/null
make_disk "$@"
run_there python3 tests/bench/panel.py build/release "$work/disk"
