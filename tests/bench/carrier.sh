#!/bin/sh
# Measures the carrier, from inbox to outbox through one nats-server on the loopback interface, beside the bare client library,
# rsync, the links alone, and the durable work on files alone: tests/bench/carrier.sh [DIRECTORY] [PART]...
# Parts, all by default: small, medium, large, receivers. DIRECTORY (- for the default) as in relay.sh. Takes some
# minutes and 8 GiB; with QUICK=1 a tenth of the files.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
cd "$root"
. tests/bench/disk.sh
./cmake/setup.sh test
cmake --preset release >/dev/null
cmake --build --preset release --target paxect paxect-core paxect_link paxect_carrier bench_carrier_floor bench_carrier_files >/dev/null
if [ $# -eq 0 ] || [ "$1" = - ]; then
  [ $# -eq 0 ] || shift
  make_disk
else
  make_disk "$1"
  shift
fi
run_there python3 tests/bench/carrier.py build/release "$work/disk" "$@"
