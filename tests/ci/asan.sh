#!/bin/sh
# Runs tests with AddressSanitizer and UndefinedBehaviorSanitizer: asan.sh [--all]
# Without --all: the library, its command, and every parser of bytes that others wrote, on the corpora of the fuzz targets.
# --all is ./tests/run.sh asan, which takes as long as the whole release build and its tests.
set -eu
cd "$(dirname "$0")/../.."
[ "${1:-}" != --all ] || exec ./tests/run.sh asan
./cmake/setup.sh test
cmake --preset asan
programs=$(cmake --build --preset asan --target help | sed -n 's/^\(fuzz_[a-z_]*\): phony$/\1/p')
# shellcheck disable=SC2086
cmake --build --preset asan --parallel "$(nproc)" --target paxect_core paxect-core $programs \
  core_abi_test core_repair_test core_tool_test core_unit_test
# These take half of the time without optimisation, and allocate what the sanitizer counts otherwise.
slow='numbering, comparing and merging|the memory bound holds'
exec ctest --preset asan --parallel $((2 * $(nproc))) --no-tests=error \
  --tests-regex '^(core_(abi|repair|tool|unit)_test:|fuzz_)' --exclude-regex "$slow"
