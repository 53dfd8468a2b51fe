"""From a torch.nn.Module to a float file: architecture, normalization, names, and torch's own answer."""

import inspect
import re

import numpy as np

from ._error import Error
from ._error import refuse as _refuse
from ._float_file import State as _State
from ._float_file import check_names, finish, names_of, take_normalization
from ._float_file import layers_of as _layers
from ._float_file import unwrapped as _unwrapped
from ._mesh import is_sample
from ._torch_grid import GRID_NETWORKS, grid_network
from ._torch_mesh import NETWORKS, export_mesh

SUPPORTED = {
    "the FNO of PDEBench and of Li et al. (fc0, conv0.weights1, w0, fc1, fc2)": {"fc0", "conv0", "w0", "fc1", "fc2"},
    "the FNO of neuraloperator 2 (lifting, fno_blocks, projection)": {"lifting", "fno_blocks", "projection"},
    "the UNet of PDEBench (encoder1.enc1conv1, upconv1, decoder1, conv)": {
        "encoder1", "bottleneck", "upconv1", "decoder1", "conv",
    },
    **{n.text: n.parts for n in (*GRID_NETWORKS, *NETWORKS)},
}  # fmt: skip


def _spectral(full):
    """(in, out, modes...) complex, frequencies 0 .. m - 1, -m .. -1, as amq keeps it: (mode x {re, im} x out, in)."""
    cin, cout = full.shape[:2]
    w = np.moveaxis(full.reshape(cin, cout, -1), 2, 0).transpose(0, 2, 1)  # (mode, out, in)
    return np.stack([w.real, w.imag], 1).reshape(-1, cin)


def _complex(value):
    return value if np.iscomplexobj(value) else value[..., 0] + 1j * value[..., 1]


def _fno_config(dims, modes, width, layers, inputs, outputs, projection, padding, **more):
    pad3 = lambda values, other: [*map(int, values), *[other] * (3 - dims)]  # noqa: E731
    return {
        "dims": dims, "modes": pad3(modes, 1), "width": width, "layers": layers, "inputs": inputs, "outputs": outputs,
        "projection": projection, "padding": pad3(padding, 0), "edge_of_net_bits": 8, "input_bits": 16,
        "mode_bits": 0, "transform_bits": {"matrix": 0, "rows": 0}, **more,
    }  # fmt: skip


def _lift(out, weight, bias, dims, inputs, width, may_lack_positions=False):
    """Linear of what is given and positions. A network that reads no positions gives them no weight."""
    weight = weight.reshape(weight.shape[0], -1)
    if may_lack_positions and weight.shape[1] == inputs:
        weight = np.concatenate([weight, np.zeros((len(weight), dims), weight.dtype)], 1)
    if weight.shape[1] != inputs + dims:
        without = f", or {weight.shape[1]} without positions" if may_lack_positions else ""
        _refuse("from_torch, sample", f"{weight.shape[1] - dims} channels{without}", str(inputs),
                "Give (point..., channel) as the module was trained on.")  # fmt: skip
    out["fc0.weight"], out["fc0.bias"] = weight, bias


