#!/usr/bin/env python3
"""PyTorch's networks on meshes as float files, and those as model files: amq repeats torch's answer within 1e-5.
Usage: from_torch_mesh_test.py AMQ  (the tool; with the built package on PYTHONPATH)"""
import copy
import json
import pathlib
import re
import subprocess
import sys
import tempfile
from types import SimpleNamespace

try:
    import numpy as np
    import torch
    from torch import nn
except ImportError:
    print("numpy or torch is not there")
    sys.exit(77)

import amq
from checks import check, end, refused
from train_data import square

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "models"))
from graph_vit_golden import GraphViT
from latent_attention_golden import Flare, ResidualMLP, Transolver
from mesh_graph_net_golden import MeshGraphNet
from mp_pde_golden import MpPde


class Batched(Transolver):
    """As the public code is called: (sample, node, channel)."""

    def forward(self, x, fx):
        return super().forward(x[0], fx[0])[None]


class Steady(MpPde):
    def forward(self, u, x, edge_index):
        return super().forward(u, x, u[:, :0], edge_index.flip(0).T)


class LayerNormed(Steady):
    """What follows a residual is a LayerNorm."""

    def __init__(self, *sizes):
        super().__init__(*sizes)
        for layer in self.gnn_layers:
            layer.norm = nn.LayerNorm(sizes[0])

    def forward(self, u, x, edge_index):
        f, (j, i) = self.embedding_mlp(torch.cat([u, x], -1)), edge_index
        for k in self.gnn_layers:
            m = k.message_net_2(k.message_net_1(torch.cat([f[i], f[j], u[i] - u[j], x[i] - x[j]], -1)))
            total = torch.zeros_like(f).index_add(0, i, m)
            mean = total / torch.bincount(i, minlength=len(f)).clamp(min=1)[:, None]
            f = k.norm(f + k.update_net_2(k.update_net_1(torch.cat([f, mean], -1))))
        return self.output_mlp(f)


class WithFeatures(MeshGraphNet):
    def forward(self, u, features, edge_index):
        v, e, ends = self.encoder.fv(u), self.encoder.fe(features), edge_index.flip(0).T
        for block in self.processor.gnn:
            dv, de = block(v, e, ends)
            v, e = v + dv, e + de
        return self.decoder(v)


def deep(inputs, hidden, outputs, norm=True):
    between = [part for _ in range(2) for part in (nn.Linear(hidden, hidden), nn.ReLU())]
    net = nn.Sequential(nn.Linear(inputs, hidden), nn.ReLU(), *between, nn.Linear(hidden, outputs))
    return nn.Sequential(net, nn.LayerNorm(outputs)) if norm else net


class GeometricBlock(nn.Module):
    def __init__(self, hidden):
        super().__init__()
        self.nb_custom_func, self.eb_custom_func = deep(2 * hidden, hidden, hidden), deep(3 * hidden, hidden, hidden)
        self.eb_module, self.nb_module = nn.Module(), nn.Module()
        self.eb_module.net, self.nb_module.net = self.eb_custom_func, self.nb_custom_func

    def forward(self, x, e, ends):
        message = self.eb_module.net(torch.cat([x[ends[0]], x[ends[1]], e], 1))
        sums = torch.zeros_like(x).index_add(0, ends[1], message)
        return x + self.nb_module.net(torch.cat([x, sums], 1)), e + message


class Geometric(nn.Module):
    """MeshGraphNets of PyTorch Geometric: called with a graph; edges read their sender first."""

    def __init__(self, inputs, features, hidden, layers, outputs):
        super().__init__()
        self.encoder, self.decoder = nn.Module(), nn.Module()
        self.encoder.eb_encoder, self.encoder.nb_encoder = deep(features, hidden, hidden), deep(inputs, hidden, hidden)
        self.processer_list = nn.ModuleList(GeometricBlock(hidden) for _ in range(layers))
        self.decoder.decode_module = deep(hidden, hidden, outputs, norm=False)

    def forward(self, graph):
        x, e = self.encoder.nb_encoder(graph.x), self.encoder.eb_encoder(graph.edge_attr)
        for block in self.processer_list:
            x, e = block(x, e, graph.edge_index)
        return self.decoder.decode_module(x)


