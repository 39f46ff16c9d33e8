#!/bin/sh
# The metrics of a real run, the alert rules and the dashboard: right by promtool, and at one with each other.
# usage: monitoring.sh SOURCE_DIR BUILD_DIR
set -eu
source=$1
build=$2
monitoring=$source/link_plugin/monitoring
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() { echo "monitoring.sh: $*" >&2; exit 1; }

# ---- a run with something delivered, blocked and damaged ----
mkdir "$work/inbox"
echo good >"$work/inbox/good.txt"
echo no >"$work/inbox/secret-name.exe"
echo damaged >"$work/inbox/damaged.freq"
status=0
(cd "$work" && "$build/bin/paxect" run --once --set link.metrics_file=north.prom --set link.settle_ms=1) \
  2>"$work/messages" || status=$?
[ "$status" -eq 1 ] || { cat "$work/messages" >&2; fail "the run ended with status $status instead of 1"; }
metrics=$work/north.prom

has() { grep -qxF "$1" "$metrics" || { cat "$metrics" >&2; fail "no line '$1'"; }; }
has 'paxect_link_files_total{relay="north",direction="encode",result="delivered"} 1'
has 'paxect_link_bytes_total{relay="north",direction="decode",result="delivered"} 5'
has 'paxect_link_failures_total{relay="north",reason="disallowed_suffix"} 1'
has 'paxect_link_failures_total{relay="north",reason="decode_error"} 1'
has 'paxect_link_queue_files{relay="north",state="blocked"} 1'
has 'paxect_link_quarantine_files{relay="north"} 1'
has 'paxect_link_running{relay="north"} 0'
! grep -q 'secret-name\|good\|damaged' "$metrics" || fail "a file is named in the metrics"

# ---- every metric that is named is there, and every one that is there is explained ----
sed -n 's/^# TYPE \([a-z_]*\) .*/\1/p' "$metrics" | sort -u >"$work/exported"
[ -s "$work/exported" ] || fail "no metrics at all"
named() { grep -oh 'paxect_link_[a-z_]*' "$@" | sed 's/_bucket$//' | sort -u; }
unknown() { named "$@" | comm -23 - "$work/exported"; }
echo 'paxect_link_planted_total' >"$work/planted"
[ -n "$(unknown "$work/planted")" ] || fail "this test does not see an unknown metric"
missing=$(unknown "$monitoring"/*.json "$monitoring"/*.yml "$monitoring/MONITORING.md" "$source/tests/link/relay/alerts_test.yml")
[ -z "$missing" ] || fail "named and not exported:" $missing
unexplained=$(named "$monitoring/MONITORING.md" | comm -13 - "$work/exported")
[ -z "$unexplained" ] || fail "exported and not in MONITORING.md:" $unexplained
table() { python3 "$source/tests/link/relay/metrics_table.py" "$1" "$metrics"; }
table "$monitoring/MONITORING.md" || fail "the table of MONITORING.md is wrong, as it says above"
sed 's/(ready, settling,/(ready,/' "$monitoring/MONITORING.md" >"$work/wrong.md"
! table "$work/wrong.md" >/dev/null || fail "this test does not see a value that is missing in the table"
sed -n 's/.*alert: //p' "$monitoring/paxect-alerts.yml" | while read -r alert; do
  grep -q "alertname: $alert\$" "$source/tests/link/relay/alerts_test.yml" ||
    grep -q "alertname: $alert," "$source/tests/link/relay/alerts_test.yml" || fail "alert $alert is tested nowhere"
  grep -q "\`$alert\`" "$monitoring/MONITORING.md" || fail "alert $alert is not in MONITORING.md"
done
python3 -c 'import json, sys; json.load(open(sys.argv[1]))' "$monitoring/paxect-dashboard.json"

# ---- promtool ----
promtool=$("$source/tests/support/promtool.sh" "$build")
"$promtool" check metrics <"$metrics" || fail "promtool finds fault with the metrics"
cp "$monitoring/paxect-alerts.yml" "$source/tests/link/relay/alerts_test.yml" "$work/"
cd "$work"
"$promtool" check rules paxect-alerts.yml || fail "promtool finds fault with the rules"
"$promtool" test rules alerts_test.yml || fail "the alerts do not fire as they should"
sed -i 's/queue_oldest_age_seconds > 900/queue_oldest_age_seconds > 90000/' paxect-alerts.yml
! "$promtool" test rules alerts_test.yml >/dev/null 2>&1 || fail "the rules' tests pass for a rule that is wrong"
