#!/bin/sh
# The main example, from an empty machine to its table and pictures in out/. Arguments go to the program.
set -eu
cd "$(dirname "$0")/.."
example=examples/01_darcy_amq
if [ ! -d $example ]; then
  echo "demo: $example is not there" >&2
  exit 1
fi
sh scripts/setup.sh
[ -f build/build.ninja ] || meson setup build
ninja -C build $example/01_darcy_amq
mkdir -p out
exec build/$example/01_darcy_amq "$@"
