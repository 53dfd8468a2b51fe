"""amq's further networks on grids, whose modules have the names of amq.nn: sizes, and parameters as they are."""

import re
from typing import Any, Callable, NamedTuple

from ._error import refuse as _refuse
from ._float_file import State, layers_of

BITS = {"edge_of_net_bits": 8, "input_bits": 16}


class GridNetwork(NamedTuple):
    name: str
    text: str
    parts: set  # what its names begin with
    known_by: tuple  # tensors that no other network has
    settings: Callable[..., Any]  # (state, module, tensors, dims) -> what a configuration has beside channels
    lift: tuple  # the layer that reads what is given: one of these
    positions: bool  # which stand behind what is given, and the channels last


def _take(s, out, name, axes):
    """A layer with weights of so many axes and a bias. @returns the shape of its weights"""
    weight = s.take(name + ".weight")
    if weight.ndim != axes:
        _refuse(f"from_torch, {name}.weight", f"weights of {axes} axes", str(weight.shape),
                "Give a sample (point..., channel) of the module's dimension.")  # fmt: skip
    out[name + ".weight"], out[name + ".bias"] = weight, s.take(name + ".bias", shape=weight.shape[:1])
    return weight.shape


def _norm(s, out, name, width):
    for what in (".weight", ".bias"):
        out[name + what] = s.take(name + what, shape=(width,))


def _said(module, name, what):
    """What no tensor tells, of a part of the module."""
    found = getattr(dict(module.named_modules()).get(name), what, None)
    if found is None:
        _refuse(f"from_torch, {name}", f"an attribute {what}: its tensors do not tell", "none",
                "Make the module by amq.nn, or give it that attribute.")  # fmt: skip
    return found


def _residual(s, out, at, inputs, width, dims, norm):
    if norm:
        _norm(s, out, at + ".norm1", inputs)
        _norm(s, out, at + ".norm2", width)
    _take(s, out, at + ".conv1", 2 + dims)
    _take(s, out, at + ".conv2", 2 + dims)
    if inputs != width:
        _take(s, out, at + ".shortcut", 2 + dims)


def _attention(s, out, at):
    """Whether there is one."""
    if at + ".attn.projection.weight" not in s.tensors:
        return False
    _take(s, out, at + ".attn.projection", 2)
    _take(s, out, at + ".attn.output", 2)
    return True


