"""Networks of Darcy flow for scripts/time_ptq.py, trained here by torch: an FNO, a UNet and a transformer on a grid, and a
Transolver on meshes.

-div(a grad u) = 1 in the unit square, u = 0 on its boundary; a is the exponential of a random smooth field.
"""
import math
from collections import OrderedDict

import numpy as np
import torch
from torch import nn

SIDE = 48  # points of the grid's axes
CELLS = 24  # of a mesh's sides
TRAINING, TEST = 256, 64  # samples


def smooth(rng, points):
    """log a at points (..., 2): a sum of waves, longer ones stronger."""
    out = np.zeros(points.shape[:-1])
    for k in range(0, 5):
        for m in range(0, 5):
            if k + m:
                w, phase = rng.standard_normal(), rng.uniform(0, 2 * np.pi, 2)
                out += w / (k * k + m * m) * np.cos(np.pi * k * points[..., 0] + phase[0]) * np.cos(
                    np.pi * m * points[..., 1] + phase[1])  # fmt: skip
    return out


def on_grids(n, seed):
    """a (sample, point, point) and u: finite volumes, solved together by conjugate gradients."""
    rng, x = np.random.default_rng(seed), np.linspace(0, 1, SIDE)
    at = np.stack(np.meshgrid(x, x, indexing="ij"), -1)
    a = np.exp(np.stack([smooth(rng, at) for _ in range(n)]))
    h2 = (SIDE - 1) ** 2
    ax, ay = (2 / (1 / a[:, 1:] + 1 / a[:, :-1]), 2 / (1 / a[:, :, 1:] + 1 / a[:, :, :-1]))
    inner = np.zeros_like(a)
    inner[:, 1:-1, 1:-1] = 1

    def apply(u):
        fx, fy = ax * np.diff(u, axis=1), ay * np.diff(u, axis=2)
        out = np.zeros_like(u)
        out[:, :-1] -= fx
        out[:, 1:] += fx
        out[:, :, :-1] -= fy
        out[:, :, 1:] += fy
        return out * h2 * inner

    diagonal = np.ones_like(a)
    diagonal[:, 1:-1, 1:-1] = h2 * (ax[:, 1:, 1:-1] + ax[:, :-1, 1:-1] + ay[:, 1:-1, 1:] + ay[:, 1:-1, :-1])
    dot = lambda p, q: (p * q).sum((1, 2), keepdims=True)  # noqa: E731
    u, r = np.zeros_like(a), inner.copy()
    z = r / diagonal
    p, rz = z, dot(r, z)
    for _ in range(400):
        ap = apply(p)
        step = rz / dot(p, ap)
        u, r = u + step * p, r - step * ap
        z = r / diagonal
        new = dot(r, z)
        p, rz = z + new / rz * p, new
    assert np.sqrt(dot(r, r) / dot(inner, inner)).max() < 1e-6
    return a.astype(np.float32)[..., None], u.astype(np.float32)[..., None]


def on_meshes(n, seed):
    """Samples of points, cells, given (a), solution (u): linear finite elements on moved triangles."""
    rng, all = np.random.default_rng(seed), []
    x = np.linspace(0, 1, CELLS + 1)
    regular = np.stack(np.meshgrid(x, x), -1).reshape(-1, 2)
    inner = np.all((regular > 0) & (regular < 1), axis=1)
    k = (np.arange(CELLS)[:, None] * (CELLS + 1) + np.arange(CELLS)).ravel()
    right, up = 1, CELLS + 1
    cells = np.concatenate([np.stack([k, k + right, k + up + 1], 1), np.stack([k, k + up + 1, k + up], 1)])
    for _ in range(n):
        points = regular.copy()
        points[inner] += rng.uniform(-0.3 / CELLS, 0.3 / CELLS, (inner.sum(), 2))
        a = np.exp(smooth(rng, points))
        p = points[cells]
        d = np.stack([p[:, 2] - p[:, 1], p[:, 0] - p[:, 2], p[:, 1] - p[:, 0]], 1)  # (cell, corner, 2)
        area = 0.5 * np.abs(d[:, 0, 0] * d[:, 1, 1] - d[:, 0, 1] * d[:, 1, 0])
        local = np.einsum("cid,cjd->cij", d, d) * (a[cells].mean(1) / (4 * area))[:, None, None]
        stiff, load = np.zeros((len(points),) * 2), np.zeros(len(points))
        np.add.at(stiff, (cells[:, :, None], cells[:, None, :]), local)
        np.add.at(load, cells, (area / 3)[:, None])
        u = np.zeros(len(points))
        u[inner] = np.linalg.solve(stiff[np.ix_(inner, inner)], load[inner])
        all.append({"points": points, "cells": cells.astype(np.int32), "given": a.astype(np.float32)[:, None],
                    "solution": u.astype(np.float32)[:, None]})  # fmt: skip
    return all


