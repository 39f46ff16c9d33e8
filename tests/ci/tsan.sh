#!/bin/sh
# ThreadSanitizer finds no data race in the programs that start threads: tsan.sh
# These run the library's pipeline, the host's control loop and the relay. `./tests/run.sh tsan` runs every test.
set -eu
cd "$(dirname "$0")/../.."
programs='core_abi_test core_repair_test core_unit_test host_command_test link_producer_test link_recovery_test link_relay_test link_repair_test'
# Half of the time, and they run on one thread.
slow='at random|random damage|no single-byte change|the memory bound holds|for every way of passing a container'
slow="$slow|numbering, comparing and merging"
cmake --preset tsan
# shellcheck disable=SC2086
cmake --build --preset tsan --parallel "$(nproc)" --target $programs
ctest --preset tsan --parallel "$(nproc)" --no-tests=error \
  --tests-regex "^($(echo "$programs" | tr ' ' '|')):" --exclude-regex "$slow"
