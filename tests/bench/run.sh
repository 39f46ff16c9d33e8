#!/bin/sh
# Benchmarks paxect-core beside zstd and bare libzstd: tests/bench/run.sh [FILE]
# Without FILE: generated data, 512 MiB compressible and not, 1,000 small pieces, growth from 64 MiB to 1 GiB; takes
# some minutes and 5 GiB below build/. With FILE: that file alone.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
file=
[ $# -eq 0 ] || file=$(realpath "$1")
cd "$root"
./cmake/setup.sh test
cmake --preset release >/dev/null
cmake --build --preset release --target paxect-core bench_data bench_floor >/dev/null
work=$(mktemp -d "$root/build/bench.XXXXXX")
trap 'rm -rf "$work"' EXIT INT TERM
python3 tests/bench/bench.py build/release "$work" ${file:+"$file"}
