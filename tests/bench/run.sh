#!/bin/sh
# Benchmarks paxect-core beside zstd and the libraries it is made of: tests/bench/run.sh [PART | FILE]...
# Parts: generated, real, noise, processes, small, growth; without one all of them, which takes some minutes and 5 GiB
# below build/. A FILE is measured like generated data.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
work=
trap '[ -z "$work" ] || rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
for argument; do
  shift
  [ ! -f "$argument" ] || argument=$(realpath "$argument")
  set -- "$@" "$argument"
done
cd "$root"
./cmake/setup.sh test
cmake --preset release >/dev/null
cmake --build --preset release --target paxect-core bench_data bench_floor bench_processes >/dev/null
work=$(mktemp -d "$root/build/bench.XXXXXX")
python3 tests/bench/bench.py build/release "$work" "$@"
