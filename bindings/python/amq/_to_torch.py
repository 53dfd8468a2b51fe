"""From a float file back to a torch.nn.Module: the way of _torch.py the other way round."""

import json
import os

import numpy as np

from ._error import refuse as _refuse
from ._float_file import names_of, unwrapped
from ._torch_pyg import is_pyg, to_pyg


def read_tensors(path):
    """(metadata, tensors by name) of a safetensors file."""
    try:
        with open(path, "rb") as f:
            size = int.from_bytes(f.read(8), "little")
            header = json.loads(f.read(size)) if 0 < size < 100_000_000 else {}
            data = f.read()
    except OSError as e:
        _refuse(f"to_torch, {path}", "a float file", e.strerror or str(e), "Check the path.")
    except ValueError:
        header = {}
    about = header.pop("__metadata__", {}) if isinstance(header, dict) else {}
    kinds = {"F32": np.float32, "F64": np.float64, "I32": np.int32, "U8": np.uint8}
    tensors = {}
    for name, t in header.items() if about else ():
        begin, end = t["data_offsets"]
        if t["dtype"] in kinds:  # codes of model files have others
            tensors[name] = np.frombuffer(data[begin:end], kinds[t["dtype"]]).reshape(t["shape"])
    return about, tensors


def read(path):
    """(network, settings, encoding, tensors by name) of a float file."""
    about, tensors = read_tensors(path)
    if "amq.float" not in about:
        _refuse(f"to_torch, {path}", "a float file, as from_torch writes it", "another",
                "A model file holds codes: export the float network.")  # fmt: skip
    return about["amq.model"], json.loads(about["amq.config"]), json.loads(about["amq.encoding"]), tensors


def _full(weights, config):
    """(in, out, frequencies 0 .. m - 1, -m .. -1 ...) complex, of (mode x {re, im} x out, in)."""
    dims, width = config["dims"], config["width"]
    kept = [2 * m for m in config["modes"][: dims - 1]] + [config["modes"][dims - 1]]
    pairs = weights.reshape(-1, 2, width, width)
    return np.ascontiguousarray((pairs[:, 0] + 1j * pairs[:, 1]).transpose(2, 1, 0)).reshape(width, width, *kept)


def _published(config, tensors, state, module):
    out, dims = dict(tensors), config["dims"]
    for k in range(config["layers"]):
        full = _full(out.pop(f"conv{k}.weights"), config)
        for c in range(2 ** (dims - 1)):
            at = [slice(m, None) if a < dims - 1 and c >> a & 1 else slice(0, m)
                  for a, m in enumerate(config["modes"][:dims])]  # fmt: skip
            out[f"conv{k}.weights{c + 1}"] = full[(slice(None), slice(None), *at)]
    return out


