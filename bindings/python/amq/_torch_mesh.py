"""Modules of networks on meshes: their parameters under amq's names, sizes, and how they are called."""

from typing import Any, Callable, NamedTuple

import numpy as np

from ._error import refuse as _refuse
from ._float_file import State, check_names, finish, layers_of
from ._mesh import MeshInputs, encoding_of, inputs_of, is_sample, sample_of

BITS = {"input_bits": 16, "edge_of_net_bits": 8}


class Network(NamedTuple):
    name: str
    text: str
    parts: set  # what its names begin with
    known_by: tuple  # tensors that no other network has
    make: Callable[..., Any]  # (state, dim) -> config and tensors
    call: Callable[..., Any]  # (module, inputs) -> (node, output)


def _linear(s, out, name, shape, bias=True):
    out[name + ".weight"] = s.take(name + ".weight", shape=shape)
    if bias:
        out[name + ".bias"] = s.take(name + ".bias", shape=shape[:1])


def _shape(s, name):
    """Of a layer's weight."""
    weight = s.take(name)
    if weight.ndim != 2:
        _refuse(f"from_torch, {name}", "a weight of two axes, of a Linear", str(weight.shape), "Check the module.")
    return weight.shape


def _norm(s, out, name, width):
    for what in (".weight", ".bias"):
        out[name + what] = s.take(name + what, shape=(width,))


