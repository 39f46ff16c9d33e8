#!/bin/sh
# Builds the example plugin against an installed prefix with its own CMakeLists.txt; the host finds and runs it.
# usage: minimal_plugin.sh SOURCE_DIR BUILD_DIR
set -eu
umask 002 # as on systems that give each user a group; what is installed must not take it over
source=$1
build=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() {
  echo "minimal_plugin.sh: $*" >&2
  exit 1
}

prefix=$work/prefix
cmake --install "$build" --prefix "$prefix" >"$work/log" || fail "cannot install: $(cat "$work/log")"
cmake -S "$source/examples/minimal_plugin" -B "$work/build" -DCMAKE_PREFIX_PATH="$prefix" \
  -DCMAKE_INSTALL_PREFIX="$prefix" >"$work/log" 2>&1 || fail "cannot configure: $(cat "$work/log")"
cmake --build "$work/build" >"$work/log" 2>&1 || fail "cannot build: $(cat "$work/log")"
cmake --install "$work/build" >"$work/log" || fail "cannot install the plugin: $(cat "$work/log")"

cd "$work"
"$prefix/bin/paxect" plugins | grep -q '^  heartbeat  1\.0\.0  ABI 1\.0  writes the time' ||
  fail "not listed: $("$prefix/bin/paxect" plugins)"
# The umask makes the file writable by its group, so that it must be named to be read.
printf '[heartbeat]\nfile = beat\n' >paxect.conf
before=$(date +%s)
"$prefix/bin/paxect" run -c paxect.conf --once || fail "run ended with status $?"
[ "$(cat beat)" -ge "$before" ] || fail "the beat is '$(cat beat)', before it was $before"

status=0
"$prefix/bin/paxect" check -c paxect.conf --set heartbeat.interval_sec=often 2>error || status=$?
[ "$status" -eq 78 ] || fail "a bad interval gave status $status"
grep -q '^\[HEARTBEAT\] --set heartbeat.interval_sec: interval_sec must be a number' error || fail "$(cat error)"
status=0
"$prefix/bin/paxect" run -c paxect.conf --set heartbeat.file=missing/beat 2>error || status=$?
[ "$status" -eq 78 ] || fail "an impossible file gave status $status"
grep -q '^\[HEARTBEAT\] cannot write missing/beat: No such file' error || fail "$(cat error)"
