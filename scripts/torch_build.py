"""What a torch multiplies by: tables that compare with it name this beside its version."""
import re


def torch_build():
    """"torch 2.8.0, BLAS mkl, instruction set AVX512", as torch itself says; what it does not say is left out."""
    import torch

    said = torch.__config__.show()
    parts = [f"torch {torch.__version__}"]
    for what, pattern in (("BLAS", r"BLAS_INFO=(\w+)"), ("instruction set", r"CPU capability usage: *(\S+)")):
        found = re.search(pattern, said)
        if found:
            parts.append(f"{what} {found[1].strip(',')}")
    return ", ".join(parts)
