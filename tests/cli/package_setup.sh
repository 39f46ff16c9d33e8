#!/bin/sh
# cmake/setup.sh reports a package that Debian does not have, and installs nothing when every package is installed.
# usage: package_setup.sh SOURCE-DIRECTORY
set -eu
source=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/cmake" "$work/bin"
cp "$source/cmake/setup.sh" "$work/cmake/"

fail() { echo "package_setup: $*" >&2; exit 1; }

# Substitutes for the commands that the script calls: "present" is installed, "known" is available, no other exists.
cat >"$work/bin/dpkg-query" <<'EOF'
#!/bin/sh
for last; do :; done
[ "$last" = present ] && printf installed
EOF
cat >"$work/bin/apt-cache" <<'EOF'
#!/bin/sh
for last; do :; done
[ "$last" != known ] || echo "Package: known"
EOF
cat >"$work/bin/apt-get" <<'EOF'
#!/bin/sh
echo "apt-get $*" >>"$LOG"
[ "$1" != install ] || exit "${INSTALL_STATUS:-0}"
EOF
printf '#!/bin/sh\necho "${FAKE_ID:-0}"\n' >"$work/bin/id"
printf '#!/bin/sh\nexec "$@"\n' >"$work/bin/sudo"
chmod +x "$work"/bin/*
export LOG="$work/log"
: >"$LOG"

# run STATUS MESSAGE PACKAGES...: the script with these packages listed
run() {
  status=$1 message=$2
  shift 2
  printf '%s build\n' "$@" >"$work/cmake/packages.txt"
  got=0
  PATH="$work/bin:$PATH" "$work/cmake/setup.sh" build >"$work/out" 2>&1 || got=$?
  [ "$got" -eq "$status" ] || { cat "$work/out" >&2; fail "status $got instead of $status for: $*"; }
  [ -z "$message" ] || grep -q "$message" "$work/out" || { cat "$work/out" >&2; fail "no '$message' for: $*"; }
}

run 0 '' present
[ ! -s "$LOG" ] || fail "asked apt-get although everything was there"
run 69 "Debian has no package 'nowhere'" present nowhere
run 0 'installing known' known
grep -q 'apt-get install .*known' "$LOG" || fail "did not install"
printf 'nowhere build optional\nknown build\n' >"$work/cmake/packages.txt"
PATH="$work/bin:$PATH" "$work/cmake/setup.sh" build >"$work/out" 2>&1 || fail "an optional package that Debian does not have is needed"
INSTALL_STATUS=100 run 69 'apt-get could not install: known' known
FAKE_ID=1000 run 0 'installing known' known
rm "$work/bin/sudo"
mkdir "$work/tools"
for tool in sh awk grep cat dirname; do ln -s "$(command -v "$tool")" "$work/tools/$tool"; done
printf 'known build\n' >"$work/cmake/packages.txt"
got=0
FAKE_ID=1000 PATH="$work/bin:$work/tools" "$work/cmake/setup.sh" build >"$work/out" 2>&1 || got=$?
[ "$got" -eq 77 ] || fail "status $got instead of 77 without root and sudo"
grep -q 'need root or sudo to install: known' "$work/out" || fail "did not say that it needs root or sudo"