def _published_fno(state, module, sample, padding):
    s, out = _State(state, "FNO"), {}
    layers, dims = _layers(state, r"conv(\d+)\.weights1$"), sample.ndim - 1
    width, inputs, hidden, mlp = state["fc0.weight"].shape[0], sample.shape[-1], 0, 0
    _lift(out, s.take("fc0.weight"), s.take("fc0.bias", shape=(width,)), dims, inputs, width)
    if "lifting.weight" in state:
        hidden, width = width, state["lifting.weight"].shape[0]
        out["lifting.weight"] = s.take("lifting.weight", shape=(width, hidden))
        out["lifting.bias"] = s.take("lifting.bias", shape=(width,))
    modes, skip = None, "gate" if "gate0.weight" in state else "linear"
    around = "linear" if "mlp_w0.weight" in state else "gate"
    shapes = {"linear": (width, width), "gate": (width,)}
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
        own = f"w{k}" if skip == "linear" else f"gate{k}"
        out[f"{own}.weight"] = s.take(f"{own}.weight", shape=shapes[skip])
        out[f"{own}.bias"] = s.take(f"{own}.bias", shape=(width,))
        if "mlp0.fc1.weight" in state:
            mlp = state["mlp0.fc1.weight"].shape[0]
            for name, shape in (("fc1", (mlp, width)), ("fc2", (width, mlp))):
                out[f"mlp{k}.{name}.weight"] = s.take(f"mlp{k}.{name}.weight", shape=shape)
                out[f"mlp{k}.{name}.bias"] = s.take(f"mlp{k}.{name}.bias", shape=shape[:1])
            own = f"mlp_w{k}" if around == "linear" else f"mlp_gate{k}"
            out[f"{own}.weight"] = s.take(f"{own}.weight", shape=shapes[around])
    for name in ("fc1", "fc2"):
        out[name + ".weight"], out[name + ".bias"] = s.take(name + ".weight"), s.take(name + ".bias")
    s.finish()
    if padding is None:
        padding = getattr(module, "padding", 0)
    if isinstance(padding, (int, np.integer)):
        padding = [0, 0, padding] if dims == 3 else [padding] * dims
    projection, outputs = out["fc1.weight"].shape[0], out["fc2.weight"].shape[0]
    more = dict(lifting=hidden, channel_mlp=mlp, skip=skip, channel_skip=around,
                activates_twice=bool(getattr(module, "activates_twice", False)))  # fmt: skip
    more = more if hidden or mlp or skip == "gate" or more["activates_twice"] else {}
    return "Fno", _fno_config(dims, modes, width, layers, inputs, outputs, projection, padding, **more), out


def _plain_neuraloperator(module):
    """Settings that its tensors do not tell, where the module tells them."""
    import torch

    blocks = getattr(module, "fno_blocks", None)
    for owner, name, plain in ((module, "domain_padding", None), (module, "resolution_scaling_factor", None),
                               (module, "complex_data", False), (blocks, "norm", None), (blocks, "stabilizer", None),
                               (blocks, "preactivation", False)):  # fmt: skip
        found = getattr(owner, name, plain)
        if found is not plain and found != plain:
            found = type(found).__name__ if isinstance(found, torch.nn.Module) else str(found)[:60]
            _refuse("from_torch, FNO of neuraloperator", f"{name} = {plain}", found, "Train without.")
    act = getattr(module, "non_linearity", torch.nn.functional.gelu)
    if act is not torch.nn.functional.gelu:
        _refuse("from_torch, FNO of neuraloperator", "non_linearity F.gelu", str(act)[:60], "Train with it.")


def _activates_twice(blocks, width, dims):
    """neuraloperator 2 activates the sum of a block without an MLP twice, others once: asked of a block."""
    import torch

    gelu = torch.nn.functional.gelu
    x = torch.linspace(-2, 2, width * 16**dims).reshape(1, width, *[16] * dims)
    try:
        like = next(blocks.parameters())
        with torch.no_grad():
            x = x.to(like.device)
            plain = blocks.convs[0](x) + (blocks.fno_skips[0](x) if blocks.fno_skips is not None else 0)
            said, once, twice = blocks(x, 0), gelu(plain), gelu(gelu(plain))
        return bool((said - twice).norm() < (said - once).norm())
    except (AttributeError, NotImplementedError, RuntimeError, TypeError):  # blocks of one's own: the self-test tells
        return False


def _all_modes(conv, weight):
    """(in, out, frequencies) of those in use, ascending: training may widen them step by step; odd numbers made even."""
    kept = getattr(conv, "n_modes", weight.shape[2:])
    for axis, (n, most) in enumerate(zip(kept, weight.shape[2:]), 2):
        last, spare = axis + 1 == weight.ndim, most - min(n, most)
        first = 0 if last else spare // 2
        weight = np.take(weight, range(first, most - (spare - first)), axis)
        if weight.shape[axis] % 2 and not last:  # one more frequency at the low end, without weight
            weight = np.concatenate([np.zeros_like(np.take(weight, [0], axis)), weight], axis)
    return np.fft.ifftshift(weight, axes=range(2, weight.ndim - 1))


def _dense_weight(s, conv, at):
    """Complex weights (in, out, frequencies...); factors are multiplied."""
    factors = [k for k in s.tensors if k.startswith(f"{at}.weight.") and k != f"{at}.weight.tensor"]
    whole = getattr(getattr(conv, "weight", None), "to_tensor", None)
    if not factors or whole is None:
        return _complex(s.take(f"{at}.weight", f"{at}.weight.tensor"))
    for name in factors:
        s.take(name)
    return whole().detach().cpu().resolve_conj().numpy()


