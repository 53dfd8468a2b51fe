"""Modules of networks on meshes: their parameters under amq's names, sizes, and how they are called."""

import inspect
import re
from typing import Any, Callable, NamedTuple

import numpy as np

from ._error import Error
from ._error import refuse as _refuse
from ._float_file import State, check_names, finish, layers_of, unwrapped
from ._mesh import MeshInputs, encoding_of, inputs_of, is_sample, sample_of
from ._torch_pyg import KNOWN_BY, PARTS, TEXT, call_pyg, from_pyg

BITS = {"input_bits": 16, "edge_of_net_bits": 8}


class Network(NamedTuple):
    name: str
    text: str
    parts: set  # what its names begin with
    known_by: tuple  # tensors that no other network has
    make: Callable[..., Any]  # (state, dim, module, cluster size) -> config and tensors
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


def _variables(module):
    """Columns of time and parameters behind given fields: a tensor does not tell, amq.nn's modules do."""
    bare = unwrapped(module)
    return bare.variables if getattr(bare, "network", None) in ("Transolver", "Flare") else 0


def _transolver(state, dim, module, _):
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
    variables = _variables(module)
    return {
        "hidden": h, "layers": layers, "heads": heads, "tokens": tokens, "mlp_ratio": inner // h,
        "inputs": given - dim - variables, "dim": dim, "variables": variables, "outputs": outputs, **BITS,
        "key_bits": 8, "token_bits": 8,
        "attention_bits": {"matrix": 0, "rows": 0},  # in float: codes err more than all weights, see docs/results/ptq.md
    }, out  # fmt: skip


WINDOWS = {(15, 10): 20, (16, 14): 25, (12, 10): 50}  # extents of the decoder's convolutions: steps


def _mp_pde(state, dim, module, _):
    s, out = State(state, "MP-PDE"), {}
    layers = layers_of(state, r"gnn_layers\.(\d+)\.message_net_1\.0\.weight$")
    h, columns = _shape(s, "embedding_mlp.0.weight")
    variables = _shape(s, "gnn_layers.0.update_net_1.0.weight")[1] - 2 * h
    data = columns - variables
    if variables < 0 or data <= dim:
        _refuse("from_torch, MP-PDE", f"channels, {dim} coordinates and variables",
                f"{columns} columns, {variables} of them variables", "Check the module.")  # fmt: skip
    first, last = s.take("output_mlp.0.weight"), s.take("output_mlp.2.weight")
    window = 0 if first.ndim == 2 else WINDOWS.get((first.shape[-1], last.shape[-1]), -1)
    if window < 0 or (window and (h != 128 or data - dim != window)):
        _refuse("from_torch, MP-PDE", "a decoder Linear Swish Linear, or that of 20, 25 or 50 steps in and out at 128 channels",
                f"convolutions of {first.shape} and {last.shape}, {data - dim} steps in, {h} channels",
                "Train one of the published windows.")  # fmt: skip
    _linear(s, out, "embedding_mlp.0", (h, columns))
    _linear(s, out, "embedding_mlp.2", (h, h))
    norm = "gnn_layers.0.norm.weight" in state
    for k in range(max(layers, 1)):
        at = f"gnn_layers.{k}"
        _linear(s, out, f"{at}.message_net_1.0", (h, 2 * h + columns))
        _linear(s, out, f"{at}.message_net_2.0", (h, h))
        _linear(s, out, f"{at}.update_net_1.0", (h, 2 * h + variables))
        _linear(s, out, f"{at}.update_net_2.0", (h, h))
        if norm:
            _norm(s, out, f"{at}.norm", h)
    outputs = window or s.take("output_mlp.2.bias").size
    if window:
        for name, weight in (("output_mlp.0", first), ("output_mlp.2", last)):
            out[name + ".weight"] = weight
            out[name + ".bias"] = s.take(name + ".bias", shape=weight.shape[:1])
    else:
        _linear(s, out, "output_mlp.0", (h, h))
        _linear(s, out, "output_mlp.2", (outputs, h))
    s.finish()
    return {
        "hidden": h, "layers": layers, "window": window, "inputs": 1 if window else data - dim, "dim": dim,
        "variables": variables, "outputs": 1 if window else outputs, "norm": "layer" if norm else "instance", **BITS,
    }, out  # fmt: skip


