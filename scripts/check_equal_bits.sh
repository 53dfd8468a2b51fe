#!/bin/sh
# One number, however amq is built: every network deployed, and trainings, over compilers, levels of
# optimization and instruction sets, and on ARM under qemu where Debian's cross compiler is. Each
# program asks itself again by other threads, ranks and hosts. One to two hours of two cores.
#   sh scripts/check_equal_bits.sh              the matrix; status 1 where a number differs
#   sh scripts/check_equal_bits.sh WAY...       some of it: names of ways, as g++-O2-x86-64-v3
# A way that was built since headers and sources last changed is not built again. AMQ_JOBS: at most
# so many compilers at once.
set -u
cd "$(dirname "$0")/.." || exit 1
out=build-equal-bits
mkdir -p $out
flags="-std=c++20 -DAMQ_CHECKED -DDOCTEST_CONFIG_DISABLE -Iinclude $(pkg-config --cflags eigen3 xsimd) -pthread"
parts="main meshes grids training"
lacks() { ! grep -qw "$1" /proc/cpuinfo; }
# One way to build: NAME RUNNER COMPILER FLAGS...
way() {
  name=$1 runner=$2
  shift 2
  # What older sources gave is no part of the matrix.
  [ -f "$out/$name.log" ] && [ -n "$(find include tests/equal_bits tests/solver/fingerprints.hpp \
    tests/train/learnable.hpp -newer "$out/$name.log" -type f)" ] && rm -f "$out/$name.log"
  case " $wanted " in "  " | *" $name "*) ;; *) return ;; esac
  command -v "$1" >/dev/null || { echo "left out" >"$out/$name.log"; return; }
  [ -f "$out/$name.log" ] && grep -q "ways to run" "$out/$name.log" && return
  for part in $parts; do echo "$part"; done |
    xargs -P "${AMQ_JOBS:-$(nproc)}" -I{} "$@" $flags -c tests/equal_bits/{}.cpp -o "$out/$name.{}.o" \
      2>"$out/$name.log" || { echo "does not compile" >>"$out/$name.log"; return; }
  # shellcheck disable=SC2086
  "$@" -pthread $(for part in $parts; do echo "$out/$name.$part.o"; done) -o "$out/$name" 2>>"$out/$name.log"
  $runner "$out/$name" >"$out/$name.log" 2>&1 || echo "differs within itself" >>"$out/$name.log"
  rm -f "$out/$name".*.o "$out/$name"
}
wanted=$*
levels="x86-64 x86-64-v2"
lacks avx2 || levels="$levels x86-64-v3"
lacks avx512bw || levels="$levels x86-64-v4"
levels="$levels native"
qemu="qemu-aarch64 -L /usr/aarch64-linux-gnu"
for o in 2 0 3 1; do
  for level in $levels; do
    way g++-O$o-"$level" "" g++ -O$o -march="$level"
    # As freely as a host may ask for; g++ contracts a * b + c by itself.
    way clang++-O$o-"$level" "" clang++ -O$o -march="$level" -ffp-contract=fast
  done
  way g++-O$o-arm64 "$qemu" aarch64-linux-gnu-g++ -O$o
done
# Cells: a letter for each number of deployed solves, and one for each of trained weights.
cd $out && awk -v levels="$levels arm64" '
  function letter(of, n) { if (!((of, n) in letters)) letters[of, n] = substr("ABCDEFGHIJ", ++used[of], 1)
                           return letters[of, n] }
  FNR == 1 { name = FILENAME; sub(/^\.\//, "", name); sub(/\.log$/, "", name) }
  /left out/ { cell[name] = "-" }
  /does not compile|differs within itself/ { bad[name] = 1; status = 1 }
  /^deployed / { cell[name] = letter("deployed", $2); number = $2; ++n }
  /^trained / { cell[name] = cell[name] letter("trained", $2); if (!($2 in seen)) seen[$2] = ++kinds }
  END {
    rows = split(levels, level, " ")
    printf "%-18s %4s %4s %4s %4s\n", "", "-O0", "-O1", "-O2", "-O3"
    for (c = 1; c <= 2; ++c) for (k = 1; k <= rows; ++k) {
      compiler = c == 1 ? "g++" : "clang++"
      line = sprintf("%-18s", compiler " " level[k]); some = 0
      for (o = 0; o <= 3; ++o) {
        name = compiler "-O" o "-" level[k]
        text = name in bad ? "BAD" : name in cell ? cell[name] : "."
        some += text != "."; line = line sprintf(" %4s", text)
      }
      if (some) print line
    }
    if (used["deployed"] != 1) status = 1
    printf "%d programs; deployed: %d number(s), %s; trained: %d number(s)\n", n, used["deployed"], number, kinds
    exit status
  }' ./*.log
