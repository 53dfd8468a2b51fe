#!/usr/bin/env python3
"""Times MP-PDE in torch on the graphs of bench/training and bench/kernels: one training step, or one layer.

The network is the public one (Linear Swish Linear Swish on [f_i, f_j, u_i - u_j, x_i - x_j], mean,
Linear Swish Linear Swish, residual, instance norm); `split` computes its first edge layer per node, as
amq does. Lines are appended to the table that the benches write. One thread's processor time.

Usage: time_torch_mp_pde.py [table.csv] [--what=step|layer] [--threads=n] [--rounds=n]
"""
import os
import sys
import time

options = dict(a[2:].split("=") for a in sys.argv[1:] if a.startswith("--"))
threads = int(options.get("threads", 1))
os.environ.setdefault("ATEN_CPU_CAPABILITY", "avx512")
os.environ.setdefault("OPENBLAS_CORETYPE", "SkylakeX")
os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = str(threads)

try:
    import torch
    from torch import nn
except ImportError:
    print("no torch for this Python")
    sys.exit(77)

torch.set_num_threads(threads)
torch.manual_seed(1)
swish = nn.functional.silu


class Layer(nn.Module):
    def __init__(self, h, data, split):
        super().__init__()
        self.h, self.data, self.split = h, data, split
        self.m1, self.m2 = nn.Linear(2 * h + data, h), nn.Linear(h, h)
        self.u1, self.u2 = nn.Linear(2 * h, h), nn.Linear(h, h)

    def forward(self, f, d, receiver, sender, inverse_degree):
        h = self.h
        if self.split:
            w = self.m1.weight
            p = f @ w[:, :h].T + d @ w[:, 2 * h:].T + self.m1.bias
            q = f @ w[:, h:2 * h].T - d @ w[:, 2 * h:].T
            hidden = swish(p.index_select(0, receiver) + q.index_select(0, sender))
        else:
            fi, fj = f.index_select(0, receiver), f.index_select(0, sender)
            di = d.index_select(0, receiver) - d.index_select(0, sender)
            hidden = swish(self.m1(torch.cat([fi, fj, di], 1)))
        message = swish(self.m2(hidden))
        mean = torch.zeros_like(f).index_add(0, receiver, message) * inverse_degree
        out = f + swish(self.u2(swish(self.u1(torch.cat([f, mean], 1)))))
        return (out - out.mean(0)) / torch.sqrt(out.var(0, unbiased=False) + 1e-5)


class Net(nn.Module):
    def __init__(self, h, layers, split):
        super().__init__()
        self.e1, self.e2 = nn.Linear(3, h), nn.Linear(h, h)
        self.layers = nn.ModuleList(Layer(h, 3, split) for _ in range(layers))
        self.d1, self.d2 = nn.Linear(h, h), nn.Linear(h, 1)

    def forward(self, d, receiver, sender, inverse_degree):
        f = swish(self.e2(swish(self.e1(d))))
        for layer in self.layers:
            f = layer(f, d, receiver, sender, inverse_degree)
        return self.d2(swish(self.d1(f)))


def graph(nodes, degree=6):
    receiver = torch.arange(nodes).repeat_interleave(degree)
    sender = (receiver + torch.randint(-200, 200, (nodes * degree,))).clamp(0, nodes - 1)
    return receiver, sender, torch.full((nodes, 1), 1.0 / degree)


def seconds(run, rounds):
    clock = time.thread_time if threads == 1 else time.perf_counter
    run()
    times = []
    for _ in range(rounds):
        start = clock()
        run()
        times.append(clock() - start)
    return sorted(times)[len(times) // 2]


def training_step(nodes, hidden, layers, split, rounds):
    net = Net(hidden, layers, split)
    optimizer = torch.optim.AdamW(net.parameters(), lr=1e-6, weight_decay=1e-5)
    g, d, y = graph(nodes), torch.rand(nodes, 3), torch.rand(nodes, 1)

    def run():
        optimizer.zero_grad(set_to_none=True)
        nn.functional.mse_loss(net(d, *g), y).backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.step()

    return seconds(run, rounds)


def layer(nodes, hidden, split, rounds):
    net = Layer(hidden, 3, split)
    g, d, f = graph(nodes), torch.rand(nodes, 3), torch.rand(nodes, hidden)

    def run():
        with torch.no_grad():
            net(f, d, *g)

    return seconds(run, rounds)


def main():
    path = next((a for a in sys.argv[1:] if not a.startswith("--")), "kernels.csv")
    rounds = int(options.get("rounds", 9))
    lines = []

    def report(bench, shape, contender, operations, t):
        print(f"{bench} {shape}\n  32 bits {contender:40} {t * 1e6:10.1f} us {operations / t * 1e-9:8.0f} GOP/s", flush=True)
        lines.append(f"{bench},{shape},32,{contender},{threads},{t * 1e9:.0f},{operations / t * 1e-9:.1f},1.000\n")

    for split in (False, True):
        name = "torch_float_split" if split else "torch_float"
        if options.get("what", "step") == "step":
            for nodes, hidden, layers in ((800, 48, 4), (10_000, 128, 2)):
                t = training_step(nodes, hidden, layers, split, rounds if nodes < 5000 else max(3, rounds // 3))
                report("mp_pde_train_step", f"{nodes}x{6 * nodes}x{hidden}x{layers}", name + "_train_step",
                       6 * hidden * hidden * 11 * nodes * layers, t)
        else:
            t = layer(10_000, 128, split, rounds)
            report("mp_layer", "10000x60000x128", name + "_layer", 2 * 128 * 128 * 11 * 10_000, t)
    if not os.path.exists(path):
        lines.insert(0, "bench,shape,bits,contender,threads,ns,gops,ratio_to_best_rival\n")
    with open(path, "a") as f:
        f.writelines(lines)


main()
