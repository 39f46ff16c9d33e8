#!/bin/sh
# What the README shows does what it says: readme.sh
# Takes its commands, its C program and its configuration out of the README as they stand there, and runs them against
# what is installed from build/release (which must be built), and the quickstart.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() { echo "readme.sh: $*" >&2; exit 1; }
# block LANGUAGE TEXT: the fenced block of the language that has the text in it
block() {
  awk -v language="$1" -v text="$2" '
    /^```/ { if (inside) { if (index(kept, text)) { printf "%s", kept; found = 1; exit } inside = 0 }
             else { inside = 1; kept = ""; wanted = $0 == "```" language }
             next }
    inside && wanted { kept = kept $0 "\n" }
    END { exit !found }' "$root/README.md" || fail "no $1 block with '$2' in the README"
}

cd "$root"
block sh 'cmake --install' | sed "s|/usr/local|$work/prefix|" >"$work/install.sh"
sh -eux "$work/install.sh" >"$work/log" 2>&1 || { tail -n 20 "$work/log" >&2; fail "build and install"; }
PATH=$work/prefix/bin:$PATH
export PATH PKG_CONFIG_PATH="$work/prefix/lib/pkgconfig" LD_LIBRARY_PATH="$work/prefix/lib"

mkdir "$work/place"
cd "$work/place"
head -c 3000000 /dev/urandom >file
cp file original
paxect-core encode -i file -o a.freq
cp a.freq b.freq
cp a.freq in.freq
block sh 'paxect-core encode' >"$work/tool.sh"
sh -eu "$work/tool.sh" >/dev/null || fail "the commands of paxect-core"
cmp file original || fail "what was encoded, decoded and salvaged is not the original"

block c '#include <paxect/core.h>' >main.c
compile=$(sed -n 's/^`\(cc main\.c [^`]*\)`.*/\1/p' "$root/README.md")
[ -n "$compile" ] || fail "no line that compiles main.c in the README"
eval "$compile" || fail "the C program does not compile"
./a.out || fail "the C program ended with $?"
cmp out original || fail "the C program decodes to something else"

block ini '[link]' | sed "s|/srv/exchange|$work/place|; s|/etc/paxect|$work/place|; s|/var/log/paxect|$work/place|" >paxect.conf
for command in check plugins; do paxect $command -c paxect.conf >/dev/null || fail "paxect $command"; done
rm paxect.conf
rm out
mkdir in
cp original in/a.bin
block sh 'paxect run --once' >"$work/relay.sh"
sh -eu "$work/relay.sh" || fail "the relay without a configuration"
cmp out/a original || fail "what was relayed is not the original"

"$root/examples/quickstart.sh" >"$work/log" 2>&1 || { tail -n 20 "$work/log" >&2; fail "the quickstart"; }
grep -q bit-identical "$work/log" || fail "the quickstart does not show that it worked"
echo "readme.sh: fine"
