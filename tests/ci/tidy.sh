#!/bin/sh
# Runs clang-tidy with the checks of .clang-tidy on library, tool, host and plugin: tidy.sh [--deep] [PATTERN]
# PATTERN selects paths that contain it. --deep adds the path analysis, which triples the time. The tests are excluded:
# they are as much code again, and they run under the sanitizers.
set -eu
cd "$(dirname "$0")/../.."
checks=-clang-analyzer-*
if [ "${1:-}" = --deep ]; then checks=; shift; fi
mkdir -p build
cmake --preset release >build/tidy.log 2>&1 || { cat build/tidy.log; exit 1; }
# Without clang's compiler warnings: the step clang reports those.
run-clang-tidy -quiet -p build/release -extra-arg=-w -j "$(nproc)" -checks="$checks" \
  "$PWD/(libpaxect_core|host|link_plugin|panel_plugin|carrier_plugin)/.*${1:-}" >build/tidy.log 2>&1 || {
  sed 's/\x1b\[[0-9;]*m//g' build/tidy.log | grep -E 'error:|warning:' | sort -u
  exit 1
}
