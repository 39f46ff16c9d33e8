#!/bin/sh
# The files for systemd: each unit is valid, its exposure is at most 1.0 (of the carrier's, which needs the network, 1.1), and
# it has a reason for each directive that it leaves out; the user and the directories that they need are created. systemd
# need not be running.
# usage: unit_files.sh SOURCE_DIR BUILD_DIR
set -eu
systemd=$1/host/systemd
panel=$1/panel_plugin/systemd
build=$2
for tool in systemd-analyze systemd-sysusers systemd-tmpfiles; do
  command -v "$tool" >/dev/null || { echo "unit_files.sh: skipped: no $tool here" >&2; exit 77; }
done
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() { echo "unit_files.sh: $*" >&2; exit 1; }

security() { systemd-analyze security --no-pager --offline=yes --threshold="$1" "$2" 2>/dev/null; }

# check_unit FILE EXPOSURE: checks one unit, which may be exposed by EXPOSURE tenths.
check_unit() {
  unit=$1
  most=$2
  name=$(basename "$unit")
  # The unit leaves it to systemd to find the program; here it is in the build tree.
  sed "s#^ExecStart=paxect #ExecStart=$build/bin/paxect #" "$unit" >"$work/$name"
  grep -q "^ExecStart=$build" "$work/$name" || fail "$name starts something else"
  grep -q 'run --config' "$work/$name" && "$build/bin/paxect" --help | grep -q -- '--config' ||
    fail "the command line of $name is not one of paxect"
  systemd-analyze verify --man=no "$work/$name" >"$work/verify" 2>&1 || { cat "$work/verify"; fail "verify $name"; }
  [ ! -s "$work/verify" ] || { cat "$work/verify"; fail "systemd-analyze verify reports something about $name"; }

  security "$most" "$work/$name" >"$work/report" || { cat "$work/report"; fail "$name is exposed by more than $most tenths"; }
  grep 'Overall exposure' "$work/report"
  sed '/^Protect/d; /^SystemCallFilter/d; /^Restrict/d' "$work/$name" >"$work/open@.service"
  ! security "$most" "$work/open@.service" >/dev/null || fail "an open unit is not detected"

  sed -n '/restrictions that are left out/,/^\[Install\]/p' "$unit" >"$work/reasons"
  sed -n 's/^✗ \([A-Za-z]*\)=.*/\1/p' "$work/report" | sort -u >"$work/missing"
  while read -r directive; do
    grep -q "$directive=" "$work/reasons" || fail "no reason why $name leaves out $directive="
  done <"$work/missing"
}

check_unit "$systemd/paxect@.service" 10
check_unit "$panel/paxect-panel@.service" 10
check_unit "$1/carrier_plugin/systemd/paxect-carrier@.service" 11

if [ "$(id -u)" -eq 0 ]; then
  mkdir -p "$work/root/etc" "$work/root/var/lib"
  systemd-sysusers --root="$work/root" "$systemd/paxect.sysusers" >/dev/null 2>&1 || fail "systemd-sysusers"
  grep -q '^paxect:.*:/var/lib/paxect:.*nologin' "$work/root/etc/passwd" || fail "no user paxect without a login"
  systemd-sysusers --root="$work/root" "$panel/paxect-panel.sysusers" >/dev/null 2>&1 || fail "systemd-sysusers"
  grep -q '^paxect:.*paxect-panel' "$work/root/etc/group" || fail "paxect-panel is not in the group paxect"
  systemd-tmpfiles --root="$work/root" --create "$systemd/paxect.tmpfiles" || fail "systemd-tmpfiles"
  for expected in '755 /etc/paxect' '750 /var/lib/paxect' '755 /var/lib/paxect-metrics'; do
    [ "$(stat -c %a "$work/root${expected#* }")" = "${expected%% *}" ] || fail "${expected#* } is not ${expected%% *}"
  done
fi
