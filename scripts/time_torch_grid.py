#!/usr/bin/env python3
"""Times networks on grids in torch beside grid_speed, round by round.

The networks are those of bench/grid/grid_speed.cpp: FNO of PDEBench (width 64, 12 modes), UNet of PDEBench (32
features), a patch transformer (width 128, 6 layers, patches of 4 x 4), on 64 x 64 points with 10 input channels, and
one layer of the FNO without padding. Forms of each: eager, channels_last where there are convolutions, compiled by
torch.compile, and Linear layers in dynamic int8 where they are most of the network. Every round runs grid_speed and
then each form, on one core and one thread. Times are processor time, rows medians over rounds of medians.

Usage: time_torch_grid.py OUT.csv MACHINE GRID_SPEED [--rounds=n] [--seconds=s]    (by scripts/rivals.sh --grids)
"""
import copy
import statistics
import subprocess
import sys
import time

import torch
import torch.nn.functional as F
from torch import nn

import rival_table
from torch_build import torch_build

out, machine, bench, said = rival_table.options(rounds=5, seconds=0.5)
rounds, seconds = said["rounds"], said["seconds"]
core = rival_table.pin()
print(torch_build(), file=sys.stderr)
torch.set_num_threads(1)
torch.manual_seed(0)


class Spectral(nn.Module):
    def __init__(self, c, m):
        super().__init__()
        self.m = m
        self.w = nn.ParameterList([nn.Parameter(torch.rand(c, c, m, m, dtype=torch.cfloat) / c / c) for _ in range(2)])

    def forward(self, x):
        m = self.m
        f = torch.fft.rfft2(x)
        out = torch.zeros(f.shape[0], f.shape[1], f.shape[2], f.shape[3], dtype=torch.cfloat)
        out[:, :, :m, :m] = torch.einsum("bixy,ioxy->boxy", f[:, :, :m, :m], self.w[0])
        out[:, :, -m:, :m] = torch.einsum("bixy,ioxy->boxy", f[:, :, -m:, :m], self.w[1])
        return torch.fft.irfft2(out, s=(x.size(-2), x.size(-1)))


class Fno(nn.Module):
    def __init__(self, width=64, modes=12, inputs=10):
        super().__init__()
        self.fc0 = nn.Linear(inputs + 2, width)
        self.conv = nn.ModuleList([Spectral(width, modes) for _ in range(4)])
        self.w = nn.ModuleList([nn.Conv2d(width, width, 1) for _ in range(4)])
        self.fc1, self.fc2 = nn.Linear(width, 128), nn.Linear(128, 1)

    def forward(self, u, x):
        f = F.pad(self.fc0(torch.cat((u, x), -1)).permute(0, 3, 1, 2), [0, 2, 0, 2])
        for k in range(4):
            f = self.conv[k](f) + self.w[k](f)
            if k < 3:
                f = F.gelu(f)
        f = f[..., :-2, :-2].permute(0, 2, 3, 1)
        return self.fc2(F.gelu(self.fc1(f)))


class Unet(nn.Module):
    def __init__(self, inputs=10, f=32):
        super().__init__()

        def block(a, b):
            return nn.Sequential(nn.Conv2d(a, b, 3, padding=1, bias=False), nn.BatchNorm2d(b), nn.Tanh(),
                                 nn.Conv2d(b, b, 3, padding=1, bias=False), nn.BatchNorm2d(b), nn.Tanh())

        w = [f, 2 * f, 4 * f, 8 * f]
        self.down = nn.ModuleList([block(a, b) for a, b in zip([inputs] + w, w)])
        self.bottom = block(w[3], 2 * w[3])
        self.up = nn.ModuleList([nn.ConvTranspose2d(2 * b, b, 2, 2) for b in reversed(w)])
        self.dec = nn.ModuleList([block(2 * b, b) for b in reversed(w)])
        self.last = nn.Conv2d(f, 1, 1)

    def forward(self, u, x):
        f, kept = u.permute(0, 3, 1, 2), []
        for d in self.down:
            f = d(f)
            kept.append(f)
            f = F.max_pool2d(f, 2)
        f = self.bottom(f)
        for up, dec in zip(self.up, self.dec):
            f = dec(torch.cat((up(f), kept.pop()), 1))
        return self.last(f).permute(0, 2, 3, 1)


