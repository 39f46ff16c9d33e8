#!/bin/sh
# Checks that dependencies run one way, in the includes of the sources and in the binaries. Core depends on nothing else
# of ours, a plugin on the C ABIs core.h and plugin.h (plugin.hpp is the latter for C++), the host on plugin.h only. Inside link a layer includes only layers
# below it, and no stage includes another.
# usage: dependency_direction.sh SOURCE_DIR BUILD_DIR
set -eu
source=$1
build=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Whether "$3", included by the file $2, is a file of the component in folder $1.
is_own() {
  for candidate in "$(dirname "$2")/$3" "$1/src/$3" "$1/include/$3" "$1/$3"; do
    [ -e "$candidate" ] || continue
    case $(realpath "$candidate") in "$1"/*) return 0 ;; esac
  done
  return 1
}

# Prints each include in the component in folder $1 that is not allowed: of <paxect/...>, all but those in $2;
# of "...", all that are not files of its own; and those of RapidJSON's types, which do not notice that memory ran out.
wrong_includes() {
  component=$(realpath "$1")
  find "$component" \( -name '*.h' -o -name '*.hpp' -o -name '*.cc' -o -name '*.c' \) -print | while read -r file; do
    sed -n 's/^[[:space:]]*#[[:space:]]*include[[:space:]]*\([<"][^>"]*\).*/\1/p' "$file" | while read -r include; do
      name=${include#?}
      case $include in
        '<paxect/'*) case " $2 " in *" $name "*) continue ;; esac ;;
        '<rapidjson/error/en.h' | '<rapidjson/memorystream.h') continue ;; # these allocate nothing
        '<rapidjson/'*) ;;                                                 # checked_json.h instead
        '<'*) continue ;;
        *) ! is_own "$component" "$file" "$name" || continue ;;
      esac
      echo "$file includes $name"
    done
  done
}

# Prints each include in the link sources $1 of a layer above, or of another stage.
wrong_layers() {
  below=
  for layer in base proof settings records stages relay commands; do
    for file in "$1/$layer"/*; do
      own=$layer/$(basename "${file%.*}").h
      sed -n 's/^#include "\(.*\)"/\1/p' "$file" | while read -r name; do
        case " $below " in *" ${name%/*} "*) continue ;; esac
        [ "$layer" = stages ] || [ "${name%/*}" != "$layer" ] || continue
        [ "$name" = "$own" ] || echo "$file includes $name"
      done
    done
    below="$below $layer"
  done
}

# Prints each dependency of the binary $1 on something of ours that is not in $2, and each namespace of ours
# in $3 that has code in it.
wrong_links() {
  [ -e "$1" ] || { echo "$1 is missing"; return; }
  for needed in $(readelf -d "$1" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p'); do
    case " $2 " in *" $needed "*) continue ;; esac
    case $needed in libpaxect* | paxect*) echo "$1 needs $needed" ;; esac
    [ ! -e "$build/lib/paxect/plugins/$needed" ] || echo "$1 needs the plugin $needed"
  done
  nm -C --defined-only "$1" >"$work/symbols"
  for name in $3; do
    ! grep -q " paxect::$name::" "$work/symbols" || echo "$1 contains code of paxect::$name"
  done
}

check_includes() {
  wrong_includes "$1/libpaxect_core" "paxect/core.h"
  wrong_includes "$1/host" "paxect/plugin.h"
  for plugin in "$1"/*_plugin; do
    wrong_includes "$plugin" "paxect/core.h paxect/plugin.h paxect/plugin.hpp"
  done
  wrong_layers "$1/link_plugin/src"
}

# The check itself must work: it has to find the wrong includes that are planted here.
link=$work/tree/link_plugin/src
mkdir -p "$work/tree/host/src" "$work/tree/libpaxect_core/src"
for layer in base proof settings records stages relay commands; do
  mkdir -p "$link/$layer"
  : >"$link/$layer/a.h"
done
echo '#include <paxect/core.h>' >"$work/tree/host/src/a.cc"
echo '#include "../../link_plugin/src/d.h"' >"$work/tree/host/src/b.cc"
echo '#include <paxect/plugin.h>' >"$work/tree/libpaxect_core/src/c.cc"
echo '#include <rapidjson/document.h>' >"$work/tree/libpaxect_core/src/h.cc"
echo '#include "a.h"' >"$link/d.h"
echo '#include "relay/a.h"' >"$link/base/e.cc"
echo '#include "stages/a.h"' >"$link/stages/f.cc"
echo '#include "stages/a.h"' >"$link/relay/g.cc" # as it should be
: >"$work/tree/host/src/a.h"
[ "$(check_includes "$work/tree" | wc -l)" -eq 7 ] || {
  echo "dependency_direction.sh: wrong includes go unseen; found only:" >&2
  check_includes "$work/tree" >&2
  exit 1
}

{
  check_includes "$source"
  wrong_links "$build/lib/libpaxect_core.so" "" "host link"
  wrong_links "$build/bin/paxect-core" "libpaxect_core.so.1" "host link"
  wrong_links "$build/bin/paxect" "" "core link"
  for plugin in "$source"/*_plugin; do
    name=$(basename "$plugin" _plugin)
    module=$build/lib/paxect/plugins/$name.so
    wrong_links "$module" "libpaxect_core.so.1" "core host"
    exported=$(nm -D --defined-only "$module" | awk '$3 ~ /paxect/ { print $3 }')
    [ "$exported" = paxect_plugin_query ] || echo "$module exports more than paxect_plugin_query: $exported"
  done
} >"$work/faults"
if [ -s "$work/faults" ]; then
  cat "$work/faults" >&2
  exit 1
fi
