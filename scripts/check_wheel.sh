#!/bin/sh
# `pip wheel .` in an environment of its own, then the installed module solves the shipped model. Some fifteen
# minutes of one core, and the network for meson-python and numpy.
set -eu
cd "$(dirname "$0")/.."
out=$PWD/build-wheel
python=${PYTHON:-/usr/bin/python3}
mkdir -p "$out"
rm -rf "$out/wheel"
"$python" -m venv "$out/env"
"$out/env/bin/pip" install -q numpy
"$out/env/bin/pip" wheel -q . --no-deps -w "$out/wheel" --config-settings=builddir="$out/build"
"$out/env/bin/pip" install -q --force-reinstall --no-deps "$out"/wheel/amq-*.whl
cd "$out"
env/bin/python ../bindings/python/example/darcy.py ../examples/02_deploy/darcy.safetensors
ls -l wheel
