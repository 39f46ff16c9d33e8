#!/bin/sh
# Demo 7: a receiver takes what the signed lists of its sender name, and nothing else. Over a shared folder it refuses a
# forged container, misses a deleted one by its number, and refuses a repeated one. Its signed receipts let the sender's
# sources go. The lists and receipts are checked by minisign and sha256sum alone.
# shellcheck source=demo_common.sh source-path=SCRIPTDIR
. "$(dirname "$0")/demo_common.sh"

command -v minisign >/dev/null || fail "minisign is missing: apt-get install minisign"

# in_node NAME COMMAND...: a command of the node, in its folder. Both nodes have a key, and the public one of the other.
in_node() (
  cd "$work/$1" || exit 1
  export "PAXECT_LINK_NODE=$1" "PAXECT_LINK_SIGN_KEY=file:$work/$1/key" PAXECT_LINK_LOG=log.jsonl
  export PAXECT_LINK_SETTLE_MS=0
  if [ "$1" = north ]; then
    export PAXECT_LINK_MODE=send "PAXECT_LINK_OUTBOX=$work/share" PAXECT_LINK_TO=south PAXECT_LINK_KEEP=receipt
    export "PAXECT_LINK_RECEIPTS_IN=$work/share/paxect.proof"
  else
    export PAXECT_LINK_MODE=receive "PAXECT_LINK_INBOX=$work/share"
  fi
  shift
  status=0
  "$paxect" "$@" 2>>node.err || status=$?
  [ "$status" -le 1 ] || fail "paxect $* ended with status $status"
)
send() { in_node north run --once; }
receive() { in_node south run --once; }

echo "=== Demo 7 — Proof: who sent it, that nothing is missing, and a receipt ==="
mkdir -p north/inbox south share/paxect.proof
for node in north south; do "$paxect" link key new "$work/$node/key" >/dev/null; done
# The public keys travel on a way on which nobody can replace them.
in_node south link key pin north "$work/north/key.pub" >/dev/null
in_node north link key pin south "$work/south/key.pub" >/dev/null

echo "first" >north/inbox/first.txt
echo "second" >north/inbox/second.txt
send
(cd share && sha256sum -c --quiet paxect.proof/*.list 2>/dev/null) || fail "the list and the containers differ"
cp share/first.freq "$work/copy.freq"
cp share/first.freq.sha256 "$work/copy.freq.sha256"
# Somebody who can write to the share makes a container of his own, complete with its sidecar.
echo "forged" >forged.txt
"$paxect_core" encode -i forged.txt -o share/forged.freq
sha256sum share/forged.freq | cut -c -64 >share/forged.freq.sha256
[ "$(names_in north/inbox)" = "['first.txt', 'second.txt']" ] || fail "a source went before its receipt"
receive
[ "$(names_in south/outbox)" = "['first', 'second']" ] || fail "the outbox contains $(names_in south/outbox)"
logged south/log.jsonl unlisted forged.freq || fail "the forged container was not refused"
echo "delivered: $(names_in south/outbox); refused: forged.freq, which no list names"

# The receipt follows when the deliveries are on record.
receipted() { receive && ls share/paxect.proof/*.receipt >/dev/null 2>&1; }
wait_until "the receipt" receipted

# On the way somebody deletes a container, and puts an old one back.
echo "third" >north/inbox/third.txt
send
[ "$(names_in north/inbox)" = "['third.txt']" ] || fail "after the receipt the inbox contains $(names_in north/inbox)"
echo "sources: first.txt and second.txt went with the receipt, third.txt waits for its own"
rm share/third.freq share/third.freq.sha256
mv copy.freq share/first.freq
mv copy.freq.sha256 share/first.freq.sha256
rm -f south/outbox/first
# A container is late when its list has been there for late_after seconds: 0 here, so from the next second on.
missed() { receive && in_node south link missing | grep "missing  third.freq" >missed.txt; }
wait_until "the report of the deleted container" missed
[ ! -e south/outbox/first ] || fail "the old container was delivered again"
logged south/log.jsonl replayed first.freq || fail "the old container was not refused"
echo "missing: entry $(tr -s ' ' <missed.txt | cut -d ' ' -f 2), third.freq; refused: first.freq, whose entry is used up"

# The receiver asks for it.
in_node south link missing --request "$work/request" >/dev/null
in_node north link resend "$work/request"
send
receive
[ -e south/outbox/third ] || fail "third was not delivered"
confirmed() { receive && send && [ "$(names_in north/inbox)" = "[]" ]; }
wait_until "the receipt for third" confirmed

for list in share/paxect.proof/*.list; do
  minisign -Vm "$list" -p north/key.pub -q || fail "minisign does not accept $list"
done
for receipt in share/paxect.proof/*.receipt; do
  minisign -Vm "$receipt" -p south/key.pub -q || fail "minisign does not accept $receipt"
done
newest=$(find share/paxect.proof -name '*.list' | sort -t . -k 4n | tail -n 1)
number=${newest%.list}
grep -qF "# list ${number##*.} $(sha256sum "$newest" | cut -c -64)" share/paxect.proof/*.receipt ||
  fail "no receipt names the last list"
echo "minisign accepts every list and receipt, and a receipt has the SHA-256 of the last list"
echo "✅ Demo 7 complete"
