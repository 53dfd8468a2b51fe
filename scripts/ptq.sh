#!/bin/sh
# Post-training quantization beside onnxruntime's, on the same weights and data: makes a virtual environment that sees the
# system's torch and has onnx and onnxruntime from the package index, trains an FNO and a Transolver once (minutes), and
# alternates all contenders on one pinned core. Writes a table like docs/results/ptq.csv.
#   sh scripts/ptq.sh OUT.csv [build directory] [--rounds=N]
set -eu
[ $# -ge 1 ] || { echo "usage: ptq.sh OUT.csv [build directory] [--rounds=N]" >&2; exit 2; }
root=$(cd "$(dirname "$0")/.." && pwd)
out=$1 build=$root/build rounds=
shift
for option; do
  case $option in
  --rounds=*) rounds=$option ;;
  *) build=$option ;;
  esac
done
[ -d "$build/bindings/python/amq" ] || { echo "ptq.sh: $build has no Python module: build it first" >&2; exit 1; }
environment=$build/ptq_env
[ -d "$environment" ] || /usr/bin/python3 -m venv --system-site-packages "$environment"
"$environment/bin/python" -c "import onnx, onnxruntime" 2>/dev/null ||
  "$environment/bin/pip" install -q --disable-pip-version-check "numpy<2" onnx onnxruntime
"$environment/bin/python" -c "import torch" 2>/dev/null || "$environment/bin/pip" install -q "numpy<2" torch
# One thread each, ours too: a second one that spins on the pinned core would cost both.
export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1
PYTHONPATH=$build/bindings/python exec "$environment/bin/python" "$root/scripts/time_ptq.py" "$out" "$build/ptq" $rounds
