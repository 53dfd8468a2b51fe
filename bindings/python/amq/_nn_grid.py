"""Networks on regular grids as torch modules: amq's Fno, Unet, ModernUnet, PatchTransformer, GalerkinTransformer."""

from __future__ import annotations

from collections import OrderedDict
from typing import Literal, Optional, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ._nn_parts import attend, check_sizes, of_heads, positions_of, refuse, refuse_sizes, together

CONV = [nn.Conv1d, nn.Conv2d, nn.Conv3d]
UP = [nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d]
BATCH_NORM = [nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d]
MAX_POOL = [nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d]


def _check_dims(network: str, dims: int) -> None:
    if dims not in (1, 2, 3):
        refuse_sizes(network, "1 to 3 dimensions", dims=dims)


def _check_field(network: str, u: Tensor, dims: int, channels: int, axis: int, halvings: int = 1) -> None:
    """u (sample, ...) with its channels at `axis`, 1 or -1; axes of points are multiples of `halvings`."""
    shape = "(sample, channel, point...)" if axis == 1 else "(sample, point..., channel)"
    if u.dim() != dims + 2 or u.shape[axis] != channels:
        refuse(f"amq.nn.{network}", f"{shape} of {dims} axes and {channels} channels", str(tuple(u.shape)),
               "Give the channels that the module was made for.")  # fmt: skip
    points = u.shape[2:] if axis == 1 else u.shape[1:-1]
    if any(n % halvings for n in points):
        refuse(f"amq.nn.{network}", f"axes of a multiple of {halvings} points", " x ".join(map(str, points)),
               "Interpolate or pad the fields to such a grid.")  # fmt: skip


def _check_modes(network: str, points: Sequence[int], modes: Sequence[int]) -> None:
    need = [2 * m for m in modes[:-1]] + [2 * (modes[-1] - 1)]
    if any(n < k for n, k in zip(points, need)):
        refuse(f"amq.nn.{network}", f"at least {' x '.join(map(str, need))} points for its modes",
               " x ".join(map(str, points)), "Take a finer grid or fewer modes.")  # fmt: skip


def _positions(network: str, u: Tensor, positions: Optional[Tensor], dims: int, periodic: bool = False) -> Tensor:
    """(sample, point..., dims)."""
    if positions is None:
        positions = positions_of(u.shape[1:-1], u, periodic)
    elif positions.shape[-1] != dims or positions.shape[-dims - 1 : -1] != u.shape[1:-1]:
        refuse(f"amq.nn.{network}, positions", f"(point..., {dims}) on the field's grid", str(tuple(positions.shape)),
               "Give a position to each point.")  # fmt: skip
    return positions.expand(*u.shape[:-1], dims)


class SpectralConv(nn.Module):
    """Products of the lowest Fourier modes. `weights1` and on are the corners of the spectrum, as pairs {re, im}:
    (in, out, mode..., 2). So they follow `.double()`, and optimizers see real numbers."""

    def __init__(self, inputs: int, outputs: int, modes: Sequence[int]) -> None:
        super().__init__()
        self.modes = tuple(modes)
        for k in range(2 ** (len(self.modes) - 1)):
            w = torch.rand(inputs, outputs, *self.modes, 2) / (inputs * outputs)
            setattr(self, f"weights{k + 1}", nn.Parameter(w))

    def forward(self, x: Tensor) -> Tensor:
        """(sample, channel, point...)."""
        m, d = self.modes, len(self.modes)
        axes = list(range(2, 2 + d))
        _check_modes("SpectralConv", x.shape[2:], m)
        ft = torch.fft.rfftn(x, dim=axes)
        w = [torch.view_as_complex(getattr(self, f"weights{k + 1}")) for k in range(2 ** (d - 1))]
        # Concatenated rather than written in place: compilers and gradients like it better.
        for a in reversed(range(d - 1)):  # corners (0 .. m, -m .. -1) along axis a side by side
            half = len(w) // 2
            w = [torch.cat((w[k], w[k + half]), 2 + a) for k in range(half)]
        kept = ft.narrow(1 + d, 0, m[-1])
        for a in range(d - 1):
            n = kept.shape[2 + a]
            kept = torch.cat((kept.narrow(2 + a, 0, m[a]), kept.narrow(2 + a, n - m[a], m[a])), 2 + a)
        s = "xyz"[:d]
        y = torch.einsum(f"bi{s},io{s}->bo{s}", kept, w[0])
        for a in range(d - 1):  # the modes between are zero
            between = list(y.shape)
            between[2 + a] = ft.shape[2 + a] - 2 * m[a]
            y = torch.cat((y.narrow(2 + a, 0, m[a]), y.new_zeros(between), y.narrow(2 + a, m[a], m[a])), 2 + a)
        beyond = list(y.shape)
        beyond[1 + d] = ft.shape[1 + d] - m[-1]
        return torch.fft.irfftn(torch.cat((y, y.new_zeros(beyond)), 1 + d), s=x.shape[2:], dim=axes)


