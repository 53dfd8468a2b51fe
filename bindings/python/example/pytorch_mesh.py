#!/usr/bin/env python3
"""A Transolver of PyTorch on meshes, quantized without further training, and solved in integers on another mesh."""
import math
import pathlib
import sys
import tempfile

try:
    import numpy as np
    import torch
    from torch import nn
except ImportError:
    print("numpy or torch is not there")
    sys.exit(77)


class MLP(nn.Module):
    def __init__(self, inputs, hidden, outputs):
        super().__init__()
        self.linear_pre = nn.Sequential(nn.Linear(inputs, hidden), nn.GELU())
        self.linear_post = nn.Linear(hidden, outputs)

    def forward(self, x):
        return self.linear_post(self.linear_pre(x))


class PhysicsAttention(nn.Module):
    def __init__(self, c, heads, slices):
        super().__init__()
        d = c // heads
        self.heads = heads
        self.temperature = nn.Parameter(torch.full((1, heads, 1, 1), 0.5))
        self.in_project_x, self.in_project_fx = nn.Linear(c, c), nn.Linear(c, c)
        self.in_project_slice = nn.Linear(d, slices)
        self.to_q, self.to_k, self.to_v = (nn.Linear(d, d, bias=False) for _ in range(3))
        self.to_out = nn.Sequential(nn.Linear(c, c))

    def forward(self, x):
        b, n, c = x.shape
        f, s = (p(x).reshape(b, n, self.heads, -1).transpose(1, 2) for p in (self.in_project_fx, self.in_project_x))
        w = torch.softmax(self.in_project_slice(s) / self.temperature, -1)  # (sample, head, node, slice)
        token = w.transpose(2, 3) @ f / (w.sum(2)[..., None] + 1e-5)
        q, k, v = self.to_q(token), self.to_k(token), self.to_v(token)
        token = torch.softmax(q @ k.transpose(2, 3) / math.sqrt(c // self.heads), -1) @ v
        return self.to_out((w @ token).transpose(1, 2).reshape(b, n, c))


class Block(nn.Module):
    def __init__(self, c, heads, slices, outputs):
        super().__init__()
        self.ln_1, self.ln_2 = nn.LayerNorm(c), nn.LayerNorm(c)
        self.Attn, self.mlp = PhysicsAttention(c, heads, slices), MLP(c, c, c)
        if outputs:
            self.ln_3, self.mlp2 = nn.LayerNorm(c), nn.Linear(c, outputs)

    def forward(self, x):
        x = self.Attn(self.ln_1(x)) + x
        x = self.mlp(self.ln_2(x)) + x
        return self.mlp2(self.ln_3(x)) if hasattr(self, "mlp2") else x


class Transolver(nn.Module):
    """As Wu et al. have published it, for irregular meshes."""

    def __init__(self, given, c, layers, heads, slices):
        super().__init__()
        self.preprocess = MLP(2 + given, 2 * c, c)
        self.blocks = nn.ModuleList(Block(c, heads, slices, int(k == layers - 1)) for k in range(layers))
        self.placeholder = nn.Parameter(torch.rand(c) / c)

    def forward(self, x, fx):  # (sample, node, dim), (sample, node, channel)
        f = self.preprocess(torch.cat((x, fx), -1)) + self.placeholder
        for block in self.blocks:
            f = block(f)
        return f


def problem(side, phase):
    """A mesh, what is given on it and what is sought."""
    x, y = np.meshgrid(np.linspace(0, 2, side + 1), np.linspace(0, 2, side + 1))
    k = (np.arange(side)[:, None] * (side + 1) + np.arange(side)).ravel()
    cells = np.concatenate([np.stack([k, k + 1, k + side + 2], 1), np.stack([k, k + side + 2, k + side + 1], 1)])
    wave = np.sin(3 * x + phase).reshape(-1, 1).astype(np.float32)
    return {"points": np.stack([x.ravel(), y.ravel()], 1), "cells": cells, "given": 300 + 40 * wave,
            "solution": 2 + 5 * wave * y.reshape(-1, 1).astype(np.float32)}  # fmt: skip


import amq

torch.manual_seed(1)
samples = [problem(8 + k % 3, k) for k in range(12)]
module = Transolver(1, 16, 2, 2, 8)
# [train]
how = {
    "normalization": {"input_mean": 300, "input_deviation": 28, "output_mean": 2, "output_deviation": 4,
                      "centre": [1, 1], "half_width": 1},
}  # fmt: skip
inputs = [amq.mesh_inputs(s, **how) for s in samples]  # u, x, edge_index, edge_features
optimizer = torch.optim.Adam(module.parameters(), 5e-3)
for epoch in range(30):
    for s, i in zip(samples, inputs):
        said = module(torch.as_tensor(i.x)[None], torch.as_tensor(i.u)[None])[0]
        optimizer.zero_grad()
        nn.functional.mse_loss(said, torch.as_tensor((s["solution"] - 2) / 4)).backward()
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

i = amq.mesh_inputs(other, **how)
with torch.no_grad():
    y = module(torch.as_tensor(i.x)[None], torch.as_tensor(i.u)[None])[0].numpy() * 4 + 2
change = np.linalg.norm(u - y) / np.linalg.norm(y - y.mean())
print(f"{report['bytes'] / report['bytes_of_float']:.0%} of the bytes, the answers change by {change:.1e}")
sys.exit(not change < 0.1)