class Spectral(nn.Module):
    """Of Li et al.; after as_matrices() by real products, as files of ONNX have no complex numbers."""

    def __init__(self, width, modes):
        super().__init__()
        self.modes, self.real = modes, False  # real: its weights as real matrices
        for k in (1, 2):
            w = torch.rand(width, width, modes, modes, dtype=torch.cfloat) / width**2
            setattr(self, f"weights{k}", nn.Parameter(w))

    def forward(self, x):
        return self.by_fft(x) if self.real is False else self.by_matrices(x)

    def as_matrices(self):
        m, c = self.modes, len(self.weights1)
        w = torch.cat([self.weights1, self.weights2], 2).detach().permute(3, 2, 0, 1).reshape(2 * m * m, c, c)
        self.real = torch.cat([torch.cat([w.real, w.imag], 2), torch.cat([-w.imag, w.real], 2)], 1)

    def by_fft(self, x):
        m, ft = self.modes, torch.fft.rfft2(x)
        out = torch.zeros_like(ft)
        for at, w in ((slice(0, m), self.weights1), (slice(-m, None), self.weights2)):
            out[:, :, at, :m] = torch.einsum("bixy,ioxy->boxy", ft[:, :, at, :m], w)
        return torch.fft.irfft2(out, s=x.shape[-2:])

    def by_matrices(self, x):
        """Products with constants alone: what is quantized, as a deployment would write it."""
        b, c, n1, n2 = map(int, x.shape)
        m = self.modes
        f1 = np.concatenate([np.arange(m), np.arange(-m, 0)])
        e1 = np.exp(-2j * np.pi * np.outer(np.arange(n1), f1) / n1)  # (point, mode)
        e2 = np.exp(-2j * np.pi * np.outer(np.arange(n2), np.arange(m)) / n2)
        const = lambda a: torch.as_tensor(np.ascontiguousarray(a), dtype=torch.float32)  # noqa: E731
        y = x @ const(np.concatenate([e2.real, e2.imag], 1))  # (b, c, n1, {re, im} m)
        y = y.reshape(b, c, n1, 2, m).permute(0, 1, 4, 3, 2).reshape(b, c, m, 2 * n1)
        y = y @ const(np.block([[e1.real, e1.imag], [-e1.imag, e1.real]]))  # (b, c, m, {re, im} 2m)
        y = y.reshape(b, c, m, 2, 2 * m).permute(2, 4, 0, 3, 1).reshape(2 * m * m, b, 2 * c)  # (mode, b, {re, im} c)
        y = y @ self.real
        y = y.reshape(m, 2 * m, b, 2, c).permute(2, 4, 0, 3, 1).reshape(b, c, m, 4 * m)
        i1 = np.conj(e1.T) / n1  # (mode, point)
        y = y @ const(np.block([[i1.real, i1.imag], [-i1.imag, i1.real]]))  # (b, c, m, {re, im} n1)
        y = y.reshape(b, c, m, 2, n1).permute(0, 1, 4, 3, 2).reshape(b, c, n1, 2 * m)
        twice = np.where(np.arange(m) == 0, 1, 2)[:, None]
        i2 = twice * np.conj(e2.T) / n2
        return y @ const(np.concatenate([i2.real, -i2.imag], 0))


class Fno2d(nn.Module):
    def __init__(self, width=32, modes=12):
        super().__init__()
        self.fc0 = nn.Linear(3, width)
        for k in range(4):
            setattr(self, f"conv{k}", Spectral(width, modes))
            setattr(self, f"w{k}", nn.Conv2d(width, width, 1))
        self.fc1, self.fc2 = nn.Linear(width, 128), nn.Linear(128, 1)
        x = torch.linspace(0, 1, SIDE)
        self.grid = torch.stack(torch.meshgrid(x, x, indexing="ij"), -1)

    def forward(self, a):  # (sample, point, point, channel)
        h = self.fc0(torch.cat((a, self.grid.expand(len(a), -1, -1, 2)), -1)).permute(0, 3, 1, 2)
        for k in range(4):
            h = getattr(self, f"conv{k}")(h) + getattr(self, f"w{k}")(h)
            h = nn.functional.gelu(h) if k < 3 else h
        return self.fc2(nn.functional.gelu(self.fc1(h.permute(0, 2, 3, 1))))


