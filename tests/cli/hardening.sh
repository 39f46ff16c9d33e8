#!/bin/sh
# Checks the hardening of every installed binary: position independent, read-only relocations that are bound at start, no
# executable stack, stack protector, fortified calls, and landing marks for indirect jumps where processor and compiler
# support them.
# usage: hardening.sh SOURCE_DIR BUILD_DIR
set -eu
build=$2
installed=$build/installed
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

if grep -q '^PAXECT_SANITIZE:STRING=..*' "$build/CMakeCache.txt" ||
  grep -q '^CMAKE_BUILD_TYPE:STRING=Debug' "$build/CMakeCache.txt"; then
  echo "hardening.sh: skipped: a build with sanitizers or without optimisation is not hardened" >&2
  exit 77
fi

# Whether the complete binary is marked. That requires marked start-up code: Ubuntu has it, Debian 12 does not.
is_marked() { readelf -nW "$1" | grep -q 'feature:.*\(IBT.*SHSTK\|BTI\)'; }
printf 'int main(void) { return 0; }\n' >"$work/empty.c"
control_flow=no
for flag in -fcf-protection=full -mbranch-protection=standard; do
  cc "$flag" -o "$work/marked" "$work/empty.c" 2>/dev/null || continue
  control_flow=code
  ! is_marked "$work/marked" || control_flow=marked
done

# Prints what the binary $1 lacks.
lacks() {
  readelf -hW "$1" | grep -q 'Type: *DYN' || echo "$1: not position independent"
  readelf -lW "$1" >"$work/segments"
  readelf -dW "$1" >"$work/dynamic"
  readelf --dyn-syms -W "$1" >"$work/symbols"
  grep -q GNU_RELRO "$work/segments" || echo "$1: no RELRO"
  grep -q 'BIND_NOW\|FLAGS_1.*NOW' "$work/dynamic" || echo "$1: not bound at start"
  grep 'GNU_STACK' "$work/segments" | grep -q 'RWE' && echo "$1: executable stack"
  grep -q TEXTREL "$work/dynamic" && echo "$1: relocations in its code"
  grep -q __stack_chk_fail "$work/symbols" || echo "$1: no stack protector"
  [ "$control_flow" = no ] || objdump -d --section=.text "$1" | grep -q 'endbr64\|bti\|paciasp' ||
    echo "$1: no landing marks for indirect jumps"
  [ "$control_flow" != marked ] || is_marked "$1" || echo "$1: the linker left out the control-flow property"
  grep -q 'RPATH\|RUNPATH' "$work/dynamic" &&
    ! grep 'RPATH\|RUNPATH' "$work/dynamic" | grep -q '\[\$ORIGIN/[./a-z]*\]' && echo "$1: a search path that is not its own"
  return 0
}

# The check itself must work: it has to reject a binary without any hardening.
printf 'int main(void) { char b[64]; return __builtin_sprintf(b, "x") - 1; }\n' >"$work/plain.c"
cc -O0 -no-pie -fno-stack-protector -fcf-protection=none -Wl,-z,norelro,-z,lazy -o "$work/plain" "$work/plain.c" 2>/dev/null ||
  cc -O0 -no-pie -fno-stack-protector -Wl,-z,norelro,-z,lazy -o "$work/plain" "$work/plain.c"
[ "$(lacks "$work/plain" | wc -l)" -ge 4 ] || {
  echo "hardening.sh: a binary without any of it goes unseen; found only:" >&2
  lacks "$work/plain" >&2
  exit 1
}

count=0
: >"$work/faults"
for file in $(find "$installed" -type f); do
  [ "$(head -c 4 "$file" | od -An -tx1 | tr -d ' \n')" = 7f454c46 ] || continue
  count=$((count + 1))
  lacks "$file" >>"$work/faults"
done
[ "$count" -ge 4 ] || { echo "hardening.sh: only $count binaries in $installed" >&2; exit 1; }
[ ! -s "$work/faults" ] || { cat "$work/faults" >&2; exit 1; }

# The symbols of fortified calls depend on which functions are called, so this checks the compiler flags.
python3 - "$1" "$build/compile_commands.json" <<'EOS'
import json, sys
source, commands = sys.argv[1], json.load(open(sys.argv[2]))
shipped = [c for c in commands if any(c["file"].startswith(f"{source}/{d}/") for d in ("libpaxect_core", "host", "link_plugin", "panel_plugin", "carrier_plugin"))]
bare = [c["file"] for c in shipped if "-D_FORTIFY_SOURCE=" not in c["command"] or " -O" not in c["command"]]
if len(shipped) < 50 or bare:
    sys.exit(f"hardening.sh: {len(shipped)} sources, without _FORTIFY_SOURCE: {bare}")
EOS
echo "$count binaries, control flow: $control_flow"
