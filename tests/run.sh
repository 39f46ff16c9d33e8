#!/bin/sh
# Installs missing packages, builds, and runs every test: tests/run.sh [PRESET] [ARGUMENTS FOR CTEST]
# PRESET is dev, release (the default), asan or tsan.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
cd "$root"
case ${1:-} in
  dev | release | asan | tsan) preset=$1; shift ;;
  '' | -*) preset=release ;;
  *) echo "run.sh: no preset '$1': use dev, release, asan or tsan" >&2; exit 64 ;;
esac
jobs=$(nproc)
./cmake/setup.sh test
cmake --preset "$preset"
cmake --build --preset "$preset" --parallel "$jobs"
# Most tests wait for a disk, a process or a clock.
exec ctest --preset "$preset" --parallel $((2 * jobs)) "$@"
