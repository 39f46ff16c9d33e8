#!/bin/sh
# Measures the relay beside the programs that a user might take instead: tests/bench/peers.sh [DIRECTORY] [PART]...
# Parts: small, medium, large, latency (peers.py describes them), without one all of them. The files are in DIRECTORY, or
# where make_disk says. PREFIX selects an installed paxect; without it, the present sources are built. ROUNDS: see
# peers.py. Takes some minutes and 8 GiB. Programs that are missing are reported and left out; for all of them:
#   apt-get install --no-install-recommends rsync rclone syncthing lsyncd zstd python3
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
cd "$root"
. tests/bench/disk.sh
prefix=${PREFIX:-build/release}
if [ -z "${PREFIX:-}" ]; then
  ./cmake/setup.sh test
  cmake --preset release >/dev/null
  cmake --build --preset release --target paxect paxect-core paxect_link >/dev/null
fi
if [ $# -gt 0 ] && [ -d "$1" ]; then
  make_disk "$1"
  shift
else
  make_disk
fi
run_there python3 tests/bench/peers.py "$prefix" "$work/disk" "$@"
