#!/bin/sh
# A relay with a hundred files, some of them blocked and some damaged, and its page: prints the address to open.
# panel.sh [PORT] runs until Ctrl-C. The page may retry and drop files; the relay is a trial in an empty directory.
# shellcheck source=demo_common.sh source-path=SCRIPTDIR
. "$(dirname "$0")/demo_common.sh"
port=${1:-8484}

mkdir inbox
number=1
while [ "$number" -le 80 ]; do
  echo "report $number" >"inbox/report_$number.txt"
  number=$((number + 1))
done
while [ "$number" -le 95 ]; do
  echo MZ >"inbox/tool_$number.exe"
  number=$((number + 1))
done
while [ "$number" -le 100 ]; do
  echo damaged >"inbox/stick_$number.freq"
  number=$((number + 1))
done

token=$(head -c 18 /dev/urandom | base64 | tr '+/' '-_')
(umask 077 && echo "$token" >token)
cat >paxect.conf <<END
[link]
metrics_file = metrics.prom

[panel]
listen = 127.0.0.1:$port
token = file:$work/token
actions = true
END
"$paxect" run -c paxect.conf --verbose 2>panel.err &
relays=$!
wait_until "the page" grep -q 'the page is at' panel.err
wait_until "the quarantine" logged paxect_link_log.jsonl quarantine stick_100.freq
address=$(sed -n 's/.*the page is at //p' panel.err)
echo "Open ${address}login?token=$token"
echo "A file to try: echo hello >$work/inbox/hello.txt"
echo "Ctrl-C ends the relay and removes its files."
wait "$relays"
