"""Golden numbers for MeshGraphNet (Pfaff et al. 2021) in plain PyTorch, with the parameter names of the EAGLE code.

Writes data/mesh_graph_net*.npz. Run with the Python that has torch.
"""
import torch
from torch import nn

import golden


class MLP(nn.Module):
    def __init__(self, n_in, n_out=128, hidden=128, n_hidden=2, layer_norm=True):
        super().__init__()
        f = [nn.Linear(n_in, hidden), nn.ReLU()]
        for _ in range(1, n_hidden):
            f += [nn.Linear(hidden, hidden), nn.ReLU()]
        f.append(nn.Linear(hidden, n_out))
        if layer_norm:
            f.append(nn.LayerNorm(n_out))
        self.f = nn.Sequential(*f)

    def forward(self, x):
        return self.f(x)


class GNN(nn.Module):
    def __init__(self, node=128, edge=128, out=128, hidden=128, layer_norm=True):
        super().__init__()
        self.f_edge = MLP(2 * node + edge, edge, hidden, layer_norm=layer_norm)
        self.f_node = MLP(node + edge, out, hidden, layer_norm=layer_norm)

    def forward(self, v, e, edges):
        i, j = edges[:, 0], edges[:, 1]
        message = self.f_edge(torch.cat([v[i], v[j], e], -1))
        total = torch.zeros(len(v), message.shape[1], dtype=v.dtype).index_add(0, i, message)
        return self.f_node(torch.cat([v, total], -1)), message


class Encoder(nn.Module):
    def __init__(self, inputs, dim, h):
        super().__init__()
        self.fv, self.fe = MLP(inputs, h, h), MLP(dim + 1, h, h)


class Processor(nn.Module):
    def __init__(self, layers, h, layer_norm):
        super().__init__()
        self.gnn = nn.ModuleList(GNN(h, h, h, h, layer_norm) for _ in range(layers))


class MeshGraphNet(nn.Module):
    def __init__(self, inputs, dim, outputs, h, layers, layer_norm):
        super().__init__()
        self.encoder = Encoder(inputs, dim, h)
        self.processor = Processor(layers, h, layer_norm)
        self.decoder = MLP(h, outputs, h, layer_norm=False)

    def forward(self, u, p, edges):
        d = p[edges[:, 0]] - p[edges[:, 1]]
        v, e = self.encoder.fv(u), self.encoder.fe(torch.cat([d, d.norm(dim=-1, keepdim=True)], -1).float().double())
        for block in self.processor.gnn:
            dv, de = block(v, e, edges)
            v, e = v + dv, e + de
        return self.decoder(v)


def write(name, n, inputs, dim, outputs, h, layers, layer_norm):
    model = golden.fill(MeshGraphNet(inputs, dim, outputs, h, layers, layer_norm))
    edges = golden.random_edges(n, 2)
    out = model(golden.tensor("u", n, inputs), golden.tensor("p", n, dim), torch.from_numpy(edges).long())
    golden.record(name, model, out, edges=edges)


if __name__ == "__main__":
    write("mesh_graph_net.npz", 40, 11, 2, 2, 128, 15, True)
    write("mesh_graph_net_plain.npz", 40, 5, 3, 4, 24, 3, False)
