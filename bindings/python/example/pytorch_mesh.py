#!/usr/bin/env python3
"""A Transolver trained by PyTorch on meshes, quantized without further training, and solved in integers."""
import pathlib
import sys
import tempfile

try:
    import numpy as np
    import torch
except ImportError:
    print("numpy or torch is not there")
    sys.exit(77)


def problem(side, phase):
    """A mesh, what is given on it and what is sought."""
    x, y = np.meshgrid(np.linspace(0, 2, side + 1), np.linspace(0, 2, side + 1))
    k = (np.arange(side)[:, None] * (side + 1) + np.arange(side)).ravel()
    cells = np.concatenate([np.stack([k, k + 1, k + side + 2], 1), np.stack([k, k + side + 2, k + side + 1], 1)])
    wave = np.sin(3 * x + phase).reshape(-1, 1).astype(np.float32)
    return {"points": np.stack([x.ravel(), y.ravel()], 1), "cells": cells, "given": 300 + 40 * wave,
            "solution": 2 + 5 * wave * y.reshape(-1, 1).astype(np.float32)}  # fmt: skip


torch.manual_seed(1)
samples = [problem(8 + k % 3, k) for k in range(12)]
device = "cuda" if torch.cuda.is_available() else "cpu"
# [train]
import amq
import amq.nn

module = amq.nn.Transolver(hidden=16, layers=2, heads=2, tokens=8, inputs=1).to(device)
how = {
    "normalization": {"input_mean": 300, "input_deviation": 28, "output_mean": 2, "output_deviation": 4,
                      "centre": [1, 1], "half_width": 1},
}  # fmt: skip
inputs = [amq.nn.tensors(amq.mesh_inputs(s, **how), device) for s in samples]  # u, x, edge_index, ...
sought = [torch.as_tensor((s["solution"] - 2) / 4, device=device) for s in samples]
optimizer = torch.optim.Adam(module.parameters(), 5e-3)
for epoch in range(30):
    for i, y in zip(inputs, sought):
        optimizer.zero_grad()
        torch.nn.functional.mse_loss(module.on(i), y).backward()
        optimizer.step()
# [train]
folder = tempfile.TemporaryDirectory()
float_file, file = (str(pathlib.Path(folder.name) / name) for name in ("float.safetensors", "transolver.safetensors"))

# [export]
amq.from_torch(module, float_file, samples[0], given=["temperature"], solution=["u"], **how)
report = amq.quantize(float_file, samples, file)

solver = amq.load(file)  # from here on without torch
other = problem(14, 0.5)
at = solver.mesh(other["points"], other["cells"])
u = at.solve(other["given"])  # (node, channel)
# [export]

# [back]
same = amq.nn.from_file(float_file)  # sizes and parameters are the file's
how = amq.nn.options_of(float_file)
with torch.no_grad():
    y = same.on(amq.nn.tensors(amq.mesh_inputs(other, **how)))  # (node, output), normalized
# [back]
y = y.numpy() * 4 + 2
change = np.linalg.norm(u - y) / np.linalg.norm(y - y.mean())
print(f"{report['bytes'] / report['bytes_of_float']:.0%} of the bytes, the answers change by {change:.1e}")
sys.exit(not change < 0.1)
