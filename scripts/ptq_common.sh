# What ptq.sh and ptq_torch.sh share, which read this file: `usage` is set, "$@" is their command line. Leaves root, out,
# build and options, and an environment that both use: it sees the system's packages, and has others from the index.
[ $# -ge 1 ] || { echo "usage: $usage" >&2; exit 2; }
root=$(cd "$(dirname "$0")/.." && pwd)
out=$1 build=$root/build options=
shift
for option; do
  case $option in
  --*) options="$options $option" ;;
  *) build=$option ;;
  esac
done
environment=$build/ptq_env
[ -e "$environment" ] || /usr/bin/python3 -m venv --system-site-packages "$environment"
mkdir -p "$build/ptq"

# needs "MODULES, AS IMPORTED" PACKAGES...: installed where one of the modules is not there.
needs() {
  modules=$1
  shift
  "$environment/bin/python" -c "import $modules" 2>/dev/null ||
    "$environment/bin/pip" install -q --disable-pip-version-check "numpy<2" "$@"
}
# One thread each, ours too: a second one that spins on the pinned core would cost both.
export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1
