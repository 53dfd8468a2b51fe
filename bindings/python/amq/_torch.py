"""From a torch.nn.Module to a float file: architecture, normalization, names, and torch's own answer."""

import inspect
import json
import os
import pathlib
import re

import numpy as np

from ._error import Error

SUPPORTED = {
    "the FNO of PDEBench and of Li et al. (fc0, conv0.weights1, w0, fc1, fc2)": {"fc0", "conv0", "w0", "fc1", "fc2"},
    "the FNO of neuraloperator (lifting, fno_blocks, projection)": {"lifting", "fno_blocks", "projection"},
    "the UNet of PDEBench (encoder1.enc1conv1, upconv1, decoder1, conv)": {
        "encoder1", "bottleneck", "upconv1", "decoder1", "conv",
    },
}  # fmt: skip


def _refuse(where, expected, found, mend):
    e = Error(f"amq: {where}: expected {expected}, found {found}. {mend}")
    e.status = 1
    raise e


def _names(state, rename):
    """The state under supported names: without wrappers' beginnings, and as the map says."""
    for wrapper in ("module.", "_orig_mod."):
        while state and all(k.startswith(wrapper) for k in state):
            state = {k[len(wrapper) :]: v for k, v in state.items()}
    unused = set(rename)
    renamed = {}
    for name, value in state.items():
        to = name
        for old, new in rename.items():
            if name == old or name.startswith(old + "."):
                to = new + name[len(old) :]
                unused.discard(old)
                break
        if to in renamed:
            _refuse("from_torch, rename", "a name for each tensor", f"two that become {to}", "Correct the map.")
        renamed[to] = value
    if unused:
        _refuse("from_torch, rename", "names of the module", ", ".join(sorted(unused)),
                "Names are those of module.state_dict().")  # fmt: skip
    return {k: v for k, v in renamed.items() if not k.endswith("num_batches_tracked") and k != "n_averaged"}


class _State:
    """Tensors by name; what is not taken is nobody's."""

    def __init__(self, tensors, network):
        self.tensors, self.left, self.network = tensors, set(tensors), network

    def take(self, *names, shape=None, optional=False):
        name = next((n for n in names if n in self.tensors), None)
        if name is None:
            if optional:
                return None
            _refuse(f"from_torch, {self.network}", f"a tensor {names[0]}", "none",
                    "Name it in rename={'its name': '%s'}." % names[0])  # fmt: skip
        self.left.discard(name)
        value = self.tensors[name].detach().cpu().resolve_conj().numpy()
        if not np.all(np.isfinite(value)):
            _refuse(f"from_torch, {name}", "finite numbers", "others", "The training has diverged.")
        if shape is not None and [n for n in value.shape if n != 1] != [n for n in shape if n != 1]:
            _refuse(f"from_torch, {name}", f"a shape of {tuple(shape)}", f"{value.shape}", "Check the module.")
        return value if shape is None else value.reshape(shape)

    def finish(self, of_no_use=()):
        left = sorted(n for n in self.left if n not in of_no_use)
        if left:
            _refuse(f"from_torch, {self.network}", "the tensors of that network alone",
                    ", ".join(left[:8]) + (f" and {len(left) - 8} more" if len(left) > 8 else ""),
                    "The module computes more than amq's network does: see docs/pytorch.md.")  # fmt: skip


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


def _layers(state, pattern):
    found = {int(m[1]) for m in (re.match(pattern, k) for k in state) if m}
    return 0 if found != set(range(len(found))) else len(found)


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


def _write(path, tensors, metadata):
    kinds = {np.dtype("float32"): "F32", np.dtype("float64"): "F64"}
    tensors = dict(sorted(tensors.items(), key=lambda t: (-t[1].itemsize, t[0])))
    header, at = {"__metadata__": metadata}, 0
    for name, value in tensors.items():
        header[name] = {"dtype": kinds[value.dtype], "shape": value.shape, "data_offsets": [at, at + value.nbytes]}
        at += value.nbytes
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    path = pathlib.Path(path)
    beside = path.with_name(path.name + f".{os.getpid()}.part")
    try:
        with open(beside, "wb") as f:
            f.write(len(text).to_bytes(8, "little") + text + b"".join(v.tobytes() for v in tensors.values()))
        os.replace(beside, path)
    except OSError as e:
        beside.unlink(missing_ok=True)
        _refuse(f"from_torch, {path}", "a file that can be written", e.strerror or str(e), "Choose another path.")


def from_torch(module, path, sample, axes=None, *, normalization=None, given=(), solution=(), rename=None,
               padding=None):  # fmt: skip
    """Writes a float file of a torch.nn.Module; see __init__.pyi."""
    try:
        import torch
    except ImportError:
        _refuse("from_torch", "PyTorch", "none", "Install torch where modules are exported.")
    if not isinstance(module, torch.nn.Module):
        _refuse("from_torch, module", "a torch.nn.Module", type(module).__name__, "Load the state into its module.")
    sample = np.asarray(sample, np.float32)
    if not 2 <= sample.ndim <= 4 or not np.all(np.isfinite(sample)):
        _refuse("from_torch, sample", "finite numbers (point..., channel) of 1 to 3 axes", f"shape {sample.shape}",
                "Give one given field, in your units.")  # fmt: skip
    state = _names(module.state_dict(), dict(rename or {}))
    make = _recognized(state)
    network, config, tensors = make(state, module, sample, padding)
    inputs, outputs, dims, points = config["inputs"], config["outputs"], config["dims"], sample.shape[:-1]

    encoding = {"input_mean": [0.0] * inputs, "input_deviation": [1.0] * inputs,
                "output_mean": [0.0] * outputs, "output_deviation": [1.0] * outputs}  # fmt: skip
    for key, value in dict(normalization or {}).items():
        if key not in encoding:
            _refuse("from_torch, normalization", ", ".join(encoding), str(key), "E.g. {'input_mean': [0.5]}.")
        value = np.broadcast_to(np.asarray(value, np.float64), (len(encoding[key]),))
        if not np.all(np.isfinite(value)) or (key.endswith("deviation") and not np.all(value > 0)):
            _refuse(f"from_torch, {key}", "finite numbers, deviations above 0", str(value), "Correct them.")
        encoding[key] = [float(np.float32(x)) for x in value]
    for what, names, n in (("given", given, inputs), ("solution", solution, outputs)):
        if len(names) not in (0, n):
            _refuse(f"from_torch, {what}", f"{n} names or none", str(len(names)), "Name every channel.")

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
    seen = {"given_names": list(map(str, given)), "solution_names": list(map(str, solution))}
    texts = {"amq.config": config, "amq.encoding": encoding, "amq.trained_on": seen}
    metadata = {"amq.format": "1", "amq.float": "1", "amq.model": network,
                **{k: json.dumps(v) for k, v in texts.items()}}  # fmt: skip
    _write(path, tensors, metadata)
    return {"network": network, **config}
