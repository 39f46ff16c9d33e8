#!/bin/sh
# Tests the page of the panel in Chromium: browser.sh [TEST...]
# Skipped where chromium and chromedriver are not installed: apt-get install chromium chromium-driver
# axe-core (MPL-2.0) checks the accessibility. npm brings it into the build directory, and verifies what it brings; its
# test is skipped where that fails. A copy in the repository would be 650 KB of somebody else's code to keep current.
set -eu
cd "$(dirname "$0")/../.."
for tool in chromium chromedriver; do
  command -v "$tool" >/dev/null || { echo "browser.sh: skipped: $tool is not installed" >&2; exit 0; }
done
axe_version=4.10.3
axe=$PWD/build/axe/node_modules/axe-core/axe.min.js
if [ ! -e "$axe" ]; then
  mkdir -p build/axe
  npm install --prefix build/axe --no-save --ignore-scripts --no-audit --no-fund "axe-core@$axe_version" >build/axe/log 2>&1 || rm -f "$axe"
fi
if [ -e "$axe" ]; then
  export "PAXECT_TEST_AXE=$axe"
else
  echo "browser.sh: the test with axe-core is skipped: npm could not bring axe-core@$axe_version" >&2
fi
cmake --preset release >/dev/null
cmake --build --preset release --target paxect paxect_link paxect_panel paxect_carrier >/dev/null
PAXECT_TEST_BIN=$PWD/build/release/bin PYTHONDONTWRITEBYTECODE=1 exec python3 tests/panel/browser_test.py "$@"
