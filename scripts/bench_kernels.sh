#!/bin/sh
# Every speed that docs/results/kernels.md speaks of, in one run of ten minutes on a quiet machine:
# integer products, a whole message-passing layer and a training step, beside Eigen, oneDNN, OpenBLAS and
# torch (those that are there). Writes docs/results/kernels.csv, kernels.png and the table of kernels.md.
#   sh scripts/bench_kernels.sh [build directory] [--quick]
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
build=${1:-$root/build}
quick=${2:-}
benches="kernels/bench_kernels_gemm kernels/bench_kernels_message_passing training/bench_training_step"
[ -d "$build" ] || meson setup "$build" "$root"
for b in $benches; do ninja -C "$build" "bench/$b"; done
table=$(mktemp)
trap 'rm -f "$table" "$table.png"' EXIT
rm -f "$table"
run() {  # seconds it may take, then the command; what is too slow is left out
  limit=$1
  shift
  timeout "$limit" "$@" || echo "  left out ($?): $*"
}
# One thread a library: a second one, spinning on the pinned core, costs a scheduler's tick a call.
# oneDNN without AMX, as we are; ONEDNN_MAX_CPU_ISA=DEFAULT shows it with tiles.
export ATEN_CPU_CAPABILITY=avx512 OPENBLAS_CORETYPE=SkylakeX OMP_NUM_THREADS=1
export ONEDNN_MAX_CPU_ISA="${ONEDNN_MAX_CPU_ISA:-AVX512_CORE_VNNI}"
run 300 "$build/bench/kernels/bench_kernels_gemm" "$table" $quick
run 40 "$build/bench/kernels/bench_kernels_message_passing" "$table"
# Time and memory a node of larger graphs, senders nearby and anywhere.
for far in "" --far; do
  run 20 "$build/bench/kernels/bench_kernels_message_passing" /dev/null --alone $far
  run 40 "$build/bench/kernels/bench_kernels_message_passing" "$table" --alone --nodes=100000 $far
  run 90 "$build/bench/kernels/bench_kernels_message_passing" "$table" --alone --nodes=1000000 --rounds=3 $far
done
run 40 /usr/bin/python3 "$root/scripts/time_torch_mp_pde.py" "$table" --what=layer --rounds=7
run 40 "$build/bench/training/bench_training_step" "$table"
run 60 /usr/bin/python3 "$root/scripts/time_torch_mp_pde.py" "$table" --what=step --rounds=7
run 30 "$build/bench/kernels/bench_kernels_message_passing" "$table" --threads=2
run 30 /usr/bin/python3 "$root/scripts/time_torch_mp_pde.py" "$table" --what=layer --threads=2 --rounds=7
/usr/bin/python3 "$root/scripts/plot_kernels.py" "$table" "$root/docs/results/kernels.csv" \
  "$root/docs/results/kernels.png" "$root/docs/results/kernels.md"