def _counts(s, at):
    """Layers in the middle of FLARE's MLP."""
    return layers_of(s.tensors, re.escape(at) + r"\.fcs\.(\d+)\.weight$")


def _residual_mlp(s, out, at, given, hidden, said, inner):
    _linear(s, out, f"{at}.fc1", (hidden, given))
    for k in range(inner):
        _linear(s, out, f"{at}.fcs.{k}", (hidden, hidden))
    _linear(s, out, f"{at}.fc2", (said, hidden))


def _flare_activation(module):
    import torch

    kinds = {"gelu_tanh" if getattr(m, "approximate", "none") == "tanh" else "gelu"
             for m in module.modules() if isinstance(m, torch.nn.GELU)}  # fmt: skip
    kinds |= {"swish" for m in module.modules() if isinstance(m, torch.nn.SiLU)}
    if len(kinds) > 1:
        _refuse("from_torch, FLARE", "one activation", ", ".join(sorted(kinds)), "Check the module.")
    return kinds.pop() if kinds else "gelu"


def _flare(state, dim, module, _):
    s, out = State(state, "FLARE"), {}
    layers = layers_of(state, r"blocks\.(\d+)\.att\.latent_q$")
    h, given = _shape(s, "in_proj.fc1.weight")
    mixer = next((m for m in module.modules() if hasattr(m, "latent_q")), None)
    heads = getattr(mixer, "num_heads", getattr(mixer, "heads", 0))
    latent = s.take("blocks.0.att.latent_q")
    if heads < 1 or h % heads or latent.size % h:
        _refuse("from_torch, FLARE", "an attribute num_heads beside latent_q, which divides the channels",
                f"{heads} heads, {h} channels, latent_q of {latent.shape}", "Check the module.")  # fmt: skip
    tokens = latent.size // h
    inner, ends = _counts(s, "blocks.0.att.k_proj"), _counts(s, "in_proj")
    _residual_mlp(s, out, "in_proj", given, h, h, ends)
    for k in range(max(layers, 1)):
        at = f"blocks.{k}"
        scale = np.float32(getattr(mixer, "attn_scale", 1.0))
        queries = s.take(f"{at}.att.latent_q")
        if queries.size != latent.size:
            _refuse(f"from_torch, {at}.att.latent_q", f"{latent.size} numbers, as the first", str(queries.size),
                    "Check the module.")  # fmt: skip
        out[f"{at}.att.latent_q"] = queries.reshape(heads * tokens, h // heads) * scale
        for name in ("att.k_proj", "att.v_proj", "mlp"):
            _residual_mlp(s, out, f"{at}.{name}", h, h, h, inner)
        _linear(s, out, f"{at}.att.out_proj", (h, h))
        _norm(s, out, f"{at}.norm1", h)
        _norm(s, out, f"{at}.norm2", h)
    _norm(s, out, "out_proj.0", h)
    outputs = s.take("out_proj.1.fc2.bias").size
    _residual_mlp(s, out, "out_proj.1", h, h, outputs, ends)
    s.finish()
    variables = _variables(module)
    return {
        "hidden": h, "layers": layers, "heads": heads, "tokens": tokens, "inner": inner, "inner_of_ends": ends,
        "inputs": given - dim - variables, "dim": dim, "variables": variables, "outputs": outputs,
        "activation": _flare_activation(module), **BITS, "key_bits": 8, "attention_bits": {"matrix": 0, "rows": 0},
    }, out  # fmt: skip


def _graph_vit(state, dim, module, cluster_size):
    s, out = State(state, "GraphViT"), {}
    layers = layers_of(state, r"encoder\.encoder_gn\.(\d+)\.f_edge\.f\.0\.weight$")
    blocks = layers_of(state, r"attention\.(\d+)\.attention\.in_proj_weight$")
    h, inputs = _shape(s, "encoder.encoder_node.f.0.weight")
    width = s.take("ln.weight").size
    codes = _shape(s, "graph_pooling.rnn_pooling.weight_ih_l0")[1] - h  # of a node: its position and its cluster's
    heads = next((m.num_heads for m in module.modules() if hasattr(m, "num_heads")), 1)
    frequencies = codes // (4 * dim)
    if frequencies < 1 or codes % (4 * dim) or (width + codes // 2) % heads:
        _refuse("from_torch, GraphViT", f"positional codes of {dim} coordinates, heads that divide them and the width",
                f"codes of {codes} columns, width {width}, {heads} heads", "Check the module.")  # fmt: skip

    def mlp(at, sizes, norm=False):
        for k, (given, said) in enumerate(zip(sizes, sizes[1:])):
            _linear(s, out, f"{at}.{2 * k}", (said, given))
        if norm:
            _norm(s, out, f"{at}.{2 * len(sizes) - 3}", sizes[-1])

    mlp("encoder.encoder_node.f", (inputs, h, h))
    mlp("encoder.encoder_edge.f", (dim + 1, h, h))
    for k in range(max(layers, 1)):
        mlp(f"encoder.encoder_gn.{k}.f_edge.f", (2 * (h + codes) + h, h, h, h), True)
        mlp(f"encoder.encoder_gn.{k}.f_node.f", (h + codes + h, h, h, h), True)
    for name, shape in (("weight_ih_l0", (3 * width, h + codes)), ("weight_hh_l0", (3 * width, width)),
                        ("bias_ih_l0", (3 * width,)), ("bias_hh_l0", (3 * width,))):  # fmt: skip
        out[f"graph_pooling.rnn_pooling.{name}"] = s.take(f"graph_pooling.rnn_pooling.{name}", shape=shape)
    mlp("graph_pooling.linear_rnn.f", (width, h, width))
    mlp("graph_retrieve.gnn.f_edge.f", (2 * (width + h + codes) + h, h, h, h))
    mlp("graph_retrieve.gnn.f_node.f", (width + h + codes + h, h, h, h))
    outputs = s.take("graph_retrieve.final_mlp.4.bias").size
    mlp("graph_retrieve.final_mlp", (h, h, h, outputs))
    for k in range(blocks):
        at, embed = f"attention.{k}", width + codes // 2
        out[f"{at}.attention.in_proj_weight"] = s.take(f"{at}.attention.in_proj_weight", shape=(3 * embed, embed))
        out[f"{at}.attention.in_proj_bias"] = s.take(f"{at}.attention.in_proj_bias", shape=(3 * embed,))
        _linear(s, out, f"{at}.attention.out_proj", (embed, embed))
        _linear(s, out, f"{at}.linear", (width, embed))
        mlp(f"{at}.mlp.f", (width, width, width))
        _norm(s, out, f"{at}.ln1", width)
        _norm(s, out, f"{at}.ln2", width)
    _norm(s, out, "ln", width)
    s.finish()
    return {
        "hidden": h, "width": width, "layers": layers, "blocks": blocks, "heads": heads, "frequencies": frequencies,
        "dim": dim, "inputs": inputs, "outputs": outputs, "cluster_size": cluster_size, **BITS,
    }, out  # fmt: skip


def _mesh_graph_net(state, dim, module, _):
    s, out = State(state, "MeshGraphNet"), {}
    layers = layers_of(state, r"processor\.gnn\.(\d+)\.f_edge\.f\.0\.weight$")
    h, inputs = _shape(s, "encoder.fv.f.0.weight")
    inner = sum(re.match(r"decoder\.f\.\d+\.weight$", k) is not None for k in state) - 1  # hidden layers

    def mlp(at, given, said, norm):
        widths = [given, *[h] * max(inner, 1), said]
        for k in range(len(widths) - 1):
            _linear(s, out, f"{at}.f.{2 * k}", (widths[k + 1], widths[k]))
        if norm:
            _norm(s, out, f"{at}.f.{2 * len(widths) - 3}", said)

    norm = f"processor.gnn.0.f_edge.f.{2 * inner + 1}.weight" in state
    mlp("encoder.fv", inputs, h, True)
    mlp("encoder.fe", dim + 1, h, True)
    for k in range(max(layers, 1)):
        mlp(f"processor.gnn.{k}.f_edge", 3 * h, h, norm)
        mlp(f"processor.gnn.{k}.f_node", 2 * h, h, norm)
    outputs = s.take(f"decoder.f.{2 * max(inner, 1)}.bias").size
    mlp("decoder", h, outputs, False)
    s.finish()
    return {"hidden": h, "layers": layers, "inputs": inputs, "dim": dim, "outputs": outputs,
            "block_norm": int(norm), "hidden_layers": inner, **BITS}, out  # fmt: skip


def _takes_one(module):
    """Whether it is called with one argument."""
    wanted = [p for p in inspect.signature(unwrapped(module).forward).parameters.values()
              if p.default is p.empty and p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]  # fmt: skip
    return len(wanted) == 1


def _call_flare(module, i):
    import torch

    return module(torch.cat([i.x, i.u], -1)[None]) if _takes_one(module) else module(i.x[None], i.u[None])


def _call_mp_pde(module, i):
    return module(i.u, i.x, i.variables, i.edge_index) if i.variables.numel() else module(i.u, i.x, i.edge_index)


def _call_graph_vit(module, i):
    """EAGLE's: a batch of one, two states, and a ghost node that fills up clusters. What comes second is the change."""
    import torch

    n, types = len(i.x), 9
    ghost = lambda rows: torch.cat([rows, torch.zeros_like(rows[:1])])[None, None].repeat(1, 2, 1, 1)  # noqa: E731
    twice = lambda a: a[None, None].repeat(1, 2, 1, 1)  # noqa: E731
    state, kind = i.u[:, :-types], i.u[:, -types:]
    return module(ghost(i.x), twice(i.edge_index.flip(0).T), ghost(state), ghost(kind), twice(i.clusters),
                  twice((i.clusters < n).to(i.u.dtype)))[1][0, 0, :n]  # fmt: skip


NETWORKS = (
    Network("Transolver", "Transolver of Wu et al. (preprocess, blocks.0.Attn, placeholder)",
            {"preprocess", "blocks", "placeholder"}, ("preprocess.linear_pre.0.weight", "blocks.0.Attn.temperature"),
            _transolver, lambda module, i: module(i.x[None], i.u[None])),
    Network("MpPde", "MP-PDE of Brandstetter et al. (embedding_mlp, gnn_layers, output_mlp)",
            {"embedding_mlp", "gnn_layers", "output_mlp"},
            ("embedding_mlp.0.weight", "gnn_layers.0.message_net_1.0.weight"),
            _mp_pde, _call_mp_pde),
    Network("MeshGraphNet", "MeshGraphNet as EAGLE's code names it (encoder.fv, processor.gnn, decoder)",
            {"encoder", "processor", "decoder"},
            ("encoder.fv.f.0.weight", "processor.gnn.0.f_edge.f.0.weight"),
            _mesh_graph_net, lambda module, i: module(i.u, i.edge_features, i.edge_index)),
    Network("MeshGraphNet", TEXT, PARTS, KNOWN_BY,
            lambda state, *others: _mesh_graph_net(from_pyg(state), *others), call_pyg),
    Network("Flare", "FLARE of Puri et al. (in_proj, blocks.0.att.latent_q, out_proj)",
            {"in_proj", "blocks", "out_proj"}, ("in_proj.fc1.weight", "blocks.0.att.latent_q"),
            _flare, _call_flare),
    Network("GraphVit", "GraphViT of EAGLE's code (encoder.encoder_node, graph_pooling, attention, graph_retrieve)",
            {"encoder", "graph_pooling", "graph_retrieve", "ln"},
            ("encoder.encoder_node.f.0.weight", "graph_pooling.rnn_pooling.weight_ih_l0"),
            _graph_vit, _call_graph_vit),
)  # fmt: skip


def export_mesh(module, state, network, path, sample, normalization, given, solution, call, graph):
    """from_torch() of a network on meshes."""
    import torch

    options = {"lattices", "neighbours", "boundary", "node_types", "mark_boundary", "cell_dim", "variable_scale"}
    options |= {"cluster_size"} if network.name == "GraphVit" else {"time_step"} if network.name == "MpPde" else set()
    if set(graph) - options:
        _refuse("from_torch", "options of mesh_inputs: " + ", ".join(sorted(options)),
                ", ".join(sorted(set(graph) - options)), "Correct the name.")  # fmt: skip
    if not is_sample(sample):
        _refuse("from_torch, sample", f"a mapping with points, cells and given: {network.name} solves on meshes",
                type(sample).__name__, "Give one mesh and its given field.")  # fmt: skip
    if call is not None and not callable(call):
        _refuse("from_torch, call", "a function (module, inputs)", type(call).__name__, "See amq.mesh_inputs.")
    marks, cell_dim = graph.pop("mark_boundary", False), graph.pop("cell_dim", 0)
    bare = unwrapped(module)
    of_amq = getattr(bare, "network", None) == network.name
    own_size = bare.cluster_size if of_amq and network.name == "GraphVit" else 20
    cluster_size = graph.pop("cluster_size", own_size) if network.name == "GraphVit" else 0
    taken = sample_of(sample, "from_torch, sample", solved=False)
    points, cells, _, field, _, variables = taken
    config, tensors = network.make(state, points.shape[1], module, cluster_size)
    window = config.get("window", 0)
    outputs, channels = window or config["outputs"], window or config["inputs"]
    encoding = encoding_of(taken, normalization, outputs=outputs, **graph)
    inputs, types = inputs_of(taken, encoding, marks, cell_dim, cluster_size)
    if inputs.u.shape[1] != channels:
        _refuse("from_torch, sample", f"{channels} channels, as the module reads them",
                f"{inputs.u.shape[1]}: {field.shape[1]} given, marks and types included",
                "Give boundary and node_types as the module was trained with.")  # fmt: skip
    if len(variables) != config.get("variables", 0):
        _refuse("from_torch, sample", f"{config.get('variables', 0)} variables, as the module reads them",
                str(len(variables)), "Give time and parameters of the equation as variables of the sample.")  # fmt: skip
    if bool(window) != bool(encoding["time_step"]) or (window and field.shape[1] != window):
        _refuse("from_torch, time_step", "above 0 for a window of steps, which all are given channels; else none",
                repr(graph.get("time_step", 0)), "Give the time between two given channels.")  # fmt: skip
    seen = {"given_names": check_names("given", given, field.shape[1]),
            "solution_names": check_names("solution", solution, outputs)}  # fmt: skip

    like = next(module.parameters())
    on_device = MeshInputs(*(torch.as_tensor(part, device=like.device) for part in inputs))
    if like.dtype == torch.float64:
        on_device = MeshInputs(*(t.double() if t.is_floating_point() else t for t in on_device))
    answer = (lambda _, i: bare.on(i)) if of_amq else network.call
    was_training = module.training
    module.eval()
    try:
        with torch.no_grad():
            y = (call or answer)(module, on_device)
    except Error:
        raise
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
    if window:  # the mean rate of change up to each step
        y = field[:, -1:] + np.float32(encoding["time_step"]) * np.arange(1, window + 1, dtype=np.float32) * y

    tensors = {k: np.ascontiguousarray(v, np.float32) for k, v in tensors.items()}
    tensors.update({"self_test.points": points, "self_test.cells": cells, "self_test.node_type": types,
                    "self_test.a": field, "self_test.u": np.ascontiguousarray(y, np.float32)})  # fmt: skip
    if variables:
        tensors["self_test.variables"] = np.asarray(variables, np.float64)
    return finish(path, network.name, config, encoding, tensors, seen)
