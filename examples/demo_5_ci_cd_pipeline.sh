#!/bin/sh
# Demo 5: a CI pipeline checks an installation with `paxect link smoke`, which writes a JUnit report.
# usage: demo_5_ci_cd_pipeline.sh [DIRECTORY]    DIRECTORY keeps the report; default: /tmp/paxect_demo5
case ${1:-} in /*) directory=$1 ;; '') directory=/tmp/paxect_demo5 ;; *) directory=$PWD/$1 ;; esac
# shellcheck source=demo_common.sh source-path=SCRIPTDIR
. "$(dirname "$0")/demo_common.sh"

# Everyone can write to /tmp: another user may have prepared a directory of this name as a trap.
(umask 077 && mkdir -p "$directory") || fail "cannot create $directory: give another directory as the argument"
[ -n "$(find "$directory" -prune -type d -user "$(id -u)")" ] ||
  fail "$directory is not a directory that you own: give another one as the argument"

echo "=== Demo 5 — CI/CD Smoke Suite (Enterprise Hardened) ==="
report=$directory/junit_smoke.xml
rm -f "$report"
status=0
"$paxect" link smoke "$work" --junit "$report" || status=$?
echo "exit=$status"
[ "$status" -eq 0 ] || exit "$status"
grep -q '<testsuite .*tests="2" failures="0"' "$report" || fail "$report does not report two passed tests"
echo "✅ Demo 5 complete"