class Unet(nn.Module):
    """PDEBench's."""

    def __init__(self, features=16, levels=4):
        super().__init__()
        widths = [1, *(features * 2**k for k in range(levels + 1))]
        self.levels, self.pool = levels, nn.MaxPool2d(2)
        for k in range(1, levels + 1):
            setattr(self, f"encoder{k}", self.twice(widths[k - 1], widths[k], f"enc{k}"))
            setattr(self, f"upconv{k}", nn.ConvTranspose2d(widths[k + 1], widths[k], 2, 2))
            setattr(self, f"decoder{k}", self.twice(2 * widths[k], widths[k], f"dec{k}"))
        self.bottleneck = self.twice(widths[-2], widths[-1], "bottleneck")
        self.conv = nn.Conv2d(features, 1, 1)

    def twice(self, inputs, width, name):
        layers = OrderedDict()
        for k, given in ((1, inputs), (2, width)):
            layers[f"{name}conv{k}"] = nn.Conv2d(given, width, 3, padding=1, bias=False)
            layers[f"{name}norm{k}"] = nn.BatchNorm2d(width)
            layers[f"{name}tanh{k}"] = nn.Tanh()
        return nn.Sequential(layers)

    def forward(self, a):  # (sample, channel, point, point)
        kept = []
        for k in range(1, self.levels + 1):
            kept.append(getattr(self, f"encoder{k}")(a))
            a = self.pool(kept[-1])
        a = self.bottleneck(a)
        for k in reversed(range(1, self.levels + 1)):
            a = getattr(self, f"decoder{k}")(torch.cat((getattr(self, f"upconv{k}")(a), kept.pop()), 1))
        return self.conv(a)


class Attention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.num_heads = heads
        self.qkv, self.proj = nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, x):
        b, n, width = map(int, x.shape)
        d = width // self.num_heads
        q, k, v = self.qkv(x).reshape(b, n, 3, self.num_heads, d).permute(2, 0, 3, 1, 4)
        w = torch.softmax(q @ k.transpose(2, 3) * d**-0.5, -1)
        return self.proj((w @ v).transpose(1, 2).reshape(b, n, width))


class TokenBlock(nn.Module):
    def __init__(self, width, heads, ratio):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attn = Attention(width, heads)
        self.mlp = nn.ModuleDict({"fc1": nn.Linear(width, ratio * width), "fc2": nn.Linear(ratio * width, width)})

    def forward(self, x):
        x = x + self.attn(self.norm1(x))
        return x + self.mlp["fc2"](nn.functional.gelu(self.mlp["fc1"](self.norm2(x))))


class Transformer(nn.Module):
    """Over patches, with timm's names; positions are two given channels."""

    def __init__(self, width=128, layers=4, heads=4, patch=4):
        super().__init__()
        self.patch = patch
        self.patch_embed = nn.ModuleDict({"proj": nn.Conv2d(3, width, patch, patch)})
        self.blocks = nn.ModuleList(TokenBlock(width, heads, 4) for _ in range(layers))
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, patch**2)
        x = torch.linspace(0, 1, SIDE)
        self.grid = torch.stack(torch.meshgrid(x, x, indexing="ij"), -1)

    def forward(self, a):  # (sample, point, point, channel)
        b, p, n = int(a.shape[0]), self.patch, SIDE // self.patch
        given = torch.cat((a, self.grid.expand(b, -1, -1, 2)), -1).permute(0, 3, 1, 2)
        y = self.patch_embed["proj"](given).flatten(2).transpose(1, 2)
        for block in self.blocks:
            y = block(y)
        y = self.head(self.norm(y)).reshape(b, n, n, p, p).permute(0, 1, 3, 2, 4)
        return y.reshape(b, SIDE, SIDE, 1)


