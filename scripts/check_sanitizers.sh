#!/bin/sh
# Builds and runs the tests under sanitizers: an hour of two cores for all of it.
#   sh scripts/check_sanitizers.sh                 everything
#   sh scripts/check_sanitizers.sh address io lab  one check, of some rooms
# Checks: address  ASan and UBSan, casts of floats included, with libstdc++'s assertions
#         debug    libstdc++'s debug mode, which watches iterators
#         thread   TSan, what uses threads
#         memory   valgrind on the portable rung, for reads of what was never written
set -u
cd "$(dirname "$0")/.." || exit 1
check=${1:-all}
[ $# -gt 0 ] && shift
status=0

# run NAME MESON_OPTIONS... -- ROOMS...   a room is a folder of tests/; none: all
run() {
  name=$1
  shift
  folder=build-$name
  options=
  while [ "$1" != -- ]; do
    options="$options $1"
    shift
  done
  shift
  log=$folder/check.log
  mkdir -p "$folder"
  # shellcheck disable=SC2086
  [ -f "$folder/build.ninja" ] || meson setup "$folder" -Dtests=enabled -Dbench=disabled -Dexamples=disabled \
    -Db_lundef=false $options >"$log" 2>&1 || { cat "$log"; exit 1; }
  ninja -C "$folder" build.ninja >"$log" 2>&1 || { cat "$log"; exit 1; }  # what an older tree has left
  if [ $# = 0 ]; then
    ninja -C "$folder" || exit 1
    meson test -C "$folder" --no-rebuild --print-errorlogs --timeout-multiplier 20 --no-suite house || status=1
    return
  fi
  for room in "$@"; do
    programs=$(ninja -C "$folder" -t targets all |
      sed -n "s#^\(tests/$room/[a-z_/]*test_[a-z0-9_]*\): .*LINKER#\1#p" | sort -u)
    [ -n "$programs" ] || { echo "$name: tests/$room has no test program"; status=1; }
    for program in $programs; do
      ninja -C "$folder" "$program" >"$log" 2>&1 || { tail -20 "$log"; exit 1; }
      # Not through a pipe, whose status would be that of its last command.
      if $under "$folder/$program" >"$log" 2>&1; then
        echo "$name: $program passes"
      else
        echo "$name: $program FAILS"
        tail -40 "$log"
        status=1
      fi
    done
  done
}
under=
export ASAN_OPTIONS=detect_stack_use_after_return=1:strict_string_checks=1
export UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1
export TSAN_OPTIONS=halt_on_error=1
case $check in address | all)
  extra=-fsanitize=float-cast-overflow
  CXXFLAGS="$extra -fno-sanitize-recover=all -D_GLIBCXX_ASSERTIONS" LDFLAGS=$extra \
    run asan -Db_sanitize=address,undefined -- "$@" ;;
esac
case $check in debug | all)
  CXXFLAGS="-D_GLIBCXX_DEBUG -D_GLIBCXX_ASSERTIONS" run debug -- "$@" ;;
esac
case $check in thread | all)
  if [ $# -gt 0 ]; then
    run tsan -Db_sanitize=thread -- "$@"
  else
    run tsan -Db_sanitize=thread -- core solver train
  fi ;;
esac
case $check in memory | all)
  under="valgrind --quiet --error-exitcode=9"
  if [ $# -gt 0 ]; then
    run portable -Dmarch= -- "$@"
  else
    run portable -Dmarch= -- quant io solver
  fi ;;
esac
exit $status
