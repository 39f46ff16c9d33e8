#!/bin/sh
# Demo 6: a damaged container goes to the quarantine, and the relay continues with the next file.
# shellcheck source=demo_common.sh source-path=SCRIPTDIR
. "$(dirname "$0")/demo_common.sh"

export PAXECT_LINK_INBOX=inbox PAXECT_LINK_OUTBOX=outbox PAXECT_LINK_LOG=log.jsonl
export PAXECT_LINK_POLL_SEC=0.1 PAXECT_LINK_BACKOFF_SEC=0.2

echo "=== Demo 6 — Fail & Self-Recover ==="
mkdir inbox
"$paxect" run 2>relay.err &
relay=$!
relays=$relay
wait_until "the relay to start" logged log.jsonl startup

echo "Injecting 1 valid and 1 corrupted file..."
echo "a text that is damaged in transit" >original
"$paxect_core" encode -i original -o bad.freq
printf 'X' | dd of=bad.freq bs=1 seek=40 conv=notrunc 2>/dev/null
! "$paxect_core" test bad.freq 2>/dev/null || fail "bad.freq is not damaged"
printf '%064d\n' 0 >inbox/bad.freq.sha256
mv bad.freq inbox/
# The valid file arrives after the failure, which shows that the relay continued.
wait_until "the damage to be detected" logged log.jsonl checksum_mismatch bad.freq
echo "all is well" >inbox/ok.txt
wait_until "the valid file" logged log.jsonl decode ok.freq

"$paxect" link status >/dev/null || fail "the relay has stopped"
"$paxect" link quarantine list | grep -q 'bad\.freq' || fail "bad.freq is not in quarantine"
stop_relay "$relay"
grep -E '^\[LINK\] (checksum_mismatch|policy_block) ' relay.err || fail "the relay reported no failure"
delivered=$(names_in outbox)
echo "[+] Outbox files: $delivered"
[ "$delivered" = "['ok']" ] || fail "expected only 'ok'"
[ "$(cat outbox/ok)" = "all is well" ] || fail "outbox/ok differs from the sent file"
echo "✅ Self-recovery confirmed — system continued after failure."
