#!/bin/sh
# Builds the Debian packages, checks them, uses them in a clean root and in a booted one, and rebuilds them: packages.sh
set -eu
cd "$(dirname "$0")/../.."
cmake/packaging/build.sh build/debs
tests/package/contents.sh build/debs
tests/package/install.sh build/debs || [ $? -eq 77 ]
tests/package/booted.sh build/debs || [ $? -eq 77 ]
tests/package/reproducible.sh build/debs
