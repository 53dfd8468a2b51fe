#!/bin/sh
# Makes of objects that were compiled for one instruction set a single one that meets the rest of a program
# by a few names alone:  sh scripts/seal_level.sh OUT.o 'NAMES' OBJECT...
# NAMES are symbols, by comma, with * where wanted. All else the objects define becomes their own: the linker
# cannot give a file of a lesser level an inline function, of amq, Eigen or the standard library, that was
# compiled with instructions the machine lacks. See docs/kernels.md.
set -eu
[ $# -ge 3 ] || { echo "usage: seal_level.sh OUT.o 'NAMES' OBJECT..." >&2; exit 2; }
out=$1 names=$2
shift 2
# Groups of inline functions are resolved now: later the linker would take another level's instead.
${LD:-ld} -r --force-group-allocation -o "$out" "$@"
keep=$(printf '%s\n' "$names" | tr ',' '\n' | sed 's/^/--keep-global-symbol=/')
set -f
# shellcheck disable=SC2086  # one word a name
${OBJCOPY:-objcopy} -w $keep "$out"
left=$(${NM:-nm} -g --defined-only "$out")
if printf '%s\n' "$left" | grep -q ' u '; then
  echo "seal_level: statics of inline functions stay shared; compile $* with -fno-gnu-unique" >&2
  exit 1
fi
[ -n "$left" ] || { echo "seal_level: none of $names is defined in $*; is it extern \"C\"?" >&2; exit 1; }
