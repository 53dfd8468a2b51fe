#!/usr/bin/env python3
"""amq.nn: its modules compute what amq's networks do, and go to float files and back number by number.
Usage: nn_test.py  (with the built package on PYTHONPATH)"""
import copy
import inspect
import pathlib
import subprocess
import sys
import tempfile

try:
    import numpy as np
    import torch
except ImportError:
    print("numpy or torch is not there")
    sys.exit(77)

import amq
import amq.nn
from checks import check, end, refused
from train_data import problems, small, square

rng = np.random.default_rng(5)


def fields(n, *shape):
    """Smooth, around 2."""
    k = np.stack(np.meshgrid(*[np.linspace(0, 3, p) for p in shape[:-1]], indexing="ij"), -1).sum(-1)
    phase = rng.uniform(0, 6, (n, *[1] * len(shape[:-1]), shape[-1]))
    return (2 + np.sin(k[None, ..., None] + phase)).astype(np.float32)


def meshes(n, channels, variables=0):
    """Meshes of different sizes."""
    all = []
    for k in range(n):
        points, cells = square(5 + k, rng)
        wave = points @ rng.uniform(1, 4, (2, channels)) + rng.uniform(0, 6, channels)
        types = np.where(np.any((points == 0) | (points == 1), axis=1), 6, 0)
        all.append({"points": 3 * points, "cells": cells, "given": (2 + np.sin(wave)).astype(np.float32),
                    "node_type": types, "variables": 0.5 + k + np.arange(variables)})  # fmt: skip
    return all


def made(make, **sizes):
    """A module no number of which is what it begins with, norms that have seen something included."""
    module = make(**sizes)
    with torch.no_grad():
        for p in module.parameters():
            if p.dim() < 2:
                p.add_(0.2 * torch.randn_like(p))
        for b in module.buffers():
            if b.is_floating_point():
                b.copy_(0.5 + torch.rand_like(b))
    return module


def other_than(module, make, **sizes):
    other = make(**sizes)
    with torch.no_grad():
        for p in [*other.parameters(), *(b for b in other.buffers() if b.is_floating_point())]:
            p.fill_(7)
    return other


def same_numbers(a, b):
    a, b = a.state_dict(), b.state_dict()
    own = {k for k in a if not k.endswith("num_batches_tracked")}
    return own == {k for k in b if k in own} and all(torch.equal(a[k], b[k]) for k in own)


compiled_types = set()
can_compile = tuple(map(int, torch.__version__.split(".")[:2])) >= (2, 4)  # earlier ones lacked parts


def laws(name, module, forward, u):
    """Of any module: forward(module, u) with u (sample, ...)."""
    was, module = module, copy.deepcopy(module)
    if type(was) in compiled_types:
        compiles = False
    else:
        compiles = can_compile
        compiled_types.add(type(was))
    module.eval()
    with torch.no_grad():
        both, first, second = forward(module, u), forward(module, u[:1]), forward(module, u[1:])
        off = (both - torch.cat((first, second))).abs().max() / both.abs().max()
        check(off < 1e-5, f"{name}: two samples together are {off} from each alone")
        twice = copy.deepcopy(module).double()
        exact = forward(twice, u.double())
        meta = forward(copy.deepcopy(module).to("meta"), u.to("meta"))
        check(meta.device.type == "meta" and meta.shape == both.shape, f"{name}: nothing is made on another device")
        off = (exact - both).norm() / exact.norm()
        check(exact.dtype == torch.float64 and off < 1e-5, f"{name}: float64 is {off} away, in {exact.dtype}")
    module.train()
    learner = copy.deepcopy(module)
    optimizer = torch.optim.Adam(learner.parameters(), 1e-4)
    sought = torch.randn_like(both)
    losses = []
    for _ in range(2):
        loss = torch.nn.functional.mse_loss(forward(learner, u), sought)
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        bare = [k for k, p in learner.named_parameters() if p.grad is None or not bool(torch.isfinite(p.grad).all())]
        check(not bare, f"{name}: no gradient of {bare}")
        optimizer.step()
    check(losses[1] < losses[0], f"{name}: a step goes from {losses[0]} to {losses[1]}")
    if compiles:  # what torch.compile traces is one graph, but for torch's own GRU
        whole = not any(isinstance(m, torch.nn.RNNBase) for m in module.modules())
        torch._dynamo.reset()
        compiled = torch.compile(module.eval(), backend="eager", fullgraph=whole, dynamic=False)
        with torch.no_grad():
            off = (forward(compiled, u) - both).abs().max() / both.abs().max()
        check(off < 1e-5, f"{name}: compiled is {off} away")


