#!/bin/sh
# Integer products of others beside ours, in one run: makes a Python virtual environment with what the package
# index has of onnxruntime, openvino and torch (--torch: gigabytes), skips what it cannot have, and alternates
# rivals with bench_kernels_narrow on one pinned core. --solves: whole solves of MP-PDE in torch beside
# bench_solver_time instead, of so many --nodes. --grids: whole networks on grids in torch beside grid_speed.
# Appends to a table like docs/results/speed.csv.
#   sh scripts/rivals.sh OUT.csv MACHINE [build directory] [--torch] [--solves [--nodes=N]] [--grids] [--rounds=N]
set -eu
[ $# -ge 2 ] || {
  echo "usage: rivals.sh OUT.csv MACHINE [build directory] [--torch] [--solves [--nodes=N]] [--grids] [--rounds=N]" >&2
  exit 2
}
root=$(cd "$(dirname "$0")/.." && pwd)
out=$1 machine=$2 build=$root/build torch=no solves=no grids=no nodes=1000 rounds=9
shift 2
for option; do
  case $option in
  --torch) torch=yes ;;
  --solves) solves=yes torch=yes ;;
  --grids) grids=yes torch=yes ;;
  --nodes=*) nodes=${option#--nodes=} ;;
  --rounds=*) rounds=${option#--rounds=} ;;
  *) build=$option ;;
  esac
done
environment=$build/rivals
[ -d "$environment" ] || python3 -m venv "$environment"
packages="numpy onnx onnxruntime openvino"
[ $torch = no ] || packages="$packages torch"
for package in $packages; do
  "$environment/bin/python" -c "import $package" 2>/dev/null ||
    "$environment/bin/pip" install -q --disable-pip-version-check "$package" ||
    echo "rivals: no $package here; its rows are left out" >&2
done
if [ $solves = yes ]; then
  bench=${AMQ_BENCH:-$build/bench/solver/bench_solver_time}
  [ -n "${AMQ_BENCH:-}" ] || ninja -C "$build" bench/solver/bench_solver_time >&2
  OMP_NUM_THREADS=1 exec "$environment/bin/python" "$root/scripts/time_rival_solves.py" "$out" "$machine" "$bench" \
    --nodes="$nodes" --rounds="$rounds"
fi
if [ $grids = yes ]; then
  bench=${AMQ_BENCH:-$build/bench/grid/grid_speed}
  [ -n "${AMQ_BENCH:-}" ] || ninja -C "$build" bench/grid/grid_speed >&2
  OMP_NUM_THREADS=1 exec "$environment/bin/python" "$root/scripts/time_torch_grid.py" "$out" "$machine" "$bench" \
    --rounds="$rounds"
fi
[ -n "${AMQ_BENCH:-}" ] || ninja -C "$build" bench/kernels/bench_kernels_narrow >&2
# One thread each, ours too: a second one that spins on the pinned core would cost both.
export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1
exec "$environment/bin/python" "$root/scripts/time_rivals.py" "$out" "$machine" \
  "${AMQ_BENCH:-$build/bench/kernels/bench_kernels_narrow}" --rounds="$rounds"
