#!/bin/sh
# Builds the Debian packages in build/package/packages: build.sh [OUTPUT_DIR]
# Copies them to OUTPUT_DIR if it is given. The same source gives the same bytes in any folder, at any time, for any user.
set -eu
umask 022
root=$(cd "$(dirname "$0")/../.." && pwd)
build=$root/build/package
output=
[ $# -eq 0 ] || { mkdir -p "$1" && output=$(cd "$1" && pwd); }
export LC_ALL=C.UTF-8 TZ=UTC
: "${SOURCE_DATE_EPOCH:=$(date -d "$(sed -n 's/^ -- .*>  //p' "$root/cmake/packaging/changelog" | head -n 1)" +%s)}"
export SOURCE_DATE_EPOCH
cd "$root"
cmake --preset package
cmake --build --preset package --parallel "$(nproc)"
rm -rf "$build/packages" "$build/_CPack_Packages"
cd "$build"
cpack -G DEB
# CPack cannot write the field Multi-Arch, and adds scripts that call ldconfig, which the trigger does already.
for package in packages/libpaxect-core*.deb; do
  rm -rf unpacked
  dpkg-deb -R "$package" unpacked
  sed -i '/^Architecture:/a Multi-Arch: same' unpacked/DEBIAN/control
  rm -f unpacked/DEBIAN/postinst unpacked/DEBIAN/postrm
  dpkg-deb --root-owner-group -Zxz --build unpacked "$package" >/dev/null
done
[ -z "$output" ] || cp "$build"/packages/*.deb "$output"