def arguments(make, i):
    """Of forward(): on() is a method of what torch.compile was given, not of what it returns."""
    if make is amq.nn.MpPde:
        return (i.u, i.x, i.variables, i.edge_index) if i.variables.numel() else (i.u, i.x, i.edge_index)
    if make is amq.nn.MeshGraphNet:
        return i.u, i.edge_features, i.edge_index
    if make is amq.nn.GraphVit:
        return i.u, i.x, i.edge_index, i.clusters
    return i.x, i.u, i.variables if i.variables.numel() else None


def round_trip(name, module, make, sizes, few, answer, folder, **how):
    """To a float file, to integers, and back."""
    at, to = folder / "float.safetensors", folder / "out.safetensors"
    given = amq.from_torch(module, at, few[0], **how)
    check(given["network"] == make.network and module.training, f"{name}: {given}")
    report = amq.quantize(at, few, to)
    check(report["float_difference"] < 1e-5, f"{name}: amq in float is {report['float_difference']} from torch")
    check(0 < report["error"] < 0.25, f"{name}: the answers change by {report['error']}")
    second = amq.to_torch(at, other_than(module, make, **sizes))
    check(same_numbers(module, second), f"{name}: back to a second module")
    third = amq.nn.from_file(at)
    check(type(third) is make and same_numbers(module, third), f"{name}: from its file")
    with torch.no_grad():
        check(torch.equal(answer(module.eval()), answer(third.eval())), f"{name}: the file's module says the same")
    module.train()
    amq.from_torch(third.train(), folder / "again.safetensors", few[0], **how)
    again = (folder / "again.safetensors").read_bytes()
    check(at.read_bytes() == again, f"{name}: the file's module gives the same file")
    amq.from_torch(module.double(), folder / "again.safetensors", few[0], **how)
    report = amq.quantize(folder / "again.safetensors", few, to)
    check(report["float_difference"] < 1e-5, f"{name}: from float64 {report['float_difference']}")
    module.float()


