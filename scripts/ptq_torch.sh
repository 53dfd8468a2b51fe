#!/bin/sh
# torch's PT2E, Brevitas and AIMET beside amq and onnxruntime: further rows of a table that scripts/ptq.sh has written, on the
# networks it has kept, in its environment, which gets torch 2.8, torchao, Brevitas and AIMET from the package index (4 GB).
#   sh scripts/ptq_torch.sh OUT.csv [build directory] [--time] [--rounds=N]
# Without --time errors alone, so that a busy machine will do; with it, rows that have no time get one.
set -eu
usage="ptq_torch.sh OUT.csv [build directory] [--time] [--rounds=N]"
. "$(dirname "$0")/ptq_common.sh"
needs "torchao, brevitas, aimet_torch" torch==2.8.0 torchao==0.13.0 brevitas==0.13.4 aimet-torch==2.42.0
exec "$environment/bin/python" "$root/scripts/ptq_torch.py" "$out" "$build/ptq" $options
