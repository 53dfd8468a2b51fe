#!/bin/sh
# libamq_c for several kinds of x86-64 machines in one folder: the loader of Linux takes the best that the machine can
# run when a program starts. Each level is a build of its own, some ten minutes.
#   sh scripts/c_levels.sh PREFIX [LEVEL...]           x86-64-v2, for all, x86-64-v3 and x86-64-v4 unless said otherwise
#   sh scripts/c_levels.sh --place PREFIX LEVEL FILE   a library that was built otherwise
set -eu
usage() { echo "usage: c_levels.sh PREFIX [LEVEL...] | --place PREFIX LEVEL FILE" >&2; exit 2; }

place() { # PREFIX LEVEL FILE: of x86-64-v2 where all machines look, of others where the loader looks first
  case $2 in
  x86-64 | x86-64-v2) folder=$1/lib ;;
  x86-64-v3 | x86-64-v4) folder=$1/lib/glibc-hwcaps/$2 ;;
  *) echo "c_levels.sh: expected x86-64-v2, x86-64-v3 or x86-64-v4, found $2" >&2; exit 1 ;;
  esac
  mkdir -p "$folder"
  cp "$3" "$folder/libamq_c.so.1"
  ln -sf libamq_c.so.1 "$folder/libamq_c.so"
  echo "$folder/libamq_c.so.1"
}

[ $# -ge 1 ] || usage
if [ "$1" = --place ]; then
  [ $# -eq 4 ] || usage
  place "$2" "$3" "$4"
  exit
fi
root=$(cd "$(dirname "$0")/.." && pwd)
prefix=$1
shift
[ $# -ge 1 ] || set -- x86-64-v2 x86-64-v3 x86-64-v4
mkdir -p "$prefix/include"
cp "$root/bindings/c/amq.h" "$prefix/include/"
for level; do
  build=$root/build-c-$level
  [ -d "$build" ] || meson setup "$build" "$root" -Dbindings=enabled -Dmarch="$level" --buildtype=release
  ninja -C "$build" bindings/c/libamq_c.so.1.0.0
  place "$prefix" "$level" "$build/bindings/c/libamq_c.so.1.0.0"
done
