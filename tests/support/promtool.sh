#!/bin/sh
# Prints the path of promtool: that of PATH, of $PAXECT_PROMTOOL, or of Debian's package, unpacked below the build directory
# and not installed, since that would start a server. Exit status 77: there is none.
# usage: promtool.sh BUILD_DIR
set -eu
build=$1
promtool=${PAXECT_PROMTOOL:-$(command -v promtool || true)}
if [ -z "$promtool" ]; then
  promtool=$build/promtool/usr/bin/promtool
  if [ ! -x "$promtool" ]; then
    mkdir -p "$build/promtool/usr/bin"
    work=$(mktemp -d "$build/promtool/download.XXXXXX") # two tests may do this together: the last step is a rename
    trap 'rm -rf "$work"' EXIT
    for package in promtool prometheus; do # newer releases have a package of its name
      (cd "$work" && timeout 120 apt-get download -qq $package && dpkg-deb -x ${package}_*.deb tree) \
        >"$work/log" 2>&1 && mv "$work/tree/usr/bin/promtool" "$promtool" 2>>"$work/log" && break
    done
    [ -x "$promtool" ] || {
      cat "$work/log" >&2
      echo "promtool.sh: skipped: no promtool, and Debian's package with it cannot be had here" >&2
      exit 77
    }
  fi
fi
echo "$promtool"
