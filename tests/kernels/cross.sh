#!/bin/sh
# Builds the kernel tests for 64-bit ARM and runs them under qemu: cross.sh <source root> <work dir> <flags>.
# Without the cross compiler, qemu or the headers it skips (77).
set -e
root=$1; work=$2; flags=$3
compiler=aarch64-linux-gnu-g++
command -v $compiler >/dev/null && command -v qemu-aarch64 >/dev/null || {
  echo "skipped: needs $compiler and qemu-aarch64"; exit 77; }
for header in xsimd/xsimd.hpp doctest/doctest.h; do
  test -e /usr/include/$header || { echo "skipped: needs /usr/include/$header"; exit 77; }
done
mkdir -p "$work/include"
# Not all of /usr/include: it belongs to this machine.
ln -sfn /usr/include/xsimd "$work/include/xsimd"
ln -sfn /usr/include/doctest "$work/include/doctest"
objects=
for file in main kernels/activation kernels/moments kernels/quantize kernels/gemm kernels/message_passing kernels/words; do
  object=$work/$(basename $file).o
  $compiler -std=c++20 -O1 $flags -DAMQ_CHECKED -Wall -Wextra -Wconversion -Wshadow -Werror \
    -I"$root/include" -isystem "$work/include" -c "$root/tests/$file.cpp" -o "$object"
  objects="$objects $object"
done
$compiler -static $objects -o "$work/test" -pthread
qemu-aarch64 "$work/test"
