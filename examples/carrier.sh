#!/bin/sh
# The carrier: a hundred files travel from the inbox of north to the outbox of south through a NATS server, while south and
# the server are killed in the middle of it. Needs nats-server; everything is on the loopback interface.
# shellcheck source=demo_common.sh source-path=SCRIPTDIR
. "$(dirname "$0")/demo_common.sh"

nats=$(PATH=$PATH:/usr/sbin command -v nats-server) || fail "nats-server is missing: apt-get install nats-server"

# start_server PORT: -1 for any free port. Sets $server and $port.
start_server() {
  cat >server.conf <<END
server_name: demo
listen: "127.0.0.1:$1"
max_payload: 2MB
ports_file_dir: "$work"
jetstream { store_dir: "$work/store", max_file: 4GB }
END
  "$nats" -c server.conf >>server.err 2>&1 &
  server=$!
  relays="$relays $server"
  wait_until "the server to start" grep -qs nats: "$work/nats-server_$server.ports"
  port=$(sed 's/.*127\.0\.0\.1:\([0-9]*\).*/\1/' "$work/nats-server_$server.ports")
}

# make_node NAME MODE: a link and a carrier, and the folder `exchange` between them.
make_node() {
  mkdir -p "$1/exchange"
  case $2 in
    send) from=inbox to=exchange ;;
    *) from=exchange to=outbox ;;
  esac
  cat >"$1/paxect.conf" <<END
[link]
mode = $2
inbox = $from
outbox = $to
log = link.jsonl
settle_ms = 0

[carrier]
mode = $2
folder = exchange
servers = nats://127.0.0.1:$port
subject = demo
ack_wait_ms = 2000
END
}

# start_node NAME: sets $node.
start_node() {
  (cd "$1" && exec "$paxect" run -c paxect.conf) 2>>"$1.err" &
  node=$!
  relays="$relays $node"
}

# kill_now PID: without a chance to finish anything.
kill_now() {
  kill -KILL "$1"
  wait "$1" 2>/dev/null || true
  remaining=
  for relay in $relays; do [ "$relay" = "$1" ] || remaining="$remaining $relay"; done
  relays=$remaining
}

# send FIRST LAST: these files, to the inbox of north.
send() {
  number=$1
  while [ "$number" -le "$2" ]; do
    { echo "file $number" && head -c $((number * 3000)) /dev/urandom; } >"sent/file_$number.txt"
    cp "sent/file_$number.txt" north/.file
    mv north/.file "north/inbox/file_$number.txt"
    number=$((number + 1))
  done
}

delivered() { find south/outbox -type f ! -name '.*' 2>/dev/null | wc -l; }
delivered_at_least() { [ "$(delivered)" -ge "$1" ]; }
nothing_left() { [ -z "$(find north/inbox north/exchange -type f ! -name '.*')" ]; }

echo "=== The carrier: a hundred files, one end and the server killed ==="
start_server -1
mkdir -p sent north/inbox south
make_node north send
make_node south receive
start_node north
start_node south
south=$node
send 1 40
wait_until "the first files" delivered_at_least 1
kill_now "$south"
echo "south is killed with $(delivered) files delivered"
send 41 70
start_node south
south=$node
wait_until "files after the restart" delivered_at_least 41
kill_now "$server"
echo "the server is killed with $(delivered) files delivered"
send 71 100
start_server "$port"
echo "both are running again"

wait_until "a hundred files" delivered_at_least 100
for path in sent/*.txt; do
  name=${path##*/}
  cmp "$path" "south/outbox/${name%.txt}" || fail "$name arrived with other contents"
done
times=$(grep -cF '"event": "decode"' south/link.jsonl)
[ "$(delivered) $times" = "100 100" ] || fail "$times deliveries of $(delivered) files"
wait_until "the receipts" nothing_left
echo "100 files delivered, each once and as it was sent; north removed its own after the receipts"
stop_relay "$south"
echo "✅ Carrier example complete"
