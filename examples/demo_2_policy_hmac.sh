#!/bin/sh
# Demo 2: a node that requires signed manifests accepts the peer with its key and rejects the peer with another key.
# Three real nodes write their manifests into the shared folder `peers`.
# The key is PAXECT_LINK_HMAC_KEY if that is set.
key=${PAXECT_LINK_HMAC_KEY:-supersecret-demo-hmac-key}
# shellcheck source=demo_common.sh source-path=SCRIPTDIR
. "$(dirname "$0")/demo_common.sh"

# run_node NODE KEY: runs the node once, in a folder of its own.
run_node() (
  mkdir -p "$1/inbox"
  cd "$1"
  export PAXECT_LINK_NODE="$1" PAXECT_LINK_HMAC_KEY="$2"
  export PAXECT_LINK_MANIFEST="$work/peers/link_manifest_$1.json" PAXECT_LINK_LOG=log.jsonl
  "$paxect" run --once 2>node.err || fail "$1 ended with status $?"
)

echo "=== Demo 2 — Policy + HMAC Enforcement ==="
mkdir peers
run_node node2 "$key"
run_node evil "another key than the other nodes have"

mkdir -p node1/inbox
cat >node1/link_policy.json <<'END'
{"trusted_nodes": ["node1"], "allowed_suffixes": [".txt", ".freq"], "require_sig": true}
END
echo "Both parties agree." >node1/inbox/contract.txt
run_node node1 "$key"

decoded=$(names_in node1/outbox)
[ "$decoded" = "['contract']" ] || fail "the outbox contains $decoded"
logged node1/log.jsonl handshake peer=node2 || fail "node2 was not accepted"
logged node1/log.jsonl handshake_reject link_manifest_evil.json || fail "evil was not rejected"
! logged node1/log.jsonl handshake link_manifest_evil.json || fail "evil was accepted"
echo "decoded: $decoded"
grep -F '"event": "handshake"' node1/log.jsonl
grep -F '"event": "handshake_reject"' node1/log.jsonl
echo "✅ Demo 2 complete"
