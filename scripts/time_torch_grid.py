#!/usr/bin/env python3
"""Times PyTorch's float32 beside amq on grids, in turn: time_torch_grid.py GRID_SPEED [CSV] [ROUNDS]

The networks are those of bench/grid/grid_speed.cpp: FNO of PDEBench (width 64, 12 modes), UNet of PDEBench (32 features), a
patch transformer (width 128, 6 layers, patches of 4 x 4), on 64 x 64 points with 10 input channels, and one layer of the FNO without padding; one thread. Each round
runs amq and then PyTorch at both of its instruction levels in processes of their own; rows are medians over rounds of
medians, in processor time."""
import os
import subprocess
import sys
import time
from collections import defaultdict
from statistics import median


def torch_round(seconds):
    import torch
    import torch.nn as nn
    import torch.nn.functional as F

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

    for name, model in (("fno", Fno()), ("fno_layer", FourierLayer()), ("unet", Unet()), ("transformer", Transformer())):
        model.eval()
        for batch in (1, 16):
            u, x = torch.randn(batch, 64, 64, 10), torch.rand(batch, 64, 64, 2)
            if name == "fno_layer":  # in its own order: channels before points
                u = torch.randn(batch, 64, 64, 64)
            times = []
            with torch.inference_mode():
                model(u, x)
                begin = time.process_time()
                while len(times) < 5 or time.process_time() - begin < seconds:
                    start = time.process_time()
                    model(u, x)
                    times.append(1e3 * (time.process_time() - start))
            print(f"{name},torch,{batch},{median(times):.4f}", flush=True)


def main():
    if sys.argv[1] == "--torch":
        torch_round(float(sys.argv[2]))
        return
    ours, path = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else "docs/results/grid_speed.csv"
    rounds = int(sys.argv[3]) if len(sys.argv) > 3 else 5
    seconds = sys.argv[4] if len(sys.argv) > 4 else "0.5"
    seen = defaultdict(list)
    for k in range(rounds):
        print(f"round {k + 1} of {rounds}", file=sys.stderr, flush=True)
        runs = [("", [ours, "all", seconds], None)]
        runs += [("_" + c, [sys.executable, __file__, "--torch", seconds], c) for c in ("default", "avx512")]
        for suffix, command, capability in runs:
            env = dict(os.environ, OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")
            if capability == "avx512":
                env["ATEN_CPU_CAPABILITY"] = "avx512"
            out = subprocess.run(command, env=env, check=True, capture_output=True, text=True).stdout
            for line in out.splitlines():
                model, contender, batch, ms = line.split(",")
                seen[model, contender + suffix, int(batch)].append(float(ms))
    with open(path + ".new", "w", encoding="utf-8") as f:
        f.write("model,contender,batch,ms,ms_least,ms_most,rounds\n")
        for (model, contender, batch), ms in sorted(seen.items()):
            f.write(f"{model},{contender},{batch},{median(ms):.4f},{min(ms):.4f},{max(ms):.4f},{len(ms)}\n")
    os.replace(path + ".new", path)


main()
