"""Golden numbers for the UNet of PDEBench in plain PyTorch, as it is evaluated: names and sizes of
pdebench/models/unet/unet.py, one text for all dimensions.

Writes data/unet_1d.npz and data/unet_2d.npz. Run with the Python that has torch.
"""
from collections import OrderedDict

import torch
from torch import nn

import golden


class UNet(nn.Module):
    def __init__(self, dims, inputs, outputs, features):
        super().__init__()
        self.conv_of = [nn.Conv1d, nn.Conv2d][dims - 1]
        self.norm_of = [nn.BatchNorm1d, nn.BatchNorm2d][dims - 1]
        transposed = [nn.ConvTranspose1d, nn.ConvTranspose2d][dims - 1]
        self.pool = [nn.MaxPool1d, nn.MaxPool2d][dims - 1](2)
        widths = [features * 2**k for k in range(5)]
        for k in range(4):
            self.add_module(f"encoder{k + 1}", self.block([inputs, *widths][k], widths[k], f"enc{k + 1}"))
        self.bottleneck = self.block(widths[3], widths[4], "bottleneck")
        for k in (4, 3, 2, 1):
            self.add_module(f"upconv{k}", transposed(widths[k], widths[k - 1], 2, 2))
            self.add_module(f"decoder{k}", self.block(2 * widths[k - 1], widths[k - 1], f"dec{k}"))
        self.conv = self.conv_of(features, outputs, 1)

    def block(self, inputs, width, name):
        return nn.Sequential(OrderedDict([
            (name + "conv1", self.conv_of(inputs, width, 3, padding=1, bias=False)),
            (name + "norm1", self.norm_of(width)), (name + "tanh1", nn.Tanh()),
            (name + "conv2", self.conv_of(width, width, 3, padding=1, bias=False)),
            (name + "norm2", self.norm_of(width)), (name + "tanh2", nn.Tanh())]))

    def forward(self, x):
        kept = []
        for k in range(1, 5):
            kept.append(getattr(self, f"encoder{k}")(x))
            x = self.pool(kept[-1])
        x = self.bottleneck(x)
        for k in (4, 3, 2, 1):
            x = torch.cat((getattr(self, f"upconv{k}")(x), kept.pop()), 1)
            x = getattr(self, f"decoder{k}")(x)
        return self.conv(x)


if __name__ == "__main__":
    for dims, points in ((1, [32]), (2, [32, 16])):
        model = golden.fill(UNet(dims, 3, 2, 4)).eval()
        u = golden.tensor("u", 2, *points, 3).movedim(-1, 1)
        golden.record(f"unet_{dims}d.npz", model, model(u).movedim(1, -1).reshape(-1, 2))
