"""Golden numbers for the modern UNet of PDEArena in plain PyTorch: names and sizes of pdearena/modules/twod_unet.py,
one text for all dimensions, attention's softmax over the keys.

Writes data/modern_unet_1d.npz and data/modern_unet_2d.npz. Run with the Python that has torch.
"""
import torch
from torch import nn
from torch.nn import functional as F

import golden

CONV, UP = [nn.Conv1d, nn.Conv2d], [nn.ConvTranspose1d, nn.ConvTranspose2d]


class Residual(nn.Module):
    def __init__(self, dims, inputs, width):
        super().__init__()
        conv = CONV[dims - 1]
        self.conv1, self.conv2 = conv(inputs, width, 3, padding=1), conv(width, width, 3, padding=1)
        self.shortcut = conv(inputs, width, 1) if inputs != width else nn.Identity()
        self.norm1, self.norm2 = nn.GroupNorm(1, inputs), nn.GroupNorm(1, width)

    def forward(self, x):
        h = self.conv1(F.gelu(self.norm1(x)))
        return self.conv2(F.gelu(self.norm2(h))) + self.shortcut(x)


class Attention(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.projection, self.output = nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, x):
        y = x.flatten(2).transpose(1, 2)
        q, k, v = self.projection(y).chunk(3, -1)
        y = self.output((q @ k.transpose(1, 2) * q.shape[-1] ** -0.5).softmax(-1) @ v) + y
        return y.transpose(1, 2).reshape(x.shape)


class Block(nn.Module):
    def __init__(self, dims, inputs, width, attention):
        super().__init__()
        self.res = Residual(dims, inputs, width)
        self.attn = Attention(width) if attention else nn.Identity()

    def forward(self, x):
        return self.attn(self.res(x))


class Middle(nn.Module):
    def __init__(self, dims, width, attention):
        super().__init__()
        self.res1, self.res2 = Residual(dims, width, width), Residual(dims, width, width)
        self.attn = Attention(width) if attention else nn.Identity()

    def forward(self, x):
        return self.res2(self.attn(self.res1(x)))


class Sample(nn.Module):
    def __init__(self, conv):
        super().__init__()
        self.conv = conv

    def forward(self, x):
        return self.conv(x)


class Unet(nn.Module):
    def __init__(self, dims, inputs, outputs, features, multipliers, attention, middle_attention, blocks):
        super().__init__()
        conv = CONV[dims - 1]
        self.image_proj = conv(inputs, features, 3, padding=1)
        down, up, width = [], [], features
        for i, m in enumerate(multipliers):
            for _ in range(blocks):
                down.append(Block(dims, width, width * m if _ == 0 else width, attention[i]))
                width = width * m if _ == 0 else width
            if i + 1 < len(multipliers):
                down.append(Sample(conv(width, width, 3, 2, 1)))
        self.down = nn.ModuleList(down)
        self.middle = Middle(dims, width, middle_attention)
        for i in reversed(range(len(multipliers))):
            for _ in range(blocks):
                up.append(Block(dims, 2 * width, width, attention[i]))
            last = width // multipliers[i]
            up.append(Block(dims, width + last, last, attention[i]))
            width = last
            if i > 0:
                up.append(Sample(UP[dims - 1](width, width, 4, 2, 1)))
        self.up = nn.ModuleList(up)
        self.norm = nn.GroupNorm(8, features)
        self.final = conv(width, outputs, 3, padding=1)

    def forward(self, x):
        x = self.image_proj(x)
        kept = [x]
        for m in self.down:
            x = m(x)
            kept.append(x)
        x = self.middle(x)
        for m in self.up:
            x = m(x) if isinstance(m, Sample) else m(torch.cat((x, kept.pop()), 1))
        return self.final(F.gelu(self.norm(x)))


if __name__ == "__main__":
    for dims, points, attention, middle in ((1, [16], [False, False, True], True), (2, [8, 12], [False] * 3, False)):
        model = golden.fill(Unet(dims, 3, 2, 16, [1, 2, 2], attention, middle, 1 if dims == 1 else 2))
        u = golden.tensor("u", 2, *points, 3).movedim(-1, 1)
        golden.record(f"modern_unet_{dims}d.npz", model, model(u).movedim(1, -1).reshape(-1, 2))
    print(sum(p.numel() for p in Unet(2, 4, 1, 64, [1, 2, 2, 4], [False] * 4, False, 2).parameters()))
