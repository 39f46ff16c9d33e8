#!/bin/sh
# Adds to an installed component what Debian's policy requires of a package:
# finish.sh NAME STAGED CONTROL SOURCE_DIR BUILD_DIR
# STAGED has the component's files below /. CONTROL receives conffiles and maintainer scripts if the component needs them.
set -eu
name=$1 staged=$2 control=$3 source=$4 build=$5
here=$source/cmake/packaging
rm -rf "$control"
mkdir -p "$control"

# Documentation: changelog, copyright and compressed man pages, all without time stamps.
doc=$staged/usr/share/doc/$name
mkdir -p "$doc"
gzip -9n <"$here/changelog" >"$doc/changelog.Debian.gz"
cp "$here/copyright" "$doc/copyright"
if [ -d "$staged/usr/share/man" ]; then find "$staged/usr/share/man" -type f ! -name '*.gz' -exec gzip -9n {} +; fi
if [ -f "$here/$name.lintian-overrides" ]; then
  mkdir -p "$staged/usr/share/lintian/overrides"
  cp "$here/$name.lintian-overrides" "$staged/usr/share/lintian/overrides/$name"
fi

# dh_strip removes these sections; strip alone does not.
find "$staged" -type f \( -path '*/bin/*' -o -name '*.so*' \) -exec \
  strip --remove-section=.comment --remove-section=.note {} +

# The symbols file lists for each exported symbol the version that introduced it. Other packages get their dependency on
# the library from it.
for library in "$staged"/usr/lib/*/libpaxect_core.so.*; do
  [ -f "$library" ] && [ ! -L "$library" ] || continue
  nm -D --defined-only --with-symbol-versions "$library" | awk '{ print $NF }' | sed 's/@@*.*//' | sort >"$control.exported"
  sed -n 's/^ \([^@]*\)@.*/\1/p' "$here/library/symbols" | sort >"$control.listed"
  diff "$control.listed" "$control.exported" >&2 || {
    echo "finish.sh: cmake/packaging/library/symbols differs from the symbols that the library exports, as shown above" >&2
    exit 1
  }
done

# The bill of materials of all packages is in this one.
if [ "$name" = paxect ]; then
  python3 "$here/sbom.py" "$(dirname "$staged")" "$here/changelog" "$build" >"$doc/paxect.cdx.json"
fi

# Files below /etc belong to the administrator.
if [ -d "$staged/etc" ]; then (cd "$staged" && find etc -type f | sed 's|^|/|' | LC_ALL=C sort) >"$control/conffiles"; fi
# Only a package with a service has maintainer scripts, which are in the folder of its name.
if [ -d "$here/$name" ]; then cp "$here/$name/postinst" "$here/$name/prerm" "$here/$name/postrm" "$control"; fi

find "$staged" -type d -exec chmod 755 {} +
find "$staged" "$control" -exec touch -h -d "@${SOURCE_DATE_EPOCH:?is not set: use build.sh}" {} +
