#!/bin/sh
# Rotates the log of a running relay with our logrotate file: no line is lost, and the relay's commands still read the
# lines of the rotated log.
# usage: logrotate.sh SOURCE_DIR BUILD_DIR
set -eu
source=$1
build=$2
PATH=$PATH:/usr/sbin:/sbin
command -v logrotate >/dev/null || { echo "logrotate.sh: skipped: no logrotate here" >&2; exit 77; }
work=$(mktemp -d)
relay=
trap '[ -z "$relay" ] || kill "$relay" 2>/dev/null; rm -rf "$work"' EXIT
fail() { echo "logrotate.sh: $*" >&2; exit 1; }
# wait_for WHAT COMMAND...: until it succeeds
wait_for() {
  what=$1
  shift
  tries=0
  until "$@"; do
    tries=$((tries + 1))
    [ "$tries" -lt 600 ] || fail "$what: not within a minute"
    sleep 0.05
  done
}

# logrotate refuses a directory that a group can write.
chmod 755 "$work"
mkdir -p "$work/north/inbox"
chmod 755 "$work/north"
log=$work/north/paxect_link_log.jsonl
printf '[link]\nsettle_ms = 1\npoll_sec = 0.1\n' >"$work/paxect.conf"
(cd "$work/north" && exec "$build/bin/paxect" run --config "$work/paxect.conf" --plugin-dir "$build/lib/paxect/plugins") 2>"$work/messages" &
relay=$!
send() {
  echo "$1" >"$work/north/inbox/.new"
  mv "$work/north/inbox/.new" "$work/north/inbox/$1.txt"
  wait_for "delivery of $1" test -e "$work/north/outbox/$1"
  wait_for "the log line of $1" grep -q "outbox/$1\"" "$log"
}
send before

# Our file, for this directory, this user and this process.
sed -e "s#/var/lib/paxect/\*/#$work/north/#" -e '/^ *su /d' \
  -e "s#systemctl reload .*#kill -HUP $relay#" "$source/host/systemd/paxect.logrotate" >"$work/rotate.conf"
chmod 644 "$work/rotate.conf"
logrotate --force --state "$work/state" "$work/rotate.conf" || fail "logrotate finds fault with our file"
wait_for "the new log" test -s "$log"
send after

rotated=$(find "$work/north" -name 'paxect_link_log.2*Z.jsonl')
[ -n "$rotated" ] || { ls "$work/north" >&2; fail "no rotated log with a name of the relay's kind"; }
grep -q 'outbox/before"' "$rotated" || fail "the line of before is gone"
! grep -q 'outbox/before"' "$log" || fail "the line of before is in both logs"
kill "$relay"
wait "$relay" || fail "the relay ended with status $?"
relay=
[ "$(cat "$log" "$rotated" | grep -c '"event": *"startup"')" = 1 ] || fail "not one startup in both logs"
tail -n 1 "$log" | grep -q '"event": *"shutdown"' || fail "the shutdown is not in the new log"
(cd "$work/north" && "$build/bin/paxect" link stats --json --config "$work/paxect.conf" --plugin-dir "$build/lib/paxect/plugins") >"$work/stats"
grep -q '"decode": *2' "$work/stats" || { cat "$work/stats" >&2; fail "stats does not count the rotated log"; }
