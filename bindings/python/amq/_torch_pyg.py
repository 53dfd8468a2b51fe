"""MeshGraphNets of PyTorch Geometric, as echowve/meshGraphNets_pytorch names them: the names of amq's MeshGraphNet, and back."""

import re

import numpy as np

from ._amq import _pyg_names

TEXT = "MeshGraphNets of PyTorch Geometric (encoder.nb_encoder, processer_list.0.eb_module, decoder.decode_module)"
PARTS = {"encoder", "processer_list", "decoder"}
KNOWN_BY = ("encoder.nb_encoder.0.0.weight", "processer_list.0.eb_module.net.0.0.weight")


def is_pyg(state):
    return all(k in state for k in KNOWN_BY)


def _begins(name, beginning):
    return name == beginning or name.startswith(beginning + ".")


def _in_order(value, order):
    """Blocks of columns: the k-th is the order[k]-th of value."""
    if order is None or value.shape[1] % len(order):  # what does not fit is named by its shape
        return value
    blocks = np.split(value, len(order), 1)
    return np.concatenate([blocks[k] for k in order], 1)


def from_pyg(state):
    """The state under amq's names."""
    hidden_layers = sum(re.match(r"encoder\.nb_encoder\.0\.\d+\.weight$", k) is not None for k in state) - 1
    layers = len({m[1] for m in (re.match(r"processer_list\.(\d+)\.", k) for k in state) if m})
    rename, columns = _pyg_names(layers, hidden_layers)
    columns, renamed, others = dict(columns), {}, {}
    for name, value in state.items():
        theirs, ours = next((pair for pair in rename if _begins(name, pair[0])), (None, None))
        if theirs is None:
            others[name] = value
        else:
            to = ours + name[len(theirs) :]
            renamed.setdefault(to, _Swapped(value, columns.get(to)))  # the networks of a block have two names each
    return {**renamed, **others}


class _Swapped:
    """A tensor, as State reads it."""

    def __init__(self, tensor, order):
        self.tensor, self.order = tensor, order

    def detach(self):
        return self

    cpu = resolve_conj = detach

    def numpy(self):
        return _in_order(self.tensor.detach().cpu().numpy(), self.order)


def to_pyg(config, tensors):
    """A float file's tensors under the port's names."""
    rename, columns = _pyg_names(int(config["layers"]), int(config.get("hidden_layers", 2)))
    columns, given = dict(columns), {}
    for name, value in tensors.items():
        fits = [(theirs, ours) for theirs, ours in rename if _begins(name, ours)]
        longest = max((len(ours) for _, ours in fits), default=0)
        order = columns.get(name)
        for theirs, ours in fits:
            if len(ours) == longest:
                given[theirs + name[len(ours) :]] = _in_order(value, order and list(np.argsort(order)))
    return given


def call_pyg(module, inputs):
    try:
        from torch_geometric.data import Data
    except ImportError:
        from types import SimpleNamespace as Data
    return module(Data(x=inputs.u, edge_index=inputs.edge_index, edge_attr=inputs.edge_features))
