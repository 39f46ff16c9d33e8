#!/bin/sh
# Tests the service under a systemd that is process 1: booted.sh DIRECTORY_OF_DEBS
# Boots a clean root directory twice with systemd-nspawn and runs booted_inside.sh in it. Needs root, mounts and control
# groups; status 77 and the reason without them. Changes nothing on this machine, whatever its process 1 is.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
debs=$(cd "$1" && pwd)
skip() { echo "booted.sh: skipped: $*"; exit 77; }
fail() { echo "booted.sh: $*" >&2; exit 1; }
command -v systemd-nspawn >/dev/null || skip "no systemd-nspawn (package systemd-container)"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM

root=$work/root
"$here/clean_root.sh" "$debs" systemd,nats-server "$root" || exit $?
cp "$here/booted_inside.sh" "$root/inside.sh"
# Begins when the boot is over; its status is that of the machine, which it ends.
mkdir -p "$root/etc/systemd/system/multi-user.target.wants"
cat >"$root/etc/systemd/system/check.service" <<'UNIT'
[Unit]
DefaultDependencies=no
After=multi-user.target
SuccessAction=exit
FailureAction=exit
[Service]
Type=oneshot
ExecStart=/bin/sh /inside.sh
StandardOutput=append:/report
StandardError=inherit
UNIT
ln -s ../check.service "$root/etc/systemd/system/multi-user.target.wants/"
# No units that use the network or run daily jobs.
for unit in apt-daily apt-daily-upgrade dpkg-db-backup e2scrub_all systemd-tmpfiles-clean fstrim; do
  ln -s /dev/null "$root/etc/systemd/system/$unit.timer"
done

boot() {
  : >"$root/report"
  status=0
  # The calls of Landlock, which the container's own filter does not have everywhere.
  timeout --kill-after=15 150 systemd-nspawn --quiet --directory="$root" --boot --machine="paxect-test-$$" \
    --register=no --keep-unit --private-network --link-journal=no --resolv-conf=off --timezone=off \
    --system-call-filter='landlock_create_ruleset landlock_add_rule landlock_restrict_self' \
    </dev/null >"$work/console" 2>&1 || status=$?
  cat "$root/report"
  [ "$status" -ne 0 ] || return 0
  [ "$status" -ne 77 ] || skip "a unit cannot have namespaces of its own in a container here"
  tail -n 30 "$work/console"
  [ -s "$root/report" ] || [ -e "$root/booted" ] || skip "systemd-nspawn cannot boot here, as it says above"
  fail "failed inside, status $status (124: took too long)"
}
boot
touch "$root/booted"
boot
