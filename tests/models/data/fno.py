#!/usr/bin/python3
"""The Fourier neural operator in PyTorch, and what it computes: fno_1d, fno_2d, fno_3d.safetensors and the
spectral convolutions spectral_*.safetensors of tests/nn. Weights are random; the text is PDEBench's, one for
all dimensions. Run: /usr/bin/python3 fno.py"""
import itertools
import pathlib

import torch
from torch import nn
from torch.nn import functional as F

from golden_file import write

HERE = pathlib.Path(__file__).parent
LETTERS = "xyz"


class SpectralConv(nn.Module):
    def __init__(self, cin, cout, modes):
        super().__init__()
        self.modes, self.cout, d = modes, cout, len(modes)
        for k in range(2 ** (d - 1)):
            w = torch.rand(cin, cout, *modes, dtype=torch.cfloat) / (cin * cout)
            setattr(self, f"weights{k + 1}", nn.Parameter(w))

    def forward(self, x):  # (sample, channel, points)
        d, m = len(self.modes), self.modes
        axes = list(range(2, 2 + d))
        ft = torch.fft.rfftn(x, dim=axes)
        out = torch.zeros(x.size(0), self.cout, *ft.shape[2:], dtype=torch.cfloat)
        s = LETTERS[:d]
        for k in range(2 ** (d - 1)):
            at = [slice(None), slice(None)]
            for a in range(d):
                at.append(slice(-m[a], None) if a < d - 1 and k >> a & 1 else slice(0, m[a]))
            out[tuple(at)] = torch.einsum(f"bi{s},io{s}->bo{s}", ft[tuple(at)], getattr(self, f"weights{k + 1}"))
        return torch.fft.irfftn(out, s=x.shape[2:], dim=axes)


class Fno(nn.Module):
    def __init__(self, inputs, outputs, width, modes, padding):
        super().__init__()
        d = len(modes)
        self.padding = padding
        self.fc0 = nn.Linear(inputs + d, width)
        for k in range(4):
            setattr(self, f"conv{k}", SpectralConv(width, width, modes))
            setattr(self, f"w{k}", [nn.Conv1d, nn.Conv2d, nn.Conv3d][d - 1](width, width, 1))
        self.fc1 = nn.Linear(width, 128)
        self.fc2 = nn.Linear(128, outputs)

    def forward(self, u, x):  # (sample, points, channel)
        y = self.fc0(torch.cat((u, x), -1)).movedim(-1, 1)
        shape = y.shape
        y = F.pad(y, [p for a in reversed(self.padding) for p in (0, a)])
        for k in range(4):
            y = getattr(self, f"conv{k}")(y) + getattr(self, f"w{k}")(y)
            if k < 3:
                y = F.gelu(y)
        y = y[tuple(slice(0, n) for n in shape)].movedim(1, -1)
        return self.fc2(F.gelu(self.fc1(y)))


def real(state):
    return {k: torch.view_as_real(v) if v.is_complex() else v for k, v in state.items()}


def coordinates(samples, points):
    axes = torch.meshgrid(*[torch.linspace(0, 1, n) for n in points], indexing="ij")
    return torch.stack(axes, -1).expand(samples, *points, len(points)).contiguous()


torch.manual_seed(1)
for name, points, modes, padding in (("1d", [17], [4], [2]), ("2d", [9, 11], [3, 4], [2, 2]),
                                     ("3d", [6, 5, 4], [2, 1, 3], [0, 0, 6])):
    net = Fno(3, 2, 5, modes, padding)
    with torch.no_grad():
        for k in range(4):  # larger than the usual beginning, so that the spectral part counts
            for p in getattr(net, f"conv{k}").parameters():
                p.copy_(torch.randn_like(p) * 0.4)
    u, x = torch.randn(2, *points, 3), coordinates(2, points)
    write(HERE / f"fno_{name}.safetensors", real(net.state_dict()) | {"u": u, "x": x, "y": net(u, x)})

# 85 and 421 are the sizes of the published data; 2 (m - 1) = n keeps the frequency that is its own mirror image.
for name, points, modes in (("421", [421], [16]), ("85", [85], [12]), ("8", [8], [5]), ("85x13", [85, 13], [12, 6]),
                            ("8x6", [8, 6], [4, 4]), ("5x7x6", [5, 7, 6], [2, 3, 4])):
    conv = SpectralConv(3, 2, modes)
    x = torch.randn(2, 3, *points)
    state = real(conv.state_dict())
    write(HERE.parent.parent / "nn" / "data" / f"spectral_{name}.safetensors",
          state | {"x": x.movedim(1, -1), "y": conv(x).movedim(1, -1)})
