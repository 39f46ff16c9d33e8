#!/bin/sh
# Builds the library, its command and their tests for other processors and runs them under qemu: foreign.sh [PRESET]...
# The presets are arm64 and s390x, which is big-endian; the default is both. mmdebstrap unpacks the libraries of each into
# a sysroot, because Debian's packages for several processors cannot all be installed side by side. It is kept, and made
# again when other libraries are listed here.
set -eu
cd "$(dirname "$0")/../.."
cmake/setup.sh foreign
[ $# -gt 0 ] || set -- arm64 s390x

libraries=libc6-dev,libzstd-dev,libssl-dev,libdeflate-dev,libboost-program-options-dev,rapidjson-dev,catch2
# arm64 multiplies with ISA-L, and s390x with the implementation that stands in for it.
arm64_libraries=,libisal-dev s390x_libraries=
# Most of the time under emulation, and nothing in them depends on the processor.
slow='at random|random damage|no single-byte change|the memory bound holds|a copy full of traces|one flipped bit'
slow="$slow|:each failing|any one system call|for every way of passing a container|a file that becomes shorter"
slow="$slow|numbering, comparing and merging"
# Containers of more than 16 MiB. Those of the other repair tests are shorter under emulation.
slow="$slow|in every window and between windows|of several windows|several_windows|the lists of a later window|the lists of a window"
slow="$slow|where it ends in the parity of its window"

make_sysroot() { # PRESET PROCESSOR LIBRARIES
  root=build/sysroot/$2
  suite=$(. /etc/os-release && echo "$VERSION_CODENAME")
  content="$suite $3"
  [ "$(cat "$root/content" 2>/dev/null)" != "$content" ] || return 0
  mkdir -p build/sysroot
  mmdebstrap --quiet --variant=extract --architectures="$1" --include="$3" "$suite" "$root.tar" \
    >"$root.log" 2>&1 || { cat "$root.log" >&2; exit 1; }
  # Only headers and libraries: the emulator looks for every path that a program opens below the sysroot first.
  rm -rf "$root.new"
  mkdir "$root.new"
  tar x -C "$root.new" -f "$root.tar" ./lib ./usr/include ./usr/lib ./usr/share/pkgconfig
  rm "$root.tar"
  echo "$content" >"$root.new/content"
  # What CMake found in the sysroot before is not looked for again.
  rm -rf "$root" "build/$1"
  mv "$root.new" "$root"
}

for preset; do
  case $preset in
    arm64) processor=aarch64 more=$arm64_libraries ;;
    s390x) processor=s390x more=$s390x_libraries ;;
    *) echo "foreign.sh: no preset '$preset': use arm64 or s390x" >&2; exit 64 ;;
  esac
  echo "foreign.sh: $preset"
  make_sysroot "$preset" "$processor" "$libraries$more"
  cmake --preset "$preset"
  cmake --build --preset "$preset" --parallel "$(nproc)"
  ctest --preset "$preset" --parallel "$(nproc)" --exclude-regex "$slow"
  sed -n "s/^skipped: /foreign.sh: $preset: skipped: /p" "build/$preset/Testing/Temporary/LastTest.log" | sort | uniq -c
done
