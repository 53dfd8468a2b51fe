#!/bin/sh
# One number, however amq is built: hashes of deployed solves over compilers, levels of optimization and
# instruction sets, and on ARM under qemu where Debian's cross compiler is. Some 20 minutes of two cores.
#   sh scripts/check_equal_bits.sh          the table; status 1 where a number differs
set -u
cd "$(dirname "$0")/.." || exit 1
out=build-equal-bits
mkdir -p $out
flags="-std=c++20 -DAMQ_CHECKED -Iinclude $(pkg-config --cflags eigen3 xsimd) -pthread
  -DAMQ_SHIPPED_MODEL=\"$PWD/examples/02_deploy/darcy.safetensors\""
status=0
# One way to build: NAME RUNNER COMPILER FLAGS...
way() {
  name=$1 runner=$2
  shift 2
  command -v "$1" >/dev/null || { echo "$name: $1 is not there"; return; }
  # shellcheck disable=SC2086
  "$@" $flags tests/solver/fingerprints.cpp tests/solver/fingerprints_grid.cpp tests/main.cpp -o "$out/$name" || {
    status=1
    return
  }
  if $runner "$out/$name" >"$out/$name.log" 2>&1; then
    echo "$name: as recorded"
  else
    echo "$name: differs, see $out/$name.log"
    status=1
  fi
}
lacks() { ! grep -qw "$1" /proc/cpuinfo; }
way g++-O0-x86-64 "" g++ -O0 -march=x86-64
way g++-O2-x86-64 "" g++ -O2 -march=x86-64
way g++-O3-x86-64-v2 "" g++ -O3 -march=x86-64-v2
lacks avx2 || way g++-O2-x86-64-v3 "" g++ -O2 -march=x86-64-v3
lacks avx2 || way g++-O3-x86-64-v3 "" g++ -O3 -march=x86-64-v3 -ffp-contract=fast
lacks avx512bw || way g++-O3-x86-64-v4 "" g++ -O3 -march=x86-64-v4
way g++-O3-native "" g++ -O3 -march=native
way clang-O1-x86-64 "" clang++ -O1 -march=x86-64
lacks avx2 || way clang-O3-x86-64-v3 "" clang++ -O3 -march=x86-64-v3 -ffp-contract=fast
way arm64-O2 "qemu-aarch64 -L /usr/aarch64-linux-gnu" aarch64-linux-gnu-g++ -O2
exit $status
