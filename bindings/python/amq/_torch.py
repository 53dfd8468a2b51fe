"""From a torch.nn.Module to a float file: architecture, normalization, names, and torch's own answer."""

import inspect
import re

import numpy as np

from ._error import refuse as _refuse
from ._float_file import State as _State
from ._float_file import check_names, finish, names_of, take_normalization
from ._float_file import layers_of as _layers
from ._mesh import is_sample
from ._torch_mesh import NETWORKS, export_mesh

SUPPORTED = {
    "the FNO of PDEBench and of Li et al. (fc0, conv0.weights1, w0, fc1, fc2)": {"fc0", "conv0", "w0", "fc1", "fc2"},
    "the FNO of neuraloperator (lifting, fno_blocks, projection)": {"lifting", "fno_blocks", "projection"},
    "the UNet of PDEBench (encoder1.enc1conv1, upconv1, decoder1, conv)": {
        "encoder1", "bottleneck", "upconv1", "decoder1", "conv",
    },
    **{n.text: n.parts for n in NETWORKS},
}  # fmt: skip


def _spectral(full):
    """(in, out, modes...) complex, frequencies 0 .. m - 1, -m .. -1, as amq keeps it: (mode x {re, im} x out, in)."""
    cin, cout = full.shape[:2]
    w = np.moveaxis(full.reshape(cin, cout, -1), 2, 0).transpose(0, 2, 1)  # (mode, out, in)
    return np.stack([w.real, w.imag], 1).reshape(-1, cin)


def _complex(value):
    return value if np.iscomplexobj(value) else value[..., 0] + 1j * value[..., 1]


def _fno_config(dims, modes, width, layers, inputs, outputs, projection, padding):
    pad3 = lambda values, other: [*map(int, values), *[other] * (3 - dims)]  # noqa: E731
    return {
        "dims": dims, "modes": pad3(modes, 1), "width": width, "layers": layers, "inputs": inputs, "outputs": outputs,
        "projection": projection, "padding": pad3(padding, 0), "edge_of_net_bits": 8, "input_bits": 16,
        "mode_bits": 0, "transform_bits": {"matrix": 0, "rows": 0},
    }  # fmt: skip


def _lift(out, weight, bias, dims, inputs, width, may_lack_positions=False):
    """Linear of what is given and positions. A network that reads no positions gives them no weight."""
    weight = weight.reshape(width, -1)
    if may_lack_positions and weight.shape[1] == inputs:
        weight = np.concatenate([weight, np.zeros((width, dims), weight.dtype)], 1)
    if weight.shape[1] != inputs + dims:
        without = f", or {weight.shape[1]} without positions" if may_lack_positions else ""
        _refuse("from_torch, sample", f"{weight.shape[1] - dims} channels{without}", str(inputs),
                "Give (point..., channel) as the module was trained on.")  # fmt: skip
    out["fc0.weight"], out["fc0.bias"] = weight, bias


def _published_fno(state, module, sample, padding):
    s, out = _State(state, "FNO"), {}
    layers, dims = _layers(state, r"conv(\d+)\.weights1$"), sample.ndim - 1
    width, inputs = state["fc0.weight"].shape[0], sample.shape[-1]
    _lift(out, s.take("fc0.weight"), s.take("fc0.bias", shape=(width,)), dims, inputs, width)
    modes = None
    for k in range(max(layers, 1)):
        blocks = [_complex(s.take(f"conv{k}.weights{c + 1}")) for c in range(2 ** (dims - 1))]
        modes = blocks[0].shape[2:] if modes is None else modes
        if any(b.shape != (width, width, *modes) for b in blocks) or len(modes) != dims:
            _refuse(f"from_torch, conv{k}", f"weights of {(width, width)} and {dims} modes", str(blocks[0].shape),
                    "Give a sample (point..., channel) of the module's dimension.")  # fmt: skip
        full = np.zeros((width, width, *[2 * m for m in modes[:-1]], modes[-1]), np.complex64)
        for c, block in enumerate(blocks):
            at = [slice(m, None) if a < dims - 1 and c >> a & 1 else slice(0, m) for a, m in enumerate(modes)]
            full[(slice(None), slice(None), *at)] = block
        out[f"conv{k}.weights"] = _spectral(full)
        out[f"w{k}.weight"] = s.take(f"w{k}.weight", shape=(width, width))
        out[f"w{k}.bias"] = s.take(f"w{k}.bias", shape=(width,))
    for name in ("fc1", "fc2"):
        out[name + ".weight"], out[name + ".bias"] = s.take(name + ".weight"), s.take(name + ".bias")
    s.finish()
    if padding is None:
        padding = getattr(module, "padding", 0)
    if isinstance(padding, (int, np.integer)):
        padding = [0, 0, padding] if dims == 3 else [padding] * dims
    projection, outputs = out["fc1.weight"].shape[0], out["fc2.weight"].shape[0]
    return "Fno", _fno_config(dims, modes, width, layers, inputs, outputs, projection, padding), out


