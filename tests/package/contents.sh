#!/bin/sh
# Checks the contents of the packages: contents.sh DIRECTORY_OF_DEBS
# lintian reports nothing except what the overrides explain; names, dependencies and paths are as intended; the bill of
# materials lists everything that the binaries need.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
debs=$(cd "$1" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() { echo "contents.sh: $*" >&2; exit 1; }
one() { set -- "$debs"/"$1"_*.deb; [ $# -eq 1 ] && [ -f "$1" ] || fail "not one package $1"; echo "$1"; }
field() { dpkg-deb -f "$(one "$1")" "$2"; }

library=$(one libpaxect-core1)
development=$(one libpaxect-core-dev)
programs=$(one paxect)
carrier=$(one paxect-carrier)
quiet=; [ "$(id -u)" -ne 0 ] || quiet=--allow-root
lintian $quiet --fail-on error,warning --no-tag-display-limit "$library" "$development" "$programs" "$carrier" 2>"$work/noise" ||
  fail "lintian found what no override gives a reason for"

case $(field libpaxect-core1 Depends) in *libzstd1*libpaxect*) fail "the library depends on itself" ;; *libzstd1*) ;;
  *) fail "the library does not depend on libzstd1: $(field libpaxect-core1 Depends)" ;; esac
case $(field paxect Depends) in *"libpaxect-core1 (>="*libsodium*) ;; *) fail "paxect depends on $(field paxect Depends)" ;; esac
case $(field paxect Depends) in *libnats*) fail "paxect depends on libnats, which only paxect-carrier needs" ;; esac
version=$(field libpaxect-core1 Version)
[ "$(field libpaxect-core-dev Depends)" = "libpaxect-core1 (= $version)" ] || fail "the header is not tied to the library"
for package in libpaxect-core1 libpaxect-core-dev; do
  [ "$(field $package Multi-Arch)" = same ] || fail "$package cannot be installed for two architectures"
done

# Each package stops and restarts the units that it installs, and no other one.
for package in "$programs" "$carrier"; do
  rm -rf "$work/scripts" && dpkg-deb -e "$package" "$work/scripts"
  dpkg-deb -c "$package" | sed -n 's|.*/lib/systemd/system/\(.\)|\1|p' | sort >"$work/installed"
  for script in postinst prerm postrm; do
    grep -o 'paxect[a-z-]*@\*\.service' "$work/scripts/$script" | sed 's/\*//' | sort -u | diff "$work/installed" - ||
      fail "$script of $package handles other units than it installs, as shown above"
  done
done

for package in "$library" "$development" "$programs" "$carrier"; do dpkg-deb -x "$package" "$work/root"; done
dpkg-deb -e "$library" "$work/control"
[ ! -e "$work/control/postinst" ] || fail "the library needs no script: ldconfig is a trigger"
grep -q ldconfig "$work/control/triggers" || fail "the library does not trigger ldconfig"
triplet=$(dpkg-architecture -qDEB_HOST_MULTIARCH)
for path in usr/bin/paxect usr/bin/paxect-core usr/lib/paxect/plugins/link.so usr/lib/paxect/plugins/panel.so usr/lib/paxect/plugins/carrier.so "usr/lib/$triplet/libpaxect_core.so.1" \
  "usr/lib/$triplet/pkgconfig/paxect_core.pc" usr/include/paxect/core.h usr/include/paxect/plugin.h usr/include/paxect/plugin.hpp \
  usr/share/man/man1/paxect.1.gz usr/share/man/man7/paxect-link.7.gz usr/share/man/man7/paxect-panel.7.gz usr/share/man/man7/paxect-carrier.7.gz usr/share/doc/paxect/paxect.cdx.json \
  usr/share/doc/paxect/link_plugin/PROOF.md usr/share/doc/paxect/carrier_plugin/SCALING.md; do
  [ -e "$work/root/$path" ] || fail "no /$path"
done
# The library is shared and its header includes only the C library's: the package needs no other -dev package.
PKG_CONFIG_LIBDIR="$work/root/usr/lib/$triplet/pkgconfig" pkg-config --cflags --libs paxect_core >"$work/flags" ||
  fail "pkg-config needs more than the -dev package"
for binary in "$work"/root/usr/bin/* "$work"/root/usr/lib/paxect/plugins/*.so; do
  ! readelf -d "$binary" | grep -E 'RPATH|RUNPATH' || fail "$binary has a search path of its own"
done
[ -z "$(grep -rlF "$(cd "$here/../.." && pwd)" "$work/root")" ] || fail "the folder of the build is in a package"
/usr/bin/python3 "$here/bill_of_materials.py" "$work/root"
echo "contents.sh: passed"
