"""What torch modules of amq's networks share: checks of sizes and rows, layers, and how numbers begin."""

from __future__ import annotations

import math
from typing import Any, NoReturn, Sequence

try:
    import torch
except ImportError as e:
    raise ImportError("amq: amq.nn: expected PyTorch, found none. Install torch where networks are trained.") from e
from torch import Tensor, nn
from torch.nn import functional as F

from ._error import refuse


def refuse_sizes(network: str, expected: str, **sizes: Any) -> NoReturn:
    """One error for sizes that make no network."""
    refuse(f"amq.nn.{network}", expected, ", ".join(f"{k} = {v!r}" for k, v in sizes.items()), "Correct the sizes.")


def check_sizes(network: str, least: int, **sizes: Any) -> None:
    """@raises Error unless all are whole numbers from `least` on."""
    bad = {k: v for k, v in sizes.items() if isinstance(v, bool) or not isinstance(v, int) or v < least}
    if bad:
        refuse_sizes(network, f"whole numbers from {least} on", **bad)


def check_columns(where: str, rows: Tensor, columns: int) -> None:
    if rows.dim() < 2 or rows.shape[-1] != columns:
        refuse(f"amq.nn.{where}", f"rows of {columns} channels, the last axis", str(tuple(rows.shape)),
               "Give the channels that the module was made for.")  # fmt: skip


def beside(rows: Tensor, like: Tensor) -> Tensor:
    """Rows that all samples share, once for each sample."""
    return rows.expand(*like.shape[:-1], rows.shape[-1])


def narrow(inputs: int, outputs: int, bias: bool = True) -> nn.Linear:
    """A Linear that begins as amq's latent attention does: a deviation of 0.02, no bias."""
    layer = nn.Linear(inputs, outputs, bias)
    nn.init.uniform_(layer.weight, -0.02 * math.sqrt(3), 0.02 * math.sqrt(3))
    if bias:
        nn.init.zeros_(layer.bias)
    return layer


def attend(q: Tensor, k: Tensor, v: Tensor, scale: float) -> Tensor:
    """softmax(scale q k') v of (..., row, channel), by torch's own kernels where it has them."""
    if hasattr(F, "scaled_dot_product_attention"):
        return F.scaled_dot_product_attention(q * (scale * math.sqrt(q.shape[-1])), k, v)
    return torch.softmax(scale * q @ k.transpose(-1, -2), -1) @ v


def of_heads(rows: Tensor, heads: int) -> Tensor:
    """(..., row, channel) -> (..., head, row, channel of the head)."""
    return rows.reshape(*rows.shape[:-1], heads, -1).transpose(-2, -3)


def together(rows: Tensor) -> Tensor:
    """The way back."""
    return rows.transpose(-2, -3).flatten(-2)


def positions_of(points: Sequence[int], like: Tensor, periodic: bool = False) -> Tensor:
    """(point..., axis): 0 to 1 along each axis, both ends among them, or i / n."""
    axes = [torch.arange(n, device=like.device, dtype=like.dtype) / (n if periodic else max(n - 1, 1)) for n in points]
    return torch.stack(torch.meshgrid(*axes, indexing="ij"), -1)