class Mlp(nn.Module):
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
        nn.init.orthogonal_(self.in_project_slice.weight)
        self.to_q, self.to_k, self.to_v = (nn.Linear(d, d, bias=False) for _ in range(3))
        self.to_out = nn.Sequential(nn.Linear(c, c))

    def forward(self, x):
        b, n, c = map(int, x.shape)
        split = lambda t: t.reshape(b, n, self.heads, c // self.heads).permute(0, 2, 1, 3)  # noqa: E731
        f, s = split(self.in_project_fx(x)), split(self.in_project_x(x))
        w = torch.softmax(self.in_project_slice(s) / self.temperature, -1)  # (b, head, node, slice)
        token = w.transpose(2, 3) @ f / (w.sum(2)[..., None] + 1e-5)
        q, k, v = self.to_q(token), self.to_k(token), self.to_v(token)
        token = torch.softmax(q @ k.transpose(2, 3) * math.sqrt(self.heads / c), -1) @ v
        return self.to_out((w @ token).permute(0, 2, 1, 3).reshape(b, n, c))


class Block(nn.Module):
    def __init__(self, c, heads, slices, last):
        super().__init__()
        self.ln_1, self.ln_2 = nn.LayerNorm(c), nn.LayerNorm(c)
        self.Attn, self.mlp = PhysicsAttention(c, heads, slices), Mlp(c, c, c)
        if last:
            self.ln_3, self.mlp2 = nn.LayerNorm(c), nn.Linear(c, 1)
        self.last = last

    def forward(self, x):
        x = self.Attn(self.ln_1(x)) + x
        x = self.mlp(self.ln_2(x)) + x
        return self.mlp2(self.ln_3(x)) if self.last else x


class Transolver(nn.Module):
    """The public code's, for irregular meshes."""

    def __init__(self, c=64, layers=4, heads=4, slices=32):
        super().__init__()
        self.preprocess = Mlp(3, 2 * c, c)
        self.blocks = nn.ModuleList(Block(c, heads, slices, k == layers - 1) for k in range(layers))
        self.placeholder = nn.Parameter(torch.rand(c) / c)

    def forward(self, x, fx):  # (sample, node, dim), (sample, node, channel)
        f = self.preprocess(torch.cat([x, fx], -1)) + self.placeholder
        for block in self.blocks:
            f = block(f)
        return f


def fit(module, inputs, sought, epochs, batch, lr):
    """Relative L2 of normalized answers, AdamW with one cycle. inputs: tensors whose first axis is the sample."""
    steps = epochs * (len(sought) // batch)
    optimizer = torch.optim.AdamW(module.parameters(), lr, weight_decay=1e-5)
    rate = torch.optim.lr_scheduler.OneCycleLR(optimizer, lr, total_steps=steps)
    for epoch in range(epochs):
        order, total = torch.randperm(len(sought)), 0.0
        for k in range(len(sought) // batch):
            at = order[k * batch : (k + 1) * batch]
            wrong = (module(*(i[at] for i in inputs)) - sought[at]).flatten(1).norm(dim=1)
            loss = (wrong / sought[at].flatten(1).norm(dim=1)).mean()
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(module.parameters(), 1)
            optimizer.step()
            rate.step()
            total += float(loss.detach())
        if epoch % 5 == 4 or epoch + 1 == epochs:
            print(f"  epoch {epoch + 1}: loss {total / (len(sought) // batch):.4f}", flush=True)
    return module.eval()


# On the grid: module, learning rate.
ON_GRID = {"fno": (Fno2d, 3e-3), "unet": (Unet, 3e-3), "transformer": (Transformer, 1e-3)}


def as_read(network, x):
    """Fields (sample, point, point, channel) as a network on the grid reads and says them."""
    return x.permute(0, 3, 1, 2).contiguous() if network == "unet" else x


def grid_problem(network, epochs=25):
    """Trains it. Returns module, normalization, given fields and solutions of the training and test samples."""
    a, u = on_grids(TRAINING + TEST, 1)
    norm = normalization(a[:TRAINING], u[:TRAINING])
    x, y = (as_read(network, v[:TRAINING]) for v in normalized(a, u, norm))
    torch.manual_seed(1)
    print(network, flush=True)
    make, lr = ON_GRID[network]
    return fit(make(), [x], y, epochs, 8, lr), norm, a, u


def mesh_problem(epochs=25):
    """Trains a Transolver. Returns module, normalization, and the training and test samples."""
    samples = on_meshes(TRAINING + TEST, 2)
    a, u = (np.stack([s[k] for s in samples]) for k in ("given", "solution"))
    norm = normalization(a[:TRAINING], u[:TRAINING])
    x, y = normalized(a, u, norm)
    points = torch.as_tensor(np.stack([s["points"] for s in samples])).float()
    torch.manual_seed(1)
    print("transolver", flush=True)
    return fit(Transolver(), [points[:TRAINING], x[:TRAINING]], y[:TRAINING], epochs, 8, 3e-3), norm, samples


def normalization(a, u):
    return {"input_mean": float(a.mean()), "input_deviation": float(a.std()), "output_mean": 0.0,
            "output_deviation": float(u.std())}  # fmt: skip


def normalized(a, u, norm):
    f32 = lambda v: torch.as_tensor(np.asarray(v, np.float32))  # noqa: E731
    return (f32((a - np.float32(norm["input_mean"])) / np.float32(norm["input_deviation"])),
            f32(u / np.float32(norm["output_deviation"])))  # fmt: skip


def kept(network, folder):
    """What its problem returns, kept in the folder."""
    path = folder / f"{network}.pt"
    if not path.exists():
        torch.save(grid_problem(network) if network in ON_GRID else mesh_problem(), path)
    try:
        return torch.load(path, weights_only=False)  # whole modules, which are ours
    except TypeError:  # of a torch before 1.13
        return torch.load(path)
