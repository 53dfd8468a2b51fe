#!/usr/bin/env python3
"""Times whole solves of MP-PDE in torch beside bench_solver_time, round by round.

The network is the public one; forms of it are eager, `split` (its first edge layer computed per node, as amq does),
compiled by torch.compile, and with Linear layers in dynamic int8. Every round runs our bench and each form for a
while, on one core, so that what slows the machine slows all. Times are processor time of the thread, rows are medians.

Usage: time_rival_solves.py OUT.csv MACHINE BENCH [--nodes=n] [--rounds=n]      (by scripts/rivals.sh --solves)
"""
import re
import statistics
import subprocess
import sys
import time

import torch
from torch import nn

import rival_table
from torch_build import torch_build

out, machine, bench, said = rival_table.options(nodes=1000, rounds=9)
nodes, rounds = said["nodes"], said["rounds"]
core = rival_table.pin()
print(torch_build(), file=sys.stderr)
torch.set_num_threads(1)
torch.manual_seed(1)
swish = nn.functional.silu
HIDDEN, LAYERS, DATA = 128, 6, 3


class Layer(nn.Module):
    def __init__(self, split):
        super().__init__()
        h = HIDDEN
        self.split = split
        if split:
            self.receiver, self.sender, self.own = nn.Linear(h + DATA, h), nn.Linear(h + DATA, h), nn.Linear(h, h)
            self.mean = nn.Linear(h, h)
        else:
            self.m1, self.u1 = nn.Linear(2 * h + DATA, h), nn.Linear(2 * h, h)
        self.m2, self.u2 = nn.Linear(h, h), nn.Linear(h, h)

    def forward(self, f, d, receiver, sender, inverse_degree):
        if self.split:
            x = torch.cat([f, d], 1)
            hidden = swish(self.receiver(x).index_select(0, receiver) + self.sender(x).index_select(0, sender))
        else:
            hidden = swish(self.m1(torch.cat([f.index_select(0, receiver), f.index_select(0, sender),
                                              d.index_select(0, receiver) - d.index_select(0, sender)], 1)))
        mean = torch.zeros_like(f).index_add_(0, receiver, swish(self.m2(hidden))) * inverse_degree
        z = self.own(f) + self.mean(mean) if self.split else self.u1(torch.cat([f, mean], 1))
        y = f + swish(self.u2(swish(z)))
        return (y - y.mean(0)) / torch.sqrt(y.var(0, unbiased=False) + 1e-5)


class Net(nn.Module):
    def __init__(self, split):
        super().__init__()
        self.e1, self.e2 = nn.Linear(DATA, HIDDEN), nn.Linear(HIDDEN, HIDDEN)
        self.layers = nn.ModuleList(Layer(split) for _ in range(LAYERS))
        self.d1, self.d2 = nn.Linear(HIDDEN, HIDDEN), nn.Linear(HIDDEN, 1)

    def forward(self, d, receiver, sender, inverse_degree):
        f = swish(self.e2(swish(self.e1(d))))
        for layer in self.layers:
            f = layer(f, d, receiver, sender, inverse_degree)
        return self.d2(swish(self.d1(f)))


def ours():
    """Of one run of the bench: its graph, its level, and milliseconds by contender and bits."""
    text = subprocess.run([bench, f"--nodes={nodes}", "--rounds=3", f"--core={core}"], capture_output=True, text=True,
                          check=True).stdout
    head = text.splitlines()[0].split()
    found = re.findall(r"^ *(\d+) bits (\w+) +([\d.]+) ms", text, re.M)
    return head[0], head[1], {(name, int(bits)): float(ms) for bits, name, ms in found}


shape, level, first = ours()
n, edges, _ = map(int, shape.split("x"))
receiver = torch.sort(torch.randint(0, n, (edges,))).values
sender = (receiver + torch.randint(-200, 200, (edges,))).clamp(0, n - 1)
inverse_degree = 1.0 / torch.bincount(receiver, minlength=n).clamp(min=1).float().unsqueeze(1)
arguments = (torch.rand(n, DATA), receiver, sender, inverse_degree)

forms = {}
for split in (False, True):
    net = Net(split).eval()
    name = f"torch_{torch.__version__.split('+')[0]}" + ("_split" if split else "")
    forms[name, 32] = net
    try:
        compiled = torch.compile(net)
        with torch.inference_mode():
            compiled(*arguments)
        forms[name + "_compiled", 32] = compiled
    except Exception as e:  # no compiler, or none that it knows
        print(f"time_rival_solves: not compiled: {str(e).splitlines()[0]}", file=sys.stderr)
    try:
        forms[name + "_dynamic_int8", 8] = torch.ao.quantization.quantize_dynamic(net, {nn.Linear}, torch.qint8)
    except Exception as e:
        print(f"time_rival_solves: no int8: {str(e).splitlines()[0]}", file=sys.stderr)

times = {}
with torch.inference_mode():
    for net in forms.values():
        net(*arguments)
    for _ in range(rounds):
        for key, ms in ours()[2].items():
            times.setdefault(key, []).append(ms)
        for key, net in forms.items():
            each = []
            for _ in range(3):
                start = time.thread_time()
                net(*arguments)
                each.append(1e3 * (time.thread_time() - start))
            times.setdefault(key, []).append(statistics.median(each))

rivals = {name for name, _ in forms}
rival_table.append(out, machine, level, "mp_pde_solve_rivals", shape, times, lambda name: name in rivals)
