#!/bin/sh
# Installs missing Debian packages, builds, installs into build/quickstart, and relays one file. Except for Debian
# packages it changes nothing outside build/.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
build=$root/build/quickstart
prefix=$build/prefix
demo=$build/demo

say() { printf '\n== %s\n' "$*"; }

say "Packages"
"$root/cmake/setup.sh" build
echo "all installed"

mkdir -p "$root/build"
say "Build and install into build/quickstart/prefix"
cd "$root"
cmake --preset release -B "$build" -DPAXECT_BUILD_TESTS=OFF >"$root/build/quickstart.log" 2>&1 &&
  cmake --build "$build" --parallel "$(nproc)" >>"$root/build/quickstart.log" 2>&1 &&
  cmake --install "$build" --prefix "$prefix" >>"$root/build/quickstart.log" 2>&1 || {
    tail -n 30 "$root/build/quickstart.log" >&2
    echo "quickstart.sh: the build failed: see the lines above and build/quickstart.log" >&2
    exit 70
  }
"$prefix/bin/paxect" plugins

say "Put a file into the inbox"
rm -rf "$demo"
mkdir -p "$demo/inbox" "$demo/outbox"
cp "$root/README.md" "$demo/inbox/example.txt"
cd "$demo"
ls -l inbox

say "Relay it: paxect run --once"
PAXECT_LINK_INBOX=inbox PAXECT_LINK_OUTBOX=outbox "$prefix/bin/paxect" run --once
ls -l outbox

say "What happened, from the audit log"
cat paxect_link_log.jsonl

say "Is it the same file?"
cmp "$root/README.md" outbox/example || {
  echo "quickstart.sh: outbox/example differs from what was sent" >&2
  exit 70
}
sha256sum "$root/README.md" outbox/example
echo "identical: the file was relayed completely and verified"
