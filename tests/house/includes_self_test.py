#!/usr/bin/env python3
"""The floors' watchman against made-up trees: he must find what is wrong, and say nothing where nothing is."""
import pathlib
import subprocess
import sys
import tempfile

WATCHMAN = pathlib.Path(__file__).with_name("includes_test.py")

GOOD = {
    "config.hpp": "",
    "core/eigen.hpp": "#include <Eigen/Core>",
    "core/error.hpp": "#include <amq/config.hpp>\n#include <string>",
    "simd/arch.hpp": "#if defined(__AVX2__)\n#endif",
    "simd/registers.hpp": "#include <xsimd/xsimd.hpp>",
    "quant/a.hpp": "#include <amq/core/error.hpp>\n// built with __AVX2__ it is quicker",
    "quant/eigen.hpp": "#include <amq/core/eigen.hpp>",
    "quant.hpp": "#include <amq/quant/a.hpp>",
    "mesh/m.hpp": "#include <amq/core/eigen.hpp>",
    "nn/parameter.hpp": "#include <amq/mesh/m.hpp>",
    "models/m.hpp": "#include <amq/nn/parameter.hpp>",
    "io/s.hpp": "#include <amq/nn/parameter.hpp>",
    "solver.hpp": "#include <amq/io/s.hpp>",
    "train/t.hpp": "#include <amq/solver.hpp>",
    "amq.hpp": "#include <amq/train/t.hpp>",
}
BAD = [
    ({"quant/x.hpp": "\n\n#include <amq/train/t.hpp>"},
     "quant/x.hpp:3: quant reaches up to train. Move what is shared down, or move this code up."),
    ({"quant/x.hpp": "#include <amq/solver.hpp>"}, "quant/x.hpp:1: quant reaches up to solver."),
    ({"kernels/k.hpp": "# include <amq/mesh/m.hpp>"}, "kernels/k.hpp:1: kernels reaches across to mesh"),
    ({"io/p.hpp": "#include <amq_lab/data/npz.hpp>"}, "io/p.hpp:1: amq never includes its lab"),
    ({"../amq_lab/data/x.hpp": "#include <amq/models/m.hpp>"},
     "amq_lab/data/x.hpp:1: the lab knows only what is below models"),
    ({"../amq_lab/data/x.hpp": "#include <amq_lab/draw/y.hpp>", "../amq_lab/draw/y.hpp": ""},
     "amq_lab/data/x.hpp:1: data reaches across to draw"),
    ({"../amq_lab/misc/x.hpp": ""}, "amq_lab/misc/x.hpp:1: misc is no room of the lab"),
    ({"io/i.hpp": "#include <amq/models/m.hpp>"}, "io/i.hpp:1: io knows only what is below models"),
    ({"mesh/x.hpp": "#include <Eigen/Sparse>"}, "mesh/x.hpp:1: only core/eigen*.hpp includes Eigen"),
    ({"kernels/k.hpp": "#include <xsimd/xsimd.hpp>"}, "kernels/k.hpp:1: only simd/registers.hpp includes xsimd"),
    ({"kernels/k.hpp": "\n#ifdef __AVX512VNNI__\n#endif"}, "kernels/k.hpp:2: only simd/arch.hpp reads __AVX512VNNI__"),
    ({"kernels/k.hpp": "#if defined(__ARM_NEON)\n#endif"}, "kernels/k.hpp:1: only simd/arch.hpp reads __ARM_NEON"),
    ({"quant/x.hpp": "#include <amq/core/eigen.hpp>"}, "quant/x.hpp:1: it brings core/eigen.hpp"),
    ({"quant/x.hpp": "#include <amq/quant/eigen.hpp>"}, "quant/x.hpp:1: it brings core/eigen.hpp"),
    ({"quant/x.hpp": "#include <amq/quant/gone.hpp>"}, "quant/x.hpp:1: amq/quant/gone.hpp does not exist"),
    ({"misc/x.hpp": ""}, "misc/x.hpp:1: misc is no room of amq"),
    ({"quant/x.hpp": '#include "a.hpp"'}, 'quant/x.hpp:1: "a.hpp" is found by chance'),
]


def watch(files):
    with tempfile.TemporaryDirectory() as root:
        for name, text in files.items():
            path = pathlib.Path(root, "amq", name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return subprocess.run([sys.executable, WATCHMAN, root], capture_output=True, text=True)


failures = 0
answer = watch(GOOD)
if answer.returncode != 0:
    failures += 1
    print("a good tree was refused:", answer.stdout, answer.stderr)
for change, sentence in BAD:
    answer = watch(GOOD | change)
    if answer.returncode != 1 or sentence not in answer.stdout or answer.stdout.count("\n") != 1:
        failures += 1
        print(f"wanted: {sentence}\nfound:  {answer.stdout}{answer.stderr}")
print(f"{len(BAD) + 1 - failures} of {1 + len(BAD)} trees judged rightly")
sys.exit(1 if failures else 0)
