#!/bin/sh
# The part of booted.sh inside the booted system. The first boot installs and uses the service; the second one finds it
# running and removes the packages.
set -eu
PATH=/usr/sbin:/usr/bin:/sbin:/bin
export PATH LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive SYSTEMD_PAGER= SYSTEMD_COLORS=0
state=/var/lib/paxect

fail() {
  echo "booted.sh: $*"
  systemctl status --no-pager --lines=0 'paxect@*' 'paxect-carrier@*' || true
  journalctl --no-pager -n 40 -o short-precise -u 'paxect@*' -u 'paxect-carrier@*' || true
  exit 1
}
quietly() { "$@" >/tmp/log 2>&1 || { cat /tmp/log; fail "'$*' failed"; }; }
is() { systemctl show -P "$2" "paxect@$1"; }
expect() { # INSTANCE PROPERTY VALUE
  [ "$(is "$1" "$2")" = "$3" ] || fail "$2 of paxect@$1 is '$(is "$1" "$2")' instead of '$3'"
}
eventually() { # WHAT COMMAND...
  what=$1 left=600
  shift
  until "$@" >/dev/null 2>&1; do
    left=$((left - 1))
    [ "$left" -gt 0 ] || fail "not within a minute: $what"
    sleep 0.1
  done
}
events() { grep -c "\"event\": \"$2\"" "$state/$1/paxect_link_log.jsonl" || true; } # INSTANCE EVENT
more_events() { [ "$(events "$1" "$2")" -gt "$3" ]; }                              # INSTANCE EVENT THAN
# What stands in its journal with a priority: INSTANCE PRIORITY
journal() { journalctl --sync && journalctl -q --no-pager -o cat -u "paxect@$1" -p "$2..$2" _UID="$(id -u paxect)"; }

is_refused() { journal "$1" err | grep -q "cannot create directory $2"; } # INSTANCE DIRECTORY

configure() { # INSTANCE < what [link] has besides
  { printf '[link]\nsettle_ms = 1\nsandbox = %s\n' "$sandbox" && cat; } >"/etc/paxect/$1.conf"
}
drop_in() { # INSTANCE < directives of [Service]
  mkdir -p "/etc/systemd/system/paxect@$1.service.d"
  { echo '[Service]' && cat; } >"/etc/systemd/system/paxect@$1.service.d/test.conf"
  systemctl daemon-reload
}
arrives() { # INBOX SENT OUTBOX ARRIVED
  head -c 100000 /dev/urandom >/tmp/sent
  cp /tmp/sent "$1/$2.tmp"
  mv "$1/$2.tmp" "$1/$2"
  eventually "$1/$2 arrives as $3/$4" test -e "$3/$4"
  cmp "/tmp/sent" "$3/$4" || fail "what arrived is not what was sent"
}

installs() {
  # What every such unit needs. Where a container does not offer it, ours cannot be tested.
  cat >/run/systemd/system/probe.service <<'UNIT'
[Service]
Type=oneshot
ExecStart=true
User=nobody
PrivateUsers=yes
PrivateNetwork=yes
PrivateDevices=yes
ProtectSystem=strict
UNIT
  systemctl daemon-reload
  systemctl start probe || exit 77
  quietly dpkg -i /debs/*.deb
  [ -z "$(systemctl list-units --no-legend 'paxect@*')" ] || fail "an instance runs that nobody asked for"
  # What this machine's kernel and container allow; then the unit must allow it too.
  sandbox=require
  mkdir /tmp/try
  (cd /tmp/try && paxect run --once --set link.sandbox=require >/tmp/log 2>&1) || {
    sandbox=auto
    echo "no Landlock here: $(cat /tmp/log)"
  }
}

does_not_start() {
  ! systemctl start paxect@nowhere 2>/tmp/log || fail "an instance without a configuration starts"
  grep -qi assert /tmp/log || { cat /tmp/log; fail "it does not say that the configuration is missing"; }
  echo 'mode = sideways' | configure wrong
  ! systemctl start paxect@wrong 2>/tmp/log || fail "an instance with a wrong configuration starts"
  expect wrong ExecMainStatus 78
  expect wrong NRestarts 0
  case $(is wrong StatusText) in *sideways*) ;; *) fail "its status is '$(is wrong StatusText)'" ;; esac
  expect wrong ActiveState failed
  journal wrong err | grep -q 'sideways.*/etc/paxect/wrong.conf:4' || fail "the journal does not say what is wrong"
  mkdir -p /srv/closed
  chown paxect: /srv/closed
  printf 'inbox = /srv/closed/inbox\noutbox = /srv/closed/outbox\n' | configure closed
  # It waits there: the directory could be remounted.
  systemctl start paxect@closed
  eventually "the journal names what it may not write" is_refused closed /srv/closed/inbox
  [ ! -e /srv/closed/inbox ] || fail "it may write where no drop-in lets it"
  expect closed NRestarts 0
  systemctl stop paxect@closed
  systemctl reset-failed 'paxect@*'
}