class Block(nn.Module):
    def __init__(self, w, heads):
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(w), nn.LayerNorm(w)
        self.qkv, self.proj = nn.Linear(w, 3 * w), nn.Linear(w, w)
        self.fc1, self.fc2 = nn.Linear(w, 4 * w), nn.Linear(4 * w, w)

    def forward(self, x):
        b, n, w = x.shape
        q, k, v = self.qkv(self.norm1(x)).reshape(b, n, 3, self.heads, w // self.heads).permute(2, 0, 3, 1, 4)
        a = (q @ k.transpose(-2, -1) * (w // self.heads) ** -0.5).softmax(-1)
        x = x + self.proj((a @ v).transpose(1, 2).reshape(b, n, w))
        return x + self.fc2(F.gelu(self.fc1(self.norm2(x))))


class Transformer(nn.Module):
    def __init__(self, inputs=10, w=128, layers=6, patch=4):
        super().__init__()
        self.embed = nn.Conv2d(inputs + 2, w, patch, patch)
        self.blocks = nn.ModuleList([Block(w, 4) for _ in range(layers)])
        self.norm, self.head = nn.LayerNorm(w), nn.Linear(w, patch * patch)

    def forward(self, u, x):
        f = self.embed(torch.cat((u, x), -1).permute(0, 3, 1, 2))
        b, w, h, v = f.shape
        f = f.flatten(2).transpose(1, 2)
        for block in self.blocks:
            f = block(f)
        y = self.head(self.norm(f)).reshape(b, h, v, 4, 4).permute(0, 1, 3, 2, 4)
        return y.reshape(b, 4 * h, 4 * v, 1)


class FourierLayer(nn.Module):
    def __init__(self, width=64, modes=12):
        super().__init__()
        self.conv, self.w = Spectral(width, modes), nn.Conv2d(width, width, 1)

    def forward(self, u, x):
        return F.gelu(self.conv(u) + self.w(u))


def milliseconds(run):
    """Median of processor time, for as long as was asked."""
    each, begin = [], time.thread_time()
    while len(each) < 3 or time.thread_time() - begin < seconds:
        start = time.thread_time()
        run()
        each.append(1e3 * (time.thread_time() - start))
    return statistics.median(each)


def forms_of(name, net, arguments):
    """(name of the form, bits, what runs it). What this torch lacks is said and left out."""
    version = "torch_" + torch.__version__.split("+")[0]
    yield version, 32, lambda: net(*arguments)
    variants = [("_compiled", 32, lambda: (torch.compile(copy.deepcopy(net), dynamic=False), arguments))]
    if name == "unet":
        last = [a.permute(0, 3, 1, 2).contiguous(memory_format=torch.channels_last).permute(0, 2, 3, 1)
                for a in arguments]
        variants.append(("_channels_last", 32, lambda: (
            copy.deepcopy(net).to(memory_format=torch.channels_last), last)))
    if name == "transformer":
        variants.append(("_dynamic_int8", 8, lambda: (
            torch.ao.quantization.quantize_dynamic(net, {nn.Linear}, torch.qint8), arguments)))
    for suffix, bits, make in variants:
        try:
            made, given = make()
            made(*given)
        except Exception as e:  # no compiler, or no engine for int8
            print(f"time_torch_grid: no {name}{suffix}: {str(e).splitlines()[0]}", file=sys.stderr)
            continue
        yield version + suffix, bits, lambda made=made, given=given: made(*given)


def ours(times):
    """One run of grid_speed, into times."""
    text = subprocess.run(["taskset", "-c", str(core), bench, "all", str(seconds)], capture_output=True, text=True,
                          check=True).stdout
    level = ""
    for line in text.splitlines():
        if line.startswith("level,"):
            level = line.split(",")[1]
            continue
        model, contender, batch, ms = line.split(",")
        bits = 32 if contender == "float32" else 8
        times.setdefault((model, int(batch)), {}).setdefault((contender, bits), []).append(float(ms))
    return level


times, forms = {}, {}
with torch.inference_mode():
    for name, net in (("fno", Fno()), ("fno_layer", FourierLayer()), ("unet", Unet()), ("transformer", Transformer())):
        net.eval()
        for batch in (1, 16):
            u, x = torch.randn(batch, 64, 64, 10), torch.rand(batch, 64, 64, 2)
            if name == "fno_layer":  # in its own order: channels before points
                u = torch.randn(batch, 64, 64, 64)
            forms[name, batch] = list(forms_of(name, net, (u, x)))
    for k in range(rounds):
        print(f"round {k + 1} of {rounds}", file=sys.stderr, flush=True)
        level = ours(times)
        for key, runs in forms.items():
            for form, bits, run in runs:
                times[key].setdefault((form, bits), []).append(milliseconds(run))

for (name, batch), seen in times.items():
    rival_table.append(out, machine, level, f"{name}_rivals", f"64x64_batch{batch}", seen,
                       lambda form: form.startswith("torch_"))  # fmt: skip
