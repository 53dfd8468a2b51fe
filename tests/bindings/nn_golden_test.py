#!/usr/bin/env python3
"""amq.nn against the numbers that amq's networks in C++ are held to: the answer, and the gradient of each parameter.
Usage: nn_golden_test.py  (with the built package on PYTHONPATH)"""
import pathlib
import sys

try:
    import numpy as np
    import torch
    from torch.nn import functional as F
except ImportError:
    print("numpy or torch is not there")
    sys.exit(77)

import amq.nn
from checks import check, end

models = pathlib.Path(__file__).resolve().parents[1] / "models"
sys.path.insert(0, str(models))
from golden import fill, tensor, uniform


def stored(file):
    return np.load(models / "data" / file)


def repeats(file, module, forward):
    """Weights and inputs follow from their names. forward(module) gives rows as the file has them."""
    fill(module).eval()
    if "transolver" in file:
        with torch.no_grad():
            for block in module.blocks:
                heads = block.Attn.num_heads
                block.Attn.temperature.copy_((0.5 + 0.125 * torch.arange(heads)).reshape(1, heads, 1, 1))
    sought = stored(file)
    answer = forward(module)
    off = np.abs(answer.detach().numpy().ravel() - sought["output"].ravel()).max() / np.abs(sought["output"]).max()
    check(off < 1e-7, f"{file}: the answer is {off} away")
    (answer.reshape(sought["output"].shape) * tensor("seed", *sought["output"].shape)).sum().backward()
    of = dict(module.named_parameters())
    names = bytes(sought["names"]).decode().split("\n")
    check(sorted(names) == sorted(of), f"{file}: {set(names) ^ set(of)} by one name alone")
    for name, (size, along) in zip(names, sought["gradients"]):
        if name in of:
            g = of[name].grad.numpy().ravel()
            mine = np.linalg.norm(g), g @ uniform("direction " + name, g.size).astype(np.float64)
            off = max(abs(mine[0] - size), abs(mine[1] - along)) / max(size, 1e-9)
            check(off < 1e-6, f"{file}: the gradient of {name} is {off} away")


def edges_of(file):
    return torch.as_tensor(stored(file)["edges"]).long().T.flip(0)


def channels_first(dims, points):
    u = tensor("u", 2, *points, 3).movedim(-1, 1)
    return lambda module: module(u).movedim(1, -1)


def with_positions(dims, points):
    u, x = tensor("u", 2, *points, 3), tensor("x", 2, *points, dims)
    return lambda module: module(u, x)


for d, points, attention, blocks in ((1, [16], [False, False, True], 1), (2, [8, 12], [], 2)):
    module = amq.nn.ModernUnet(d, 3, 2, 16, (1, 2, 2), attention, bool(attention), blocks)
    repeats(f"modern_unet_{d}d.npz", module, channels_first(d, points))
for d, points in ((1, [32]), (2, [32, 16])):
    repeats(f"unet_{d}d.npz", amq.nn.UNet(d, 3, 2, 4), channels_first(d, points))
for d, points in ((1, [24]), (2, [16, 12])):
    module = amq.nn.PatchTransformer(d, 3, 2, 4, 12, 2, 3, 2)
    repeats(f"patch_transformer_{d}d.npz", module, with_positions(d, points))
for name, d, points, heads, kind, coarsen, own in (
    ("1d", 1, [24], 1, "fourier", 1, False), ("2d", 2, [12, 8], 3, "galerkin", 1, True),
    ("coarse", 2, [12, 8], 3, "galerkin", 2, True),
):  # fmt: skip
    module = amq.nn.GalerkinTransformer(d, 3, 2, 12, 2, heads, 16, kind, 1e-5, coarsen, 3, 6, 2, 10, own)
    repeats(f"galerkin_transformer_{name}.npz", module, with_positions(d, points))

x, u = tensor("x", 40, 2), tensor("u", 40, 2)
repeats("transolver.npz", amq.nn.Transolver(24, 2, 3, 5, 2, 2, 2, 0, 2), lambda m: m(x, u))
repeats("flare.npz", amq.nn.Flare(24, 2, 3, 5, inputs=2, outputs=2), lambda m: m(x, u))
fused = vars(F).pop("scaled_dot_product_attention", None)  # as in torch 1
if fused is not None:
    repeats("flare.npz", amq.nn.Flare(24, 2, 3, 5, inputs=2, outputs=2), lambda m: m(x, u))
    F.scaled_dot_product_attention = fused
for window in (20, 25, 50):
    for v in (1, 3):
        module = amq.nn.MpPde(layers=6 if (window, v) == (25, 1) else 2, window=window, dim=1, variables=v)
        file = f"mp_pde_{window}_{v}.npz"
        rows = (tensor("u", 30, window), tensor("x", 30, 1), tensor("v", 30, v), edges_of(file))
        repeats(file, module, lambda m: m(*rows))
        solution = stored(file)["solution"]
        solved = module.integrate(rows[0], module(*rows), 0.25).detach().numpy()
        check(np.allclose(solved, solution, rtol=1e-7, atol=1e-7), f"{file}: the next steps")
file = "mp_pde_steady.npz"
rows = (tensor("u", 40, 2), tensor("x", 40, 2), edges_of(file))
repeats(file, amq.nn.MpPde(24, 3, inputs=2, outputs=3), lambda m: m(*rows))
file = "mp_pde_steady_variables.npz"
rows = (tensor("u", 40, 2), tensor("x", 40, 3), tensor("v", 40, 2), edges_of(file))
repeats(file, amq.nn.MpPde(24, 3, inputs=2, dim=3, variables=2), lambda m: m(*rows))

for file, inputs, dim, outputs, hidden, layers, norm in (
    ("mesh_graph_net.npz", 11, 2, 2, 128, 15, True), ("mesh_graph_net_plain.npz", 5, 3, 4, 24, 3, False),
):  # fmt: skip
    p, ends = tensor("p", 40, dim), edges_of(file)
    apart = p[ends[1]] - p[ends[0]]
    apart = torch.cat([apart, apart.norm(dim=-1, keepdim=True)], -1).float().double()
    module = amq.nn.MeshGraphNet(hidden, layers, inputs, dim, outputs, norm)
    repeats(file, module, lambda m: m(tensor("u", 40, inputs), apart, ends))

cluster_of = stored("graph_vit.npz")["cluster_of"]  # its centre of an empty one is another, and nobody reads it
clusters = torch.full((5, 12), 40)
for c in range(5):
    members = np.flatnonzero(cluster_of == c)
    clusters[c, : len(members)] = torch.as_tensor(members)
repeats("graph_vit.npz", amq.nn.GraphVit(16, 24, 2, 2, 4, inputs=13, outputs=4, cluster_size=12),
        lambda m: m(tensor("u", 40, 13), tensor("p", 40, 2), edges_of("graph_vit.npz"), clusters))  # fmt: skip

end()
