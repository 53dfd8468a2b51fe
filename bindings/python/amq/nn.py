"""PyTorch modules of amq's networks, to train them where a GPU is. PyTorch is needed, and imported with this module.

docs/pytorch.md shows how they are trained, written by from_torch() and made again by from_file(). Sizes are those of
amq's C++ configurations, and so are their defaults. Parameters have the names of the public codes, which from_torch()
and the C++ load_state_dict() take. All modules run in float32 and float64 on any device, and refuse wrong sizes by one
amq.Error. What they compute follows include/amq/models/.
"""

from __future__ import annotations

import inspect
import json
import os
from typing import Any, Dict, Optional, Union

import numpy as np

from ._error import refuse as _refuse
from ._mesh import MeshInputs
from ._nn_parts import torch  # says what is missing where torch is not there
from ._nn_grid import FNO, GalerkinTransformer, ModernUnet, PatchTransformer, UNet  # isort: skip
from ._nn_mesh import Flare, GraphVit, MeshGraphNet, MpPde, Transolver
from ._to_torch import give, read, read_tensors

__all__ = [
    "FNO", "Flare", "GalerkinTransformer", "GraphVit", "MeshGraphNet", "ModernUnet", "MpPde", "PatchTransformer",
    "Transolver", "UNet", "from_file", "options_of", "tensors",
]  # fmt: skip

# Those that float files may hold.
_NETWORKS = {c.network: c for c in (FNO, UNet, ModernUnet, PatchTransformer, GalerkinTransformer, MpPde, MeshGraphNet,
                                    GraphVit, Transolver, Flare)}  # fmt: skip
# What a C++ configuration says beside sizes, and the module has in one form.
_FORMS = {"Unet": {"activation": "tanh", "beyond": "zero"}, "ModernUnet": {"activation": "gelu", "beyond": "zero"}}

_Path = Union[str, "os.PathLike[str]"]


def tensors(inputs: MeshInputs, device: Any = None, dtype: Optional[torch.dtype] = None) -> MeshInputs:
    """Arrays of amq.mesh_inputs() as tensors: fields, positions and variables of this dtype, float32 unless said
    otherwise; ids of nodes in int64."""
    kind = dtype or torch.float32
    of = lambda a: torch.as_tensor(a, device=device)  # noqa: E731
    return MeshInputs(*(of(a).to(kind) if np.asarray(a).dtype.kind == "f" else of(a) for a in inputs))


def _whole(value: Any) -> Any:
    """Files keep every number as a real one."""
    if isinstance(value, list):
        return [_whole(v) for v in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _is_periodic(encoding: Dict[str, Any], own: Dict[str, np.ndarray]) -> bool:
    """Whether positions of the file's grid are i / n, as neuraloperator has them."""
    axes = [own[k] for k in sorted(own) if k.startswith("self_test.axis.")]
    if not axes or any(len(x) < 2 for x in axes):
        return False
    last = [(x[-1] - a) / (b - a) * len(x) for x, a, b in zip(axes, encoding["low"], encoding["high"])]
    first = [(x[0] - a) / (b - a) for x, a, b in zip(axes, encoding["low"], encoding["high"])]
    return bool(np.allclose(first, 0, atol=1e-6) and np.allclose(last, [len(x) - 1 for x in axes], atol=1e-4))


def _build(where: str, network: str, config: Dict[str, Any], **more: Any) -> Any:
    if network not in _NETWORKS:
        _refuse(where, "a network of amq.nn: " + ", ".join(_NETWORKS), repr(network), "Is the file another version's?")
    for name, form in _FORMS.get(network, {}).items():
        if config.get(name, form) != form:
            _refuse(where, f"{name} '{form}', as amq.nn's {network} has it", repr(config[name]), "Train with it.")
    make = _NETWORKS[network]
    sizes = {k: _whole(config[k]) for k in inspect.signature(make).parameters if k in config}
    return make(**sizes, **more)


def from_file(file: _Path, checkpoint: Optional[_Path] = None) -> Any:
    """A module of a float file's network and sizes with its parameters, number by number, to go on training; in float32
    on the CPU, in the mode of training.

    Of a network that amq.train() or `amq fit` has trained: `file` is the model file, and `checkpoint` is
    float.safetensors of the training's folder, where its float parameters lie. See options_of() for what the module
    reads. An FNO whose positions were passed in, as PDEBench has it, is to be given them again."""
    where = f"from_file, {os.fspath(file)}"
    if checkpoint is None:
        network, config, encoding, values = read(os.fspath(file))
    else:
        about, _ = read_tensors(os.fspath(file))
        if "amq.config" not in about or "amq.model" not in about:
            _refuse(where, "a model file beside the checkpoint", "another", "Give what amq.train wrote to `out`.")
        network, config, encoding = about["amq.model"], json.loads(about["amq.config"]), {}
        values = _trained(os.fspath(checkpoint))
    more = {"periodic": _is_periodic(encoding, values)} if network == "Fno" and encoding else {}
    return give(_build(where, network, config, **more), network, config, values)


def _trained(path: str) -> Dict[str, np.ndarray]:
    """The float parameters that a training ends with: of its best epoch, averaged, or the last."""
    about, values = read_tensors(path)
    if "amq.checkpoint" not in about or about.get("recipe.what") != "float":
        _refuse(f"from_file, {path}", "the checkpoint of a float training", "another",
                "It is float.safetensors in the training's folder.")  # fmt: skip
    for kind in ("0.best.", "0.average.", "0.value."):
        found = {k[len(kind) :]: v for k, v in values.items() if k.startswith(kind)}
        if found:
            return {k: v for k, v in found.items() if not k.startswith("quant.")}
    _refuse(f"from_file, {path}", "parameters", "none", "Is the file whole?")


def options_of(file: _Path) -> Dict[str, Any]:
    """How the network of a float or model file reads a sample: the options of mesh_inputs() and from_torch() for
    networks on meshes, and normalization alone on grids."""
    about, _ = read_tensors(os.fspath(file))
    if "amq.encoding" not in about:
        _refuse(f"options_of, {os.fspath(file)}", "a float file or a model file", "another", "Check the path.")
    e, config = json.loads(about["amq.encoding"]), json.loads(about["amq.config"])
    numbers = ["input_mean", "input_deviation", "output_mean", "output_deviation"]
    if "centre" not in e:
        return {"normalization": {k: e[k] for k in numbers}}
    options = {"normalization": {k: e[k] for k in [*numbers, "centre", "half_width"]}}
    for name in ("lattices", "neighbours", "node_types"):
        options[name] = _whole(e.get(name, [] if name == "lattices" else 0))
    options["boundary"] = bool(e.get("boundary", 0))
    if e.get("variable_scale"):
        options["variable_scale"] = e["variable_scale"]
    if e.get("time_step", 0):
        options["time_step"] = e["time_step"]
    if about.get("amq.model") == "GraphVit":
        options["cluster_size"] = int(config["cluster_size"])
    return options
