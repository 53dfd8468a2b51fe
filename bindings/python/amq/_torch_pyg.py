"""MeshGraphNets of PyTorch Geometric, as echowve/meshGraphNets_pytorch names them: the names of amq's MeshGraphNet, and back."""

import re

import numpy as np

TEXT = "MeshGraphNets of PyTorch Geometric (encoder.nb_encoder, processer_list.0.eb_module, decoder.decode_module)"
PARTS = {"encoder", "processer_list", "decoder"}
KNOWN_BY = ("encoder.nb_encoder.0.0.weight", "processer_list.0.eb_module.net.0.0.weight")


def is_pyg(state):
    return all(k in state for k in KNOWN_BY)


def _places(name):
    """What the port calls a layer of amq's: the networks of a block have two names each."""
    m = re.match(r"encoder\.f([ve])\.f$", name)
    if m:
        return ["encoder." + {"v": "nb_encoder", "e": "eb_encoder"}[m[1]]]
    m = re.match(r"processor\.gnn\.(\d+)\.f_(edge|node)\.f$", name)
    if m:
        kind = {"edge": "eb", "node": "nb"}[m[2]]
        return [f"processer_list.{m[1]}.{kind}_custom_func", f"processer_list.{m[1]}.{kind}_module.net"]
    return ["decoder.decode_module"]  # which has no norm, and is not wrapped


def _swapped(name, value):
    """Its edges read the sender first, amq's the receiver."""
    if not re.search(r"f_edge\.f\.0\.weight$", name):
        return value
    h = value.shape[1] // 3
    return np.concatenate([value[:, h : 2 * h], value[:, :h], value[:, 2 * h :]], 1)


def _names(name, hidden_layers):
    """(names of the port) of one tensor of amq's."""
    at, number, what = name.rsplit(".", 2)
    norm = int(number) > 2 * hidden_layers
    inner = "1" if norm else number if at == "decoder.f" else f"0.{number}"
    return [f"{place}.{inner}.{what}" for place in _places(at)]


def from_pyg(state):
    """The state under amq's names."""
    hidden_layers = sum(re.match(r"encoder\.nb_encoder\.0\.\d+\.weight$", k) is not None for k in state) - 1
    layers = len({m[1] for m in (re.match(r"processer_list\.(\d+)\.", k) for k in state) if m})
    numbers, of = range(0, 2 * hidden_layers + 1, 2), {}
    networks = ["encoder.fv.f", "encoder.fe.f", "decoder.f",
                *(f"processor.gnn.{k}.f_{part}.f" for k in range(layers) for part in ("edge", "node"))]  # fmt: skip
    for at in networks:
        for number in (*numbers, *(() if at == "decoder.f" else (2 * hidden_layers + 1,))):
            for what in ("weight", "bias"):
                of[f"{at}.{number}.{what}"] = _names(f"{at}.{number}.{what}", hidden_layers)
    renamed, used = {}, set()
    for name, names in of.items():
        found = [n for n in names if n in state]
        used.update(found)
        if found:
            renamed[name] = _Swapped(state[found[0]], name)
    return {**renamed, **{k: v for k, v in state.items() if k not in used}}


class _Swapped:
    """A tensor, as State reads it."""

    def __init__(self, tensor, name):
        self.tensor, self.name = tensor, name

    def detach(self):
        return self

    cpu = resolve_conj = detach

    def numpy(self):
        return _swapped(self.name, self.tensor.detach().cpu().numpy())


def to_pyg(config, tensors):
    """A float file's tensors under the port's names."""
    n = int(config.get("hidden_layers", 2))
    return {to: _swapped(name, value) for name, value in tensors.items() for to in _names(name, n)}


def call_pyg(module, inputs):
    try:
        from torch_geometric.data import Data
    except ImportError:
        from types import SimpleNamespace as Data
    return module(Data(x=inputs.u, edge_index=inputs.edge_index, edge_attr=inputs.edge_features))
