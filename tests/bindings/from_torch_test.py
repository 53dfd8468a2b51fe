#!/usr/bin/env python3
"""PyTorch's modules as float files, and those as model files: amq repeats torch's answer within 1e-5.
Usage: from_torch_test.py [FOLDER]  (with the built package on PYTHONPATH)"""
import copy
import json
import pathlib
import re
import sys
import tempfile

try:
    import numpy as np
    import torch
    from torch import nn
    from torch.nn import functional as F
except ImportError:
    print("numpy or torch is not there")
    sys.exit(77)

import amq
from checks import check, end, refused

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "models"))
from unet_golden import UNet


class Spectral(nn.Module):
    """Corner by corner, as PDEBench and Li et al. have it."""

    def __init__(self, width, modes):
        super().__init__()
        self.modes = modes
        for k in range(2 ** (len(modes) - 1)):
            w = torch.randn(width, width, *modes, dtype=torch.cfloat) / width
            setattr(self, f"weights{k + 1}", nn.Parameter(w))

    def forward(self, x):
        m, d = self.modes, len(self.modes)
        ft = torch.fft.rfftn(x, dim=list(range(2, 2 + d)))
        out = torch.zeros_like(ft)
        for k in range(2 ** (d - 1)):
            at = [slice(None), slice(None)]
            at += [slice(-n, None) if a < d - 1 and k >> a & 1 else slice(0, n) for a, n in enumerate(m)]
            s = "xyz"[:d]
            out[tuple(at)] = torch.einsum(f"bi{s},io{s}->bo{s}", ft[tuple(at)], getattr(self, f"weights{k + 1}"))
        return torch.fft.irfftn(out, s=x.shape[2:], dim=list(range(2, 2 + d)))


class Published(nn.Module):
    """The FNO of Li et al., which makes its own positions."""

    def __init__(self, inputs, outputs, width, modes, padding):
        super().__init__()
        d = len(modes)
        self.padding = padding
        self.fc0 = nn.Linear(inputs + d, width)
        for k in range(4):
            setattr(self, f"conv{k}", Spectral(width, modes))
            setattr(self, f"w{k}", [nn.Conv1d, nn.Conv2d, nn.Conv3d][d - 1](width, width, 1))
        self.fc1, self.fc2 = nn.Linear(width, 16), nn.Linear(16, outputs)

    def run(self, u, x):
        y = self.fc0(torch.cat((u, x), -1)).movedim(-1, 1)
        shape = y.shape[2:]
        p = [0, 0, self.padding] if len(shape) == 3 else [self.padding] * len(shape)
        y = F.pad(y, [n for a in reversed(p) for n in (0, a)])
        for k in range(4):
            y = getattr(self, f"conv{k}")(y) + getattr(self, f"w{k}")(y)
            y = F.gelu(y) if k < 3 else y
        y = y[(slice(None), slice(None), *[slice(0, n) for n in shape])].movedim(1, -1)
        return self.fc2(F.gelu(self.fc1(y)))

    def forward(self, u):
        axes = torch.meshgrid(*[torch.linspace(0, 1, n) for n in u.shape[1:-1]], indexing="ij")
        return self.run(u, torch.stack(axes, -1)[None])


class Pdebench(Published):
    """The same with positions passed in."""

    def forward(self, u, grid):
        return self.run(u, grid)


