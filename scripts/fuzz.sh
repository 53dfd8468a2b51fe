#!/bin/sh
# Fuzzes every reader with libFuzzer under ASan and UBSan, and merges what is new into the corpus.
#   sh scripts/fuzz.sh MINUTES [TARGET...]     MINUTES in all
# Time is shared out by tests/fuzz/record.csv: a target that is further from 10,000,000 inputs, or
# slower, gets more; one that has had them waits for the others, unless it is named. AMQ_FUZZ_MERGE=0
# leaves the corpus as it is. AMQ_FUZZ_TIMEOUT: seconds of the clock that an input may take, more than
# 2 on a busy machine. Ends with a table. A fault leaves its input in build-fuzz/ and a
# status of 1.
set -u
cd "$(dirname "$0")/.." || exit 1
minutes=${1:?usage: sh scripts/fuzz.sh MINUTES [TARGET...]}
shift
out=build-fuzz
record=tests/fuzz/record.csv
mkdir -p $out
flags="-std=c++20 -O2 -g1 -fno-omit-frame-pointer -march=x86-64 -Iinclude -Ibindings/c $(pkg-config --cflags eigen3 xsimd)
  -fsanitize=fuzzer-no-link,address,undefined,float-cast-overflow -fno-sanitize-recover=all"
all=$(sed -n 's/^ *\(X([a-z_]*) *\)/\1/p' tests/fuzz/targets.hpp | grep -o 'X([a-z_]*)' | tr -d 'X()')
named=$*
# What each target is linked of: that of the model takes minutes to compile, and readers do without.
sources_of() {
  case $1 in
    c_interface) echo tests/fuzz/targets_c tests/fuzz/targets_model tests/fuzz/c_grid bindings/c/amq_c ;;
    model) echo tests/fuzz/targets_model tests/fuzz/c_grid ;;
    *) grep -l "^void target_$1(" tests/fuzz/targets*.cpp | sed 's/\.cpp$//' ;;
  esac
}
changed=
for source in tests/fuzz/file $(for target in ${named:-$all}; do sources_of "$target"; done | tr ' ' '\n' | sort -u); do
  object=$out/$(basename "$source").o
  if [ -f "$object" ] &&
    [ -z "$(find include bindings/c "$source.cpp" tests/fuzz/targets.hpp -newer "$object" -type f)" ]; then
    continue
  fi
  # shellcheck disable=SC2086
  clang++ $flags -c "$source.cpp" -o "$object" || exit 1
  changed=1
done
[ -z "$changed" ] && [ -f $out/libtargets.a ] || { rm -f $out/libtargets.a && ar rcs $out/libtargets.a $out/*.o; } || exit 1
[ -f $record ] || echo target,executions,seconds,edges,faults >$record
# Lines "target seconds": shares go by the root of the time that is left to the goal, so that a slow
# target has the most and does not have all.
plan=$(for target in ${named:-$all}; do
  grep "^$target," $record || echo "$target,0,0,0,0"
done | awk -F, -v seconds=$((minutes * 60)) -v named="$named" '
  { left = 1e7 - $2
    per = $2 > 0 ? $3 / $2 : 1e-4
    need[NR] = sqrt(left > 0 ? left * per : named == "" ? 0 : 1e7 * per)
    name[NR] = $1; sum += need[NR] }
  END { for (k = 1; k <= NR; ++k) {
          s = int(sum > 0 ? seconds * need[k] / sum : seconds / NR)
          if (need[k] > 0 || sum == 0) print name[k], s < 1 ? 1 : s } }')
status=0
echo "$plan" >$out/plan
while read -r target seconds; do
  corpus=tests/fuzz/corpus/$target
  mkdir -p "$corpus" "$out/$target"
  # shellcheck disable=SC2086
  [ -n "$(find "$out/fuzz_$target" -newer $out/libtargets.a -newer tests/fuzz/fuzz.cpp 2>/dev/null)" ] ||
    clang++ $flags -DAMQ_FUZZ_TARGET="$target" tests/fuzz/fuzz.cpp $out/libtargets.a \
      -fsanitize=fuzzer,address,undefined -lz -o "$out/fuzz_$target" || exit 1
  faults=0
  "$out/fuzz_$target" -max_total_time="$seconds" -timeout="${AMQ_FUZZ_TIMEOUT:-2}" -rss_limit_mb=1024 -malloc_limit_mb=128 \
    -max_len=65536 -reload=0 -artifact_prefix="$out/${target}_" -print_final_stats=1 \
    "$out/$target" "$corpus" >"$out/$target.log" 2>&1 </dev/null || {
    status=1 faults=1
    echo "fuzz: $target failed; see $out/$target.log" >&2
  }
  if [ "${AMQ_FUZZ_MERGE:-1}" = 1 ]; then
    "$out/fuzz_$target" -merge=1 -max_len=16384 "$corpus" "$out/$target" >>"$out/$target.log" 2>&1 </dev/null
  fi
  # Inputs of this run, the time they took, and the most edges any run has reached, beside what was.
  runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$out/$target.log" | head -1)
  took=$(sed -n 's/^Done [0-9]* runs in \([0-9]*\) second.*/\1/p' "$out/$target.log" | head -1)
  edges=$(sed -n 's/.* cov: \([0-9]*\) .*/\1/p' "$out/$target.log" | sort -n | tail -1)
  { grep -v "^$target," $record
    { grep "^$target," $record || echo "$target,0,0,0,0"; } | awk -F, -v OFS=, -v r="${runs:-0}" \
      -v t="${took:-$seconds}" -v e="${edges:-0}" -v f=$faults \
      '{ print $1, $2 + r, $3 + t, (e > $4 ? e : $4), $5 + f }'
  } >$out/record && cp $out/record $record
done <$out/plan
column -s, -t $record 2>/dev/null || cat $record
exit $status
