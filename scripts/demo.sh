#!/bin/sh
# From an empty machine: trains a small adaptive solver, its table and pictures in out/, and then shows the
# accurate one that is shipped, beside the classical solver. Arguments go to the first program.
set -eu
cd "$(dirname "$0")/.."
trained=examples/01_darcy_amq shipped=examples/09_accurate
for example in $trained $shipped; do
  if [ ! -d $example ]; then
    echo "demo: $example is not there" >&2
    exit 1
  fi
done
sh scripts/setup.sh
[ -f build/build.ninja ] || meson setup build
ninja -C build $trained/01_darcy_amq $shipped/09_accurate
mkdir -p out
build/$trained/01_darcy_amq "$@"
echo
exec build/$shipped/09_accurate $shipped
