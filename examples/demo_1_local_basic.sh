#!/bin/sh
# Demo 1: a file in the inbox is encoded to a container, and the container is decoded into the outbox.
# shellcheck source=demo_common.sh source-path=SCRIPTDIR
. "$(dirname "$0")/demo_common.sh"

echo "=== Demo 1 — Local Basic Relay ==="
mkdir inbox
printf 'This file was sent on %s.\n' "$(date)" >sent
cp sent inbox/example.txt

export PAXECT_LINK_INBOX=inbox PAXECT_LINK_OUTBOX=outbox PAXECT_LINK_LOG=log.jsonl
"$paxect" run --once || fail "the relay ended with status $?"

logged log.jsonl encode example.freq || fail "the relay wrote no container"
logged log.jsonl decode example.freq || fail "the container was not decoded"
cmp sent outbox/example || fail "the delivered file differs from the sent one"
decoded=$(names_in outbox)
[ "$decoded" = "['example']" ] || fail "the outbox contains $decoded"
echo "decoded: $decoded"
echo "✅ Demo 1 complete"
