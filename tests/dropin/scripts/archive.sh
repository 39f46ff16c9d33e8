#!/bin/sh
# A script for the Python core: files, pipes, every form of the options, exit statuses. CORE is the command.
set -eu
CORE=${CORE:-python paxect_core.py}
step() { echo "archive.sh: line $1" >&2; exit 1; }
ends_with() { # STATUS COMMAND...: COMMAND must exit with STATUS
  want=$1
  shift
  got=0
  "$@" 2>message || got=$?
  [ "$got" -eq "$want" ] || { echo "archive.sh: status $got instead of $want of: $*" >&2; cat message >&2; exit 1; }
}

seq 1 50000 >data.txt
mkdir -p tree/sub
date >tree/sub/today

# every form of the options gives the same container
$CORE encode -i data.txt -o data.freq
$CORE encode --input data.txt --output long.freq
$CORE encode --input=data.txt --output=equals.freq
$CORE encode -idata.txt -oglued.freq
$CORE encode -i=data.txt -o=short-equals.freq
$CORE encode --in data.txt --out short.freq --lev 5 --chan 1
$CORE encode --level 9 -i data.txt -o last.freq --level 5 # the last one counts
$CORE encode -o defaults.freq --frame 1048576 --mapping virtual --channels 1 -i data.txt --level 5
$CORE encode <data.txt >pipe.freq
$CORE encode -i - -o - <data.txt >dash.freq
$CORE encode -i data.txt >half-pipe.freq
cat data.txt | $CORE encode -o pipe-half.freq
for container in *.freq; do cmp data.freq "$container" || step $LINENO; done

# decode
$CORE decode -i data.freq -o back.txt --verify
cmp data.txt back.txt
$CORE decode <data.freq | cmp - data.txt
tar cf - tree | $CORE encode --verify --channels 8 --frame 4096 --level -3 | $CORE decode --verify | tar tf - >listing
grep -qx 'tree/sub/today' listing || step $LINENO
: | $CORE encode | $CORE decode | cmp - /dev/null

# an existing output is replaced, whether longer or shorter, and through a symbolic link
seq 1 100000 >back.txt
$CORE decode -i data.freq -o back.txt
cmp data.txt back.txt
ln -s back.txt link.txt
$CORE decode -i long.freq -o link.txt
[ -h link.txt ] || step $LINENO
cmp data.txt back.txt
$CORE decode -i data.freq -o /dev/null
$CORE decode -i data.freq -o /dev/stdout | cmp - data.txt

# exit statuses; nothing on stdout
ends_with 3 $CORE encode -i missing -o x
ends_with 3 $CORE decode -i missing -o x
ends_with 4 $CORE decode -i data.txt -o x
head -c 1000 data.freq >half
ends_with 4 $CORE decode -i half -o x
size=$(wc -c <data.freq)
{ head -c $((size - 1)) data.freq; printf '\377'; } >digest
ends_with 2 $CORE decode -i digest -o x --verify
for wrong in "" "encode --level five" "encode --mapping u8" "encode --level" "frobnicate" "decode --level 5" "encode stray"; do
  # shellcheck disable=SC2086
  if $CORE $wrong </dev/null >output 2>message; then step $LINENO; fi
  [ ! -s output ] && [ -s message ] || step $LINENO
done
$CORE -h >help
grep -q decode help || step $LINENO
