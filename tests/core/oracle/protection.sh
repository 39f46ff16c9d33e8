#!/bin/sh
# Encodes data of several sizes with protection and checks the containers with protection.py: PYTHON PAXECT_CORE
set -eu
python=$1 core=$2
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$python" -c 'import random, sys; random.seed(1); sys.stdout.buffer.write(random.randbytes(34 << 20))' >"$work/data"
for size in 0 1 700 20000 300000 3000000 35651584; do
  for percent in 1 6 50; do
    head -c "$size" "$work/data" | "$core" encode --protect "$percent" --frame 1000000 --level -7 -o "$work/$size-$percent.freq"
  done
done
"$python" "$here/protection.py" "$work"/*.freq "$here"/../../vectors/protect/empty.freq \
  "$here"/../../vectors/protect/one-byte.freq "$here"/../../vectors/protect/noise.freq "$here"/../../vectors/protect/text.freq
