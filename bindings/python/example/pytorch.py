#!/usr/bin/env python3
"""A network of PyTorch, quantized without further training, and solved in integers."""
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


class SpectralConv2d(nn.Module):
    def __init__(self, width, m1, m2):
        super().__init__()
        self.m1, self.m2 = m1, m2
        self.weights1 = nn.Parameter(torch.rand(width, width, m1, m2, dtype=torch.cfloat) / width**2)
        self.weights2 = nn.Parameter(torch.rand(width, width, m1, m2, dtype=torch.cfloat) / width**2)

    def forward(self, x):
        ft = torch.fft.rfft2(x)
        out = torch.zeros_like(ft)
        for at, w in ((slice(0, self.m1), self.weights1), (slice(-self.m1, None), self.weights2)):
            out[:, :, at, : self.m2] = torch.einsum("bixy,ioxy->boxy", ft[:, :, at, : self.m2], w)
        return torch.fft.irfft2(out, s=x.shape[-2:])


class FNO2d(nn.Module):
    """As Li et al. have published it, without padding."""

    def __init__(self, inputs, width, m1, m2):
        super().__init__()
        self.fc0 = nn.Linear(inputs + 2, width)
        for k in range(4):
            setattr(self, f"conv{k}", SpectralConv2d(width, m1, m2))
            setattr(self, f"w{k}", nn.Conv2d(width, width, 1))
        self.fc1, self.fc2 = nn.Linear(width, 32), nn.Linear(32, 1)

    def forward(self, a):  # (sample, point, point, channel)
        x, y = torch.meshgrid(*[torch.linspace(0, 1, n) for n in a.shape[1:3]], indexing="ij")
        grid = torch.stack((x, y), -1).expand(len(a), *a.shape[1:3], 2)
        h = self.fc0(torch.cat((a, grid), -1)).movedim(-1, 1)
        for k in range(4):
            h = getattr(self, f"conv{k}")(h) + getattr(self, f"w{k}")(h)
            h = nn.functional.gelu(h) if k < 3 else h
        return self.fc2(nn.functional.gelu(self.fc1(h.movedim(1, -1))))


torch.manual_seed(1)
n = 16
x = np.linspace(0, 1, n)
phase = np.random.default_rng(2).uniform(0, 6, (8, 1, 1))
a = np.sin(6 * x[:, None] + phase) * np.cos(4 * x + phase)  # (sample, point, point)
u = np.gradient(a, axis=1)
given, sought = (torch.as_tensor(v[..., None], dtype=torch.float32) for v in (a, u))
module = FNO2d(1, 8, 4, 4)
optimizer = torch.optim.Adam(module.parameters(), 1e-2)
for _ in range(40):
    optimizer.zero_grad()
    nn.functional.mse_loss(module(given), sought).backward()
    optimizer.step()
folder = tempfile.TemporaryDirectory()
float_file, file = (str(pathlib.Path(folder.name) / name) for name in ("float.safetensors", "fno.safetensors"))
samples = given.numpy()

# [torch]
import amq

amq.from_torch(module, float_file, samples[0], given=["a"], solution=["u"])  # with torch's own answer
report = amq.quantize(float_file, samples, file)  # repeats that answer, then fits steps
for layer in report["layers"]:
    print(f"{layer['weight']:8} {layer['weight_bits']} bits, {100 * layer['share']:4.1f} % of the error")

solver = amq.load(file)  # from here on without torch
at = solver.grid(x, x)
u = at.solve(samples[1].reshape(-1, 1))  # (point, channel), the last axis fastest
# [torch]

with torch.no_grad():
    y = module(given[1:2]).numpy().reshape(u.shape)
change = np.linalg.norm(u - y) / np.linalg.norm(y)
print(f"{report['bytes'] / report['bytes_of_float']:.0%} of the bytes, the answers change by {change:.1e}")
sys.exit(not change < 0.1)