def _channel_skip(s, out, at, linear, gate, width):
    """Whether it is "linear" or "gate"; None without tensors. An identity is a gate of ones, none a gate of zeros."""
    matrix = s.take(f"{at}.conv.weight", optional=True)
    if matrix is None:
        matrix = s.take(f"{at}.weight", optional=True)
        if matrix is None:
            return None
    if matrix.size == width:
        out[gate + ".weight"] = matrix.reshape(width)
        return "gate"
    out[linear + ".weight"] = matrix.reshape(width, width)
    return "linear"


def _neuraloperator_fno(state, module, sample, padding):
    _plain_neuraloperator(module)
    s, out = _State(state, "FNO of neuraloperator"), {}
    layers, dims = _layers(state, r"fno_blocks\.convs\.(\d+)\.weight"), sample.ndim - 1
    blocks = getattr(module, "fno_blocks", None)
    lift, inputs, hidden = s.take("lifting.fcs.0.weight"), sample.shape[-1], 0
    weight, bias = lift.reshape(lift.shape[0], -1), s.take("lifting.fcs.0.bias", shape=lift.shape[:1])
    boundaries = getattr(getattr(module, "positional_embedding", None), "grid_boundaries", None)
    if boundaries is not None and weight.shape[1] == inputs + dims:  # its positions are low + (high - low) i / n
        low, high = np.asarray(boundaries, np.float64).T
        bias = (bias + weight[:, inputs:] @ low).astype(np.float32)
        weight = np.concatenate([weight[:, :inputs], weight[:, inputs:] * (high - low)], 1).astype(np.float32)
    width = lift.shape[0]
    if "lifting.fcs.1.weight" in state:
        second = s.take("lifting.fcs.1.weight")
        hidden, width = width, second.shape[0]
        out["lifting.weight"] = second.reshape(width, hidden)
        out["lifting.bias"] = s.take("lifting.fcs.1.bias", shape=(width,))
    _lift(out, weight, bias, dims, inputs, width, True)
    modes, kinds = None, set()
    for k in range(max(layers, 1)):
        at = f"fno_blocks.convs.{k}"
        conv = blocks.convs[k] if hasattr(blocks, "convs") else None
        full = _dense_weight(s, conv, at)
        if full.ndim != 2 + dims or full.shape[:2] != (width, width):
            _refuse(f"from_torch, {at}.weight", f"weights {(width, width)} of {dims} axes", str(full.shape),
                    "Train without separable=True, and give a sample (point..., channel).")  # fmt: skip
        full = _all_modes(conv, full)
        own = [n // 2 for n in full.shape[2:-1]] + [full.shape[-1]]
        modes = own if modes is None else modes
        if own != modes:
            _refuse(f"from_torch, {at}.weight", f"as many modes in every block, {modes}", str(own),
                    "Train with one n_modes.")  # fmt: skip
        out[f"conv{k}.weights"] = _spectral(full)
        bias = s.take(f"{at}.bias", shape=(width,), optional=True)
        kind = _channel_skip(s, out, f"fno_blocks.fno_skips.{k}", f"w{k}", f"gate{k}", width)
        if kind is None:
            kind, identity = "gate", getattr(blocks, "fno_skips", None) is not None
            out[f"gate{k}.weight"] = np.full(width, float(identity), np.float32)
        skip = f"fno_blocks.fno_skips.{k}"
        more = s.take(f"{skip}.conv.bias", f"{skip}.bias", shape=(width,), optional=True)
        to = f"w{k}.bias" if kind == "linear" else f"gate{k}.bias"
        out[to] = sum((b for b in (bias, more) if b is not None), np.zeros(width, np.float32))
        kinds.add(kind)
    mlp, around = _channel_mlps(s, out, state, blocks, layers, width)
    twice = mlp == 0 and layers > 1 and _activates_twice(blocks, width, dims)
    for k, name in enumerate(("fc1", "fc2")):
        weight = s.take(f"projection.fcs.{k}.weight")
        out[name + ".weight"] = weight.reshape(weight.shape[:2])
        out[name + ".bias"] = s.take(f"projection.fcs.{k}.bias", shape=weight.shape[:1])
    s.finish([k for k in state if k.startswith("positional_embedding")])
    if any(n % 2 for n in sample.shape[:-2]) and dims > 1:
        _refuse("from_torch, sample", "an even number of points along all axes but the last",
                " x ".join(map(str, sample.shape[:-1])),
                "On odd ones neuraloperator shifts its frequencies by one: it is another network.")  # fmt: skip
    projection, outputs = out["fc1.weight"].shape[0], out["fc2.weight"].shape[0]
    return "Fno", _fno_config(dims, modes, width, layers, inputs, outputs, projection, [0] * dims, lifting=hidden,
                              channel_mlp=mlp, skip=kinds.pop(), channel_skip=around, activates_twice=twice), out  # fmt: skip


def _channel_mlps(s, out, state, blocks, layers, width):
    """Those that end the blocks: hidden channels, and what joins them."""
    if "fno_blocks.channel_mlp.0.fcs.0.weight" not in state:
        return 0, "gate"
    hidden = s.take("fno_blocks.channel_mlp.0.fcs.0.weight").shape[0]
    around = None
    for k in range(max(layers, 1)):
        at = f"fno_blocks.channel_mlp.{k}.fcs"
        for j, shape in enumerate(((hidden, width), (width, hidden))):
            out[f"mlp{k}.fc{j + 1}.weight"] = s.take(f"{at}.{j}.weight", shape=shape)
            out[f"mlp{k}.fc{j + 1}.bias"] = s.take(f"{at}.{j}.bias", shape=shape[:1])
        skip = f"fno_blocks.channel_mlp_skips.{k}"
        around = _channel_skip(s, out, skip, f"mlp_w{k}", f"mlp_gate{k}", width)
        if around is None:
            around, identity = "gate", getattr(blocks, "channel_mlp_skips", None) is not None
            out[f"mlp_gate{k}.weight"] = np.full(width, float(identity), np.float32)
    return hidden, around


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
    for network in (*GRID_NETWORKS, *NETWORKS):
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
    bare = _unwrapped(module)
    if make in GRID_NETWORKS:
        if padding is not None:
            _refuse("from_torch, padding", f"none: {make.name} does not pad", repr(padding)[:60], "Leave it out.")
        network, config, tensors = grid_network(make, state, bare, sample)
    else:
        network, config, tensors = make(state, bare, sample, padding)
    last = make is _published_fno or (make in GRID_NETWORKS and make.positions)  # the channels
    inputs, outputs, dims, points = config["inputs"], config["outputs"], config["dims"], sample.shape[:-1]

    encoding = {"input_mean": [0.0] * inputs, "input_deviation": [1.0] * inputs,
                "output_mean": [0.0] * outputs, "output_deviation": [1.0] * outputs}  # fmt: skip
    take_normalization(encoding, normalization)
    seen = {"given_names": check_names("given", given, inputs),
            "solution_names": check_names("solution", solution, outputs)}  # fmt: skip

    takes = [p for p in inspect.signature(bare.forward).parameters.values()
             if p.default is p.empty and p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]  # fmt: skip
    own = "closed"
    if make is _neuraloperator_fno or (getattr(bare, "network", None) == "Fno" and bare.periodic):
        own = "periodic"
    elif len(takes) > 1 or make is _unet or (make in GRID_NETWORKS and not last):
        own = "given"
    axes, low, high = _axes(own, points, axes)
    encoding.update(low=low, high=high, change=0)

    like = next(module.parameters())
    mean, deviation = (np.float32(encoding["input_" + k]) for k in ("mean", "deviation"))
    kind = torch.float64 if like.dtype == torch.float64 else torch.float32
    x = torch.as_tensor((sample - mean) / deviation, device=like.device).to(kind)[None]
    grid = torch.as_tensor(np.stack(np.meshgrid(*axes, indexing="ij"), -1), dtype=kind, device=like.device)
    was_training = module.training
    module.eval()
    try:
        with torch.no_grad():
            if last:
                y = module(x, grid[None]) if len(takes) > 1 else module(x)
            else:
                y = module(x.movedim(-1, 1)).movedim(1, -1)
    except Error:
        raise
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
