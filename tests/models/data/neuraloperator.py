#!/usr/bin/python3
"""The FNO of neuraloperator 2 with its default settings, and what it computes: neuraloperator_1d, _2d and _3d.safetensors.
Weights are random. Run where neuraloperator 2.0 can be imported: python3 neuraloperator.py"""
import pathlib

import torch
from neuralop.models import FNO

from golden_file import write

HERE = pathlib.Path(__file__).parent
torch.manual_seed(2)
for name, points, n_modes, width in (("1d", [20], (8,), 6), ("2d", [12, 15], (6, 8), 7), ("3d", [6, 4, 7], (4, 2, 4), 4)):
    net = FNO(n_modes, in_channels=2, out_channels=3, hidden_channels=width)
    with torch.no_grad():  # gates are ones, spectral weights small at first
        for key, p in net.named_parameters():
            if "channel_mlp_skips" in key:
                p.copy_(torch.randn_like(p))
    u = torch.randn(2, 2, *points)
    state = {k: v for k, v in net.state_dict().items() if isinstance(v, torch.Tensor)}
    state = {k: torch.view_as_real(v) if v.is_complex() else v for k, v in state.items()}
    axes = torch.meshgrid(*[torch.arange(n) / n for n in points], indexing="ij")
    x = torch.stack(axes, -1).expand(2, *points, len(points))
    write(HERE / f"neuraloperator_{name}.safetensors",
          state | {"u": u.movedim(1, -1), "x": x, "y": net(u).movedim(1, -1)})  # fmt: skip
