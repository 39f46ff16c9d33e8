# shellcheck shell=sh
# What the demos share: where the binaries are, a directory to work in, relays beside the script, and waiting for an
# event. To be sourced: `. "$(dirname "$0")/demo_common.sh"`. Leaves the script in an empty directory that is gone
# when it ends, as are the relays it started.
#
# The binaries are those of the directory PAXECT_BIN, else of PATH, else of this tree's build.
set -eu
demo=$(basename "$0")
limit=${PAXECT_DEMO_LIMIT:-30} # seconds that an event may take
relays=
work=

# Gives up: what the relays said goes first, then the reason.
fail() {
  [ -z "$work" ] || find "$work" -name '*.err' -type f -exec cat {} + >&2
  echo "$demo: $*" >&2
  exit 1
}

find_binaries() {
  if [ -n "${PAXECT_BIN:-}" ]; then
    bin=$PAXECT_BIN
    [ -x "$bin/paxect" ] || fail "there is no paxect in PAXECT_BIN, which is $PAXECT_BIN"
  elif paxect=$(command -v paxect); then
    bin=$(dirname "$paxect")
  else
    for build in release quickstart dev asan tsan; do
      bin=$(dirname "$0")/../build/$build/bin
      [ ! -x "$bin/paxect" ] || break
    done
    [ -x "$bin/paxect" ] || fail "paxect is neither in PATH nor built: see Build and install in README.md"
  fi
  bin=$(cd "$bin" && pwd)
  paxect=$bin/paxect
  # shellcheck disable=SC2034 # for the demos
  paxect_core=$bin/paxect-core
}

clean_up() {
  for relay in $relays; do kill "$relay" 2>/dev/null || true; done
  for relay in $relays; do wait "$relay" 2>/dev/null || true; done
  cd /
  [ -z "$work" ] || rm -rf "$work"
}

# wait_until WHAT COMMAND...: until the command succeeds, or there is nothing to wait for.
wait_until() {
  what=$1
  shift
  end=$(($(date +%s) + limit))
  until "$@"; do
    for relay in $relays; do
      kill -0 "$relay" 2>/dev/null || fail "waited for $what, but the relay is gone"
    done
    [ "$(date +%s)" -lt "$end" ] || fail "waited $limit s in vain for $what"
    sleep 0.05
  done
}

# logged LOG EVENT [TEXT]: whether the audit log has a line of this event, with this text in it.
logged() {
  [ -e "$1" ] && grep -F "\"event\": \"$2\"" "$1" | grep -Fq -- "${3:-}"
}

# stop_relay PID: as an operator would; it has to end cleanly.
stop_relay() {
  status=0
  kill "$1"
  wait "$1" || status=$?
  [ "$status" -eq 0 ] || fail "the relay ended with status $status"
  remaining=
  for relay in $relays; do [ "$relay" = "$1" ] || remaining="$remaining $relay"; done
  relays=$remaining
}

# names_in DIRECTORY: ['a', 'b']
names_in() {
  names=
  for path in "$1"/*; do
    [ ! -e "$path" ] || names="$names${names:+, }'${path##*/}'"
  done
  echo "[$names]"
}

# The settings are the demo's, whatever this shell has.
for name in $(env | sed -n 's/^\(PAXECT_LINK_[A-Z0-9_]*\)=.*/\1/p') PAXECT_CORE; do unset "$name"; done
trap clean_up EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM
find_binaries
work=$(mktemp -d "${TMPDIR:-/tmp}/paxect_demo.XXXXXX")
work=$(cd "$work" && pwd)
cd "$work"
