#!/bin/sh
# Checks that every C and C++ file is formatted by .clang-format; --fix formats them: format.sh [--fix]
set -eu
cd "$(dirname "$0")/../.."
how=--dry-run
[ "${1:-}" != --fix ] || how=-i
find libpaxect_core link_plugin panel_plugin carrier_plugin host tests examples cmake \( -name '*.cc' -o -name '*.h' -o -name '*.hpp' -o -name '*.c' \) \
  -exec clang-format $how --Werror {} + || {
  echo "format.sh: run tests/ci/format.sh --fix" >&2
  exit 1
}
