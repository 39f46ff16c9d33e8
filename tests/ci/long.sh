#!/bin/sh
# The tests of the library and its command in their long form: long.sh [REGEX]
# Thousands of seeded damages where the default run has tens, and each allocation and each request for a thread that fails
# where that has some. Takes hours. REGEX picks tests by name, as in `long.sh one_frame_50`.
set -eu
cd "$(dirname "$0")/../.."
./cmake/setup.sh test
cmake --preset long
cmake --build --preset long --parallel "$(nproc)"
export PAXECT_TEST_LONG=1
exec ctest --preset long --parallel "$(nproc)" --no-tests=error --tests-regex "${1:-^core_}"