class _Gate(nn.Module):
    """Each channel by its own number."""

    def __init__(self, width: int, bias: bool) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        if bias:
            self.bias = nn.Parameter(torch.zeros(width))
        self.has_bias = bias

    def forward(self, x: Tensor) -> Tensor:
        each = (-1, *[1] * (x.dim() - 2))
        y = self.weight.view(each) * x
        return y + self.bias.view(each) if self.has_bias else y


class _ChannelMlp(nn.Module):
    def __init__(self, dims: int, width: int, hidden: int) -> None:
        super().__init__()
        self.fc1, self.fc2 = CONV[dims - 1](width, hidden, 1), CONV[dims - 1](hidden, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc2(F.gelu(self.fc1(x)))


class FNO(nn.Module):
    """The Fourier neural operator in 1, 2 or 3 dimensions (Li et al., "Fourier neural operator for parametric partial
    differential equations", ICLR 2021), as PDEBench has it, and with what neuraloperator 2 adds: amq's Fno.

    forward(u, positions=None): u (sample, point..., inputs) -> (sample, point..., outputs). positions (point...,
    dims); without them 0 to 1 along each axis, both ends among them, or i / n where `periodic`.

    modes: kept frequencies, one number or one an axis. padding: zeros at the far end of each axis. lifting: hidden
    channels of a lifting of two layers; channel_mlp: of an MLP that ends each block. skip, channel_skip: what joins the
    parts of a block, a matrix or a number a channel. activates_twice: GELU(GELU()) where there is no MLP."""

    network = "Fno"

    def __init__(
        self,
        dims: int = 2,
        modes: int | Sequence[int] = 12,
        width: int = 20,
        layers: int = 4,
        inputs: int = 10,
        outputs: int = 1,
        projection: int = 128,
        padding: Optional[int | Sequence[int]] = None,
        lifting: int = 0,
        channel_mlp: int = 0,
        skip: Literal["linear", "gate"] = "linear",
        channel_skip: Literal["linear", "gate"] = "gate",
        activates_twice: bool = False,
        periodic: bool = False,
    ) -> None:
        super().__init__()
        _check_dims("FNO", dims)
        modes = [modes] * dims if isinstance(modes, int) else list(modes)[:dims]
        padding = [2, 2, 0] if padding is None else [padding] * dims if isinstance(padding, int) else list(padding)
        padding = padding[:dims]
        check_sizes("FNO", 1, width=width, layers=layers, outputs=outputs, projection=projection,
                    **{f"modes[{a}]": m for a, m in enumerate(modes)})  # fmt: skip
        check_sizes("FNO", 0, inputs=inputs, lifting=lifting, channel_mlp=channel_mlp,
                    **{f"padding[{a}]": p for a, p in enumerate(padding)})  # fmt: skip
        if len(modes) != dims or len(padding) != dims or {skip, channel_skip} - {"linear", "gate"}:
            refuse_sizes("FNO", "modes and padding of each axis, skips 'linear' or 'gate'", modes=modes,
                         padding=padding, skip=skip, channel_skip=channel_skip)  # fmt: skip
        self.dims, self.inputs, self.layers = dims, inputs, layers
        self.padding, self.modes, self.periodic = tuple(padding), tuple(modes), bool(periodic)
        self.activates_twice = bool(activates_twice)
        self.skip, self.channel_skip, self.has_mlp = skip, channel_skip, channel_mlp > 0
        conv = CONV[dims - 1]
        self.fc0 = nn.Linear(inputs + dims, lifting or width)
        if lifting:
            self.lifting = nn.Linear(lifting, width)
        for k in range(layers):
            setattr(self, f"conv{k}", SpectralConv(width, width, modes))
            if skip == "linear":
                setattr(self, f"w{k}", conv(width, width, 1))
            else:
                setattr(self, f"gate{k}", _Gate(width, True))
            if channel_mlp:
                setattr(self, f"mlp{k}", _ChannelMlp(dims, width, channel_mlp))
                if channel_skip == "linear":
                    setattr(self, f"mlp_w{k}", conv(width, width, 1, bias=False))
                else:
                    setattr(self, f"mlp_gate{k}", _Gate(width, False))
        self.fc1, self.fc2 = nn.Linear(width, projection), nn.Linear(projection, outputs)

    def _block(self, k: int, x: Tensor) -> Tensor:
        last = k + 1 == self.layers
        y = getattr(self, f"conv{k}")(x) + getattr(self, f"w{k}" if self.skip == "linear" else f"gate{k}")(x)
        y = y if last else F.gelu(y)
        if not self.has_mlp:
            return F.gelu(y) if self.activates_twice and not last else y
        around = getattr(self, f"mlp_w{k}" if self.channel_skip == "linear" else f"mlp_gate{k}")
        y = getattr(self, f"mlp{k}")(y) + around(x)
        return y if last else F.gelu(y)

    def forward(self, u: Tensor, positions: Optional[Tensor] = None) -> Tensor:
        _check_field("FNO", u, self.dims, self.inputs, -1)
        points = u.shape[1:-1]
        _check_modes("FNO", [n + p for n, p in zip(points, self.padding)], self.modes)
        y = self.fc0(torch.cat((u, _positions("FNO", u, positions, self.dims, self.periodic)), -1))
        if hasattr(self, "lifting"):
            y = self.lifting(F.gelu(y))
        y = F.pad(y.movedim(-1, 1), [n for p in reversed(self.padding) for n in (0, p)])
        for k in range(self.layers):
            y = self._block(k, y)
        for a, n in enumerate(points):
            y = y.narrow(2 + a, 0, n)
        return self.fc2(F.gelu(self.fc1(y.movedim(1, -1))))


class UNet(nn.Module):
    """The UNet of PDEBench (Takamoto et al. 2022, after Ronneberger, Fischer, Brox 2015): amq's Unet.

    forward(u): (sample, inputs, point...) -> (sample, outputs, point...); axes of a multiple of 2^levels points.
    features: of the finest level; every coarser one has twice as many."""

    network = "Unet"

    def __init__(self, dims: int = 2, inputs: int = 10, outputs: int = 1, features: int = 32, levels: int = 4) -> None:
        super().__init__()
        _check_dims("UNet", dims)
        check_sizes("UNet", 1, inputs=inputs, outputs=outputs, features=features, levels=levels)
        self.dims, self.inputs, self.levels = dims, inputs, levels
        self.pool = MAX_POOL[dims - 1](2)
        width, given = features, inputs
        for k in range(1, levels + 1):
            setattr(self, f"encoder{k}", self._twice(given, width, f"enc{k}"))
            given, width = width, 2 * width
        self.bottleneck = self._twice(given, width, "bottleneck")
        for k in reversed(range(1, levels + 1)):
            setattr(self, f"upconv{k}", UP[dims - 1](width, width // 2, 2, 2))
            setattr(self, f"decoder{k}", self._twice(width, width // 2, f"dec{k}"))
            width //= 2
        self.conv = CONV[dims - 1](width, outputs, 1)

    def _twice(self, inputs: int, width: int, name: str) -> nn.Sequential:
        layers = OrderedDict()
        for k, given in ((1, inputs), (2, width)):
            layers[f"{name}conv{k}"] = CONV[self.dims - 1](given, width, 3, padding=1, bias=False)
            layers[f"{name}norm{k}"] = BATCH_NORM[self.dims - 1](width)
            layers[f"{name}tanh{k}"] = nn.Tanh()
        return nn.Sequential(layers)

    def forward(self, u: Tensor) -> Tensor:
        _check_field("UNet", u, self.dims, self.inputs, 1, 2**self.levels)
        kept = []
        for k in range(1, self.levels + 1):
            kept.append(getattr(self, f"encoder{k}")(u))
            u = self.pool(kept[-1])
        u = self.bottleneck(u)
        for k in reversed(range(1, self.levels + 1)):
            u = getattr(self, f"decoder{k}")(torch.cat((getattr(self, f"upconv{k}")(u), kept.pop()), 1))
        return self.conv(u)


class _Residual(nn.Module):
    """conv2(GELU(norm2(conv1(GELU(norm1(x)))))) + shortcut(x)."""

    def __init__(self, dims: int, inputs: int, width: int, norm: bool) -> None:
        super().__init__()
        conv = CONV[dims - 1]
        self.conv1, self.conv2 = conv(inputs, width, 3, padding=1), conv(width, width, 3, padding=1)
        self.shortcut = conv(inputs, width, 1) if inputs != width else nn.Identity()
        self.norm1 = nn.GroupNorm(1, inputs) if norm else nn.Identity()
        self.norm2 = nn.GroupNorm(1, width) if norm else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv1(F.gelu(self.norm1(x)))
        return self.conv2(F.gelu(self.norm2(y))) + self.shortcut(x)


class _PointAttention(nn.Module):
    """One head among all points; the softmax runs over the keys."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.projection, self.output = nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        y = x.flatten(2).transpose(1, 2)
        q, k, v = self.projection(y).chunk(3, -1)
        y = y + self.output(attend(q, k, v, q.shape[-1] ** -0.5))
        return y.transpose(1, 2).reshape(x.shape)


class _Block(nn.Module):
    def __init__(self, dims: int, inputs: int, width: int, attention: bool, norm: bool) -> None:
        super().__init__()
        self.res = _Residual(dims, inputs, width, norm)
        self.attn = _PointAttention(width) if attention else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        return self.attn(self.res(x))


class _Middle(nn.Module):
    def __init__(self, dims: int, width: int, attention: bool, norm: bool) -> None:
        super().__init__()
        self.res1, self.res2 = _Residual(dims, width, width, norm), _Residual(dims, width, width, norm)
        self.attn = _PointAttention(width) if attention else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        return self.res2(self.attn(self.res1(x)))


class _Move(nn.Module):
    """To the next level."""

    def __init__(self, conv: nn.Module) -> None:
        super().__init__()
        self.conv = conv

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x)


class ModernUnet(nn.Module):
    """The modern UNet of PDEArena (Gupta, Brandstetter, "Towards multi-spatiotemporal-scale generalized PDE modeling",
    2022), its attention by the softmax over keys: amq's ModernUnet.

    forward(u): (sample, inputs, point...) -> (sample, outputs, point...); axes of a multiple of 2^(levels - 1) points.
    multipliers: of the channels, from one level to the next. attention: whether a level has it. blocks: of a level on
    the way down; one more on the way up. features: a multiple of 8 where there are norms."""

    network = "ModernUnet"

    def __init__(
        self,
        dims: int = 2,
        inputs: int = 4,
        outputs: int = 1,
        features: int = 64,
        multipliers: Sequence[int] = (1, 2, 2, 4),
        attention: Sequence[bool] = (),
        middle_attention: bool = False,
        blocks: int = 2,
        norm: bool = True,
    ) -> None:
        super().__init__()
        _check_dims("ModernUnet", dims)
        multipliers, attention = list(multipliers), [bool(a) for a in attention]
        check_sizes("ModernUnet", 1, inputs=inputs, outputs=outputs, features=features, blocks=blocks,
                    levels=len(multipliers), **{f"multipliers[{k}]": m for k, m in enumerate(multipliers)})  # fmt: skip
        if norm and features % 8:
            refuse_sizes("ModernUnet", "features of a multiple of 8, for its last norm", features=features)
        self.dims, self.inputs, self.halvings = dims, inputs, 2 ** (len(multipliers) - 1)
        conv = CONV[dims - 1]
        attends = [k < len(attention) and attention[k] for k in range(len(multipliers))]
        self.image_proj = conv(inputs, features, 3, padding=1)
        down, up, width = [], [], features
        for k, m in enumerate(multipliers):
            for b in range(blocks):
                down.append(_Block(dims, width, width * m if b == 0 else width, attends[k], norm))
                width *= m if b == 0 else 1
            if k + 1 < len(multipliers):
                down.append(_Move(conv(width, width, 3, 2, 1)))
        self.down = nn.ModuleList(down)
        self.middle = _Middle(dims, width, middle_attention, norm)
        for k in reversed(range(len(multipliers))):
            last = width // multipliers[k]
            up += [_Block(dims, 2 * width, width, attends[k], norm) for _ in range(blocks)]
            up.append(_Block(dims, width + last, last, attends[k], norm))
            width = last
            if k:
                up.append(_Move(UP[dims - 1](width, width, 4, 2, 1)))
        self.up = nn.ModuleList(up)
        self.norm = nn.GroupNorm(8, features) if norm else nn.Identity()
        self.final = conv(width, outputs, 3, padding=1)

    def forward(self, u: Tensor) -> Tensor:
        _check_field("ModernUnet", u, self.dims, self.inputs, 1, self.halvings)
        y = self.image_proj(u)
        kept = [y]
        for part in self.down:
            y = part(y)
            kept.append(y)
        y = self.middle(y)
        for part in self.up:
            y = part(y) if isinstance(part, _Move) else part(torch.cat((y, kept.pop()), 1))
        return self.final(F.gelu(self.norm(y)))


class _Attention(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.num_heads = heads
        self.qkv, self.proj = nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = (of_heads(t, self.num_heads) for t in self.qkv(x).chunk(3, -1))
        return self.proj(together(attend(q, k, v, q.shape[-1] ** -0.5)))


class _TokenBlock(nn.Module):
    def __init__(self, width: int, heads: int, ratio: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attn = _Attention(width, heads)
        self.mlp = nn.ModuleDict({"fc1": nn.Linear(width, ratio * width), "fc2": nn.Linear(ratio * width, width)})

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attn(self.norm1(x))
        return x + self.mlp["fc2"](F.gelu(self.mlp["fc1"](self.norm2(x))))


class PatchTransformer(nn.Module):
    """A vision transformer (Dosovitskiy et al. 2021) from field to field, with timm's names: amq's PatchTransformer.

    forward(u, positions=None): u (sample, point..., inputs) -> (sample, point..., outputs); axes of a multiple of
    `patch` points. positions as of FNO."""

    network = "PatchTransformer"

    def __init__(
        self,
        dims: int = 2,
        inputs: int = 10,
        outputs: int = 1,
        patch: int = 4,
        width: int = 128,
        layers: int = 6,
        heads: int = 4,
        mlp_ratio: int = 4,
    ) -> None:
        super().__init__()
        _check_dims("PatchTransformer", dims)
        check_sizes("PatchTransformer", 1, inputs=inputs, outputs=outputs, patch=patch, width=width, heads=heads,
                    mlp_ratio=mlp_ratio)  # fmt: skip
        check_sizes("PatchTransformer", 0, layers=layers)
        if width % heads:
            refuse_sizes("PatchTransformer", "heads that divide the width", width=width, heads=heads)
        self.dims, self.inputs, self.outputs, self.patch = dims, inputs, outputs, patch
        self.patch_embed = nn.ModuleDict({"proj": CONV[dims - 1](inputs + dims, width, patch, patch)})
        self.blocks = nn.ModuleList(_TokenBlock(width, heads, mlp_ratio) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, patch**dims * outputs)

    def forward(self, u: Tensor, positions: Optional[Tensor] = None) -> Tensor:
        _check_field("PatchTransformer", u, self.dims, self.inputs, -1, self.patch)
        x = _positions("PatchTransformer", u, positions, self.dims)
        y = self.patch_embed["proj"](torch.cat((u, x), -1).movedim(-1, 1))
        tokens, d = y.shape[2:], self.dims
        y = y.flatten(2).transpose(1, 2)
        for block in self.blocks:
            y = block(y)
        y = self.head(self.norm(y)).reshape(len(y), *tokens, *[self.patch] * d, self.outputs)
        y = y.permute(0, *(1 + a + d * k for a in range(d) for k in (0, 1)), 1 + 2 * d)
        return y.reshape(*u.shape[:-1], self.outputs)


class _LinearAttention(nn.Module):
    """Without softmax: Q (K'V) / n, or (Q K') V / n."""

    def __init__(self, width: int, heads: int, dims: int, kind: str, eps: float) -> None:
        super().__init__()
        self.heads, self.kind = heads, kind
        self.linears = nn.ModuleList(nn.Linear(width, width) for _ in range(3))
        norms = lambda: nn.ModuleList(nn.LayerNorm(width // heads, eps=eps) for _ in range(heads))  # noqa: E731
        self.norm_K = norms()
        if kind == "galerkin":
            self.norm_V = norms()
        else:
            self.norm_Q = norms()
        self.fc = nn.Linear(width + heads * dims, width)

    def forward(self, x: Tensor, p: Tensor) -> Tensor:
        q, k, v = (of_heads(f(x), self.heads) for f in self.linears)
        normed = lambda norms, t: torch.stack([f(t[:, h]) for h, f in enumerate(norms)], 1)  # noqa: E731
        k = normed(self.norm_K, k)
        q, v = (q, normed(self.norm_V, v)) if self.kind == "galerkin" else (normed(self.norm_Q, q), v)
        p = p[:, None].expand(-1, self.heads, -1, -1)
        q, k, v = (torch.cat((p, t), -1) for t in (q, k, v))
        n = x.shape[1]
        y = q @ (k.transpose(-1, -2) @ v / n) if self.kind == "galerkin" else (q @ k.transpose(-1, -2) / n) @ v
        return self.fc(together(y))


class _EncoderLayer(nn.Module):
    def __init__(self, width: int, heads: int, hidden: int, dims: int, kind: str, eps: float) -> None:
        super().__init__()
        self.attn = _LinearAttention(width, heads, dims, kind, eps)
        self.ff = nn.ModuleDict({"lr1": nn.Linear(width, hidden), "lr2": nn.Linear(hidden, width)})

    def forward(self, x: Tensor, p: Tensor) -> Tensor:
        x = x + self.attn(x, p)
        return x + self.ff["lr2"](F.relu(self.ff["lr1"](x)))


class _SpectralLayer(nn.Module):
    """SiLU(spectral convolution + Linear). `weights` are amq's: (mode x {re, im} x out, in)."""

    def __init__(self, inputs: int, outputs: int, modes: int, dims: int) -> None:
        super().__init__()
        self.modes, self.dims, self.outputs = modes, dims, outputs
        self.linear = nn.Linear(inputs, outputs)
        rows = modes * (2 * modes) ** (dims - 1) * 2 * outputs
        self.weights = nn.Parameter(torch.rand(rows, inputs) / (inputs * outputs))

    def forward(self, x: Tensor) -> Tensor:
        """(sample, point..., channel)."""
        m, d, axes = self.modes, self.dims, list(range(1, 1 + self.dims))
        _check_modes("GalerkinTransformer", x.shape[1:-1], [m] * d)
        kept = torch.fft.rfftn(x, dim=axes)
        lengths = kept.shape[1:-1]
        w = self.weights.reshape(*[2 * m] * (d - 1), m, 2, self.outputs, -1)
        w = torch.complex(w.select(d, 0), w.select(d, 1))
        kept = kept.narrow(d, 0, m)
        for a in range(1, d):
            kept = torch.cat((kept.narrow(a, 0, m), kept.narrow(a, kept.shape[a] - m, m)), a)
        s = "xyz"[:d]
        y = torch.einsum(f"b{s}i,{s}oi->b{s}o", kept, w)
        for a in range(1, d):
            between = list(y.shape)
            between[a] = lengths[a - 1] - 2 * m
            y = torch.cat((y.narrow(a, 0, m), y.new_zeros(between), y.narrow(a, m, m)), a)
        beyond = list(y.shape)
        beyond[d] = lengths[-1] - m
        y = torch.fft.irfftn(torch.cat((y, y.new_zeros(beyond)), d), s=x.shape[1:-1], dim=axes)
        return F.silu(y + self.linear(x))


class _Regressor(nn.Module):
    def __init__(self, width: int, own: int, outputs: int, modes: int, layers: int, projection: int, dims: int,
                 positions: bool) -> None:  # fmt: skip
        super().__init__()
        self.positions = positions
        if positions:
            self.fc = nn.Linear(width + dims, own)
            width = own
        self.spectral_conv = nn.ModuleList(
            _SpectralLayer(own if k else width, own, modes, dims) for k in range(layers))  # fmt: skip
        self.regressor = nn.Sequential(nn.Linear(own if layers else width, projection), nn.SiLU(),
                                       nn.Linear(projection, outputs))  # fmt: skip

    def forward(self, y: Tensor, x: Tensor) -> Tensor:
        y = self.fc(torch.cat((y, x), -1)) if self.positions else y
        for layer in self.spectral_conv:
            y = layer(y)
        return self.regressor(y)


class GalerkinTransformer(nn.Module):
    """The transformer without softmax, whose cost grows with the points (Cao, "Choose a transformer: Fourier or
    Galerkin", NeurIPS 2021), without dropout: amq's GalerkinTransformer.

    forward(u, positions=None): u (sample, point..., inputs) -> (sample, point..., outputs). positions as of FNO.
    coarsen: points of a token along each axis. modes, spectral_width, spectral_layers: of the decoder."""

    network = "GalerkinTransformer"

    def __init__(
        self,
        dims: int = 2,
        inputs: int = 10,
        outputs: int = 1,
        width: int = 128,
        layers: int = 6,
        heads: int = 4,
        hidden: int = 256,
        kind: Literal["galerkin", "fourier"] = "galerkin",
        norm_eps: float = 1e-7,
        coarsen: int = 1,
        modes: int = 12,
        spectral_width: int = 32,
        spectral_layers: int = 2,
        projection: int = 128,
        decoder_positions: bool = True,
    ) -> None:
        super().__init__()
        name = "GalerkinTransformer"
        _check_dims(name, dims)
        check_sizes(name, 1, inputs=inputs, outputs=outputs, width=width, heads=heads, hidden=hidden, coarsen=coarsen,
                    modes=modes, spectral_width=spectral_width, projection=projection)  # fmt: skip
        check_sizes(name, 0, layers=layers, spectral_layers=spectral_layers)
        if width % heads or kind not in ("galerkin", "fourier"):
            refuse_sizes(name, "heads that divide the width, kind 'galerkin' or 'fourier'", width=width, heads=heads,
                         kind=kind)  # fmt: skip
        self.dims, self.inputs, self.coarsen = dims, inputs, coarsen
        if coarsen > 1:
            self.downscaler = nn.ModuleDict({"conv": CONV[dims - 1](inputs + dims, width, coarsen, coarsen)})
        else:
            self.feat_extract = nn.ModuleDict({"id": nn.Linear(inputs + dims, width)})
        self.encoder_layers = nn.ModuleList(
            _EncoderLayer(width, heads, hidden, dims, kind, norm_eps) for _ in range(layers))  # fmt: skip
        self.regressor = _Regressor(width, spectral_width, outputs, modes, spectral_layers, projection, dims,
                                    bool(decoder_positions))  # fmt: skip

    def forward(self, u: Tensor, positions: Optional[Tensor] = None) -> Tensor:
        _check_field("GalerkinTransformer", u, self.dims, self.inputs, -1, self.coarsen)
        x = p = _positions("GalerkinTransformer", u, positions, self.dims)
        given = torch.cat((u, x), -1)
        if self.coarsen > 1:
            y = self.downscaler["conv"](given.movedim(-1, 1)).movedim(1, -1)
            pool = (F.avg_pool1d, F.avg_pool2d, F.avg_pool3d)[self.dims - 1]
            p = pool(x.movedim(-1, 1), self.coarsen).movedim(1, -1)
        else:
            y = self.feat_extract["id"](given)
        shape = y.shape
        y, p = y.flatten(1, -2), p.flatten(1, -2)
        for layer in self.encoder_layers:
            y = layer(y, p)
        y = y.reshape(shape)
        if self.coarsen > 1:
            mode = ("linear", "bilinear", "trilinear")[self.dims - 1]
            y = F.interpolate(y.movedim(-1, 1), u.shape[1:-1], mode=mode).movedim(1, -1)
        return self.regressor(y, x)
