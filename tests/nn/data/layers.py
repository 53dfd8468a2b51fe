#!/usr/bin/python3
"""Layers on grids in PyTorch and what they compute: layers.safetensors. A case has its input `name.x` and result
`name.y`, (sample, points, channel), and the layer's parameters under its name. Run: /usr/bin/python3 layers.py"""
import pathlib
import sys

import torch
from torch import nn
from torch.nn import functional as F

HERE = pathlib.Path(__file__).parent
sys.path.insert(0, str(HERE.parent.parent / "models" / "data"))
from golden_file import write  # noqa: E402

torch.manual_seed(2)
out = {}


def case(name, points, channels, f, module=None):
    x = torch.randn(2, channels, *points)
    out[name + ".x"] = x.movedim(1, -1)
    out[name + ".y"] = f(x).movedim(1, -1)
    if module is not None:
        for k, v in module.state_dict().items():
            if v.dim() > 0:
                out[f"{name}.{k}"] = v.clone()


def layer(name, points, module):
    channels = module.num_channels if isinstance(module, nn.GroupNorm) else module.in_channels
    with torch.no_grad():
        for p in module.parameters():
            p.copy_(torch.randn_like(p) * 0.5)
    case(name, points, channels, module, module)


layer("plain_1d", [11], nn.Conv1d(3, 4, 3, padding=1))
layer("strided_1d", [12], nn.Conv1d(3, 4, 3, stride=2, padding=1))
layer("circular_1d", [7], nn.Conv1d(2, 3, 5, padding=2, padding_mode="circular"))
layer("point_2d", [4, 5], nn.Conv2d(3, 2, 1))
layer("plain_2d", [7, 6], nn.Conv2d(3, 4, 3, padding=1, bias=False))
layer("strided_2d", [8, 6], nn.Conv2d(2, 5, 3, stride=2, padding=1))
layer("circular_2d", [5, 6], nn.Conv2d(3, 2, 3, padding=1, padding_mode="circular"))
layer("patch_2d", [8, 12], nn.Conv2d(3, 7, 4, stride=4))
layer("plain_3d", [4, 5, 3], nn.Conv3d(2, 3, 3, padding=1))
layer("up_1d", [5], nn.ConvTranspose1d(3, 2, 2, stride=2))
layer("up4_1d", [6], nn.ConvTranspose1d(3, 2, 4, stride=2, padding=1))
layer("up_2d", [3, 4], nn.ConvTranspose2d(3, 2, 2, stride=2))
layer("up4_2d", [3, 5], nn.ConvTranspose2d(3, 4, 4, stride=2, padding=1))
layer("up_3d", [2, 3, 2], nn.ConvTranspose3d(2, 3, 2, stride=2))
layer("up9_2d", [3, 2], nn.ConvTranspose2d(2, 3, 9, stride=3, padding=4))
layer("group_1", [5, 4], nn.GroupNorm(1, 6))
layer("group_3", [9], nn.GroupNorm(3, 6))
case("max_1d", [9], 3, lambda x: F.max_pool1d(x, 2))
case("max_2d", [6, 7], 3, lambda x: F.max_pool2d(x, 2))
case("mean_2d", [6, 9], 3, lambda x: F.avg_pool2d(x, 3))
case("mean_3d", [4, 2, 5], 2, lambda x: F.avg_pool3d(x, 2))
for name, nodes in (("centres", False), ("nodes", True)):
    case(f"{name}_1d", [9], 2, lambda x: F.interpolate(x, 14, mode="linear", align_corners=nodes))
    case(f"{name}_2d", [8, 5], 2, lambda x: F.interpolate(x, (4, 9), mode="bilinear", align_corners=nodes))
    case(f"{name}_3d", [3, 4, 2], 2, lambda x: F.interpolate(x, (5, 2, 4), mode="trilinear", align_corners=nodes))

# A batch norm after a convolution: what it computes from the running estimates, then from the rows themselves, and
# where that moves the estimates.
conv, norm = nn.Conv2d(3, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4)
with torch.no_grad():
    norm.weight.copy_(torch.tensor([0.7, -1.3, 2.0, 0.1]))
    norm.bias.copy_(torch.randn(4))
    norm.running_mean.copy_(torch.randn(4) * 0.3)
    norm.running_var.copy_(torch.rand(4) + 0.2)
for k, v in norm.state_dict().items():
    if v.dim() > 0:
        out["norm." + k] = v.clone()
case("normed", [6, 5], 3, lambda x: norm.eval()(conv(x)), conv)
x = out["normed.x"].movedim(-1, 1)
out["normed.y_of_batch"] = norm.train()(conv(x)).movedim(1, -1)
out["norm.moved_mean"], out["norm.moved_var"] = norm.running_mean, norm.running_var
write(HERE / "layers.safetensors", out)
