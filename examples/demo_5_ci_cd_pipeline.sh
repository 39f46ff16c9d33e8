#!/bin/sh
# Demo 5: what a CI pipeline runs after an installation: `paxect link smoke`, with a report for its dashboard.
# usage: demo_5_ci_cd_pipeline.sh [DIRECTORY]    where the report stays; default: /tmp/paxect_demo5
case ${1:-} in /*) directory=$1 ;; '') directory=/tmp/paxect_demo5 ;; *) directory=$PWD/$1 ;; esac
# shellcheck source=demo_common.sh source-path=SCRIPTDIR
. "$(dirname "$0")/demo_common.sh"

# /tmp is everybody's: a directory of this name may be somebody else's trap.
(umask 077 && mkdir -p "$directory") || fail "cannot make $directory: give another directory as the argument"
[ -n "$(find "$directory" -prune -type d -user "$(id -u)")" ] ||
  fail "$directory is not a directory of yours: give another one as the argument"

echo "=== Demo 5 — CI/CD Smoke Suite (Enterprise Hardened) ==="
report=$directory/junit_smoke.xml
rm -f "$report"
status=0
"$paxect" link smoke "$work" --junit "$report" || status=$?
echo "exit=$status"
[ "$status" -eq 0 ] || exit "$status"
grep -q '<testsuite .*tests="2" failures="0"' "$report" || fail "$report does not tell of two tests that passed"
echo "✅ Demo 5 complete"
