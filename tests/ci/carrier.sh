#!/bin/sh
# The tests of the carrier that take too long for the default run: killed at every call, every kind of outage many times, and
# ten minutes in which everything is killed in turn: carrier.sh [SECONDS-OF-SOAK]
# A test that lacks something here, such as network namespaces or FUSE, is not skipped but fails.
set -eu
cd "$(dirname "$0")/../.."
./cmake/setup.sh test
cmake --preset release >/dev/null
cmake --build --preset release --parallel "$(nproc)" --target paxect paxect-core paxect_link paxect_carrier
export PAXECT_TEST_BIN="$PWD/build/release/bin" PAXECT_TEST_LONG=1 PAXECT_TEST_REQUIRED=1 PAXECT_TEST_SOAK="${1:-600}" PYTHONDONTWRITEBYTECODE=1
for script in tests/carrier/*_test.py; do
  echo "== $script"
  python3 "$script"
done