class InTime(MpPde):
    def forward(self, u, x, variables, edge_index):
        return super().forward(u, x, variables, edge_index.flip(0).T)


class BatchedFlare(Flare):
    def forward(self, x, fx):
        return super().forward(x[0], fx[0])[None]


class PublicFlare(BatchedFlare):
    """As the public code has it: one argument, GELU by its tanh, latent_q (channel, token), a scale of attention."""

    def __init__(self, inputs, c, layers, heads, latents, outputs):
        super().__init__(inputs, c, layers, heads, latents, outputs)
        self.act = nn.GELU(approximate="tanh")
        for block in self.blocks:
            att = block.att
            att.num_heads, att.attn_scale = att.__dict__.pop("heads"), 0.7
            att.latent_q = nn.Parameter(att.latent_q.detach().reshape(c, latents))
            att.forward = lambda rows, a=att: self.mix(a, rows)
        for m in self.modules():
            if isinstance(m, ResidualMLP):
                m.forward = lambda rows, m=m: self.residual(m, rows)

    def residual(self, m, x):
        x = x + self.act(m.fc1(x)) if m.first_adds else self.act(m.fc1(x))
        for fc in m.fcs:
            x = x + self.act(fc(x))
        return x + m.fc2(x) if m.last_adds else m.fc2(x)

    @staticmethod
    def mix(a, x):
        n, c = x.shape
        split = lambda t: t.reshape(n, a.num_heads, -1).transpose(0, 1)  # noqa: E731
        q = a.latent_q.view(a.num_heads, -1, c // a.num_heads)
        scores = a.attn_scale * (q @ split(a.k_proj(x)).transpose(-1, -2))
        y = torch.softmax(scores.transpose(-1, -2), -1) @ (torch.softmax(scores, -1) @ split(a.v_proj(x)))
        return a.out_proj(y.transpose(0, 1).reshape(n, c))

    def forward(self, x):
        return Flare.forward(self, x[0], x[0][:, :0])[None]


class Eagle(GraphViT):
    """As EAGLE's code is called: batches of steps, clusters filled up with a ghost node. The change comes second."""

    def forward(self, mesh_pos, edges, state, node_type, clusters, clusters_mask):
        p, c, mask = mesh_pos[0, 0].double(), clusters[0, 0], clusters_mask[0, 0].double()
        centres = p[c].sum(1) / (mask.sum(-1, keepdim=True) + 1e-8)
        members = [row[m > 0] for row, m in zip(c, mask)]
        u = torch.cat([state[0, 0], node_type[0, 0]], -1).double()
        change = super().forward(u, p, edges[0, 0], members, centres)[None, None]
        return state[:, :1] + change, change, None


def samples(n, channels, typed, dim=2):
    """Meshes of different sizes, fields around 2."""
    rng, all = np.random.default_rng(5), []
    for k in range(n):
        points, cells = square(5 + k, rng)
        wave = points @ rng.uniform(1, 4, (2, channels)) + rng.uniform(0, 6, channels)
        s = {"points": 3 * points, "cells": cells, "given": (2 + np.sin(wave)).astype(np.float32)}
        if typed:
            s["node_type"] = np.where(np.any((points == 0) | (points == 1), axis=1), 6, 0)
            s["node_type"][3] = 4
        all.append(s)
    return all


def header(path):
    data = pathlib.Path(path).read_bytes()
    return json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])["__metadata__"]


def answer(module, sample, how, call, normalization):
    """The module's own, in the user's units."""
    i = amq.mesh_inputs(sample, normalization=normalization, **how)
    u, x, ends, features, *_ = map(torch.as_tensor, i)
    module.eval()
    with torch.no_grad():
        if call == "x, u":
            y = module(x[None], u[None])[0]
        elif call == "xu":
            y = module(torch.cat([x, u], -1)[None])[0]
        elif call == "graph":
            y = module(SimpleNamespace(x=u, edge_index=ends, edge_attr=features))
        else:
            y = module(u, x if call == "u, x, edges" else features, ends)
    return y.numpy() * normalization["output_deviation"] + normalization["output_mean"]