starts() {
  mkdir -p -m 700 /etc/credstore
  echo 'a key for a test' >/etc/credstore/paxect-north.hmac_key
  chmod 600 /etc/credstore/paxect-north.hmac_key
  configure north <<'CONF'
node = north
hmac_key = credential:hmac_key
metrics_file = /var/lib/paxect-metrics/north.prom
CONF
  paxect check -c /etc/paxect/north.conf >/tmp/log 2>&1 ||
    { cat /tmp/log; fail "it cannot be checked before the start"; }
  systemctl start paxect@north || fail "paxect@north does not start"
  # Nothing is waited for: it is ready.
  expect north ActiveState active
  expect north SubState running
  [ "$(events north startup)" -eq 1 ] && [ -d "$state/north/inbox" ] || fail "started, but not ready"
  [ -n "$(is north StatusText)" ] || fail "no status text"
  process=/proc/$(is north MainPID)
  [ "$(stat -c %U:%G "$process")" = paxect:paxect ] || fail "runs as $(stat -c %U:%G "$process")"
  for line in 'CapEff:0000000000000000' 'CapBnd:0000000000000000' 'NoNewPrivs:1' 'Seccomp:2'; do
    tr -d '\t ' <"$process/status" | grep -qx "$line" || fail "not $line: $(grep "^${line%%:*}" "$process/status")"
  done
  ! grep -q 'key for a test' "$process/environ" "$process/cmdline" || fail "the key can be seen"
  grep -Eq '"hmac_sha256": "[0-9a-f]{64}"' "$state/north/link_manifest.json" || fail "the manifest is not signed"
  arrives "$state/north/inbox" one.bin "$state/north/outbox" one
  [ "$(stat -c '%U %a' "$state/north/outbox/one")" = 'paxect 640' ] || fail "$(stat -c '%U %a' "$state/north/outbox/one")"
  eventually "metrics" grep -q '^paxect_link_running{.*} 1' /var/lib/paxect-metrics/north.prom
  (cd "$state/north" && paxect link status -c /etc/paxect/north.conf) >/tmp/log 2>&1 ||
    { cat /tmp/log; fail "an operator cannot ask it"; }
}

reloads() {
  pid=$(is north MainPID)
  echo blocked >"$state/north/inbox/program.exe"
  eventually "a block" more_events north policy_block 0
  journal north warning | grep -q program.exe || fail "the journal has no warning of the block"
  ! journal north err | grep . || fail "the journal has errors"
  sed 's/"\.bin"/".bin", ".exe"/' "$state/north/link_policy.json" >/tmp/policy
  cp /tmp/policy "$state/north/.link_policy.new"
  mv "$state/north/.link_policy.new" "$state/north/link_policy.json"
  systemctl reload paxect@north || fail "no reload"
  eventually "delivery by the new policy" test -e "$state/north/outbox/program"
  # The relay reports an unchanged policy only after a reload.
  before=$(events north policy_reload)
  systemctl reload paxect@north || fail "no second reload"
  eventually "a reload" more_events north policy_reload "$before"
  eventually "active after the reload" systemctl -q is-active paxect@north
  expect north MainPID "$pid"
  expect north NRestarts 0
}

