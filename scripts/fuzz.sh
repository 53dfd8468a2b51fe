#!/bin/sh
# Fuzzes every reader with libFuzzer under ASan and UBSan, and merges what is new into the corpus.
#   sh scripts/fuzz.sh MINUTES [TARGET...]     MINUTES in all, shared among the targets
# Ends with a table: target, executions, edges covered, inputs of the corpus. A fault leaves its input
# in build-fuzz/ and a status of 1.
set -u
cd "$(dirname "$0")/.." || exit 1
minutes=${1:?usage: sh scripts/fuzz.sh MINUTES [TARGET...]}
shift
out=build-fuzz
mkdir -p $out
flags="-std=c++20 -O1 -g -fno-omit-frame-pointer -march=x86-64 -Iinclude $(pkg-config --cflags eigen3 xsimd)
  -fsanitize=fuzzer-no-link,address,undefined,float-cast-overflow -fno-sanitize-recover=all"
objects=
for source in targets targets_state targets_model; do
  # shellcheck disable=SC2086
  clang++ $flags -c tests/fuzz/$source.cpp -o $out/$source.o || exit 1
  objects="$objects $out/$source.o"
done
# shellcheck disable=SC2086
clang++ $flags tests/fuzz/replay.cpp $objects -fsanitize=address,undefined -lz -o $out/replay || exit 1
[ $# -gt 0 ] || set -- $($out/replay --list)
seconds=$((minutes * 60 / $#))
[ $seconds -gt 0 ] || seconds=1
status=0
: >$out/table
for target in "$@"; do
  corpus=tests/fuzz/corpus/$target
  mkdir -p "$corpus" "$out/$target"
  # shellcheck disable=SC2086
  clang++ $flags -DAMQ_FUZZ_TARGET="\"$target\"" tests/fuzz/fuzz.cpp $objects \
    -fsanitize=fuzzer,address,undefined -lz -o "$out/fuzz_$target" || exit 1
  "$out/fuzz_$target" -max_total_time=$seconds -timeout=2 -rss_limit_mb=1024 -malloc_limit_mb=128 -max_len=65536 \
    -artifact_prefix="$out/${target}_" -print_final_stats=1 "$out/$target" "$corpus" >"$out/$target.log" 2>&1 || {
    status=1
    echo "fuzz: $target failed; see $out/$target.log" >&2
  }
  "$out/fuzz_$target" -merge=1 -max_len=16384 "$corpus" "$out/$target" >>"$out/$target.log" 2>&1
  runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$out/$target.log" | tail -1)
  edges=$(sed -n 's/.* cov: \([0-9]*\) .*/\1/p' "$out/$target.log" | tail -1)
  printf '%-22s %12s %8s %8s\n' "$target" "${runs:-0}" "${edges:-0}" "$(ls "$corpus" | wc -l)" >>$out/table
done
printf '%-22s %12s %8s %8s\n' target executions edges inputs
cat $out/table
exit $status
