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
if [ -f build/build.ninja ]; then
  [ $# = 0 ] || meson configure build "$@" || fail "the build cannot be configured"
else
  meson setup build -Dbench_by_default=false "$@" || fail "the build cannot be configured"
fi
ninja -C build || fail "the build failed"
# Four times the usual patience: machines differ, and the loaded ones are slow.
meson test -C build --no-rebuild --print-errorlogs --timeout-multiplier 4
status=$?
python3 scripts/count_tests.py build/meson-logs/testlog.json || status=1
exit $status
