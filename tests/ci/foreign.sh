#!/bin/sh
# Builds the library, its command and their tests for other processors and runs them under emulation: foreign.sh [PRESET]...
# arm64 and s390x, which is big-endian, unless named. The libraries of each come from a sysroot that mmdebstrap unpacks
# once into build/sysroot: Debian's packages of several processors cannot all be installed side by side.
set -eu
cd "$(dirname "$0")/../.."
cmake/setup.sh foreign
[ $# -gt 0 ] || set -- arm64 s390x

packages=libc6-dev,libstdc++-12-dev,libzstd-dev,libssl-dev,libdeflate-dev,libboost-program-options-dev,rapidjson-dev,catch2

make_sysroot() { # PRESET PROCESSOR
  [ ! -d "build/sysroot/$2" ] || return 0
  suite=$(. /etc/os-release && echo "$VERSION_CODENAME")
  mkdir -p build/sysroot
  rm -rf "build/sysroot/$2.new"
  mmdebstrap --quiet --variant=extract --architectures="$1" --include="$packages" "$suite" "build/sysroot/$2.tar" \
    >"build/sysroot/$2.log" 2>&1 || { cat "build/sysroot/$2.log" >&2; exit 1; }
  # Headers and libraries alone: the emulator looks for every path that a program opens below the sysroot first.
  mkdir "build/sysroot/$2.new"
  tar x -C "build/sysroot/$2.new" -f "build/sysroot/$2.tar" ./lib ./usr/include ./usr/lib ./usr/share/pkgconfig
  rm "build/sysroot/$2.tar"
  mv "build/sysroot/$2.new" "build/sysroot/$2"
}

for preset; do
  case $preset in
    arm64) processor=aarch64 ;;
    s390x) processor=s390x ;;
    *) echo "foreign.sh: no preset '$preset': use arm64 or s390x" >&2; exit 64 ;;
  esac
  printf '== %s\n' "$preset"
  make_sysroot "$preset" "$processor"
  cmake --preset "$preset"
  cmake --build --preset "$preset" --parallel "$(nproc)"
  ctest --preset "$preset" --parallel "$(nproc)"
  grep -h '^skipped: ' "build/$preset/Testing/Temporary/LastTest.log" | sort | uniq -c
done