torch.manual_seed(3)
normalization = {"input_mean": 2, "input_deviation": 0.7, "output_mean": 1, "output_deviation": 3,
                 "centre": [1.5, 1.5], "half_width": 1.5}  # fmt: skip
# name: module, given channels, options of the graph, how it is called
modules = {
    "transolver": (Batched(4, 16, 3, 4, 6, 2, 2), 2, {}, "x, u"),
    "transolver, boundary": (Batched(4, 12, 2, 2, 4, 1, 1), 1, {"boundary": True, "neighbours": 5}, "x, u"),
    "flare": (BatchedFlare(4, 16, 2, 4, 6, 2), 2, {}, "x, u"),
    "flare, public": (PublicFlare(3, 16, 3, 4, 6, 1), 1, {"neighbours": 5}, "xu"),
    "mp_pde": (Steady(16, 2, 0, 2, 2, 0, 1), 2, {"lattices": [2]}, "u, x, edges"),
    "mp_pde, boundary": (Steady(12, 3, 0, 3, 2, 0, 2), 2, {"boundary": True}, "u, x, edges"),
    "mp_pde, layer norm": (LayerNormed(16, 2, 0, 1, 2, 0, 1), 1, {"lattices": [2, 4]}, "u, x, edges"),
    "mesh_graph_net": (WithFeatures(9, 2, 2, 16, 3, True), 2, {"node_types": 7}, "u, features, edges"),
    "mesh_graph_net, plain": (WithFeatures(1, 2, 1, 12, 2, False), 1, {"neighbours": 4}, "u, features, edges"),
    "mesh graph nets of geometric": (Geometric(9, 3, 16, 2, 3), 2, {"node_types": 7}, "graph"),
}
with tempfile.TemporaryDirectory() as folder:
    folder = pathlib.Path(folder)
    at, to = folder / "float.safetensors", folder / "out.safetensors"
    for name, (module, channels, how, call) in modules.items():
        few = samples(4, channels, typed="boundary" in how or "node_types" in how)
        made = amq.from_torch(module, at, few[0], normalization=normalization, **how)
        check(module.training, f"{name}: the module's mode is as it was")
        check(made["dim"] == 2 and made["layers"] in (2, 3), f"{name}: {made}")
        attention = made.get("attention_bits", {"matrix": 0, "rows": 0})
        check(attention == {"matrix": 0, "rows": 0}, f"{name}: attention stays in float, found {attention}")
        report = amq.quantize(at, few, to)  # refuses where amq's float answer is not torch's, by 1e-4
        check(0 < report["error"] < 0.1, f"{name}: the answers change by {report['error']}")
        check(abs(sum(layer["share"] for layer in report["layers"]) - 1) < 1e-9, f"{name}: shares")
        took = [layer["milliseconds"] for layer in report["layers"]]
        check(min(took) > 0 and sum(took) <= report["milliseconds"] * (1 + 1e-9), f"{name}: milliseconds {took}")
        of_rows = {layer["weight"]: layer["of_rows"] for layer in report["layers"]}
        for kept_apart in ("to_qkv", "in_project_slice", "latent_q"):  # tokens and keys, whose bits the model fixes
            check(all(v > 0 for k, v in of_rows.items() if k.endswith(kept_apart)), f"{name}: {kept_apart} {of_rows}")
        check(report["float_difference"] < 1e-5, f"{name}: amq in float is {report['float_difference']} from torch")
        check(report["bytes"] < 0.7 * report["bytes_of_float"], f"{name}: {report['bytes']} bytes")
        shown = subprocess.run([sys.argv[1], "inspect", to], capture_output=True, text=True).stdout
        bits = re.findall(r"^\S+weight +\d+ x [\d x]*?\d +\d+ +(\d+) +\d+$", shown, re.M)
        check("8" in bits and "4" not in bits, f"{name}: inspect says bits: {shown}")
        small = pathlib.Path(folder) / "small.safetensors"
        amq.quantize(at, few, small, bytes=int(0.75 * report["bytes"]))
        shown = subprocess.run([sys.argv[1], "inspect", small], capture_output=True, text=True).stdout
        bits = re.findall(r"^\S+weight +\d+ x [\d x]*?\d +\d+ +(\d+) +\d+$", shown, re.M)
        check(bits.count("4") > 2, f"{name}: inspect says weights of 4 bits: {shown}")
        # And back: another module of these sizes gets every number.
        other = copy.deepcopy(module)
        with torch.no_grad():
            for p in other.parameters():
                p.fill_(7)
        same = amq.to_torch(at, other).state_dict()
        check(all(torch.allclose(v, same[k], rtol=1e-6) for k, v in module.state_dict().items()), f"{name}: back")
        # The model file solves on meshes of another size, in the user's units, near torch.
        solver = amq.load(to)
        s = few[3]
        u, cost = solver.mesh(s["points"], s["cells"], node_type=s.get("node_type")).solve(s["given"], report=True)
        y = answer(module, s, how, call, normalization)
        check(np.linalg.norm(u - y) < 0.2 * np.linalg.norm(y - y.mean(0)), f"{name}: {np.linalg.norm(u - y)} off")
        check(cost["outside"] < 0.1, f"{name}: {cost['outside']} outside of what it was quantized on")
        check(solver.info["nodes"] == (36, 81), f"{name}: {solver.info['nodes']}")

    # Time and parameters of the equation, and windows of steps.
    for name, module, channels, how in (
        ("mp_pde, variables", InTime(16, 2, 0, 2, 2, 2, 3), 2, {"variable_scale": [2, 3]}),
        ("mp_pde, 20 steps", InTime(128, 2, 20, 20, 2, 1), 20, {"variable_scale": [2], "time_step": 0.1}),
        ("mp_pde, 25 steps", InTime(128, 1, 25, 25, 2, 3), 25, {"time_step": 0.1, "boundary": False}),
        ("mp_pde, 50 steps", InTime(128, 1, 50, 50, 2, 1), 50, {"time_step": 2, "lattices": [2]}),
    ):
        few = samples(3, channels, typed=False)
        n = module.gnn_layers[0].update_net_1[0].in_features - 2 * module.embedding_mlp[2].out_features
        for k, s in enumerate(few):
            s["variables"] = 0.5 + k + np.arange(n)
        amq.from_torch(module, at, few[0], **how)
        report = amq.quantize(at, few, to)
        check(report["float_difference"] < 1e-5, f"{name}: amq in float is {report['float_difference']} from torch")
        check(report["error"] < 0.1, f"{name}: the answers change by {report['error']}")
        solver, s = amq.load(to), few[2]
        u = solver.mesh(s["points"], s["cells"]).solve(s["given"], variables=s["variables"])
        step = how.pop("time_step", 0)
        i = amq.mesh_inputs(s, **how)
        with torch.no_grad():
            y = module(*map(torch.as_tensor, (i.u, i.x, i.variables, i.edge_index))).numpy()
        y = s["given"][:, -1:] + step * np.arange(1, channels + 1) * y if step else y
        check(np.linalg.norm(u - y) < 0.1 * np.linalg.norm(y), f"{name}: {np.linalg.norm(u - y) / np.linalg.norm(y)}")
        check(np.allclose(i.variables, s["variables"] / how.get("variable_scale", np.ones(n))), f"{name}: variables")
        refused("variables, as the module reads them", lambda: amq.from_torch(module, at, {**s, "variables": [1] * 9}))
        refused(f"expected {n} of time and parameters", lambda: amq.quantize(at, [{**s, "variables": [1.0] * 9}], to))

    # EAGLE's GraphViT, called as its code and by the user.
    own = dict(node_types=9, cluster_size=6)
    vit = Eagle(2 + 9, 16, 24, 2, 2, 4, 2).double()
    few = samples(3, 2, typed=True)
    amq.from_torch(vit, at, few[0], **own)
    other = Eagle(2 + 9, 16, 24, 2, 2, 4, 2).double()
    same = amq.to_torch(at, other).state_dict()
    check(all(torch.allclose(v, same[k], rtol=1e-6) for k, v in vit.state_dict().items()), "GraphViT: back")
    report = amq.quantize(at, few, to)
    check(report["float_difference"] < 1e-5, f"GraphViT: amq in float is {report['float_difference']} from torch")
    check(report["error"] < 0.1, f"GraphViT: the answers change by {report['error']}")
    amq.from_torch(vit, folder / "own.safetensors", few[0], **own, call=lambda m, i: GraphViT.forward(
        m, i.u.double(), i.x.double(), i.edge_index.flip(0).T, [c[c < len(i.x)] for c in i.clusters],
        torch.stack([i.x[c[c < len(i.x)]].mean(0) if (c < len(i.x)).any() else i.x[0] for c in i.clusters]).double()))
    check(amq.quantize(folder / "own.safetensors", few, to)["float_difference"] < 1e-5, "GraphViT by its rows")
    i = amq.mesh_inputs(few[1], cluster_size=6, node_types=9)
    held = np.sort(i.clusters[i.clusters < len(i.x)])
    check(i.clusters.shape[1] <= 6 and np.array_equal(held, np.arange(len(i.x))), "each node is in one cluster")
    check(amq.mesh_inputs(few[1]).clusters.shape == (0, 0), "clusters where they are asked for")
    refused("cluster_size", lambda: amq.from_torch(vit, at, few[0], node_types=9, cluster_size=-1))
    refused("11 channels", lambda: amq.from_torch(vit, at, few[0]))

    # What the module is called with is the user's to say, and names are mapped.
    module, channels, how, _ = modules["mp_pde"]
    few = samples(3, channels, False)
    plain = MpPde(16, 2, 0, 2, 2, 0, 1)
    plain.load_state_dict(module.state_dict())
    plain.encoder = plain.embedding_mlp
    del plain.embedding_mlp

    def call(m, i):
        m.embedding_mlp = m.encoder
        try:
            return m(i.u, i.x, i.u[:, :0], i.edge_index.flip(0).T)
        finally:
            del m.embedding_mlp

    own = dict(normalization=normalization, **how)
    amq.from_torch(plain, folder / "other.safetensors", few[0], rename={"encoder": "embedding_mlp"}, call=call, **own)
    amq.from_torch(module, at, few[0], given=["a", "b"], solution=["u"], **own)
    ours, theirs = at.read_bytes(), (folder / "other.safetensors").read_bytes()
    check(json.loads(header(at)["amq.trained_on"])["given_names"] == ["a", "b"], "names of channels")
    n = [8 + int.from_bytes(b[:8], "little") for b in (ours, theirs)]
    check(ours[n[0] :] == theirs[n[1] :], "call and rename give the same file")
    eight = amq.quantize(at, few, to)
    check(amq.load(to).info["solution"][0][0] == "u", "names reach the model file")
    loose = amq.quantize(at, few, to, error=0.2)
    check(loose["error"] <= 0.2 and any(layer["weight_bits"] == 4 for layer in loose["layers"]), "mixed bits")
    check(loose["bytes"] < eight["bytes"], "mixed bits are smaller")
    again = amq.quantize(at, [type("Sample", (), s) for s in few], folder / "again.safetensors")
    check(again["error"] == eight["error"], "samples may be objects")

    # What a network reads of a sample.
    i = amq.mesh_inputs(few[0], **own)
    x = ((few[0]["points"] - 1.5) / 1.5).astype(np.float32)
    check(np.allclose(i.x, x, atol=1e-6) and np.allclose(i.u, (few[0]["given"] - 2) / 0.7, atol=1e-6), "u and x")
    j, k = i.edge_index
    check(np.array_equal(i.edge_features[:, :2], i.x[k] - i.x[j]), "receiver less sender")
    check(np.allclose(i.edge_features[:, 2], np.linalg.norm(i.x[k] - i.x[j], axis=1)), "length of an edge")
    sides = {tuple(sorted(e)) for c in few[0]["cells"] for e in ((c[0], c[1]), (c[1], c[2]), (c[2], c[0]))}
    bare = amq.mesh_inputs(few[0])
    check({tuple(sorted(e)) for e in bare.edge_index.T.tolist()} == sides, "edges are the sides of cells")
    check(len(i.edge_index[0]) > 2 * len(sides) == len(bare.edge_index[0]), "lattices add edges")
    check(np.array_equal(bare.x, few[0]["points"].astype(np.float32)), "positions as they are")
    marked = amq.mesh_inputs({**few[0]}, boundary=True, mark_boundary=True)
    check(np.array_equal(marked.u[:, 2], (np.abs(x).max(1) > 1 - 1e-6).astype(np.float32)), "marks of the boundary")
    cloud = amq.mesh_inputs({"points": few[0]["points"], "given": few[0]["given"]})
    check(np.all(np.bincount(cloud.edge_index[1]) == 8), "a cloud has 8 neighbours")

    # The tool reads folders of samples.
    if len(sys.argv) > 1:
        for k, s in enumerate(few):
            (folder / "few").mkdir(exist_ok=True)
            np.savez(folder / "few" / f"{k}.npz", **s)
        by_tool = folder / "by_tool.safetensors"
        done = subprocess.run([sys.argv[1], "quantize", at, "--samples", folder / "few", "-o", by_tool],
                              capture_output=True, text=True, timeout=120)  # fmt: skip
        check(done.returncode == 0 and "gnn_layers.1.update" in done.stdout, f"{done.stdout}{done.stderr}")
        check(by_tool.exists() and by_tool.read_bytes() == (folder / "again.safetensors").read_bytes(),
              "the tool writes the same file")  # fmt: skip
        few_bops, text = folder / "few_bops.safetensors", str(0.5 * amq.quantize(at, few, folder / "eight")["bops"])
        done = subprocess.run([sys.argv[1], "quantize", at, "--samples", folder / "few", "-o", few_bops, "--bops", text],
                              capture_output=True, text=True, timeout=120)  # fmt: skip
        amq.quantize(at, few, folder / "less.safetensors", bops=float(text))
        check(done.returncode == 0 and few_bops.read_bytes() == (folder / "less.safetensors").read_bytes(),
              f"the tool keeps bit operations: {done.stderr}")  # fmt: skip
        shown = subprocess.run([sys.argv[1], "inspect", few_bops], capture_output=True, text=True).stdout
        check("rows of" in shown, f"inspect says bits of rows: {shown}")
        bad = subprocess.run([sys.argv[1], "quantize", at, "--samples", folder / "few", "-o", few_bops,
                              "--milliseconds", "1e-9"], capture_output=True, text=True, timeout=120)  # fmt: skip
        check(bad.returncode == 1 and "fewest bits that save time" in bad.stderr, bad.stderr)
        module_b, _, how_b, _ = modules["mp_pde, boundary"]
        marks, three = folder / "marks.safetensors", samples(3, 2, False)
        (folder / "three").mkdir()
        for k, s in enumerate(three):
            np.savez(folder / "three" / f"{k}.npz", **s)
        amq.from_torch(module_b, marks, three[0], mark_boundary=True, **how_b)
        amq.quantize(marks, three, folder / "again.safetensors", mark_boundary=True)
        done = subprocess.run([sys.argv[1], "quantize", marks, "--samples", folder / "three", "-o", by_tool],
                              capture_output=True, text=True, timeout=120)  # fmt: skip
        check(done.returncode == 0 and by_tool.read_bytes() == (folder / "again.safetensors").read_bytes(),
              f"the tool marks boundaries: {done.stderr}")  # fmt: skip
        bad = subprocess.run([sys.argv[1], "quantize", at, "--samples", folder, "-o", by_tool], capture_output=True,
                             text=True, timeout=60)  # fmt: skip
        check(bad.returncode == 1 and "samples in .npz, .vtk (legacy) or .vtu" in bad.stderr, bad.stderr)

    s = few[0]
    export = lambda m=module, sample=s, **more: amq.from_torch(m, at, sample, **{**own, **more})  # noqa: E731
    refused("solves on meshes", lambda: export(sample=np.zeros((4, 4, 2), np.float32)))
    refused("solves on meshes", lambda: export(axes=[np.arange(3)]))
    refused("options of mesh_inputs", lambda: export(latices=[4]))
    refused("whole numbers from 1 on", lambda: export(lattices=[0]))
    refused("2 numbers, or one for all", lambda: export(normalization={"centre": [0.5] * 3}))
    refused("half_width", lambda: export(normalization={"half_width": 0}))
    refused("2 channels, as the module reads them", lambda: export(boundary=True, mark_boundary=True))
    refused("type for every node", lambda: export(boundary=True))
    refused("with 'given'", lambda: export(sample={"points": s["points"]}))
    refused("ids from 0", lambda: export(sample={**s, "cells": s["cells"] + 5}))
    refused("finite", lambda: export(sample={**s, "given": s["given"] * np.nan}))
    refused("a function (module, inputs)", lambda: export(call=3))
    refused("an answer to the sample", lambda: export(call=lambda m, i: m(i.u)))
    refused("a finite answer (node, 1)", lambda: export(call=lambda m, i: i.u))
    refused("2 names or none", lambda: export(given=["a"]))
    refused("1 variables, as the module reads them", lambda: export(MpPde(16, 2, 0, 2, 2, 1, 1)))
    narrow = MpPde(128, 1, 25, 25, 2, 0)
    narrow.output_mlp[2] = nn.Conv1d(8, 1, 3)
    refused("20, 25 or 50 steps", lambda: amq.from_torch(narrow, at, samples(1, 25, False)[0]))
    refused("time_step", lambda: amq.from_torch(MpPde(128, 1, 25, 25, 2, 0), at, samples(1, 25, False)[0]))
    refused("0 or more, found -1", lambda: amq.from_torch(MpPde(128, 1, 25, 25, 2, 0), at, samples(1, 25, False)[0],
                                                          time_step=-1))  # fmt: skip
    lone = BatchedFlare(4, 16, 1, 4, 6, 2)
    del lone.blocks[0].att.heads
    refused("an attribute num_heads", lambda: amq.from_torch(lone, at, samples(1, 2, False)[0]))
    lone = BatchedFlare(4, 16, 1, 4, 6, 2)
    lone.blocks[0].mlp = ResidualMLP(16, 16, 16, 1, True, True)
    refused("a tensor blocks.0.mlp.fcs.1.weight", lambda: amq.from_torch(lone, at, samples(1, 2, False)[0]))
    refused("a tensor output_mlp.0.weight", lambda: export(rename={"output_mlp": "no"}))
    module.extra = nn.Linear(2, 2)
    refused("extra.bias, extra.weight", export)
    del module.extra
    heads = Batched(4, 16, 1, 4, 6, 2, 2)
    heads.blocks[0].Attn.temperature = nn.Parameter(torch.ones(1, 3, 1, 1))
    refused("heads that divide", lambda: amq.from_torch(heads, at, samples(1, 2, False)[0]))
    amq.from_torch(module, at, s, normalization=normalization)  # other edges than the module's
    amq.quantize(at, few, to)  # torch was given the same
    near = Batched(4, 16, 1, 4, 6, 2, 2)
    near.first = near.preprocess
    del near.preprocess
    refused("nearest: Transolver of Wu et al.", lambda: amq.from_torch(near, at, samples(1, 2, False)[0]))

    export()
    refused("meshes with given fields", lambda: amq.quantize(at, np.zeros((3, 36, 2), np.float32), to))
    refused("quantize, sample 1", lambda: amq.quantize(at, [few[0], {**few[1], "given": few[1]["given"][:, :1]}], to))
    refused("cells", lambda: amq.quantize(at, [{**few[0], "cells": None}], to))
    refused("a scheme like", lambda: amq.quantize(at, few, to, scheme="int8"))
    refused("16 bits reach", lambda: amq.quantize(at, few, to, error=1e-9))
    export(call=lambda m, i: 1.01 * m(i.u, i.x, i.edge_index))  # not what its names say
    refused("computes something else", lambda: amq.quantize(at, few, to))
    amq.quantize(folder / "other.safetensors", few[0], to)  # one sample
    refused("quantized already", lambda: amq.quantize(to, few, at))

end()