is_watched() {
  drop_in dog <<'UNIT'
WatchdogSec=4s
RestartSec=100ms
UNIT
  configure dog </dev/null
  systemctl start paxect@dog
  pid=$(is dog MainPID)
  kill -STOP "$pid"
  restarted() { [ "$(is dog NRestarts)" -ge 1 ] && systemctl -q is-active paxect@dog; }
  eventually "a restart by the watchdog" restarted
  [ "$(is dog MainPID)" -ne "$pid" ] || fail "the same process"
  journalctl --sync
  journalctl -q --no-pager -u paxect@dog | grep -q 'Watchdog timeout' || fail "restarted, but not by the watchdog"
  arrives "$state/dog/inbox" two.bin "$state/dog/outbox" two
  systemctl stop paxect@dog
}

works_elsewhere() { # directories that others share, folders in them
  mkdir -p /srv/exchange/inbox/folder /srv/exchange/outbox
  chown -R paxect: /srv/exchange
  drop_in south <<'UNIT'
ReadWritePaths=/srv/exchange/inbox /srv/exchange/outbox
UNIT
  configure south <<'CONF'
inbox = /srv/exchange/inbox
outbox = /srv/exchange/outbox
recursive = true
names = full
metrics_file = metrics.prom
CONF
  systemctl start paxect@south || fail "paxect@south, which has no key, does not start"
  arrives /srv/exchange/inbox/folder three.bin /srv/exchange/outbox/folder three.bin
  mkdir -p /srv/exchange/inbox/later
  chown paxect: /srv/exchange/inbox/later
  arrives /srv/exchange/inbox/later four.bin /srv/exchange/outbox/later four.bin
  eventually "metrics" grep -q '^paxect_link_running{.*} 1' "$state/south/metrics.prom"
}

