#!/bin/sh
# clang-tidy over library, tool, host and plugin, with the checks of .clang-tidy: tidy.sh [--deep] [PATTERN]
# PATTERN is a part of the paths to look at. Without --deep the analysis of paths is left out, which is two thirds of the
# time; tests are left out either way: they are as much code again, and run under the sanitizers.
set -eu
cd "$(dirname "$0")/../.."
checks=-clang-analyzer-*
if [ "${1:-}" = --deep ]; then checks=; shift; fi
mkdir -p build
cmake --preset release >build/tidy.log 2>&1 || { cat build/tidy.log; exit 1; }
# The warnings are those of the compiler that builds it, which are errors there; clang has others.
run-clang-tidy -quiet -p build/release -extra-arg=-w -j "$(nproc)" -checks="$checks" \
  "$PWD/(libpaxect_core|host|link_plugin)/.*${1:-}" >build/tidy.log 2>&1 || {
  sed 's/\x1b\[[0-9;]*m//g' build/tidy.log | grep -E 'error:|warning:' | sort -u
  exit 1
}
