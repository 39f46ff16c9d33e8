#!/bin/sh
# Builds the Debian packages, checks them, and uses them in a clean root and in a booted one: packages.sh [--all]
# --all also builds them again elsewhere, without a compiler cache, and compares the bytes.
set -eu
cd "$(dirname "$0")/../.."
cmake/packaging/build.sh build/debs
tests/package/contents.sh build/debs
tests/package/install.sh build/debs || [ $? -eq 77 ]
tests/package/booted.sh build/debs || [ $? -eq 77 ]
[ "${1:-}" != --all ] || tests/package/reproducible.sh build/debs