torch.manual_seed(3)
fno = dict(width=6, layers=3, projection=9)
grids = {
    "FNO 1-D": (amq.nn.FNO, dict(fno, dims=1, modes=4, inputs=2), (17, 2)),
    "FNO 2-D": (amq.nn.FNO, dict(fno, dims=2, modes=(3, 4), inputs=3, outputs=2, padding=9), (9, 11, 3)),
    "FNO 3-D": (amq.nn.FNO, dict(fno, dims=3, modes=(2, 1, 3), inputs=1, padding=(0, 0, 6)), (6, 5, 4, 1)),
    "FNO, periodic": (amq.nn.FNO, dict(fno, modes=3, inputs=1, padding=0, periodic=True), (8, 10, 1)),
    "FNO, MLPs": (amq.nn.FNO, dict(fno, modes=3, inputs=1, lifting=8, channel_mlp=5), (8, 10, 1)),
    "FNO, MLPs and gates": (
        amq.nn.FNO, dict(fno, modes=3, inputs=1, channel_mlp=5, skip="gate", channel_skip="linear"), (8, 10, 1)),
    "FNO, twice": (amq.nn.FNO, dict(fno, modes=3, inputs=1, skip="gate", activates_twice=True), (8, 10, 1)),
    "UNet 1-D": (amq.nn.UNet, dict(dims=1, inputs=3, outputs=2, features=4), (32, 3)),
    "UNet 2-D": (amq.nn.UNet, dict(inputs=2, features=4, levels=3), (8, 16, 2)),
    "UNet 3-D": (amq.nn.UNet, dict(dims=3, inputs=1, features=3, levels=2), (4, 8, 4, 1)),
    "ModernUnet 1-D": (
        amq.nn.ModernUnet, dict(dims=1, inputs=3, outputs=2, features=16, multipliers=(1, 2, 2), blocks=1,
                                attention=(False, False, True), middle_attention=True), (16, 3)),
    "ModernUnet 2-D": (
        amq.nn.ModernUnet, dict(inputs=1, features=8, multipliers=(1, 2), attention=(False, True)), (8, 12, 1)),
    "ModernUnet, no norm": (
        amq.nn.ModernUnet, dict(inputs=2, features=6, multipliers=(2, 1, 3), norm=False, blocks=1), (8, 4, 2)),
    "ModernUnet 3-D": (
        amq.nn.ModernUnet, dict(dims=3, inputs=1, features=8, multipliers=(1, 2), blocks=1), (4, 4, 6, 1)),
    "PatchTransformer 1-D": (
        amq.nn.PatchTransformer, dict(dims=1, inputs=3, outputs=2, patch=2, width=12, layers=2, heads=3, mlp_ratio=2),
        (16, 3)),
    "PatchTransformer 2-D": (amq.nn.PatchTransformer, dict(inputs=1, width=8, layers=1, heads=2), (8, 12, 1)),
    "PatchTransformer 3-D": (
        amq.nn.PatchTransformer, dict(dims=3, inputs=1, patch=2, width=8, layers=1, heads=1), (4, 2, 6, 1)),
    "GalerkinTransformer 1-D": (
        amq.nn.GalerkinTransformer, dict(dims=1, inputs=1, width=8, layers=2, heads=1, hidden=12, kind="fourier",
                                         norm_eps=1e-5, modes=5, decoder_positions=False, projection=9), (24, 1)),
    "GalerkinTransformer 2-D": (
        amq.nn.GalerkinTransformer, dict(inputs=2, outputs=2, width=12, layers=2, heads=3, hidden=16, modes=3,
                                         spectral_width=6, projection=10), (8, 12, 2)),
    "GalerkinTransformer, coarse": (
        amq.nn.GalerkinTransformer, dict(inputs=1, width=8, layers=1, heads=2, coarsen=2, modes=3, spectral_layers=1,
                                         spectral_width=7), (8, 12, 1)),
    "GalerkinTransformer 3-D": (
        amq.nn.GalerkinTransformer, dict(dims=3, inputs=1, width=8, layers=1, heads=2, modes=2, spectral_width=5),
        (6, 4, 5, 1)),
}  # fmt: skip
normalization = {"input_mean": 2, "input_deviation": 0.7, "output_mean": 1, "output_deviation": 3}
positions = {"centre": [1.5, 1.5], "half_width": 1.5}
meshed = {
    "MpPde": (amq.nn.MpPde, dict(hidden=16, layers=2, inputs=2), {"lattices": [2]}),
    "MpPde, layer norm": (
        amq.nn.MpPde, dict(hidden=12, layers=3, inputs=3, outputs=2, norm="layer"), {"boundary": True}),
    "MpPde, variables": (
        amq.nn.MpPde, dict(hidden=12, layers=2, inputs=2, variables=2, outputs=3), {"variable_scale": [2, 3]}),
    "MpPde, 20 steps": (
        amq.nn.MpPde, dict(layers=1, window=20, variables=1), {"variable_scale": [2], "time_step": 0.1}),
    "MeshGraphNet": (amq.nn.MeshGraphNet, dict(hidden=16, layers=3, inputs=9), {"node_types": 7}),
    "MeshGraphNet, plain": (amq.nn.MeshGraphNet, dict(hidden=12, layers=2, inputs=1, outputs=1, block_norm=False),
                            {"neighbours": 4}),
    "MeshGraphNet, one layer": (amq.nn.MeshGraphNet, dict(hidden=12, layers=2, inputs=2, outputs=1, hidden_layers=1), {}),
    "MeshGraphNet, three": (amq.nn.MeshGraphNet, dict(hidden=12, layers=1, inputs=2, outputs=3, hidden_layers=3), {}),
    "GraphVit": (amq.nn.GraphVit, dict(hidden=16, width=24, layers=2, blocks=2, inputs=9, outputs=2, cluster_size=6),
                 {"node_types": 7, "cluster_size": 6}),
    "Transolver": (
        amq.nn.Transolver, dict(hidden=16, layers=3, heads=4, tokens=6, mlp_ratio=2, inputs=2, outputs=2), {}),
    "Transolver, variables": (
        amq.nn.Transolver, dict(hidden=12, layers=2, heads=2, tokens=4, inputs=1, variables=2), {}),
    "Flare": (amq.nn.Flare, dict(hidden=16, layers=2, heads=4, tokens=6, inputs=2, outputs=2), {}),
    "Flare, tanh": (amq.nn.Flare, dict(hidden=12, layers=2, heads=2, tokens=5, inner=1, inner_of_ends=0, inputs=1,
                                       activation="gelu_tanh"), {}),
    "Flare, swish": (amq.nn.Flare, dict(hidden=12, layers=2, heads=2, tokens=5, inputs=1, variables=1,
                                        activation="swish"), {}),
}  # fmt: skip
tried = set(sys.argv[1:])