def _modern_unet(s, module, out, dims):
    norm = "norm.weight" in s.tensors
    features = s.tensors["image_proj.weight"].shape[0]
    multipliers, attention, blocks, width, begun = [], [], 0, features, False
    for k in range(layers_of(s.tensors, r"down\.(\d+)\.")):
        at = f"down.{k}"
        if at + ".conv.weight" in s.tensors:
            _take(s, out, at + ".conv", 2 + dims)
            begun = False
            continue
        inputs, width = width, int(s.take(at + ".res.conv1.weight").shape[0])
        if not begun:
            multipliers.append(width // inputs)
            attention.append(False)
            begun = True
        blocks += len(multipliers) == 1
        _residual(s, out, at + ".res", inputs, width, dims, norm)
        attention[-1] = _attention(s, out, at)
    for part in ("res1", "res2"):
        _residual(s, out, f"middle.{part}", width, width, dims, norm)
    middle, k = _attention(s, out, "middle"), 0
    for level in reversed(range(len(multipliers))):
        last = width // multipliers[level]
        for b in range(blocks + 1):
            given = 2 * width if b < blocks else width + last
            _residual(s, out, f"up.{k}.res", given, width if b < blocks else last, dims, norm)
            _attention(s, out, f"up.{k}")
            k += 1
        width = last
        if level:
            _take(s, out, f"up.{k}.conv", 2 + dims)
            k += 1
    if norm:
        _norm(s, out, "norm", features)
    outputs = _take(s, out, "final", 2 + dims)[0]
    return dict(outputs=outputs, features=features, multipliers=multipliers, attention=attention,
                middle_attention=middle, blocks=blocks, norm=norm, activation="gelu", beyond="zero")  # fmt: skip


def _patch_transformer(s, module, out, dims):
    width, patch = s.tensors["patch_embed.proj.weight"].shape[0], s.tensors["patch_embed.proj.weight"].shape[-1]
    layers, ratio, heads = layers_of(s.tensors, r"blocks\.(\d+)\."), 4, 1
    for k in range(layers):
        at = f"blocks.{k}"
        _norm(s, out, at + ".norm1", width)
        _norm(s, out, at + ".norm2", width)
        for name in ("attn.qkv", "attn.proj", "mlp.fc2"):
            _take(s, out, f"{at}.{name}", 2)
        ratio = _take(s, out, at + ".mlp.fc1", 2)[0] // width
        heads = _said(module, at + ".attn", "num_heads")
    _norm(s, out, "norm", width)
    outputs = _take(s, out, "head", 2)[0] // patch**dims
    return dict(outputs=outputs, patch=patch, width=width, layers=layers, heads=heads, mlp_ratio=ratio,
                attention_bits={"matrix": 0, "rows": 0})  # fmt: skip


def _galerkin_transformer(s, module, out, dims):
    coarse = "downscaler.conv.weight" in s.tensors
    lift = s.tensors["downscaler.conv.weight" if coarse else "feat_extract.id.weight"]
    width, layers = lift.shape[0], layers_of(s.tensors, r"encoder_layers\.(\d+)\.")
    heads, hidden, kind, eps = 1, 1, "galerkin", 1e-7
    for k in range(layers):
        at = f"encoder_layers.{k}"
        heads = layers_of(s.tensors, re.escape(at) + r"\.attn\.norm_K\.(\d+)\.weight$")
        kind = "galerkin" if at + ".attn.norm_V.0.weight" in s.tensors else "fourier"
        eps = _said(module, at + ".attn.norm_K.0", "eps")
        for j in range(3):
            _take(s, out, f"{at}.attn.linears.{j}", 2)
        for name in ("norm_K", "norm_V" if kind == "galerkin" else "norm_Q"):
            for h in range(heads):
                _norm(s, out, f"{at}.attn.{name}.{h}", width // max(heads, 1))
        _take(s, out, at + ".attn.fc", 2)
        hidden = _take(s, out, at + ".ff.lr1", 2)[0]
        _take(s, out, at + ".ff.lr2", 2)
    reads = "regressor.fc.weight" in s.tensors
    own = _take(s, out, "regressor.fc", 2)[0] if reads else width
    spectral, modes = layers_of(s.tensors, r"regressor\.spectral_conv\.(\d+)\."), 1
    for k in range(spectral):
        at = f"regressor.spectral_conv.{k}"
        own = _take(s, out, at + ".linear", 2)[0]
        weights = out[at + ".weights"] = s.take(at + ".weights")
        modes = round((weights.shape[0] / own / 2**dims) ** (1 / dims))  # rows: m (2 m)^(dims - 1), {re, im}, out
    projection = _take(s, out, "regressor.regressor.0", 2)[0]
    outputs = _take(s, out, "regressor.regressor.2", 2)[0]
    return dict(outputs=outputs, width=width, layers=layers, heads=heads, hidden=hidden, kind=kind, norm_eps=eps,
                coarsen=lift.shape[-1] if coarse else 1, modes=modes, spectral_width=own if spectral or reads else 32,
                spectral_layers=spectral, projection=projection, decoder_positions=reads)  # fmt: skip


GRID_NETWORKS = (
    GridNetwork(
        "ModernUnet", "the modern UNet of amq.nn (image_proj, down.0.res, middle, up, final)",
        {"image_proj", "down", "middle", "up", "final"}, ("image_proj.weight", "middle.res1.conv1.weight"),
        _modern_unet, ("image_proj",), False,
    ),
    GridNetwork(
        "PatchTransformer", "the PatchTransformer of amq.nn (patch_embed, blocks.0.attn, norm, head)",
        {"patch_embed", "blocks", "norm", "head"}, ("patch_embed.proj.weight", "norm.weight", "head.weight"),
        _patch_transformer, ("patch_embed.proj",), True,
    ),
    GridNetwork(
        "GalerkinTransformer",
        "the GalerkinTransformer of amq.nn (feat_extract.id or downscaler.conv, encoder_layers, regressor)",
        {"feat_extract", "encoder_layers", "regressor"}, ("regressor.regressor.0.weight",),
        _galerkin_transformer, ("downscaler.conv", "feat_extract.id"), True,
    ),
)  # fmt: skip


def grid_network(network, state, module, sample):
    """Network, configuration and tensors."""
    s, out, dims, inputs = State(state, network.name), {}, sample.ndim - 1, sample.shape[-1]
    lift = next((n for n in network.lift if n + ".weight" in state), network.lift[0])
    shape = _take(s, out, lift, 2 if lift.endswith(".id") else 2 + dims)
    given = shape[1] - (dims if network.positions else 0)
    if given != inputs:
        _refuse("from_torch, sample", f"{given} channels", str(inputs), "Give (point..., channel) as the module was trained on.")
    config = {"dims": dims, "inputs": inputs, **network.settings(s, module, out, dims), **BITS}
    s.finish()
    return network.name, config, out