def _transolver(state, dim):
    s, out = State(state, "Transolver"), {}
    layers = layers_of(state, r"blocks\.(\d+)\.Attn\.temperature$")
    wide, given = _shape(s, "preprocess.linear_pre.0.weight")
    h = wide // 2
    _linear(s, out, "preprocess.linear_pre.0", (2 * h, given))
    _linear(s, out, "preprocess.linear_post", (h, 2 * h))
    out["placeholder"] = s.take("placeholder", shape=(h,))
    heads, tokens, inner = 0, 0, 0
    for k in range(max(layers, 1)):
        at = f"blocks.{k}"
        temperature = s.take(f"{at}.Attn.temperature")
        if k == 0:
            heads = temperature.size
            tokens = s.take(f"{at}.Attn.in_project_slice.bias").size
            inner = s.take(f"{at}.mlp.linear_pre.0.bias").size
            if h % heads or inner % h:
                _refuse("from_torch, Transolver", "heads that divide the channels, which divide those of the MLP",
                        f"{h} channels, {heads} heads, {inner} of the MLP", "Check the module.")  # fmt: skip
        out[f"{at}.Attn.temperature"] = temperature.reshape(1, heads, 1, 1)
        for name in ("in_project_x", "in_project_fx", "to_out.0"):
            _linear(s, out, f"{at}.Attn.{name}", (h, h))
        _linear(s, out, f"{at}.Attn.in_project_slice", (tokens, h // heads))
        for name in ("to_q", "to_k", "to_v"):
            _linear(s, out, f"{at}.Attn.{name}", (h // heads, h // heads), bias=False)
        _norm(s, out, f"{at}.ln_1", h)
        _norm(s, out, f"{at}.ln_2", h)
        _linear(s, out, f"{at}.mlp.linear_pre.0", (inner, h))
        _linear(s, out, f"{at}.mlp.linear_post", (h, inner))
    last = f"blocks.{max(layers, 1) - 1}"
    _norm(s, out, f"{last}.ln_3", h)
    outputs = s.take(f"{last}.mlp2.bias").size
    _linear(s, out, f"{last}.mlp2", (outputs, h))
    s.finish()
    return {
        "hidden": h, "layers": layers, "heads": heads, "tokens": tokens, "mlp_ratio": inner // h, "inputs": given - dim,
        "dim": dim, "variables": 0, "outputs": outputs, **BITS, "key_bits": 8, "token_bits": 8,
        "attention_bits": {"matrix": 0, "rows": 0},  # in float: codes err more than all weights, see docs/results/ptq.md
    }, out  # fmt: skip


def _mp_pde(state, dim):
    s, out = State(state, "MP-PDE"), {}
    layers = layers_of(state, r"gnn_layers\.(\d+)\.message_net_1\.0\.weight$")
    h, data = _shape(s, "embedding_mlp.0.weight")
    variables = _shape(s, "gnn_layers.0.update_net_1.0.weight")[1] - 2 * h
    if variables != 0:
        _refuse("from_torch, MP-PDE", "a network without variables", f"{variables} of time and parameters",
                "Give them as channels of the given field.")  # fmt: skip
    last = s.take("output_mlp.0.weight")
    if last.ndim != 2:
        _refuse("from_torch, MP-PDE", "a decoder Linear Swish Linear, of a steady problem",
                f"output_mlp.0.weight of {last.shape}",
                "A window of steps is not exported: load its state dict in C++.")  # fmt: skip
    _linear(s, out, "embedding_mlp.0", (h, data))
    _linear(s, out, "embedding_mlp.2", (h, h))
    norm = "gnn_layers.0.norm.weight" in state
    for k in range(max(layers, 1)):
        at = f"gnn_layers.{k}"
        _linear(s, out, f"{at}.message_net_1.0", (h, 2 * h + data))
        _linear(s, out, f"{at}.message_net_2.0", (h, h))
        _linear(s, out, f"{at}.update_net_1.0", (h, 2 * h))
        _linear(s, out, f"{at}.update_net_2.0", (h, h))
        if norm:
            _norm(s, out, f"{at}.norm", h)
    _linear(s, out, "output_mlp.0", (h, h))
    outputs = s.take("output_mlp.2.bias").size
    _linear(s, out, "output_mlp.2", (outputs, h))
    s.finish()
    return {
        "hidden": h, "layers": layers, "window": 0, "inputs": data - dim, "dim": dim, "variables": 0,
        "outputs": outputs, "norm": "layer" if norm else "instance", **BITS,
    }, out  # fmt: skip


def _mesh_graph_net(state, dim):
    s, out = State(state, "MeshGraphNet"), {}
    layers = layers_of(state, r"processor\.gnn\.(\d+)\.f_edge\.f\.0\.weight$")
    h, inputs = _shape(s, "encoder.fv.f.0.weight")

    def mlp(at, given, said, norm):
        _linear(s, out, f"{at}.f.0", (h, given))
        _linear(s, out, f"{at}.f.2", (h, h))
        _linear(s, out, f"{at}.f.4", (said, h))
        if norm:
            _norm(s, out, f"{at}.f.5", said)

    norm = "processor.gnn.0.f_edge.f.5.weight" in state
    mlp("encoder.fv", inputs, h, True)
    mlp("encoder.fe", dim + 1, h, True)
    for k in range(max(layers, 1)):
        mlp(f"processor.gnn.{k}.f_edge", 3 * h, h, norm)
        mlp(f"processor.gnn.{k}.f_node", 2 * h, h, norm)
    outputs = s.take("decoder.f.4.bias").size
    mlp("decoder", h, outputs, False)
    s.finish()
    return {"hidden": h, "layers": layers, "inputs": inputs, "dim": dim, "outputs": outputs,
            "block_norm": int(norm), **BITS}, out  # fmt: skip


NETWORKS = (
    Network("Transolver", "Transolver of Wu et al. (preprocess, blocks.0.Attn, placeholder)",
            {"preprocess", "blocks", "placeholder"}, ("preprocess.linear_pre.0.weight", "blocks.0.Attn.temperature"),
            _transolver, lambda module, i: module(i.x[None], i.u[None])),
    Network("MpPde", "MP-PDE of Brandstetter et al. (embedding_mlp, gnn_layers, output_mlp)",
            {"embedding_mlp", "gnn_layers", "output_mlp"},
            ("embedding_mlp.0.weight", "gnn_layers.0.message_net_1.0.weight"),
            _mp_pde, lambda module, i: module(i.u, i.x, i.edge_index)),
    Network("MeshGraphNet", "MeshGraphNet as EAGLE's code names it (encoder.fv, processor.gnn, decoder)",
            {"encoder", "processor", "decoder"},
            ("encoder.fv.f.0.weight", "processor.gnn.0.f_edge.f.0.weight"),
            _mesh_graph_net, lambda module, i: module(i.u, i.edge_features, i.edge_index)),
)  # fmt: skip


def export_mesh(module, state, network, path, sample, normalization, given, solution, call, graph):
    """from_torch() of a network on meshes."""
    import torch

    options = {"lattices", "neighbours", "boundary", "node_types", "mark_boundary", "cell_dim"}
    if set(graph) - options:
        _refuse("from_torch", "options of mesh_inputs: " + ", ".join(sorted(options)),
                ", ".join(sorted(set(graph) - options)), "Correct the name.")  # fmt: skip
    if not is_sample(sample):
        _refuse("from_torch, sample", f"a mapping with points, cells and given: {network.name} solves on meshes",
                type(sample).__name__, "Give one mesh and its given field.")  # fmt: skip
    if call is not None and not callable(call):
        _refuse("from_torch, call", "a function (module, inputs)", type(call).__name__, "See amq.mesh_inputs.")
    marks, cell_dim = graph.pop("mark_boundary", False), graph.pop("cell_dim", 0)
    taken = sample_of(sample, "from_torch, sample", solved=False)
    points, cells, _, field, _ = taken
    config, tensors = network.make(state, points.shape[1])
    outputs = config["outputs"]
    encoding = encoding_of(taken, normalization, outputs=outputs, **graph)
    inputs, types = inputs_of(taken, encoding, marks, cell_dim)
    if inputs.u.shape[1] != config["inputs"]:
        _refuse("from_torch, sample", f"{config['inputs']} channels, as the module reads them",
                f"{inputs.u.shape[1]}: {field.shape[1]} given, marks and types included",
                "Give boundary and node_types as the module was trained with.")  # fmt: skip
    seen = {"given_names": check_names("given", given, field.shape[1]),
            "solution_names": check_names("solution", solution, outputs)}  # fmt: skip

    like = next(module.parameters())
    on_device = MeshInputs(*(torch.as_tensor(part, device=like.device) for part in inputs))
    was_training = module.training
    module.eval()
    try:
        with torch.no_grad():
            y = (call or network.call)(module, on_device)
    except (RuntimeError, TypeError, IndexError) as e:
        _refuse("from_torch, module", "an answer to the sample", (str(e).splitlines() or [type(e).__name__])[0],
                "Say how it is called: call=lambda module, i: module(i.x, i.u, i.edge_index, i.edge_features).")  # fmt: skip
    finally:
        module.train(was_training)
    y = y.detach().cpu().numpy().astype(np.float32) if isinstance(y, torch.Tensor) else np.empty(0, np.float32)
    if y.size != len(points) * outputs or y.shape[-1] != outputs or not np.all(np.isfinite(y)):
        _refuse("from_torch, module", f"a finite answer (node, {outputs})", f"shape {y.shape}",
                "Return it from call, one row per node.")  # fmt: skip
    y = y.reshape(-1, outputs) * np.float32(encoding["output_deviation"]) + np.float32(encoding["output_mean"])

    tensors = {k: np.ascontiguousarray(v, np.float32) for k, v in tensors.items()}
    tensors.update({"self_test.points": points, "self_test.cells": cells, "self_test.node_type": types,
                    "self_test.a": field, "self_test.u": np.ascontiguousarray(y, np.float32)})  # fmt: skip
    return finish(path, network.name, config, encoding, tensors, seen)