class Conv(nn.Module):
    """neuraloperator's spectral convolution: frequencies ascend from -n / 2, transforms scaled by 1 / N."""

    def __init__(self, width, n_modes):
        super().__init__()
        self.n = n_modes
        kept = (*n_modes[:-1], n_modes[-1] // 2 + 1)
        self.weight = nn.Parameter(torch.randn(width, width, *kept, dtype=torch.cfloat) / width)
        self.bias = nn.Parameter(torch.randn(width, *[1] * len(n_modes)))

    def forward(self, x):
        d = len(self.n)
        axes = list(range(2, 2 + d))
        ft = torch.fft.rfftn(x, norm="forward", dim=axes)
        ft = torch.fft.fftshift(ft, dim=axes[:-1]) if d > 1 else ft
        out = torch.zeros_like(ft)
        at = [slice(None), slice(None)]
        for a, n in enumerate(self.n[:-1]):
            c = x.shape[2 + a] // 2
            at.append(slice(c - n // 2, c + n // 2))
        at.append(slice(0, self.n[-1] // 2 + 1))
        s = "xyz"[:d]
        out[tuple(at)] = torch.einsum(f"bi{s},io{s}->bo{s}", ft[tuple(at)], self.weight)
        out = torch.fft.ifftshift(out, dim=axes[:-1]) if d > 1 else out
        return torch.fft.irfftn(out, s=x.shape[2:], norm="forward", dim=axes) + self.bias


class Flattened(nn.Module):
    def __init__(self, i, o, bias):
        super().__init__()
        self.conv = nn.Conv1d(i, o, 1, bias=bias)

    def forward(self, x):
        return self.conv(x.flatten(2)).reshape(x.shape)


class Mlp(nn.Module):
    def __init__(self, *widths):
        super().__init__()
        self.fcs = nn.ModuleList([nn.Conv1d(a, b, 1) for a, b in zip(widths, widths[1:])])

    def forward(self, x):
        shape, x = x.shape, x.flatten(2)
        for k, fc in enumerate(self.fcs):
            x = fc(x) if k + 1 == len(self.fcs) else F.gelu(fc(x))
        return x.reshape(shape[0], -1, *shape[2:])


class Gate(nn.Module):
    """Soft gating."""

    def __init__(self, width, dims):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(1, width, *[1] * dims))

    def forward(self, x):
        return self.weight * x


class Blocks(nn.Module):
    def __init__(self, width, n_modes, layers, mlp):
        super().__init__()
        self.convs = nn.ModuleList([Conv(width, n_modes) for _ in range(layers)])
        self.fno_skips = nn.ModuleList([Flattened(width, width, False) for _ in range(layers)])
        if mlp:
            self.channel_mlp = nn.ModuleList([Mlp(width, mlp, width) for _ in range(layers)])
            self.channel_mlp_skips = nn.ModuleList([Gate(width, len(n_modes)) for _ in range(layers)])


class Neuraloperator(nn.Module):
    """FNO of neuraloperator 2; without lifting and mlp FNO(lifting_channel_ratio=0, use_channel_mlp=False) of before."""

    def __init__(self, n_modes, width, inputs, outputs, layers=3, lifting=(), mlp=0):
        super().__init__()
        self.lifting = Mlp(inputs + len(n_modes), *lifting, width)
        self.fno_blocks = Blocks(width, n_modes, layers, mlp)
        self.projection = Mlp(width, 2 * width, outputs)

    def forward(self, x):
        axes = torch.meshgrid(*[torch.arange(n) / n for n in x.shape[2:]], indexing="ij")
        x = self.lifting(torch.cat((x, torch.stack(axes)[None]), 1))
        b = self.fno_blocks
        f = lambda y, k: F.gelu(y) if k + 1 < len(b.convs) else y  # noqa: E731
        for k, (conv, skip) in enumerate(zip(b.convs, b.fno_skips)):
            y = f(conv(x) + skip(x), k)
            x = f(b.channel_mlp[k](y) + b.channel_mlp_skips[k](x), k) if hasattr(b, "channel_mlp") else y
        return self.projection(x)


def of_the_library():
    """Forms of neuraloperator 2's own FNO: name, module, shape of a sample. Empty without the library."""
    try:
        from neuralop.models import FNO
    except ImportError:
        print("neuraloperator is not there: its text as this program has it is what is tried")
        return
    flat, shape = dict(n_modes=(6, 8)), (12, 15, 2)
    for name, how, s in (
        ("its default 1-D", dict(n_modes=(8,)), (20, 2)),
        ("its default 2-D", flat, shape),
        ("its default 3-D", dict(n_modes=(4, 2, 4)), (6, 4, 7, 2)),
        ("odd modes", dict(n_modes=(5, 8)), shape),
        ("modes not yet in use", dict(n_modes=(4, 6), max_n_modes=(8, 8)), shape),
        ("the other skips", dict(flat, fno_skip="soft-gating", channel_mlp_skip="linear"), shape),
        ("identities", dict(flat, fno_skip="identity", channel_mlp_skip="identity"), shape),
        ("no skips", dict(flat, fno_skip=None, channel_mlp_skip=None), shape),
        ("no MLPs", dict(flat, lifting_channel_ratio=0, use_channel_mlp=False), shape),
        ("no positions", dict(flat, positional_embedding=None), shape),
        ("factors", dict(flat, factorization="tucker", rank=0.5), shape),
    ):
        module = FNO(in_channels=2, out_channels=1, hidden_channels=7, **how)
        with torch.no_grad():
            for key, p in module.named_parameters():  # gates are ones at first
                if "skips" in key:
                    p.copy_(torch.randn_like(p))
        yield "neuraloperator, " + name, module, s
    for name, how, words in (
        ("a norm", {"norm": "group_norm"}, "norm = None, found ModuleList"),
        ("padding", {"domain_padding": 0.2}, "domain_padding = None"),
        ("a stabilizer", {"stabilizer": "tanh"}, "stabilizer = None"),
        ("another activation", {"non_linearity": F.relu}, "non_linearity F.gelu"),
    ):
        yield name, FNO(in_channels=2, out_channels=1, hidden_channels=4, **flat, **how), words


def header(path):
    data = pathlib.Path(path).read_bytes()
    return json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])


torch.manual_seed(3)
rng = np.random.default_rng(5)


def fields(n, *shape):
    """Smooth and positive."""
    k = np.stack(np.meshgrid(*[np.linspace(0, 3, p) for p in shape[:-1]], indexing="ij"), -1).sum(-1)
    phase = rng.uniform(0, 6, (n, *[1] * len(shape[:-1]), shape[-1]))
    return (2 + np.sin(k[None, ..., None] + phase)).astype(np.float32)


unet1, unet2 = UNet(1, 3, 2, 4), UNet(2, 3, 2, 4)
for u in (unet1, unet2):  # norms that have seen something
    u.train()
    with torch.no_grad():
        for _ in range(3):
            u(torch.randn(4, 3, *([32] if u is unet1 else [16, 32])))
modules = {
    "published 1-D": (Published(2, 1, 6, [4], 2), (17, 2)),
    "published 2-D": (Published(1, 1, 6, [3, 3], 9), (12, 10, 1)),
    "published 3-D": (Published(1, 2, 4, [2, 1, 3], 6), (6, 5, 4, 1)),
    "pdebench 2-D": (Pdebench(3, 2, 5, [3, 4], 2), (9, 11, 3)),
    "neuraloperator 1-D": (Neuraloperator((8,), 6, 1, 1), (20, 1)),
    "neuraloperator 2-D": (Neuraloperator((6, 8), 6, 2, 1), (12, 15, 2)),
    "neuraloperator 3-D": (Neuraloperator((4, 2, 4), 4, 1, 2), (6, 4, 8, 1)),
    "neuraloperator 2, 1-D": (Neuraloperator((8,), 6, 1, 1, lifting=(12,), mlp=3), (20, 1)),
    "neuraloperator 2, 2-D": (Neuraloperator((6, 8), 6, 2, 1, lifting=(9,), mlp=4), (12, 15, 2)),
    "neuraloperator 2, 3-D": (Neuraloperator((4, 2, 4), 4, 1, 2, lifting=(8,), mlp=2), (6, 4, 8, 1)),
    "unet 1-D": (unet1, (32, 3)),
    "unet 2-D": (unet2, (16, 32, 3)),
}
normalization = {"input_mean": 2, "input_deviation": 0.7, "output_mean": 1, "output_deviation": 3}
with tempfile.TemporaryDirectory() as folder:
    folder = pathlib.Path(folder)
    at, to = folder / "float.safetensors", folder / "out.safetensors"
    for name, (module, shape) in modules.items():
        few = fields(4, *shape)
        axes = [np.linspace(0, 2, n) for n in shape[:-1]] if name.startswith("neuraloperator") else None
        made = amq.from_torch(module, at, few[0], axes, normalization=normalization)
        check(module.training, f"{name}: the module's mode is as it was")
        check(made["dims"] == len(shape) - 1 and made["inputs"] == shape[-1], f"{name}: {made}")
        report = amq.quantize(at, few, to)  # refuses where amq's float answer is not torch's, by 1e-4
        check(0 < report["error"] < 0.2, f"{name}: the answers change by {report['error']}")
        check(abs(sum(layer["share"] for layer in report["layers"]) - 1) < 1e-9, f"{name}: shares")
        check(report["float_difference"] < 1e-5, f"{name}: amq in float is {report['float_difference']} from torch")
        # And back: another module of these sizes gets every number.
        other = copy.deepcopy(module)
        with torch.no_grad():
            for p in [*other.parameters(), *(b for b in other.buffers() if b.is_floating_point())]:
                p.fill_(7)
        same = amq.to_torch(at, other).state_dict()
        counted = {k for k in same if k.endswith("num_batches_tracked")}
        check(all(torch.equal(v, same[k]) for k, v in module.state_dict().items() if k not in counted), f"{name}: back")
        # The model file solves, in the user's units, near torch.
        solver = amq.load(to)
        grid = [np.asarray(a) for a in axes] if axes else None
        if grid is None:
            n = shape[:-1]
            grid = [np.linspace(0, 1, k) for k in n] if name.startswith("published") else [
                (np.arange(k) + 0.5) / k for k in n]  # fmt: skip
        place = solver.grid(*grid)
        u = place.solve(few[1].reshape(-1, shape[-1]))
        x = torch.as_tensor((few[1] - np.float32(2)) / np.float32(0.7))[None]
        module.eval()
        with torch.no_grad():
            if name.startswith("pdebench"):
                y = module(x, torch.as_tensor(np.stack(np.meshgrid(*grid, indexing="ij"), -1)[None]).float())
            elif name.startswith("published"):
                y = module(x)
            else:
                y = module(x.movedim(-1, 1)).movedim(1, -1)
        y = y.numpy().reshape(u.shape) * 3 + 1
        check(np.linalg.norm(u - y) < 0.25 * np.linalg.norm(y), f"{name}: {np.linalg.norm(u - y) / np.linalg.norm(y)}")
        module.train()

    for name, module, shape in of_the_library():
        if isinstance(shape, str):
            refused(shape, lambda m=module: amq.from_torch(m, at, fields(1, 12, 15, 2)[0]))
            continue
        few = fields(3, *shape)
        amq.from_torch(module, at, few[0])
        if any(words in name for words in ("factors", "not yet in use")):
            refused("is missing in the module" if "factors" in name else "in the file", lambda m=module: amq.to_torch(at, m))
        else:
            state = {k: v for k, v in module.state_dict().items() if isinstance(v, torch.Tensor)}
            other = copy.deepcopy(module)
            with torch.no_grad():
                for p in other.parameters():
                    p.fill_(7)
            same = amq.to_torch(at, other).state_dict()
            check(all(torch.equal(v, same[k]) for k, v in state.items()), f"{name}: back")
        report = amq.quantize(at, few, to)
        check(report["float_difference"] < 1e-5, f"{name}: amq in float is {report['float_difference']} from torch")
        check(report["error"] < 0.1, f"{name}: the answers change by {report['error']}")

    wrapped = nn.DataParallel(Neuraloperator((6, 8), 6, 2, 1, lifting=(9,), mlp=4))
    few = fields(2, 12, 15, 2)
    amq.from_torch(wrapped, at, few[0])
    check(amq.quantize(at, few, to)["float_difference"] < 1e-5, "wrappers are taken off")
    refused("an even number of points", lambda: amq.from_torch(wrapped, at, fields(1, 11, 15, 2)[0]))

    refused("a float file", lambda: amq.to_torch(to, wrapped))
    refused("a float file", lambda: amq.to_torch(__file__, wrapped))
    refused("No such file", lambda: amq.to_torch(folder / "no", wrapped))
    refused("a torch.nn.Module", lambda: amq.to_torch(at, {}))
    before = {k: v.clone() for k, v in modules["neuraloperator 2-D"][0].state_dict().items()}
    refused("fno_blocks.channel_mlp.0.fcs.0.bias is missing in the module; ",
            lambda: amq.to_torch(at, modules["neuraloperator 2-D"][0]))
    refused("lifting.fcs.0.bias is (9,) in the file, (8,) in the module",
            lambda: amq.to_torch(at, Neuraloperator((6, 8), 6, 2, 1, lifting=(8,), mlp=4)))
    after = modules["neuraloperator 2-D"][0].state_dict()
    check(all(torch.equal(v, after[k]) for k, v in before.items()), "what is refused is left as it was")

    module, shape = modules["published 2-D"]
    few = fields(3, *shape)
    amq.from_torch(module, at, few[0], given=["a"], solution=["u"])
    check(json.loads(header(at)["__metadata__"]["amq.trained_on"])["given_names"] == ["a"], "names of channels")
    loose = amq.quantize(at, few, to, error=0.2)
    check(loose["error"] <= 0.2 and any(layer["weight_bits"] == 4 for layer in loose["layers"]), "mixed bits")
    check(amq.load(to).info["given"][0][0] == "a", "names reach the model file")
    eight = amq.quantize(at, few, to)
    try:
        amq.quantize(at, few, to, bops=1)
        check(False, "no network costs one bit operation")
    except amq.Error as e:
        least = float(re.search(r"expected (\S+) or more, which weights and rows of 2 bits cost", str(e))[1])
    bounds = {"bops": 0.9 * least + 0.1 * eight["bops"], "bytes": 0.9 * eight["bytes"]}
    less = amq.quantize(at, few, to, **bounds)
    check(all(less[k] <= v for k, v in bounds.items()), f"both bounds: {bounds}, {less}")
    check(len({layer["row_bits"] for layer in less["layers"]} - {8, 16, 32}) > 0, f"bits of rows: {less['layers']}")
    refused("Allow", lambda: amq.quantize(at, few, to, error=0.1 * eight["error"], bops=bounds["bops"]))
    u, report = amq.load(to).grid(*(np.arange(n) / n for n in few[0].shape[:-1])).solve(
        few[0].reshape(-1, few[0].shape[-1]), report=True)  # fmt: skip
    check(report["bops"] == less["bops"], "the model file has these bits")
    slow = amq.quantize(at, few, to, milliseconds=1e6)
    check(slow["milliseconds"] < 1e6 and slow["bops"] == eight["bops"], "a bound that holds changes nothing")

    other = Published(1, 1, 6, [3, 3], 9)
    other.lift = other.fc0
    del other.fc0
    other.run = lambda u, x, m=other: Published.run(type("M", (), {  # reads fc0 where it now lies
        "fc0": m.lift, "padding": m.padding, "fc1": m.fc1, "fc2": m.fc2,
        **{f"{w}{k}": getattr(m, f"{w}{k}") for w in ("conv", "w") for k in range(4)}}), u, x)  # fmt: skip
    amq.from_torch(other, at, few[0], rename={"lift": "fc0"})
    amq.quantize(at, few, to)

    refused("nearest: the FNO of PDEBench", lambda: amq.from_torch(other, at, few[0]))
    refused("names of the module", lambda: amq.from_torch(other, at, few[0], rename={"lift": "fc0", "no": "w9"}))
    refused("none is near", lambda: amq.from_torch(nn.Linear(2, 2), at, few[0]))
    refused("a torch.nn.Module", lambda: amq.from_torch({}, at, few[0]))
    refused("finite numbers", lambda: amq.from_torch(module, at, few[0] * np.nan))
    refused("channels", lambda: amq.from_torch(module, at, fields(1, 12, 10, 3)[0]))
    refused("of the module's dimension", lambda: amq.from_torch(module, at, fields(1, 30, 2)[0]))
    refused("input_deviation", lambda: amq.from_torch(module, at, few[0], normalization={"input_deviation": 0}))
    refused("found mean", lambda: amq.from_torch(module, at, few[0], normalization={"mean": 0}))
    refused("1 names or none", lambda: amq.from_torch(module, at, few[0], given=["a", "b"]))
    refused("on a grid, without call", lambda: amq.from_torch(module, at, few[0], call=lambda m, i: m(i.u)))
    refused("on a grid, without call", lambda: amq.from_torch(module, at, few[0], lattices=[4]))
    refused("on a grid, without call", lambda: amq.from_torch(module, at, {"points": few[0], "given": few[0]}))
    refused("coordinates", lambda: amq.from_torch(module, at, few[0], [np.arange(3), np.arange(4)]))
    refused("can be written", lambda: amq.from_torch(module, folder / "no" / "f.safetensors", few[0]))
    half = Neuraloperator((4, 4), 6, 1, 1, mlp=3)
    half.fno_blocks.channel_mlp[1].fcs[0] = nn.Conv1d(6, 5, 1)
    refused("channel_mlp.1.fcs.0.weight: expected a shape of (3, 6)", lambda: amq.from_torch(half, at, few[0]))
    module.extra = nn.Linear(2, 2)
    refused("extra.bias, extra.weight", lambda: amq.from_torch(module, at, few[0]))
    del module.extra
    amq.from_torch(module, at, few[0], padding=3)  # not what it computes
    refused("computes something else", lambda: amq.quantize(at, few, to))
    amq.from_torch(module, at, few[0])
    refused("120 points", lambda: amq.quantize(at, few[:, :5], to))
    refused("finite numbers", lambda: amq.quantize(at, few * np.inf, to))
    refused("a scheme like", lambda: amq.quantize(at, few, to, scheme="int8"))
    refused("fewest bits that save time", lambda: amq.quantize(at, few, to, milliseconds=1e-9))
    refused("0, or a number of bit operations", lambda: amq.quantize(at, few, to, bops=-1))
    refused("16 bits reach", lambda: amq.quantize(at, few, to, error=1e-9))
    amq.quantize(at, few, to)
    mesh = {"points": np.eye(3, 2), "cells": np.array([[0, 1, 2]]), "given": np.ones((3, 1), np.float32)}
    refused("solves on grids", lambda: amq.quantize(at, [mesh], to))
    refused("quantized already", lambda: amq.quantize(to, few, at))

end()
