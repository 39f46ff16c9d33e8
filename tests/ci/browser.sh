#!/bin/sh
# Tests the page of the panel in Chromium: browser.sh [TEST...]
# Skipped where chromium and chromedriver are not installed: apt-get install chromium chromium-driver
set -eu
cd "$(dirname "$0")/../.."
for tool in chromium chromedriver; do
  command -v "$tool" >/dev/null || { echo "browser.sh: skipped: $tool is not installed" >&2; exit 0; }
done
cmake --preset release >/dev/null
cmake --build --preset release --target paxect paxect_link paxect_panel >/dev/null
PAXECT_TEST_BIN=$PWD/build/release/bin PYTHONDONTWRITEBYTECODE=1 exec python3 tests/panel/browser_test.py "$@"