def _neuraloperator(config, tensors, state, module):
    out, dims = {}, config["dims"]
    boundaries = getattr(getattr(module, "positional_embedding", None), "grid_boundaries", None)
    if boundaries is not None and not np.array_equal(boundaries, [[0, 1]] * dims):
        _refuse("to_torch, FNO of neuraloperator", "grid_boundaries of 0 and 1", str(boundaries)[:60],
                "Make the module with positional_embedding='grid'.")  # fmt: skip
    lift = tensors["fc0.weight"]
    columns = state["lifting.fcs.0.weight"].shape[1]
    out["lifting.fcs.0.weight"], out["lifting.fcs.0.bias"] = lift[:, :columns], tensors["fc0.bias"]
    if config["lifting"]:
        out["lifting.fcs.1.weight"], out["lifting.fcs.1.bias"] = tensors["lifting.weight"], tensors["lifting.bias"]
    for k, name in enumerate(("fc1", "fc2")):
        for what in (".weight", ".bias"):
            out[f"projection.fcs.{k}{what}"] = tensors[name + what]
    for k in range(config["layers"]):
        at = f"fno_blocks.convs.{k}"
        name = next((n for n in (f"{at}.weight", f"{at}.weight.tensor") if n in state), f"{at}.weight.tensor")
        full = np.fft.fftshift(_full(tensors[f"conv{k}.weights"], config), axes=range(2, 1 + dims))
        shape = state[name].shape if name in state else full.shape
        for axis, n in enumerate(shape[2 : 1 + dims], 2):  # odd numbers were made even at the low end
            if n == full.shape[axis] - 1:
                full = np.take(full, range(1, n + 1), axis)
        out[name] = full
        own = f"w{k}" if config["skip"] == "linear" else f"gate{k}"
        out[f"{at}.bias"] = tensors[own + ".bias"]
        skip = f"fno_blocks.fno_skips.{k}" + (".conv" if config["skip"] == "linear" else "")
        out[skip + ".weight"] = tensors[own + ".weight"]
        if not config["channel_mlp"]:
            continue
        for j in range(2):
            for what in (".weight", ".bias"):
                out[f"fno_blocks.channel_mlp.{k}.fcs.{j}{what}"] = tensors[f"mlp{k}.fc{j + 1}{what}"]
        linear = config["channel_skip"] == "linear"
        skip = f"fno_blocks.channel_mlp_skips.{k}" + (".conv" if linear else "")
        out[skip + ".weight"] = tensors[(f"mlp_w{k}" if linear else f"mlp_gate{k}") + ".weight"]
    for key in [k for k in out if k not in state and "_skips." in k]:  # identities and none have no tensors
        del out[key]
    return out


def _same_names(config, tensors, state, module):
    mixer = next((m for m in module.modules() if hasattr(m, "latent_q")), None)
    scale = np.float32(getattr(mixer, "attn_scale", 1.0))
    return {k: v / scale if k.endswith(".latent_q") else v for k, v in tensors.items()}


def to_torch(file, module, *, rename=None):
    """Gives a module the parameters of a float file; see __init__.pyi."""
    try:
        import torch
    except ImportError:
        _refuse("to_torch", "PyTorch", "none", "Install torch where modules are used.")
    if not isinstance(module, torch.nn.Module):
        _refuse("to_torch, module", "a torch.nn.Module", type(module).__name__, "Make one of the file's network.")
    network, config, _, tensors = read(os.fspath(file))
    return give(module, network, config, tensors, rename)


def give(module, network, config, tensors, rename=None):
    """The module with these parameters of a network."""
    import torch

    tensors = {k: v for k, v in tensors.items() if not k.startswith("self_test.")}
    whole = module.state_dict()
    state = names_of(whole, dict(rename or {}))
    make = _same_names
    if network == "Fno":
        make = _neuraloperator if any(k.startswith("fno_blocks.") for k in state) else _published
    if network == "MeshGraphNet" and is_pyg(state):
        make = lambda config, tensors, *_: to_pyg(config, tensors)  # noqa: E731
    given = make(config, tensors, state, unwrapped(module))
    problems = [f"{k} is missing in the module" for k in sorted(given.keys() - state.keys())]
    problems += [f"{k} is not in the file" for k in sorted(state.keys() - given.keys())
                 if not k.startswith("positional_embedding")]  # fmt: skip
    problems += [f"{k} is {given[k].shape} in the file, {tuple(state[k].shape)} in the module" for k in sorted(given)
                 if k in state and given[k].size != state[k].numel() // (2 if _in_pairs(given[k], state[k]) else 1)]  # fmt: skip
    if problems:
        _refuse(f"to_torch, {network}", "a module of the file's network and sizes",
                "; ".join(problems[:8]) + (f" and {len(problems) - 8} more" if len(problems) > 8 else ""),
                "Make the module with the sizes that from_torch returned.")  # fmt: skip
    with torch.no_grad():
        for name, value in given.items():
            to = state[name]
            value = torch.from_numpy(np.array(value))
            if value.is_complex() and not to.is_complex():
                value = torch.view_as_real(value)
            to.copy_(value.reshape(to.shape).to(to.dtype))
    return module


def _in_pairs(value, to):
    """Complex numbers that the module keeps as {re, im}."""
    return np.iscomplexobj(value) and not to.is_complex()
