#!/bin/sh
# Installs the missing Debian packages of cmake/packages.txt: setup.sh [build|test|ci|foreign]
# build (the default): to build and run. test: also for ./tests/run.sh. ci: also for ./.ci/run except its step foreign.
# foreign: all. Needs root or sudo only if a package is missing.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
want=${1:-build}
case $want in
  build) pick='$2 == "build"' ;;
  test) pick='$2 == "build" || $2 == "test"' ;;
  ci) pick='$2 != "foreign"' ;;
  foreign) pick=1 ;;
  *) echo "setup.sh: unknown set '$want': use build, test, ci or foreign" >&2; exit 64 ;;
esac

command -v dpkg-query >/dev/null 2>&1 || {
  echo "setup.sh: this system has no dpkg: install the packages of $here/packages.txt by hand" >&2
  exit 69
}
missing=
for package in $(awk "!/^#/ && NF && ($pick) { print \$1 }" "$here/packages.txt"); do
  [ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null)" = installed ] ||
    missing="$missing $package"
done
[ -n "$missing" ] || exit 0

root=
if [ "$(id -u)" -ne 0 ]; then
  command -v sudo >/dev/null 2>&1 || {
    echo "setup.sh: need root or sudo to install:$missing" >&2
    exit 77
  }
  root=sudo
fi
echo "setup.sh: installing$missing" >&2
$root apt-get update -qq >&2 || echo "setup.sh: apt-get update failed: continuing with the present package lists" >&2
available=
for package in $missing; do
  [ -n "$(apt-cache show --no-all-versions "$package" 2>/dev/null)" ] || {
    grep -Eq "^$package .* optional$" "$here/packages.txt" && continue
    echo "setup.sh: Debian has no package '$package' for this system: check /etc/apt/sources.list*" >&2
    exit 69
  }
  available="$available $package"
done
[ -n "$available" ] || exit 0
# shellcheck disable=SC2086
$root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $available >&2 || {
  echo "setup.sh: apt-get could not install:$available: see its message above" >&2
  exit 69
}
