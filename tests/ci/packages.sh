#!/bin/sh
# The Debian packages: built, looked at, used in a clean root and in one that is booted, built again elsewhere: packages.sh
set -eu
cd "$(dirname "$0")/../.."
cmake/packaging/build.sh build/debs
tests/package/contents.sh build/debs
tests/package/install.sh build/debs || [ $? -eq 77 ]
tests/package/booted.sh build/debs || [ $? -eq 77 ]
tests/package/reproducible.sh build/debs