def _neuraloperator_fno(state, module, sample, padding):
    s, out = _State(state, "FNO of neuraloperator"), {}
    layers, dims = _layers(state, r"fno_blocks\.convs\.(\d+)\.weight(\.tensor)?$"), sample.ndim - 1
    if "lifting.fcs.1.weight" in state or any(k.startswith("fno_blocks.channel_mlp") for k in state):
        _refuse("from_torch, FNO of neuraloperator", "one layer of lifting and no channel MLP",
                "lifting.fcs.1" if "lifting.fcs.1.weight" in state else "fno_blocks.channel_mlp",
                "Train FNO(..., lifting_channel_ratio=0, use_channel_mlp=False).")  # fmt: skip
    if getattr(module, "domain_padding", None) is not None:
        _refuse("from_torch, FNO of neuraloperator", "no domain padding", "one", "Train without.")
    lift = s.take("lifting.fcs.0.weight")
    width, inputs = lift.shape[0], sample.shape[-1]
    _lift(out, lift, s.take("lifting.fcs.0.bias", shape=(width,)), dims, inputs, width, True)
    modes = None
    for k in range(max(layers, 1)):
        at = f"fno_blocks.convs.{k}"
        full = _complex(s.take(f"{at}.weight", f"{at}.weight.tensor"))
        if full.ndim != 2 + dims or full.shape[:2] != (width, width) or any(n % 2 for n in full.shape[2:-1]):
            _refuse(f"from_torch, {at}.weight", f"dense weights {(width, width)} of {dims} axes, an even number of "
                    "modes along all but the last", str(full.shape),
                    "Train without factorization, with even n_modes.")  # fmt: skip
        modes = [n // 2 for n in full.shape[2:-1]] + [full.shape[-1]]
        full = np.fft.ifftshift(full, axes=range(2, 1 + dims))  # its frequencies ascend
        out[f"conv{k}.weights"] = _spectral(full)
        skip = f"fno_blocks.fno_skips.{k}"
        out[f"w{k}.weight"] = s.take(f"{skip}.conv.weight", f"{skip}.weight", shape=(width, width))
        bias = s.take(f"{at}.bias", shape=(width,), optional=True)
        more = s.take(f"{skip}.conv.bias", f"{skip}.bias", shape=(width,), optional=True)
        out[f"w{k}.bias"] = sum((b for b in (bias, more) if b is not None), np.zeros(width, np.float32))
    for k, name in enumerate(("fc1", "fc2")):
        weight = s.take(f"projection.fcs.{k}.weight")
        out[name + ".weight"] = weight.reshape(weight.shape[:2])
        out[name + ".bias"] = s.take(f"projection.fcs.{k}.bias", shape=weight.shape[:1])
    s.finish([k for k in state if k.startswith("positional_embedding")])
    projection, outputs = out["fc1.weight"].shape[0], out["fc2.weight"].shape[0]
    return "Fno", _fno_config(dims, modes, width, layers, inputs, outputs, projection, [0] * dims), out


def _unet(state, module, sample, padding):
    s = _State(state, "UNet")
    dims = sample.ndim - 1
    levels = len({m[1] for m in (re.match(r"encoder(\d+)\.", k) for k in state) if m})
    out = {}
    parts = [(f"encoder{k}", f"enc{k}") for k in range(1, levels + 1)]
    parts += [(f"decoder{k}", f"dec{k}") for k in range(1, levels + 1)] + [("bottleneck", "bottleneck")]
    for outer, inner in parts:
        for k in (1, 2):
            out[f"{outer}.{inner}conv{k}.weight"] = s.take(f"{outer}.{inner}conv{k}.weight")
            for what in ("weight", "bias", "running_mean", "running_var"):
                out[f"{outer}.{inner}norm{k}.{what}"] = s.take(f"{outer}.{inner}norm{k}.{what}")
    for name in [f"upconv{k}" for k in range(1, levels + 1)] + ["conv"]:
        out[name + ".weight"], out[name + ".bias"] = s.take(name + ".weight"), s.take(name + ".bias")
    s.finish()
    first = out["encoder1.enc1conv1.weight"]
    if first.ndim != 2 + dims or first.shape[1] != sample.shape[-1]:
        _refuse("from_torch, sample", f"{first.ndim - 2} axes and {first.shape[1]} channels",
                f"{dims} axes and {sample.shape[-1]} channels", "Give (point..., channel).")  # fmt: skip
    config = {
        "dims": dims, "inputs": sample.shape[-1], "outputs": out["conv.weight"].shape[0], "features": first.shape[0],
        "levels": levels, "activation": "tanh", "beyond": "zero", "edge_of_net_bits": 8, "input_bits": 16,
    }  # fmt: skip
    return "Unet", config, out


def _recognized(state):
    if "fc0.weight" in state and "conv0.weights1" in state:
        return _published_fno
    if any(k.startswith("fno_blocks.convs.0.weight") for k in state) and "lifting.fcs.0.weight" in state:
        return _neuraloperator_fno
    if "encoder1.enc1conv1.weight" in state:
        return _unet
    for network in NETWORKS:
        if all(k in state for k in network.known_by):
            return network
    parts = {k.split(".")[0] for k in state}
    nearest = max(SUPPORTED, key=lambda k: len(SUPPORTED[k] & parts))
    lacks = ", ".join(sorted(SUPPORTED[nearest] - parts)) or "their layers"
    near = f"nearest: {nearest}, of which it lacks {lacks}" if SUPPORTED[nearest] & parts else "none is near"
    _refuse("from_torch", "; ".join(SUPPORTED), f"a module of {', '.join(sorted(parts)[:8]) or 'no tensors'}; {near}",
            "Give rename={'its name': 'the supported name'}, or train a supported network.")  # fmt: skip


def _axes(make, points, axes):
    """Coordinates, and the box in which the module's own positions are 0 .. 1."""
    given = axes is not None
    if given:
        axes = [np.asarray(x, np.float64) for x in axes]
        if [x.shape for x in axes] != [(n,) for n in points] or not all(np.all(np.isfinite(x)) for x in axes):
            _refuse("from_torch, axes", f"finite coordinates, {' x '.join(map(str, points))}",
                    " x ".join(str(x.shape) for x in axes), "Give the coordinates of every axis.")  # fmt: skip
    if make == "periodic":  # i / n
        axes = axes if given else [np.arange(n) / n for n in points]
        high = [x[-1] + (x[-1] - x[0]) / max(len(x) - 1, 1) for x in axes]
    elif make == "closed":  # both ends
        axes = axes if given else [np.linspace(0, 1, n) for n in points]
        high = [x[-1] for x in axes]
    else:  # passed to the module as they are
        axes = axes if given else [(np.arange(n) + 0.5) / n for n in points]
        return axes, [0.0] * len(points), [1.0] * len(points)
    return axes, [float(x[0]) for x in axes], [float(x) for x in high]


def from_torch(module, path, sample, axes=None, *, normalization=None, given=(), solution=(), rename=None,
               padding=None, call=None, **graph):  # fmt: skip
    """Writes a float file of a torch.nn.Module; see __init__.pyi."""
    try:
        import torch
    except ImportError:
        _refuse("from_torch", "PyTorch", "none", "Install torch where modules are exported.")
    if not isinstance(module, torch.nn.Module):
        _refuse("from_torch, module", "a torch.nn.Module", type(module).__name__, "Load the state into its module.")
    state = names_of(module.state_dict(), dict(rename or {}))
    make = _recognized(state)
    if make in NETWORKS:
        for name, value in (("axes", axes), ("padding", padding)):
            if value is not None:
                _refuse(f"from_torch, {name}", f"none: {make.name} solves on meshes", repr(value)[:60], "Leave it out.")
        return export_mesh(module, state, make, path, sample, normalization, given, solution, call, graph)
    if is_sample(sample) or call is not None or graph:
        _refuse("from_torch, sample", "(point..., channel) on a grid, without call, lattices and the like",
                "a mesh, or what networks on meshes take", "Give one given field, in your units.")  # fmt: skip
    sample = np.asarray(sample, np.float32)
    if not 2 <= sample.ndim <= 4 or not np.all(np.isfinite(sample)):
        _refuse("from_torch, sample", "finite numbers (point..., channel) of 1 to 3 axes", f"shape {sample.shape}",
                "Give one given field, in your units.")  # fmt: skip
    network, config, tensors = make(state, module, sample, padding)
    inputs, outputs, dims, points = config["inputs"], config["outputs"], config["dims"], sample.shape[:-1]

    encoding = {"input_mean": [0.0] * inputs, "input_deviation": [1.0] * inputs,
                "output_mean": [0.0] * outputs, "output_deviation": [1.0] * outputs}  # fmt: skip
    take_normalization(encoding, normalization)
    seen = {"given_names": check_names("given", given, inputs),
            "solution_names": check_names("solution", solution, outputs)}  # fmt: skip

    takes = [p for p in inspect.signature(module.forward).parameters.values()
             if p.default is p.empty and p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]  # fmt: skip
    own = "periodic" if make is _neuraloperator_fno else "given" if len(takes) > 1 or make is _unet else "closed"
    axes, low, high = _axes(own, points, axes)
    encoding.update(low=low, high=high, change=0)

    like = next(module.parameters())
    mean, deviation = (np.float32(encoding["input_" + k]) for k in ("mean", "deviation"))
    x = torch.as_tensor((sample - mean) / deviation, device=like.device)[None]
    grid = torch.as_tensor(np.stack(np.meshgrid(*axes, indexing="ij"), -1), dtype=torch.float32, device=like.device)
    was_training = module.training
    module.eval()
    try:
        with torch.no_grad():
            if make is _published_fno:
                y = module(x, grid[None]) if len(takes) > 1 else module(x)
            else:
                y = module(x.movedim(-1, 1)).movedim(1, -1)
    except RuntimeError as e:
        _refuse("from_torch, module", "an answer to the sample", str(e).splitlines()[0],
                "Give a sample on a grid that the module takes.")  # fmt: skip
    finally:
        module.train(was_training)
    y = y.detach().cpu().numpy().astype(np.float32)
    if y.size != np.prod(points) * outputs or not np.all(np.isfinite(y)):
        _refuse("from_torch, module", f"a finite answer of {outputs} channels on the sample's grid", f"shape {y.shape}",
                "Give a sample on a grid that the module takes.")  # fmt: skip
    y = y.reshape(-1, outputs) * np.float32(encoding["output_deviation"]) + np.float32(encoding["output_mean"])

    tensors = {k: np.ascontiguousarray(v, np.float32) for k, v in tensors.items()}
    tensors.update({f"self_test.axis.{d}": np.ascontiguousarray(axes[d], np.float64) for d in range(dims)})
    tensors["self_test.a"] = np.ascontiguousarray(sample.reshape(-1, inputs))
    tensors["self_test.u"] = np.ascontiguousarray(y, np.float32)
    return finish(path, network, config, encoding, tensors, seen)
