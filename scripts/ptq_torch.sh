#!/bin/sh
# torch's PT2E and Brevitas beside amq and onnxruntime: further rows of a table that scripts/ptq.sh has written, on the
# networks it has kept. Makes a virtual environment with torch 2.8, torchao and Brevitas from the package index (4 GB).
#   sh scripts/ptq_torch.sh OUT.csv [build directory] [--time] [--rounds=N]
# Without --time errors alone, so that a busy machine will do; with it, rows that have no time get one.
set -eu
[ $# -ge 1 ] || { echo "usage: ptq_torch.sh OUT.csv [build directory] [--time] [--rounds=N]" >&2; exit 2; }
root=$(cd "$(dirname "$0")/.." && pwd)
out=$1 build=$root/build options=
shift
for option; do
  case $option in
  --*) options="$options $option" ;;
  *) build=$option ;;
  esac
done
environment=$build/ptq_torch_env
[ -d "$environment" ] || python3 -m venv "$environment"
"$environment/bin/python" -c "import torchao, brevitas" 2>/dev/null ||
  "$environment/bin/pip" install -q --disable-pip-version-check "numpy<2" torch==2.8.0 torchao==0.13.0 brevitas==0.13.4
mkdir -p "$build/ptq"
export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1
exec "$environment/bin/python" "$root/scripts/ptq_torch.py" "$out" "$build/ptq" $options
