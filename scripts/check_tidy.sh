#!/bin/sh
# clang-tidy over all headers, and over what instantiates them: the compiled solver, the C library, the
# tool. Some ten minutes of one core. The checks stand in .clang-tidy.
#   sh scripts/check_tidy.sh [FILE...]
set -u
cd "$(dirname "$0")/.." || exit 1
command -v clang-tidy >/dev/null || { echo "tidy: clang-tidy is not there: apt install clang-tidy" >&2; exit 1; }
out=build-tidy
mkdir -p $out
echo '#include <amq/amq.hpp>' >$out/amq.cpp
(cd include && ls amq_lab/*/*.hpp) | grep -v hdf5 | sed 's/.*/#include <&>/' >$out/lab.cpp
[ $# -gt 0 ] || set -- $out/amq.cpp $out/lab.cpp bindings/c/amq_c.cpp tools/amq.cpp src/compiled.cpp
status=0
for file in "$@"; do
  # shellcheck disable=SC2046
  if clang-tidy --quiet "$file" --config-file=.clang-tidy -- -std=c++20 -Iinclude -Ibindings/c -march=x86-64-v3 \
    $(pkg-config --cflags eigen3 xsimd | sed 's/-I/-isystem /g') >$out/log 2>/dev/null; then
    echo "$file: clean"
  else
    cat $out/log
    status=1
  fi
done
exit $status
