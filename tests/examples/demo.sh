#!/bin/sh
# A demo prints its expected lines from any directory and with every way to find the binaries, leaves no files behind,
# and fails if the binaries do not work.
# usage: demo.sh SOURCE_DIR BUILD_DIR INSTALLED_DIR DEMO
set -eu
source=$1
build=$2
installed=$3
demo=$4
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() {
  for file in output error; do
    [ ! -s "$work/$file" ] || { echo "--- $file" && cat "$work/$file"; } >&2
  done
  echo "$demo: $*" >&2
  exit 1
}

if [ "$demo" = carrier ] && ! PATH=$PATH:/usr/sbin command -v nats-server >/dev/null; then
  echo "skipped: there is no nats-server: apt-get install nats-server"
  exit 77
fi

# The demo runs in a folder whose configuration, like the environment, must not affect it.
folder="$work/a folder"
mkdir -p "$folder" "$work/the tmp"
printf '[link]\nmode = sideways\n' >"$folder/paxect.conf"
export TMPDIR="$work/the tmp" PAXECT_LINK_MODE=sideways PAXECT_LINK_INBOX=/nowhere PAXECT_CORE=false
unset PAXECT_BIN PAXECT_PLUGIN_DIR PAXECT_LINK_HMAC_KEY
report=$work/report
tools=/usr/bin:/bin # has no paxect, unless the system has one

# run_demo EXAMPLES DIRECTORY VARIABLE=VALUE...: runs the demo of EXAMPLES in DIRECTORY.
run_demo() {
  script=$1/$demo.sh directory=$2 status=0
  shift 2
  set -- "$@" "$script"
  case $demo in demo_5_*) set -- "$@" "$report" ;; esac
  (cd "$directory" && exec env "$@") >"$work/output" 2>"$work/error" || status=$?
  left=$(find "$work/the tmp" -mindepth 1)
  [ -z "$left" ] || fail "left behind: $left"
  left=$(find "$folder" -mindepth 1 ! -name paxect.conf)
  [ -z "$left" ] || fail "left where it was run: $left"
}

# has_lines FILE: succeeds if the output contains the lines of FILE in this order. In a line, `...` matches anything.
has_lines() {
  awk '
    function matches(line, pattern,   parts, count, i, at) {
      count = split(pattern, parts, "[.][.][.]")
      if (count == 1) return line == pattern
      if (index(line, parts[1]) != 1) return 0
      line = substr(line, length(parts[1]) + 1)
      for (i = 2; i < count; ++i) {
        if (!(at = index(line, parts[i]))) return 0
        line = substr(line, at + length(parts[i]))
      }
      at = length(line) - length(parts[count]) + 1
      return at >= 1 && substr(line, at) == parts[count]
    }
    NR == FNR { expected[++wanted] = $0; next }
    found < wanted && matches($0, expected[found + 1]) { ++found }
    END { if (found < wanted) { print "missing: " expected[found + 1]; exit 1 } }
  ' "$1" "$work/output"
}

expect_success() {
  [ "$status" -eq 0 ] || fail "$1: status $status"
  missing=$(has_lines "$here/$demo.expected") || fail "$1: $missing"
  ! grep -v '^\[LINK\] ' "$work/error" || fail "$1: unexpected lines on stderr"
  case $demo in demo_5_*)
    [ "$(ls "$report")" = junit_smoke.xml ] || fail "$1: the report is missing"
    rm -r "$report"
    ;;
  esac
}

run_demo "$source/examples" / PAXECT_BIN="$build/bin"
expect_success "by PAXECT_BIN"
run_demo "$source/examples" "$folder" PAXECT_BIN="$build/bin"
expect_success "a second time, from another folder"
# Again in a tree without a build, and in one with a build.
mkdir -p "$work/tree/build/release"
cp -R "$source/examples" "$work/tree/"
run_demo "$work/tree/examples" "$folder" PATH="$installed/bin:$tools"
expect_success "by PATH, installed"
ln -s "$build/bin" "$work/tree/build/release/bin"
run_demo "$work/tree/examples" "$folder" PATH="$tools"
expect_success "from the build tree"
echo "not in the output" >"$work/never"
! has_lines "$work/never" >"$work/missing" || fail "has_lines found a line that is not in the output"

# Binaries that exit with 0 and do nothing.
mkdir "$work/bin"
for name in paxect paxect-core; do
  printf '#!/bin/sh\nexit 0\n' >"$work/bin/$name"
  chmod +x "$work/bin/$name"
done
run_demo "$source/examples" "$folder" PAXECT_BIN="$work/bin" PAXECT_DEMO_LIMIT=1
[ "$status" -ne 0 ] || fail "the demo succeeded although the binaries do nothing"
grep -q "^$demo.sh: " "$work/error" || fail "no message although the binaries do nothing"
run_demo "$source/examples" "$folder" PAXECT_BIN="$work/none"
[ "$status" -ne 0 ] || fail "the demo succeeded without binaries"
grep -q "^$demo.sh: there is no paxect in PAXECT_BIN" "$work/error" || fail "no message without binaries"
