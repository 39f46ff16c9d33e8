#!/bin/sh
# The README's first command, examples/quickstart.sh, but for the build, which is the one that this test belongs to:
# quickstart.sh SOURCE_DIR BUILD_DIR
set -eu
source=$1
build=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() { echo "quickstart: $*" >&2; cat "$work/said" >&2; exit 1; }

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

run() { "$work/tree/examples/quickstart.sh" >"$work/said" 2>&1; }
for time in first second; do
  run || fail "the $time time it ended with status $?"
  [ "$(tail -n 1 "$work/said")" = "bit-identical: relayed whole, once, verified on the way" ] || fail "no such end"
done
for wanted in '--preset release -B' "--build $work/tree/build/quickstart"; do
  grep -q -- "$wanted" "$work/tree/build/quickstart.log" || fail "cmake was not told: $wanted"
done
status=0
BUILD_STATUS=1 run || status=$?
[ "$status" -eq 70 ] || fail "a build that fails ended with status $status"
grep -q 'quickstart.sh: the build failed' "$work/said" || fail "and without a word"
