"""Golden numbers for Transolver (Wu et al. 2024) and a FLARE-like network (Puri et al. 2025) in plain PyTorch: modules
and names of the public codes; the latter with the exact GELU, its latent queries as rows.

Writes data/transolver.npz and data/flare.npz. Run with the Python that has torch.
"""
import torch
from torch import nn

import golden


class MLP(nn.Module):
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
        self.temperature = nn.Parameter(torch.ones(1, heads, 1, 1) * 0.5)
        self.in_project_x, self.in_project_fx = nn.Linear(c, c), nn.Linear(c, c)
        self.in_project_slice = nn.Linear(d, slices)
        self.to_q, self.to_k, self.to_v = (nn.Linear(d, d, bias=False) for _ in range(3))
        self.to_out = nn.Sequential(nn.Linear(c, c))

    def forward(self, x):
        n, c = x.shape
        split = lambda t: t.reshape(n, self.heads, -1).transpose(0, 1)[None]  # (1, head, node, channel)
        f, s = split(self.in_project_fx(x)), split(self.in_project_x(x))
        w = torch.softmax(self.in_project_slice(s) / self.temperature, -1)
        token = torch.einsum("bhnc,bhng->bhgc", f, w) / (w.sum(2)[..., None] + 1e-5)
        q, k, v = self.to_q(token), self.to_k(token), self.to_v(token)
        token = torch.softmax(q @ k.transpose(-1, -2) * (c // self.heads) ** -0.5, -1) @ v
        out = torch.einsum("bhgc,bhng->bhnc", token, w)
        return self.to_out(out[0].transpose(0, 1).reshape(n, c))


class Block(nn.Module):
    def __init__(self, c, heads, slices, ratio, last, outputs):
        super().__init__()
        self.ln_1, self.ln_2 = nn.LayerNorm(c), nn.LayerNorm(c)
        self.Attn = PhysicsAttention(c, heads, slices)
        self.mlp = MLP(c, ratio * c, c)
        if last:
            self.ln_3, self.mlp2 = nn.LayerNorm(c), nn.Linear(c, outputs)
        self.last = last

    def forward(self, x):
        x = self.Attn(self.ln_1(x)) + x
        x = self.mlp(self.ln_2(x)) + x
        return self.mlp2(self.ln_3(x)) if self.last else x


class Transolver(nn.Module):
    def __init__(self, inputs, c, layers, heads, slices, ratio, outputs):
        super().__init__()
        self.preprocess = MLP(inputs, 2 * c, c)
        self.blocks = nn.ModuleList(Block(c, heads, slices, ratio, k == layers - 1, outputs) for k in range(layers))
        self.placeholder = nn.Parameter(torch.rand(c) / c)

    def forward(self, x, u):
        f = self.preprocess(torch.cat([x, u], -1)) + self.placeholder
        for block in self.blocks:
            f = block(f)
        return f


class ResidualMLP(nn.Module):
    def __init__(self, inputs, hidden, outputs, inner, first_adds, last_adds):
        super().__init__()
        self.fc1 = nn.Linear(inputs, hidden)
        self.fcs = nn.ModuleList(nn.Linear(hidden, hidden) for _ in range(inner))
        self.fc2 = nn.Linear(hidden, outputs)
        self.first_adds, self.last_adds = first_adds, last_adds

    def forward(self, x):
        gelu = nn.functional.gelu
        x = x + gelu(self.fc1(x)) if self.first_adds else gelu(self.fc1(x))
        for fc in self.fcs:
            x = x + gelu(fc(x))
        return x + self.fc2(x) if self.last_adds else self.fc2(x)


class LatentRouting(nn.Module):
    def __init__(self, c, heads, latents, inner):
        super().__init__()
        self.heads = heads
        self.latent_q = nn.Parameter(torch.randn(heads * latents, c // heads))
        self.k_proj = ResidualMLP(c, c, c, inner, True, True)
        self.v_proj = ResidualMLP(c, c, c, inner, True, True)
        self.out_proj = nn.Linear(c, c)

    def forward(self, x):
        n, c = x.shape
        split = lambda t: t.reshape(n, self.heads, -1).transpose(0, 1)  # (head, node, channel)
        q = self.latent_q.reshape(self.heads, -1, c // self.heads)
        scores = q @ split(self.k_proj(x)).transpose(-1, -2)  # (head, latent, node)
        z = torch.softmax(scores, -1) @ split(self.v_proj(x))
        y = torch.softmax(scores.transpose(-1, -2), -1) @ z
        return self.out_proj(y.transpose(0, 1).reshape(n, c))


class FlareBlock(nn.Module):
    def __init__(self, c, heads, latents, inner):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(c), nn.LayerNorm(c)
        self.att = LatentRouting(c, heads, latents, inner)
        self.mlp = ResidualMLP(c, c, c, inner, True, True)

    def forward(self, x):
        x = x + self.att(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class Flare(nn.Module):
    def __init__(self, inputs, c, layers, heads, latents, outputs, inner=3, ends=2):
        super().__init__()
        self.in_proj = ResidualMLP(inputs, c, c, ends, False, True)
        self.out_proj = nn.Sequential(nn.LayerNorm(c), ResidualMLP(c, c, outputs, ends, True, False))
        self.blocks = nn.ModuleList(FlareBlock(c, heads, latents, inner) for _ in range(layers))

    def forward(self, x, u):
        f = self.in_proj(torch.cat([x, u], -1))
        for block in self.blocks:
            f = block(f)
        return self.out_proj(f)


if __name__ == "__main__":
    x, u = golden.tensor("x", 40, 2), golden.tensor("u", 40, 2)
    model = golden.fill(Transolver(4, 24, 2, 3, 5, 2, 2))
    with torch.no_grad():
        for block in model.blocks:  # not near 0
            block.Attn.temperature.copy_((0.5 + 0.125 * torch.arange(3)).reshape(1, 3, 1, 1))
    golden.record("transolver.npz", model, model(x, u))
    model = golden.fill(Flare(4, 24, 2, 3, 5, 2))
    golden.record("flare.npz", model, model(x, u))
