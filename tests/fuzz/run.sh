#!/bin/sh
# Fuzzes one target: tests/fuzz/run.sh [--afl] [--merge] TARGET [SECONDS]
# Builds the target with clang, AddressSanitizer and UndefinedBehaviorSanitizer in build/fuzz (--afl: build/afl) and runs
# libFuzzer (--afl: AFL++) for SECONDS, 60 by default. New inputs go to build/fuzz/corpus/TARGET. After a finding that
# directory has a file crash-*, and the exit status is not 0. --merge then adds small inputs with new coverage to
# tests/fuzz/corpus/TARGET.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
engine=libfuzzer merge=
while :; do
  case ${1:-} in
    --afl) engine=afl; shift ;;
    --merge) merge=1; shift ;;
    *) break ;;
  esac
done
target=${1:?usage: run.sh [--afl] [--merge] TARGET [SECONDS]}
seconds=${2:-60}
[ -f "$root/tests/fuzz/$target.cc" ] || { echo "run.sh: no target '$target' in tests/fuzz" >&2; exit 64; }

if [ $engine = afl ]; then
  build=$root/build/afl c=afl-clang-fast cxx=afl-clang-fast++ sanitize=address,undefined
else
  build=$root/build/fuzz c=clang cxx=clang++ sanitize=address,undefined,fuzzer-no-link
fi
command -v $cxx >/dev/null || { echo "run.sh: $cxx is missing: install clang (or afl++)" >&2; exit 69; }
cmake -S "$root" -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=RelWithDebInfo -DCMAKE_C_COMPILER=$c \
  -DCMAKE_CXX_COMPILER=$cxx -DCMAKE_CXX_FLAGS="-fsanitize-ignorelist=$root/tests/fuzz/ignorelist.txt" \
  -DPAXECT_SANITIZE=$sanitize -DPAXECT_FUZZER=ON >/dev/null
cmake --build "$build" --target "fuzz_$target" >&2

corpus=$root/tests/fuzz/corpus/$target
found=$build/corpus/$target
mkdir -p "$found"
program=$build/tests/fuzz/fuzz_$target
if [ $engine = afl ]; then
  seeds=$build/seeds/$target
  mkdir -p "$seeds"
  find "$corpus" "$root/tests/vectors" -maxdepth 1 -type f -size -20k ! -empty -exec cp {} "$seeds" \;
  AFL_SKIP_CPUFREQ=1 AFL_I_DONT_CARE_ABOUT_MISSING_CRASHES=1 AFL_NO_UI=1 \
    afl-fuzz -i "$seeds" -o "$found" -V "$seconds" -- "$program"
  grep -E 'execs_done|saved_crashes|saved_hangs' "$found/default/fuzzer_stats"
  [ -z "$(find "$found/default/crashes" -name 'id:*')" ]
  exit
fi
cd "$found"
nice "$program" -max_total_time="$seconds" -timeout=20 -rss_limit_mb=1024 -max_len=4096 -print_final_stats=1 \
  -artifact_prefix="$found/" "$found" "$corpus" "$root/tests/vectors"
[ -z "$merge" ] || "$program" -merge=1 -max_len=1024 "$corpus" "$found"
