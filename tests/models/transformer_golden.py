"""Golden numbers for the transformers on grids in plain PyTorch: a vision transformer with timm's names, and the
Galerkin and Fourier transformers of scaomath/galerkin-transformer (libs/layers.py, libs/model.py), without dropout.
Their spectral weights are kept in the library's order, one real matrix (mode, {re, im}, out) x in.

Writes data/patch_transformer_*.npz and data/galerkin_transformer_*.npz. Run with the Python that has torch.
"""
import torch
from torch import nn
from torch.nn import functional as F

import golden

CONV = [nn.Conv1d, nn.Conv2d]


class Attention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, x):
        b, n, c = x.shape
        q, k, v = self.qkv(x).reshape(b, n, 3, self.heads, c // self.heads).permute(2, 0, 3, 1, 4)
        shares = (q @ k.transpose(-2, -1) * (c // self.heads) ** -0.5).softmax(-1)
        return self.proj((shares @ v).transpose(1, 2).reshape(b, n, c))


class Block(nn.Module):
    def __init__(self, width, heads, ratio):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attn = Attention(width, heads)
        self.mlp = nn.ModuleDict({"fc1": nn.Linear(width, ratio * width), "fc2": nn.Linear(ratio * width, width)})

    def forward(self, x):
        x = x + self.attn(self.norm1(x))
        return x + self.mlp["fc2"](F.gelu(self.mlp["fc1"](self.norm2(x))))


class PatchTransformer(nn.Module):
    def __init__(self, dims, inputs, outputs, patch, width, layers, heads, ratio):
        super().__init__()
        self.patch, self.outputs = patch, outputs
        self.patch_embed = nn.ModuleDict({"proj": CONV[dims - 1](inputs + dims, width, patch, patch)})
        self.blocks = nn.ModuleList(Block(width, heads, ratio) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, patch**dims * outputs)

    def forward(self, u, x):  # (sample, points, channel)
        y = self.patch_embed["proj"](torch.cat((u, x), -1).movedim(-1, 1))
        tokens = y.shape[2:]
        y = y.flatten(2).transpose(1, 2)
        for block in self.blocks:
            y = block(y)
        y = self.head(self.norm(y))
        p = self.patch
        if len(tokens) == 1:
            return y.reshape(len(y), tokens[0] * p, self.outputs)
        y = y.reshape(len(y), *tokens, p, p, self.outputs).permute(0, 1, 3, 2, 4, 5)
        return y.reshape(len(y), tokens[0] * p, tokens[1] * p, self.outputs)


class SimpleAttention(nn.Module):
    def __init__(self, width, heads, positions, kind, eps):
        super().__init__()
        self.heads, self.kind = heads, kind
        self.linears = nn.ModuleList(nn.Linear(width, width) for _ in range(3))
        norms = [nn.ModuleList(nn.LayerNorm(width // heads, eps=eps) for _ in range(heads)) for _ in range(2)]
        self.norm_K = norms[0]
        if kind == "galerkin":
            self.norm_V = norms[1]
        else:
            self.norm_Q = norms[1]
        self.fc = nn.Linear(width + heads * positions, width)

    def forward(self, x, p):
        b, n, c = x.shape
        q, k, v = [f(x).view(b, n, self.heads, -1).transpose(1, 2) for f in self.linears]
        normed = lambda norms, t: torch.stack([f(t[:, i]) for i, f in enumerate(norms)], 1)  # noqa: E731
        k = normed(self.norm_K, k)
        if self.kind == "galerkin":
            v = normed(self.norm_V, v)
        else:
            q = normed(self.norm_Q, q)
        p = p.unsqueeze(1).repeat(1, self.heads, 1, 1)
        q, k, v = [torch.cat([p, t], -1) for t in (q, k, v)]
        if self.kind == "galerkin":
            y = q @ (k.transpose(-2, -1) @ v / n)
        else:
            y = (q @ k.transpose(-2, -1) / n) @ v
        return self.fc(y.transpose(1, 2).reshape(b, n, -1))


class EncoderLayer(nn.Module):
    def __init__(self, width, heads, hidden, positions, kind, eps):
        super().__init__()
        self.attn = SimpleAttention(width, heads, positions, kind, eps)
        self.ff = nn.ModuleDict({"lr1": nn.Linear(width, hidden), "lr2": nn.Linear(hidden, width)})

    def forward(self, x, p):
        x = x + self.attn(x, p)
        return x + self.ff["lr2"](F.relu(self.ff["lr1"](x)))


class SpectralConv(nn.Module):
    def __init__(self, inputs, outputs, modes, dims):
        super().__init__()
        self.linear = nn.Linear(inputs, outputs)
        self.m, self.dims, self.outputs = modes, dims, outputs
        self.weights = nn.Parameter(torch.zeros(modes * (2 * modes) ** (dims - 1) * 2 * outputs, inputs))

    def forward(self, x):  # (sample, points, channel)
        axes = list(range(1, 1 + self.dims))
        ft = torch.fft.rfftn(x, dim=axes, norm="ortho")
        m = self.m
        w = self.weights.reshape(*[2 * m] * (self.dims - 1), m, 2, self.outputs, -1)
        w = torch.complex(w[..., 0, :, :], w[..., 1, :, :])
        out = torch.zeros(*ft.shape[:-1], self.outputs, dtype=ft.dtype)
        if self.dims == 1:
            out[:, :m] = torch.einsum("bxi,xoi->bxo", ft[:, :m], w)
        else:
            out[:, :m, :m] = torch.einsum("bxyi,xyoi->bxyo", ft[:, :m, :m], w[:m])
            out[:, -m:, :m] = torch.einsum("bxyi,xyoi->bxyo", ft[:, -m:, :m], w[m:])
        y = torch.fft.irfftn(out, s=x.shape[1:-1], dim=axes, norm="ortho")
        return F.silu(y + self.linear(x))


class SpectralRegressor(nn.Module):
    def __init__(self, width, freq, outputs, modes, layers, projection, dims, positions):
        super().__init__()
        if positions:
            self.fc = nn.Linear(width + dims, freq)
            width = freq
        self.spectral_conv = nn.ModuleList(
            SpectralConv(width if k == 0 else freq, freq, modes, dims) for k in range(layers))
        self.regressor = nn.Sequential(nn.Linear(freq, projection), nn.SiLU(), nn.Linear(projection, outputs))

    def forward(self, x, p):
        if hasattr(self, "fc"):
            x = self.fc(torch.cat((x, p), -1))
        for layer in self.spectral_conv:
            x = layer(x)
        return self.regressor(x)


class GalerkinTransformer(nn.Module):
    def __init__(self, dims, inputs, outputs, width, layers, heads, hidden, kind, eps, coarsen, modes, freq,
                 spectral_layers, projection, positions):
        super().__init__()
        self.dims, self.coarsen = dims, coarsen
        if coarsen > 1:
            self.downscaler = nn.ModuleDict({"conv": CONV[dims - 1](inputs + dims, width, coarsen, coarsen)})
        else:
            self.feat_extract = nn.ModuleDict({"id": nn.Linear(inputs + dims, width)})
        self.encoder_layers = nn.ModuleList(EncoderLayer(width, heads, hidden, dims, kind, eps) for _ in range(layers))
        self.regressor = SpectralRegressor(width, freq, outputs, modes, spectral_layers, projection, dims, positions)

    def forward(self, u, x):  # (sample, points, channel)
        given, p = torch.cat((u, x), -1), x
        if self.coarsen > 1:
            y = self.downscaler["conv"](given.movedim(-1, 1)).movedim(1, -1)
            pool = [F.avg_pool1d, F.avg_pool2d][self.dims - 1]
            p = pool(x.movedim(-1, 1), self.coarsen).movedim(1, -1)
        else:
            y = self.feat_extract["id"](given)
        shape = y.shape
        y, p = y.flatten(1, -2), p.flatten(1, -2)
        for layer in self.encoder_layers:
            y = layer(y, p)
        y = y.reshape(shape)
        if self.coarsen > 1:
            y = F.interpolate(y.movedim(-1, 1), x.shape[1:-1], mode=["linear", "bilinear"][self.dims - 1])
            y = y.movedim(1, -1)
        return self.regressor(y, x)


if __name__ == "__main__":
    for dims, points in ((1, [24]), (2, [16, 12])):
        u, x = golden.tensor("u", 2, *points, 3), golden.tensor("x", 2, *points, dims)
        model = golden.fill(PatchTransformer(dims, 3, 2, 4, 12, 2, 3, 2))
        golden.record(f"patch_transformer_{dims}d.npz", model, model(u, x).reshape(-1, 2))
    for name, dims, points, heads, kind, coarsen, positions in (
            ("1d", 1, [24], 1, "fourier", 1, False), ("2d", 2, [12, 8], 3, "galerkin", 1, True),
            ("coarse", 2, [12, 8], 3, "galerkin", 2, True)):
        u, x = golden.tensor("u", 2, *points, 3), golden.tensor("x", 2, *points, dims)
        model = golden.fill(GalerkinTransformer(dims, 3, 2, 12, 2, heads, 16, kind, 1e-5, coarsen, 3, 6, 2, 10, positions))
        golden.record(f"galerkin_transformer_{name}.npz", model, model(u, x).reshape(-1, 2))
