#!/bin/sh
# The whole project with clang, warnings as errors, and every test on it. Arguments go to meson setup.
set -eu
cd "$(dirname "$0")/.."
[ -f build-clang/build.ninja ] || CXX="${CXX:-clang++}" meson setup build-clang -Dtests=enabled -Dbench_by_default=true "$@"
ninja -C build-clang all stories
exec meson test -C build-clang --no-rebuild --no-suite house --print-errorlogs --timeout-multiplier 4
