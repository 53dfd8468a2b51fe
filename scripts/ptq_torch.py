#!/usr/bin/env python3
"""Post-training quantization by torch's PT2E and, simulated, by Brevitas: further rows of docs/results/ptq.csv, on the
networks that scripts/time_ptq.py has kept and by its measures.

Usage: ptq_torch.py OUT.csv FOLDER [--time] [--rounds=N]      (by scripts/ptq_torch.sh)
Errors are those of the converted graph, whose integers are simulated in float. With --time PT2E's graph is compiled by
inductor and its answers are the compiled ones; contenders take turns on one core, and ratio_to_float is over
onnxruntime's float row of OUT.csv where it was measured on this machine: run scripts/ptq.sh first. Brevitas simulates, and
has no time. Rows that are there are left alone, but for those without a time when --time is said.
"""
import copy
import csv
import pathlib
import statistics
import sys
import time

import numpy as np
import torch
import torchao
from brevitas import __version__ as brevitas_version
from brevitas import nn as qnn
from brevitas.graph.calibrate import calibration_mode
from brevitas.graph.quantize import layerwise_quantize
from brevitas.quant import Int8ActPerTensorFloat, Int8WeightPerChannelFloat
from torch import nn
from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e
from torchao.quantization.pt2e.quantizer import x86_inductor_quantizer as x86

import ptq_networks

out, folder = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
timed = "--time" in sys.argv
rounds = next((int(a.split("=")[1]) for a in sys.argv[3:] if a.startswith("--rounds=")), 40)
torch.set_num_threads(1)
CALIBRATION, TRAINING, TEST = 16, ptq_networks.TRAINING, ptq_networks.TEST
COLUMNS = "network,problem,tool,scheme,error,ms,ratio_to_float,change,bytes".split(",")
PT2E = f"torch {torch.__version__.split('+')[0]} PT2E, torchao {torchao.__version__.split('+')[0]}"
BREVITAS = f"brevitas {brevitas_version}, simulated"

LAYERS = {torch.ops.aten.linear.default: nn.Linear, torch.ops.aten.conv2d.default: nn.Conv2d}


def by_pt2e(module, feeds, dynamic, products):
    """The converted graph. products: those of rows with rows and with constants are quantized, too, not layers alone."""
    quantizer = x86.X86InductorQuantizer()
    config = x86.get_default_x86_inductor_quantization_config(is_dynamic=dynamic)
    quantizer.set_global(config)
    if products:
        quantizer.set_function_type_qconfig(torch.matmul, config)
    exported = torch.export.export(module, feeds[0]).module()
    for n in exported.graph.nodes:  # the quantizer looks for layers by what strict exports alone write
        if n.target in LAYERS:
            n.meta.setdefault("source_fn_stack", [(n.name, LAYERS[n.target])])
    prepared = prepare_pt2e(exported, quantizer)
    for f in feeds:
        prepared(*f)
    made = convert_pt2e(prepared)
    torch.ao.quantization.allow_exported_model_train_eval(made)
    if not sum("quantize_per" in str(n.target) for n in made.graph.nodes):
        raise RuntimeError("nothing was quantized")
    return made


def by_brevitas(module, feeds):
    """Layers of torch.nn as Brevitas has them: weights a step a channel, rows a step a tensor, as calibration chooses it."""
    with torch.no_grad():
        how = {"weight_quant": Int8WeightPerChannelFloat, "input_quant": Int8ActPerTensorFloat,
               "return_quant_tensor": False}  # fmt: skip
        made = layerwise_quantize(copy.deepcopy(module), {nn.Linear: (qnn.QuantLinear, how), nn.Conv2d: (qnn.QuantConv2d, how)})
        made.eval()
        with calibration_mode(made):
            for f in feeds:
                made(*f)
    return made


def compiled(graph):
    import torch._inductor.config as inductor

    inductor.freezing = True
    return torch.compile(graph)


def size_of(graph):
    """Bytes of what the graph reads: its integers, and what stayed in float."""
    read = {}
    for n in graph.graph.nodes:
        if n.op == "get_attr":
            t = graph
            for part in n.target.split("."):
                t = getattr(t, part)
            if torch.is_tensor(t):
                read[n.target] = t.numel() * t.element_size()
    return sum(read.values())


