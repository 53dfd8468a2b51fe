#!/bin/sh
# Installs what is missing on Debian 12, and nothing else; where all is there it needs no network.
#   sh scripts/setup.sh           to build amq and to run the demo (250 MB of downloads from nothing)
#   sh scripts/setup.sh --tests   also the small judges of the tests (210 MB)
#   sh scripts/setup.sh --all     also PyTorch, which recomputes golden numbers (140 MB), and the docs tools
# A judge that cannot be had is no failure: its tests skip themselves and say so.
set -u

needed="meson ninja-build pkg-config cmake g++ clang clang-format ccache libeigen3-dev libxsimd-dev
  doctest-dev zlib1g-dev libpng-dev libhdf5-dev python3 python3-numpy python3-matplotlib"
judges="python3-scipy python3-h5py python3-meshio python3-vtk9 g++-aarch64-linux-gnu qemu-user git
  libc++-14-dev libc++abi-14-dev gfortran valgrind pybind11-dev python3-dev openmpi-bin libopenmpi-dev
  libscotch-dev libpetsc-real-dev"
heavy="python3-torch doxygen mkdocs"

missing() {
  for package in "$@"; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q '^install ok installed$' ||
      printf ' %s' "$package"
  done
}

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

updated=no
install() {
  if [ $updated = no ]; then
    as_root apt-get update -qq || return 1
    updated=yes
  fi
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >&2
}

if ! command -v dpkg-query >/dev/null; then
  echo "setup: this is no Debian; please install by hand:" $needed >&2
  exit 0
fi

absent=$(missing $needed)
if [ -n "$absent" ]; then
  echo "setup: installing$absent"
  install $absent || echo "setup: could not install$absent; going on with what is there" >&2
fi

case ${1:-} in
  --tests) wanted=$judges ;;
  --all) wanted="$judges $heavy" ;;
  *) wanted= ;;
esac
absent=$(missing $wanted)
if [ -n "$absent" ]; then
  echo "setup: installing$absent"
  install $absent || echo "setup: going on without$absent; the tests that ask them will skip" >&2
fi
