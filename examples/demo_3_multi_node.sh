#!/bin/sh
# Demo 3: two nodes, each with its own lock and a signed manifest, work without disturbing each other: in sequence, as
# two hosts at the same time, and as two sections of one host.
# shellcheck source=demo_common.sh source-path=SCRIPTDIR
. "$(dirname "$0")/demo_common.sh"

# begin_round TITLE FOLDER: each round has its own folder with nodeA/, nodeB/ and peers/.
begin_round() {
  echo "$1:"
  mkdir -p "$work/$2/nodeA/inbox" "$work/$2/nodeB/inbox" "$work/$2/peers"
  cd "$work/$2"
}

# be_node NODE: the rest of the subshell runs as this node.
be_node() {
  cd "$1"
  export PAXECT_LINK_NODE="$1" PAXECT_LINK_LOCK=lock PAXECT_LINK_LOG=log.jsonl PAXECT_LINK_POLL_SEC=0.1
  export PAXECT_LINK_HMAC_KEY=supersecret-demo-hmac-key
  export PAXECT_LINK_MANIFEST="../peers/link_manifest_$1.json"
}

is_running() { (be_node "$1" && "$paxect" link status >/dev/null); }

# send NODE LETTER: puts the file LETTER.txt into the node's inbox.
send() {
  echo "the file of $1" >"$1/inbox/$2.txt"
}

# check_outbox NODE LETTER: the node's outbox contains its own file and nothing else.
check_outbox() {
  decoded=$(names_in "$1/outbox")
  [ "$decoded" = "['$2']" ] || fail "the outbox of $1 contains $decoded"
  [ "$(cat "$1/outbox/$2")" = "the file of $1" ] || fail "$1/outbox/$2 differs from the sent file"
  echo "[+] $1 decoded: $decoded"
}

await_exchange() {
  wait_until "the file of nodeA" logged nodeA/log.jsonl decode A.freq
  wait_until "the file of nodeB" logged nodeB/log.jsonl decode B.freq
  wait_until "nodeA to accept nodeB" logged nodeA/log.jsonl handshake peer=nodeB
  wait_until "nodeB to accept nodeA" logged nodeB/log.jsonl handshake peer=nodeA
}

in_sequence() {
  begin_round "In sequence" sequence
  send nodeA A
  send nodeB B
  for node in nodeA nodeB; do
    (be_node "$node" && "$paxect" run --once) || fail "$node ended with status $?"
  done
  logged nodeB/log.jsonl handshake peer=nodeA || fail "nodeB did not accept nodeA"
  check_outbox nodeA A
  check_outbox nodeB B
}

as_two_hosts() {
  begin_round "Two hosts at the same time" hosts
  (be_node nodeA && exec "$paxect" run) 2>nodeA.err &
  node_a=$!
  relays="$relays $node_a"
  (be_node nodeB && exec "$paxect" run) 2>nodeB.err &
  node_b=$!
  relays="$relays $node_b"
  wait_until "nodeA to start" is_running nodeA
  wait_until "nodeB to start" is_running nodeB
  send nodeA A
  send nodeB B
  await_exchange
  for node in nodeA nodeB; do
    is_running "$node" || fail "$node did not run at the same time as the other node"
  done
  status=0
  (be_node nodeA && "$paxect" run --once 2>/dev/null) || status=$?
  [ "$status" -eq 75 ] || fail "a second host on the lock of nodeA got status $status, not 75"
  stop_relay "$node_a"
  stop_relay "$node_b"
  check_outbox nodeA A
  check_outbox nodeB B
}

# section NAME NODE: prints the node's section of the configuration.
section() {
  cat <<END
[$1]
plugin = link
node = $2
inbox = $2/inbox
outbox = $2/outbox
policy = $2/policy.json
log = $2/log.jsonl
lock = $2/lock
manifest = peers/link_manifest_$2.json
hmac_key = supersecret-demo-hmac-key
poll_sec = 0.1
END
}

as_two_sections() {
  begin_round "Two sections of one host" sections
  { section node_a nodeA && section node_b nodeB; } >paxect.conf
  "$paxect" run -c paxect.conf 2>host.err &
  host=$!
  relays="$relays $host"
  wait_until "nodeA to start" "$paxect" node_a status -c paxect.conf >/dev/null
  wait_until "nodeB to start" "$paxect" node_b status -c paxect.conf >/dev/null
  send nodeA A
  send nodeB B
  await_exchange
  stop_relay "$host"
  check_outbox nodeA A
  check_outbox nodeB B
}

echo "=== Demo 3 — Multi-Node (Two Link Instances) ==="
in_sequence
as_two_hosts
as_two_sections
echo "✅ Demo 3 complete"