def compare(network, problem, contenders, feeds, scale, truth, exact):
    """contenders: (tool, scheme) -> (make, whether it runs in integers). feeds: of the test samples."""
    rows = list(csv.DictReader(out.open(encoding="utf-8"))) if out.exists() else []
    mean = lambda a, b: float(np.mean([np.linalg.norm(x - y) / np.linalg.norm(y) for x, y in zip(a, b)]))  # noqa: E731
    calls, took = {}, {}
    for (tool, scheme), (make, runs) in contenders.items():
        old = next((r for r in rows if (r["network"], r["tool"], r["scheme"]) == (network, tool, scheme)), None)
        if old and (old["ms"] or not (timed and runs)):
            continue
        try:
            graph = make()
            call = compiled(graph) if timed and runs else graph
            with torch.no_grad():
                said = [call(*f).numpy().reshape(t.shape) * scale for f, t in zip(feeds, truth)]
        except Exception as e:  # of a tool that cannot: said in the notes, not in the table
            print(f"{network}, {tool}, {scheme}: {type(e).__name__}: {' '.join(str(e).split())[:400]}", flush=True)
            continue
        row = dict(zip(COLUMNS, [network, problem, tool, scheme, f"{mean(said, truth):.5f}", "", "",
                                 f"{mean(said, exact):.5f}", size_of(graph) if runs else ""]))  # fmt: skip
        print(f"{network}, {tool}, {scheme}: error {row['error']} change {row['change']} {row['bytes']}", flush=True)
        if old:
            rows[rows.index(old)] = row
        else:
            rows.insert(max([0, *(k + 1 for k, r in enumerate(rows) if r["network"] == network)]), row)
        if timed and runs:
            calls[tool, scheme], took[tool, scheme] = call, []
        write(rows)
    for r in range(rounds if calls else 0):
        for key, call in calls.items():
            start = time.process_time()
            with torch.no_grad():
                call(*feeds[r % TEST])
            took[key].append(1e3 * (time.process_time() - start))
    base = next((float(r["ms"]) for r in rows if r["network"] == network and r["scheme"] == "float32" and r["ms"]
                 and r["tool"].startswith("onnxruntime")), None)  # fmt: skip
    for (tool, scheme), t in took.items():
        row = next(r for r in rows if (r["network"], r["tool"], r["scheme"]) == (network, tool, scheme))
        row["ms"] = f"{statistics.median(t):.4f}"
        row["ratio_to_float"] = f"{statistics.median(t) / base:.3f}" if base else ""
    write(rows)


def write(rows):
    with out.open("w", encoding="utf-8", newline="") as file:
        w = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        w.writeheader()
        w.writerows(rows)


def contenders_of(module, feeds, matrices=None):
    """matrices: the module with its transforms as real products, where it has transforms."""
    real, all = matrices or module, {}
    for scheme, dynamic, products in (("static int8", False, True), ("static int8, layers alone", False, False),
                                      ("dynamic int8", True, False)):  # fmt: skip
        all[PT2E, scheme] = (lambda d=dynamic, p=products: by_pt2e(real, feeds, d, p), True)
        if matrices is not None and not products:
            all[PT2E, f"{scheme}, complex transforms"] = (lambda d=dynamic: by_pt2e(module, feeds, d, False), True)
    spectral = ", spectral weights in float" if matrices is not None else ", attention in float"
    all[BREVITAS, "static int8" + spectral] = (lambda: by_brevitas(module, feeds), False)
    return all


def fno():
    module, norm, a, u = ptq_networks.kept("fno", ptq_networks.grid_problem, folder)
    x, _ = ptq_networks.normalized(a, u, norm)
    scale, truth = np.float32(norm["output_deviation"]), u[TRAINING : TRAINING + TEST]
    few, feeds = [(x[k : k + 1],) for k in range(CALIBRATION)], [(x[TRAINING + k : TRAINING + k + 1],) for k in range(TEST)]
    with torch.no_grad():
        exact = [module(*f).numpy()[0] * scale for f in feeds]
    matrices = copy.deepcopy(module)
    for k in range(4):
        getattr(matrices, f"conv{k}").as_matrices()
    compare("fno", "darcy on a grid", contenders_of(module, few, matrices), feeds, scale, truth, exact)


def transolver():
    module, norm, samples = ptq_networks.kept("transolver", ptq_networks.mesh_problem, folder)
    a, u = (np.stack([s[k] for s in samples]) for k in ("given", "solution"))
    x, _ = ptq_networks.normalized(a, u, norm)
    feeds = [(torch.as_tensor(s["points"]).float()[None], x[k : k + 1]) for k, s in enumerate(samples)]
    few, feeds = feeds[:CALIBRATION], feeds[TRAINING : TRAINING + TEST]
    scale, truth = np.float32(norm["output_deviation"]), u[TRAINING : TRAINING + TEST]
    with torch.no_grad():
        exact = [module(*f).numpy()[0] * scale for f in feeds]
    compare("transolver", "darcy on meshes", contenders_of(module, few), feeds, scale, truth, exact)


if __name__ == "__main__":
    print(f"{PT2E}; {BREVITAS}")
    fno()
    transolver()