with tempfile.TemporaryDirectory() as folder:
    folder = pathlib.Path(folder)
    for name, (make, sizes, shape) in grids.items():
        if tried and not any(t in name for t in tried):
            continue
        module, few = made(make, **sizes), fields(4, *shape)
        first = make in (amq.nn.UNet, amq.nn.ModernUnet)
        u = torch.as_tensor(few[:2]).movedim(-1, 1) if first else torch.as_tensor(few[:2])
        round_trip(name, module, make, sizes, few, lambda m: m(u), folder, normalization=normalization)
        laws(name, module, lambda m, u: m(u), u)
        more = torch.cat((u, u[:, :1]), 1) if first else torch.cat((u, u[..., :1]), -1)
        refused(f"amq.nn.{make.__name__}: expected", lambda: module(more))

    for name, (make, sizes, how) in meshed.items():
        if tried and not any(t in name for t in tried):
            continue
        module = made(make, **sizes)
        marks = how.get("node_types", 0) + how.get("boundary", False)
        few = meshes(4, module.inputs - marks, sizes.get("variables", 0))
        norm = positions if "time_step" in how else {**normalization, **positions}
        i = amq.nn.tensors(amq.mesh_inputs(few[0], normalization=norm, **how))
        round_trip(name, module, make, sizes, few, lambda m: m.on(i), folder, normalization=norm, **how)
        options = amq.nn.options_of(folder / "float.safetensors")
        again = amq.nn.tensors(amq.mesh_inputs(few[0], **options))
        check(all(torch.equal(a, b) for a, b in zip(i, again)), f"{name}: the file's options")

        def forward(m, u):
            t = amq.nn.MeshInputs(*(t.to(u.device, u.dtype) if t.is_floating_point() else t.to(u.device) for t in i))
            return m(*arguments(make, t._replace(u=u)))

        u = torch.stack((i.u, i.u.flip(0)))
        laws(name, module, forward, u)
        # Whoever numbers the nodes otherwise gets the same answer.
        n = len(i.x)
        order = torch.randperm(n)
        place = torch.empty_like(order)
        place[order] = torch.arange(n)
        mixed = i._replace(u=i.u[order], x=i.x[order], variables=i.variables[order], edge_index=place[i.edge_index],
                           clusters=torch.cat((place, torch.tensor([n])))[i.clusters])  # fmt: skip
        with torch.no_grad():
            y, z = module.eval().on(i), module.on(mixed)
            check(torch.equal(y, forward(module, i.u)), f"{name}: on() and forward()")
        off = (y[order] - z).abs().max() / y.abs().max()
        check(off < 1e-5, f"{name}: other numbers of nodes change the answer by {off}")
        refused(f"amq.nn.{make.__name__}, u: expected rows of", lambda: module.on(i._replace(u=i.u.repeat(1, 2))))

    if not tried or "unsupported" in tried:
        at, few = folder / "f", fields(1, 8, 8, 1)[0]
        module = amq.nn.ModernUnet(inputs=1, features=8, multipliers=(1, 2))
        refused("padding: expected none: ModernUnet", lambda: amq.from_torch(module, at, few, padding=2))
        refused("expected 1 channels, found 3", lambda: amq.from_torch(module, at, fields(1, 8, 8, 3)[0]))
        refused("weights of 3 axes, found (8, 1, 3, 3)", lambda: amq.from_torch(module, at, fields(1, 8, 1)[0]))
        module.more = torch.nn.Linear(2, 2)
        refused("alone, found more.bias, more.weight", lambda: amq.from_torch(module, at, few))
        module = amq.nn.PatchTransformer(inputs=1, width=8, layers=1, heads=2)
        del module.blocks[0].attn.num_heads
        refused("an attribute num_heads", lambda: amq.from_torch(module, at, few))
        module = torch.nn.Sequential(torch.nn.Linear(1, 1))
        refused("the PatchTransformer of amq.nn", lambda: amq.from_torch(module, at, few))
    if not tried or "training" in tried:
        # What amq itself has trained goes on in torch: the float parameters lie in the training's folder.
        place, file = folder / "training", folder / "trained.safetensors"
        for keep_best in (True, False):
            samples = problems(8)
            how = {**small, "keep_best": keep_best}
            amq.train(samples, "mp_pde", kind="quantized", folder=str(place), out=file, **how)
            module = amq.nn.from_file(file, place / "float.safetensors")
            options = amq.nn.options_of(file)
            solver, s = amq.load(file), samples[0]
            u = solver.mesh(s["points"], s["cells"]).solve(s["given"])
            with torch.no_grad():
                y = module.on(amq.nn.tensors(amq.mesh_inputs(s, **options))).numpy()
            norm = options["normalization"]
            y = y * np.float32(norm["output_deviation"]) + np.float32(norm["output_mean"])
            off = np.linalg.norm(u - y) / np.linalg.norm(y - y.mean(0))
            check(off < 0.1, f"trained by amq: integers are {off} from the float parameters in torch")
            place = folder / "training 2"
        at = folder / "float.safetensors"
        amq.from_torch(module, at, samples[0], **options)
        check(amq.quantize(at, samples, folder / "o")["float_difference"] < 1e-5, "and back")
        refused("a float file", lambda: amq.nn.from_file(file))
        refused("checkpoint of a float training", lambda: amq.nn.from_file(file, file))
        refused("a model file beside", lambda: amq.nn.from_file(place / "float.csv", place / "float.safetensors"))
        refused("No such file", lambda: amq.nn.from_file(folder / "no"))
        refused("a float file or a model file", lambda: amq.nn.options_of(__file__))

