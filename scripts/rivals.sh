#!/bin/sh
# Integer products of others beside ours, in one run: makes a Python virtual environment with what the package
# index has of onnxruntime, openvino and torch (--torch: gigabytes), skips what it cannot have, and alternates
# rivals with bench_kernels_narrow on one pinned core. Appends to a table like docs/results/speed.csv.
#   sh scripts/rivals.sh OUT.csv MACHINE [build directory] [--torch] [--rounds=N]
set -eu
[ $# -ge 2 ] || { echo "usage: rivals.sh OUT.csv MACHINE [build directory] [--torch] [--rounds=N]" >&2; exit 2; }
root=$(cd "$(dirname "$0")/.." && pwd)
out=$1 machine=$2 build=$root/build torch=no rounds=9
shift 2
for option; do
  case $option in
  --torch) torch=yes ;;
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
[ -n "${AMQ_BENCH:-}" ] || ninja -C "$build" bench/kernels/bench_kernels_narrow >&2
# One thread each, ours too: a second one that spins on the pinned core would cost both.
export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1
exec "$environment/bin/python" "$root/scripts/time_rivals.py" "$out" "$machine" \
  "${AMQ_BENCH:-$build/bench/kernels/bench_kernels_narrow}" "$rounds"
