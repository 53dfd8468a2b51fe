#!/bin/sh
# Builds amq with all cores in build/, runs every test, shows the log of each that failed, and ends
# with "N passed, N failed". Arguments go to meson setup, e.g. -Dmarch=x86-64-v3. Programs of
# bench/ are read by the compiler, but not made: ninja -C build bench/pareto/pareto makes one.
set -u
cd "$(dirname "$0")/.." || exit 1

fail() {
  echo "test: $1" >&2
  echo "0 passed, 1 failed"
  exit 1
}

sh scripts/setup.sh --tests
how=setup
[ -f build/build.ninja ] && how=configure
meson $how build -Dtests=enabled -Dbench_by_default=false "$@" || fail "the build cannot be configured"
ninja -C build all stories || fail "the build failed"
# Four times the usual patience: machines differ, and the loaded ones are slow.
meson test -C build --no-rebuild --print-errorlogs --timeout-multiplier 4
status=$?
python3 scripts/count_tests.py build/meson-logs/testlog.json || status=1
exit $status
