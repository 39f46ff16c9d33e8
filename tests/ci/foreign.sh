#!/bin/sh
# Builds the library, its command and their tests for other processors and runs them under qemu: foreign.sh [PRESET]...
# The presets are arm64 and s390x, which is big-endian; the default is both. mmdebstrap unpacks the libraries of each into
# a sysroot once, because Debian's packages for several processors cannot all be installed side by side.
set -eu
cd "$(dirname "$0")/../.."
cmake/setup.sh foreign
[ $# -gt 0 ] || set -- arm64 s390x

libraries=libc6-dev,libzstd-dev,libssl-dev,libdeflate-dev,libboost-program-options-dev,rapidjson-dev,catch2
# Most of the time under emulation, and nothing in them depends on the processor.
slow='at random|random damage|no single-byte change|the memory bound holds|a copy full of traces|one flipped bit'
slow="$slow|:each failing|any one system call|for every way of passing a container|a file that becomes shorter"
slow="$slow|numbering, comparing and merging|a piece of the promised size|bytes inserted or removed|bytes inserted and removed"
slow="$slow|of several windows|the lists of a later window|the lists of a window"

make_sysroot() { # PRESET PROCESSOR
  root=build/sysroot/$2
  [ ! -d "$root" ] || return 0
  mkdir -p build/sysroot
  suite=$(. /etc/os-release && echo "$VERSION_CODENAME")
  mmdebstrap --quiet --variant=extract --architectures="$1" --include="$libraries" "$suite" "$root.tar" \
    >"$root.log" 2>&1 || { cat "$root.log" >&2; exit 1; }
  # Only headers and libraries: the emulator looks for every path that a program opens below the sysroot first.
  rm -rf "$root.new"
  mkdir "$root.new"
  tar x -C "$root.new" -f "$root.tar" ./lib ./usr/include ./usr/lib ./usr/share/pkgconfig
  rm "$root.tar"
  mv "$root.new" "$root"
}

for preset; do
  case $preset in
    arm64) processor=aarch64 ;;
    s390x) processor=s390x ;;
    *) echo "foreign.sh: no preset '$preset': use arm64 or s390x" >&2; exit 64 ;;
  esac
  echo "foreign.sh: $preset"
  make_sysroot "$preset" "$processor"
  cmake --preset "$preset"
  cmake --build --preset "$preset" --parallel "$(nproc)"
  ctest --preset "$preset" --parallel "$(nproc)" --exclude-regex "$slow"
  sed -n "s/^skipped: /foreign.sh: $preset: skipped: /p" "build/$preset/Testing/Temporary/LastTest.log" | sort | uniq -c
done
