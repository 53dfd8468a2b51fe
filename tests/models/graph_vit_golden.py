"""Golden numbers for GraphViT (Janny et al. 2023) in plain PyTorch: the modules and names of the EAGLE code, one mesh.

Writes data/graph_vit.npz. Run with the Python that has torch.
"""
import numpy as np
import torch
from torch import nn

import golden
from mesh_graph_net_golden import GNN, MLP


class Encoder(nn.Module):
    def __init__(self, inputs, h, layers, codes):
        super().__init__()
        self.encoder_node = MLP(inputs, h, h, 1, layer_norm=False)
        self.encoder_edge = MLP(3, h, h, 1, layer_norm=False)
        self.encoder_gn = nn.ModuleList(GNN(h + codes, h, h, h) for _ in range(layers))

    def forward(self, u, x, codes, edges):
        v, e = self.encoder_node(u), self.encoder_edge(x)
        for gn in self.encoder_gn:
            dv, de = gn(torch.cat([v, codes], -1), e, edges)
            v, e = v + dv, e + de
        return v, e


class GraphPooling(nn.Module):
    def __init__(self, h, codes, w):
        super().__init__()
        self.rnn_pooling = nn.GRU(h + codes, w, batch_first=True)
        self.linear_rnn = MLP(w, w, h, 1, layer_norm=False)

    def forward(self, rows, members):
        width = self.rnn_pooling.hidden_size
        states = [self.rnn_pooling(rows[m][None])[1][0, 0] if len(m) else rows.new_zeros(width) for m in members]
        return self.linear_rnn(torch.stack(states))


class AttentionBlock(nn.Module):
    def __init__(self, w, code, heads):
        super().__init__()
        self.ln1 = nn.LayerNorm(w)
        self.attention = nn.MultiheadAttention(w + code, heads, batch_first=True)
        self.linear = nn.Linear(w + code, w)
        self.ln2 = nn.LayerNorm(w)
        self.mlp = MLP(w, w, w, 1, layer_norm=False)

    def forward(self, w, mask, codes):
        x = torch.cat([self.ln1(w), codes], -1)[None]
        w = w + self.linear(self.attention(x, x, x, attn_mask=mask)[0][0])
        return w + self.mlp(self.ln2(w))


class GraphRetrieve(nn.Module):
    def __init__(self, h, codes, w, outputs):
        super().__init__()
        self.gnn = GNN(w + h + codes, h, h, h, layer_norm=False)
        self.final_mlp = nn.Sequential(nn.Linear(h, h), nn.Tanh(), nn.Linear(h, h), nn.Tanh(), nn.Linear(h, outputs))

    def forward(self, v, w, codes, e, edges, cluster_of):
        return self.final_mlp(self.gnn(torch.cat([v, w[cluster_of], codes], -1), e, edges)[0])


class GraphViT(nn.Module):
    def __init__(self, inputs, h, w, layers, blocks, heads, outputs, frequencies=8):
        super().__init__()
        code = 4 * frequencies
        self.frequencies = frequencies
        self.encoder = Encoder(inputs, h, layers, 2 * code)
        self.graph_pooling = GraphPooling(h, 2 * code, w)
        self.graph_retrieve = GraphRetrieve(h, 2 * code, w, outputs)
        self.attention = nn.ModuleList(AttentionBlock(w, code, heads) for _ in range(blocks))
        self.ln = nn.LayerNorm(w)

    def embed(self, p):
        f = 2.0 ** torch.arange(-3, self.frequencies - 3).double() * torch.pi
        angle = p[:, :, None] * f
        return torch.cat([torch.cos(angle), torch.sin(angle)], -1).reshape(len(p), -1).float().double()

    def forward(self, u, p, edges, members, centres):
        cluster_of = torch.zeros(len(p), dtype=torch.long)
        for c, m in enumerate(members):
            cluster_of[m] = c
        d = p[edges[:, 0]] - p[edges[:, 1]]
        x = torch.cat([d, d.norm(dim=-1, keepdim=True)], -1).float().double()
        codes = torch.cat([self.embed(p), self.embed(centres[cluster_of] - p)], -1)
        v, e = self.encoder(u, x, codes, edges)
        w = self.graph_pooling(torch.cat([v, codes], -1), members)
        empty = torch.tensor([len(m) == 0 for m in members])
        mask = empty[None].repeat(len(members), 1)
        mask.fill_diagonal_(False)
        for block in self.attention:
            w = block(w, mask, self.embed(centres))
        return self.graph_retrieve(v, self.ln(w), codes, e, edges, cluster_of)


if __name__ == "__main__":
    n, sizes = 40, [9, 12, 0, 11, 8]
    model = golden.fill(GraphViT(13, 16, 24, 2, 2, 4, 4))
    cluster_of = np.random.default_rng(3).permutation(np.repeat(np.arange(len(sizes)), sizes)).astype(np.int32)
    p = golden.tensor("p", n, 2)
    members = [torch.from_numpy(np.flatnonzero(cluster_of == c)) for c in range(len(sizes))]
    centres = torch.stack([p[m].mean(0) if len(m) else torch.tensor([0.25, -0.5]).double() for m in members])
    edges = golden.random_edges(n, 4)
    out = model(golden.tensor("u", n, 13), p, torch.from_numpy(edges).long(), members, centres)
    golden.record("graph_vit.npz", model, out, edges=edges, cluster_of=cluster_of, centres=centres.numpy())
