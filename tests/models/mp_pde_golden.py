"""Golden numbers for MP-PDE: the reference network (Brandstetter et al. 2022) rendered in plain PyTorch.

Writes data/mp_pde_*.npz. Run with the Python that has torch.
"""
import sys

import torch
from torch import nn

import golden


class Swish(nn.Module):
    def forward(self, x):
        return x * torch.sigmoid(x)


class Layer(nn.Module):
    def __init__(self, h, fields, dim, variables):
        super().__init__()
        self.message_net_1 = nn.Sequential(nn.Linear(2 * h + fields + dim + variables, h), Swish())
        self.message_net_2 = nn.Sequential(nn.Linear(h, h), Swish())
        self.update_net_1 = nn.Sequential(nn.Linear(2 * h + variables, h), Swish())
        self.update_net_2 = nn.Sequential(nn.Linear(h, h), Swish())

    def forward(self, f, u, x, v, edges):
        i, j = edges[:, 0], edges[:, 1]
        m = self.message_net_2(self.message_net_1(torch.cat([f[i], f[j], u[i] - u[j], x[i] - x[j], v[i]], -1)))
        total = torch.zeros_like(f).index_add(0, i, m)
        degree = torch.zeros(len(f), 1, dtype=f.dtype).index_add(0, i, torch.ones(len(i), 1, dtype=f.dtype))
        mean = total / degree.clamp(min=1)
        f = f + self.update_net_2(self.update_net_1(torch.cat([f, mean, v], -1)))
        return (f - f.mean(0)) / torch.sqrt(f.var(0, unbiased=False) + 1e-5)


class MpPde(nn.Module):
    def __init__(self, h, layers, window, fields, dim, variables, outputs=1):
        super().__init__()
        self.window = window
        self.embedding_mlp = nn.Sequential(nn.Linear(fields + dim + variables, h), Swish(), nn.Linear(h, h), Swish())
        self.gnn_layers = nn.ModuleList(Layer(h, fields, dim, variables) for _ in range(layers))
        if window == 0:
            self.output_mlp = nn.Sequential(nn.Linear(h, h), Swish(), nn.Linear(h, outputs))
        else:
            k1, s1, k2 = {20: (15, 4, 10), 25: (16, 3, 14), 50: (12, 2, 10)}[window]
            self.output_mlp = nn.Sequential(nn.Conv1d(1, 8, k1, stride=s1), Swish(), nn.Conv1d(8, 1, k2))

    def forward(self, u, x, v, edges):
        f = self.embedding_mlp(torch.cat([u, x, v], -1))
        for layer in self.gnn_layers:
            f = layer(f, u, x, v, edges)
        return self.output_mlp(f[:, None])[:, 0] if self.window else self.output_mlp(f)


def write(name, n, h, layers, window, fields, dim, variables, outputs=1):
    model = golden.fill(MpPde(h, layers, window, fields, dim, variables, outputs))
    u, x, v = (golden.tensor(k, n, c) for k, c in (("u", fields), ("x", dim), ("v", variables)))
    edges = golden.random_edges(n, 1)
    d = model(u, x, v, torch.from_numpy(edges).long())
    more = {}
    if window:
        dt = torch.cumsum(torch.full((1, window), 0.25, dtype=torch.float64), 1)
        more["solution"] = (u[:, -1:].repeat(1, window) + dt * d).detach().numpy()
    golden.record(name, model, d, edges=edges, **more)


if __name__ == "__main__":
    sys.dont_write_bytecode = True
    for window in (20, 25, 50):
        for variables in (1, 3):
            layers = 6 if (window, variables) == (25, 1) else 2
            write(f"mp_pde_{window}_{variables}.npz", 30, 128, layers, window, window, 1, variables)
    write("mp_pde_steady.npz", 40, 24, 3, 0, 2, 2, 0, 3)
    write("mp_pde_steady_variables.npz", 40, 24, 3, 0, 2, 3, 2, 1)
