#!/bin/sh
# Runs examples/quickstart.sh, the first command of the README, twice. The build is the one that this test belongs to.
# usage: quickstart.sh SOURCE_DIR BUILD_DIR
set -eu
source=$1
build=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() { echo "quickstart: $*" >&2; cat "$work/output" >&2; exit 1; }

mkdir -p "$work/tree" "$work/bin"
(cd "$source" && tar cf - examples/quickstart.sh cmake README.md) | tar xf - -C "$work/tree"
cat >"$work/bin/cmake" <<'END'
#!/bin/sh
case $1 in
  --install) exec "$REAL_CMAKE" --install "$REAL_BUILD" --prefix "$4" ;;
  *) echo "cmake $*"; exit "${BUILD_STATUS:-0}" ;;
esac
END
chmod +x "$work/bin/cmake"
REAL_CMAKE=$(command -v cmake)
export REAL_CMAKE REAL_BUILD="$build" PATH="$work/bin:$PATH"

run() { "$work/tree/examples/quickstart.sh" >"$work/output" 2>&1; }
for time in first second; do
  run || fail "the $time run ended with status $?"
  [ "$(tail -n 1 "$work/output")" = "identical: the file was relayed completely and verified" ] || fail "the $time run did not report success"
done
for wanted in '--preset release -B' "--build $work/tree/build/quickstart"; do
  grep -q -- "$wanted" "$work/tree/build/quickstart.log" || fail "cmake was not called with: $wanted"
done
status=0
BUILD_STATUS=1 run || status=$?
[ "$status" -eq 70 ] || fail "a failing build ended with status $status, expected 70"
grep -q 'quickstart.sh: the build failed' "$work/output" || fail "a failing build printed no message"