carries() { # from one folder to another, by a server that asks for a key
  printf 'listen: "127.0.0.1:4333"\njetstream { store_dir: "/var/tmp/nats" }\nauthorization { users: [ { nkey: %s } ] }\n' \
    UCG7LIEMP6IXPMQUEE3WP2VAQCASHO5UR2T3BS2YWJWCBXLHSLBR4QSD >/etc/nats-test.conf
  systemd-run --quiet --unit=nats-test nats-server -c /etc/nats-test.conf || fail "no server"
  for end in out:send in:receive; do
    mode=${end#*:} end=${end%:*}
    install -d -o paxect -g paxect "$state/$end" "$state/$end/box"
    (umask 077 && echo SUAAT36YIUQSBNCQA4GIY3UDYTF5FL6QNOOT25WR7IZ7DCKNMMYZC4QLXQ >"/etc/credstore/paxect-$end.nkey")
    printf '[carrier]\nmode = %s\nfolder = box\nservers = nats://127.0.0.1:4333\nsubject = test\nnkey = credential:nkey\n' "$mode" \
      >"/etc/paxect/$end-carrier.conf"
    echo "metrics_file = /var/lib/paxect-metrics/$end-carrier.prom" >>"/etc/paxect/$end-carrier.conf"
    systemctl start "paxect-carrier@$end" || fail "paxect-carrier@$end does not start"
  done
  head -c 100000 /dev/urandom >/tmp/sent
  paxect-core encode -i /tmp/sent -o /tmp/carried.freq || fail "no container"
  (cd /tmp && sha256sum carried.freq) >"$state/out/box/carried.freq.sha256"
  cp /tmp/carried.freq "$state/out/box/carried.tmp"
  mv "$state/out/box/carried.tmp" "$state/out/box/carried.freq"
  eventually "a container arrives" test -e "$state/in/box/carried.freq"
  cmp /tmp/carried.freq "$state/in/box/carried.freq" || fail "what arrived is not what was sent"
  for end in out in; do
    eventually "metrics of $end" grep -q '^paxect_carrier_connected{.*} 1' "/var/lib/paxect-metrics/$end-carrier.prom"
    [ "$(stat -c %a "/var/lib/paxect-metrics/$end-carrier.prom")" = 644 ] || fail "not everyone can read the metrics of $end"
  done
  process=/proc/$(systemctl show -P MainPID paxect-carrier@out)
  [ "$(stat -c %U:%G "$process")" = paxect:paxect ] || fail "runs as $(stat -c %U:%G "$process")"
  for line in 'CapEff:0000000000000000' 'CapBnd:0000000000000000' 'NoNewPrivs:1' 'Seccomp:2'; do
    tr -d '\t ' <"$process/status" | grep -qx "$line" || fail "not $line: $(grep "^${line%%:*}" "$process/status")"
  done
  systemctl stop paxect-carrier@in || fail "no stop"
  [ "$(systemctl show -P Result paxect-carrier@in)" = success ] || fail "stopped, but failed"
}

stops() {
  systemctl stop paxect@south || fail "no stop"
  expect south ActiveState inactive
  expect south Result success
  ! systemctl -q is-failed paxect@south || fail "stopped, but failed"
  [ "$(events south shutdown)" -eq 1 ] || fail "no shutdown in the log"
  grep -q '^paxect_link_running{.*} 0' "$state/south/metrics.prom" || fail "runs by its metrics"
  ! journal south err | grep . || fail "the journal has errors"
}

is_upgraded() {
  pid=$(is north MainPID)
  carrier=$(systemctl show -P MainPID paxect-carrier@out)
  quietly dpkg -i /newer/*.deb
  systemctl -q is-active paxect-carrier@out || fail "the carrier does not run after the upgrade"
  [ "$(systemctl show -P MainPID paxect-carrier@out)" -ne "$carrier" ] || fail "the old carrier still runs after the upgrade"
  ! systemctl -q is-active paxect-carrier@in || fail "the upgrade started a carrier that was stopped"
  expect north ActiveState active
  [ "$(is north MainPID)" -ne "$pid" ] || fail "the old program still runs after the upgrade"
  expect south ActiveState inactive
  arrives "$state/north/inbox" five.bin "$state/north/outbox" five
}

is_there_again() {
  expect north ActiveState active
  expect south ActiveState inactive
  [ "$(events north startup)" -eq 3 ] && [ "$(events north shutdown)" -eq 2 ] || fail "not shut down with the machine"
  arrives "$state/north/inbox" six.bin "$state/north/outbox" six
}

goes() {
  pid=$(is north MainPID)
  systemctl start paxect-carrier@out || fail "a carrier does not start without a server"
  quietly dpkg -r paxect-carrier
  ! systemctl -q is-active paxect-carrier@out || fail "removed under the running carrier"
  [ "$(is north MainPID)" -eq "$pid" ] || fail "the removal of the carrier ends relays"
  quietly dpkg -r paxect
  expect north ActiveState inactive
  [ -z "$(systemctl list-units --no-legend --failed 'paxect@*')" ] || fail "an instance failed"
  [ "$(events north shutdown)" -eq 3 ] || fail "removed under the running relay"
  for process in /proc/[0-9]*; do
    [ "$(stat -c %U "$process" 2>/dev/null)" != paxect ] || fail "still runs: $(tr '\0' ' ' <"$process/cmdline")"
  done
  [ -f /etc/paxect/north.conf ] || fail "removal took a configuration"
  quietly dpkg -P paxect-carrier paxect libpaxect-core-dev libpaxect-core1
  # Neither removal nor purge may delete what the administrator made or what was exchanged.
  [ -f /etc/paxect/north.conf ] && [ -f "$state/north/outbox/six" ] || fail "the purge took what is not ours"
  left=$(find /etc /usr /run -xdev -name '*paxect*' ! -path '/etc/paxect*' ! -path '/etc/credstore/*' \
    ! -path '*/paxect@*.service.d*' ! -path '/run/systemd/*' ! -path '/run/log/*')
  [ -z "$left" ] || fail "left behind by the purge: $left"
}

steps='installs does_not_start starts reloads is_watched works_elsewhere carries stops is_upgraded'
[ ! -e /booted ] || steps='is_there_again goes'
for step in $steps; do
  begin=$(date +%s)
  $step
  echo "== $step: $(($(date +%s) - begin)) s"
done
[ -e /booted ] || systemctl -q enable paxect@north
