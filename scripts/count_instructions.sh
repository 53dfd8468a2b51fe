#!/bin/sh
# Instructions of each kernel on AVX2, by callgrind, for 480 rows of 128 channels to 128: a number that
# does not depend on what else the machine does.  sh scripts/count_instructions.sh [build directory]
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
build=${1:-$root/build}
command -v valgrind >/dev/null || { echo "count_instructions: install valgrind" >&2; exit 1; }
[ -d "$build" ] || meson setup "$build" "$root"
ninja -C "$build" bench/kernels/bench_kernels_instructions >/dev/null
count() {
  valgrind --tool=callgrind --callgrind-out-file=/dev/null \
    "$build/bench/kernels/bench_kernels_instructions" "$1" "$2" 2>&1 | sed -n 's/.*Collected : //p'
}
printf '%-18s %22s %20s\n' kernel 'instructions a row' 'of these dots'
for what in sums codes_to_floats floats_to_floats codes_to_codes quantize swish messages; do
  # Once and five times: what goes before is in both.
  once=$(count $what 1)
  more=$(count $what 5)
  case $what in
  quantize | swish) least=- ;;
  # Two products and two sums for each 32 products of codes.
  *) least=$((128 * 128 * 4 / 32)) ;;
  esac
  printf '%-18s %22d %20s\n' $what $(((more - once) / 4 / 480)) "$least"
done
