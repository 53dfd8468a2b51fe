#!/bin/sh
# Post-training quantization beside onnxruntime's, on the same weights and data: makes a virtual environment that sees the
# system's torch and has onnx and onnxruntime from the package index, trains an FNO, a UNet, a transformer and a Transolver
# once (minutes), and alternates all contenders on one pinned core. Writes a table like docs/results/ptq.csv.
#   sh scripts/ptq.sh OUT.csv [build directory] [--rounds=N]
set -eu
usage="ptq.sh OUT.csv [build directory] [--rounds=N]"
. "$(dirname "$0")/ptq_common.sh"
[ -d "$build/bindings/python/amq" ] || { echo "ptq.sh: $build has no Python module: build it first" >&2; exit 1; }
needs "onnx, onnxruntime" onnx onnxruntime
needs torch torch
PYTHONPATH=$build/bindings/python exec "$environment/bin/python" "$root/scripts/time_ptq.py" "$out" "$build/ptq" $options
