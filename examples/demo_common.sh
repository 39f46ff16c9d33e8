# shellcheck shell=sh
# Common parts of the demos, to be sourced: `. "$(dirname "$0")/demo_common.sh"`. Finds the binaries, changes to an empty
# working directory, and at exit stops the relays in $relays and removes the directory.
#
# The binaries come from the directory PAXECT_BIN, or else from PATH, or else from the build of this tree.
set -eu
demo=$(basename "$0")
limit=${PAXECT_DEMO_LIMIT:-30} # seconds to wait for an event
relays=
work=

# fail REASON: prints the messages of the relays, then the reason, and exits.
fail() {
  [ -z "$work" ] || find "$work" -name '*.err' -type f -exec cat {} + >&2
  echo "$demo: $*" >&2
  exit 1
}

find_binaries() {
  if [ -n "${PAXECT_BIN:-}" ]; then
    bin=$PAXECT_BIN
    [ -x "$bin/paxect" ] || fail "there is no paxect in PAXECT_BIN ($PAXECT_BIN)"
  elif paxect=$(command -v paxect); then
    bin=$(dirname "$paxect")
  else
    for build in release quickstart dev asan tsan; do
      bin=$(dirname "$0")/../build/$build/bin
      [ ! -x "$bin/paxect" ] || break
    done
    [ -x "$bin/paxect" ] || fail "paxect is neither in PATH nor built: build it as README.md describes"
  fi
  bin=$(cd "$bin" && pwd)
  paxect=$bin/paxect
  # shellcheck disable=SC2034 # used by the demos
  paxect_core=$bin/paxect-core
}

clean_up() {
  for relay in $relays; do kill "$relay" 2>/dev/null || true; done
  for relay in $relays; do wait "$relay" 2>/dev/null || true; done
  cd /
  [ -z "$work" ] || rm -rf "$work"
}

# wait_until WHAT COMMAND...: repeats COMMAND until it succeeds; fails after $limit seconds or when a relay has ended.
wait_until() {
  what=$1
  shift
  end=$(($(date +%s) + limit))
  until "$@"; do
    for relay in $relays; do
      kill -0 "$relay" 2>/dev/null || fail "a relay ended while this demo waited for $what"
    done
    [ "$(date +%s)" -lt "$end" ] || fail "$what: not seen within $limit s"
    sleep 0.05
  done
}

# logged LOG EVENT [TEXT]: succeeds if the audit log has a line of this event that contains TEXT.
logged() {
  [ -e "$1" ] && grep -F "\"event\": \"$2\"" "$1" | grep -Fq -- "${3:-}"
}

# stop_relay PID: stops the relay with SIGTERM; it must exit with 0.
stop_relay() {
  status=0
  kill "$1"
  wait "$1" || status=$?
  [ "$status" -eq 0 ] || fail "the relay ended with status $status"
  remaining=
  for relay in $relays; do [ "$relay" = "$1" ] || remaining="$remaining $relay"; done
  relays=$remaining
}

# names_in DIRECTORY: prints the names as ['a', 'b'].
names_in() {
  names=
  for path in "$1"/*; do
    [ ! -e "$path" ] || names="$names${names:+, }'${path##*/}'"
  done
  echo "[$names]"
}

# Settings in the environment of the caller must not change the demo.
for name in $(env | sed -nE 's/^(PAXECT_(LINK|CARRIER)_[A-Z0-9_]*)=.*/\1/p') PAXECT_CORE; do unset "$name"; done
trap clean_up EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM
find_binaries
work=$(mktemp -d "${TMPDIR:-/tmp}/paxect_demo.XXXXXX")
work=$(cd "$work" && pwd)
cd "$work"