# Sizes that make no network.
z = torch.zeros
for words, call in (
    ("1 to 3 dimensions", lambda: amq.nn.FNO(4)),
    ("width = 0", lambda: amq.nn.FNO(width=0)),
    ("whole numbers from 1 on, found width = 2.5", lambda: amq.nn.FNO(width=2.5)),
    ("modes and padding of each axis", lambda: amq.nn.FNO(3, modes=(2, 2))),
    ("16 x 14 points for its modes, found 10 x 10", lambda: amq.nn.FNO(modes=8)(z(1, 8, 8, 10))),
    ("on the field's grid", lambda: amq.nn.FNO(modes=2)(z(1, 8, 8, 10), z(8, 7, 2))),
    ("a multiple of 16 points", lambda: amq.nn.UNet()(z(1, 10, 24, 16))),
    ("a multiple of 8", lambda: amq.nn.ModernUnet(features=12)),
    ("heads that divide the width", lambda: amq.nn.PatchTransformer(width=10)),
    ("kind 'galerkin' or 'fourier'", lambda: amq.nn.GalerkinTransformer(kind="other")),
    ("a window of 20, 25 or 50", lambda: amq.nn.MpPde(window=10)),
    ("u, x, variables, edge_index", lambda: amq.nn.MpPde(variables=1)(z(3, 1), z(3, 2), z(2, 1))),
    ("(2, edge)", lambda: amq.nn.MpPde()(z(3, 1), z(3, 2), z(4, 2).long())),
    ("heads that divide", lambda: amq.nn.GraphVit(width=511)),
    ("(cluster, most)", lambda: amq.nn.GraphVit()(z(3, 13), z(3, 2), z(2, 1).long(),
                                                  z(0, 0).long())),
    ("heads that divide", lambda: amq.nn.Transolver(hidden=12)),
    ("0 variables, found some", lambda: amq.nn.Transolver(inputs=1)(z(3, 2), z(3, 1), z(3, 1))),
    ("activation gelu", lambda: amq.nn.Flare(activation="relu")),
):  # fmt: skip
    refused(words, call)

