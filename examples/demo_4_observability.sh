#!/bin/sh
# Demo 4: `paxect link stats` counts the events of the audit log: two files pass, the policy blocks one.
# shellcheck source=demo_common.sh source-path=SCRIPTDIR
. "$(dirname "$0")/demo_common.sh"

# figure PATTERN: prints the number after PATTERN in the JSON of stats, or 0 if there is none.
figure() {
  found=$("$paxect" link stats --json | sed -n "s/.*$1: *\([0-9][0-9]*\).*/\1/p")
  echo "${found:-0}"
}

echo "=== Demo 4 — Observability (JSONL → Metrics) ==="
mkdir inbox
echo "a text" >inbox/ok1.txt
echo "a,table" >inbox/ok2.csv
echo "MZ" >inbox/blocked.exe

export PAXECT_LINK_INBOX=inbox PAXECT_LINK_OUTBOX=outbox PAXECT_LINK_LOG=log.jsonl
status=0
"$paxect" run --once || status=$?
[ "$status" -eq 1 ] || fail "the relay ended with status $status, expected 1 because a file is blocked"

decoded=$(figure '"directions": *{.*"decode": *{[^}]*"files"')
blocked=$(figure '"events": *{[^}]*"policy_block"')
echo "Decoded files: $decoded"
echo "Policy blocks: $blocked"
"$paxect" link stats
[ "$decoded $blocked" = "2 1" ] || fail "expected 2 decoded files and 1 policy block"
[ -e inbox/blocked.exe ] || fail "the blocked file is not in the inbox any more"
echo "✅ Demo 4 complete"