# Every size has the default of the C++ configuration.
headers = {"FNO": "fno", "UNet": "unet", "ModernUnet": "modern_unet", "PatchTransformer": "transformer",
           "GalerkinTransformer": "transformer", "MpPde": "mp_pde", "MeshGraphNet": "mesh_graph_net",
           "GraphVit": "graph_vit", "Transolver": "transolver", "Flare": "flare"}  # fmt: skip
include = pathlib.Path(__file__).resolve().parents[2] / "include/amq/models"
for name, stem in headers.items():
    make = getattr(amq.nn, name)
    text = (include / f"{stem}.hpp").read_text()
    text = text.split(f"struct {make.network}Config {{")[1].split("[[nodiscard]]")[0]
    for size, p in inspect.signature(make).parameters.items():
        line = next((part for part in text.splitlines() if f" {size} = " in part or f" {size}{{" in part), None)
        if isinstance(p.default, str):
            check(line and line.split(";")[0].endswith("::" + p.default), f"{name}, {size}: {line}")
        elif isinstance(p.default, tuple):
            check(line and "{" + ", ".join(map(str, p.default)) + "}" in line, f"{name}, {size}: {line}")
        elif isinstance(p.default, bool) and size != "periodic":  # positions are passed to the C++ network
            check(line and f"= {str(p.default).lower()};" in line, f"{name}, {size}: {line}")
        elif size not in ("modes", "padding", "periodic") or name == "GalerkinTransformer":
            check(line and float(line.split("=")[1].split(";")[0]) == p.default, f"{name}, {size}: {line}")
check(amq.nn.FNO().modes == (12, 12) and amq.nn.FNO().padding == (2, 2), "modes and padding of FNO")

# Without torch there is one sentence, and amq itself works.
without = "import sys; sys.modules['torch'] = None; import amq; amq.networks()\nimport amq.nn"
done = subprocess.run([sys.executable, "-c", without], capture_output=True, text=True, timeout=60)
check(done.returncode == 1 and "ImportError: amq: amq.nn: expected PyTorch, found none." in done.stderr, done.stderr)

end()
