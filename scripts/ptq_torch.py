#!/usr/bin/env python3
"""Post-training quantization by torch's PT2E and, simulated, by Brevitas and AIMET: further rows of docs/results/ptq.csv, on the
networks that scripts/time_ptq.py has kept and by its measures.

Usage: ptq_torch.py OUT.csv FOLDER [--time] [--rounds=N]      (by scripts/ptq_torch.sh)
Errors are those of the converted graph, whose integers are simulated in float. With --time PT2E's graph is compiled by
inductor and its answers are the compiled ones. Contenders take turns on one core with onnxruntime's float session, whose
file scripts/ptq.sh has left in FOLDER; ratio_to_float is over that. Brevitas and AIMET simulate, and have no time. Rows that are
there are left alone, but for those without a time when --time is said.
"""
import copy
import pathlib
import sys

import aimet_torch
import numpy as np
import torch
import torchao
from aimet_torch.quantsim import QuantizationSimModel
from brevitas import __version__ as brevitas_version
from brevitas import nn as qnn
from brevitas.graph.calibrate import calibration_mode
from brevitas.graph.quantize import layerwise_quantize
from brevitas.quant import Int8ActPerTensorFloat, Int8WeightPerChannelFloat
from torch import nn
from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e
from torchao.quantization.pt2e.quantizer import x86_inductor_quantizer as x86

import ptq_networks
import ptq_table
from ptq_table import CALIBRATION
from torch_build import torch_build

said = ptq_table.options(["time", "rounds"])
out, folder = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
timed, rounds = "time" in said, int(said.get("rounds", 40))
torch.set_num_threads(1)
TRAINING, TEST = ptq_networks.TRAINING, ptq_networks.TEST
PT2E = f"torch {torch.__version__.split('+')[0]} PT2E, torchao {torchao.__version__.split('+')[0]}"
AIMET = f"aimet-torch {aimet_torch.__version__}, simulated"
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
        made = layerwise_quantize(copy.deepcopy(module), {
            nn.Linear: (qnn.QuantLinear, how), nn.Conv2d: (qnn.QuantConv2d, how),
            nn.ConvTranspose2d: (qnn.QuantConvTranspose2d, how)})  # fmt: skip
        made.eval()
        with calibration_mode(made):
            for f in feeds:
                made(*f)
    return made


def by_aimet(module, feeds):
    """Modules of torch.nn as AIMET has them, its defaults: 8 bits of weights and outputs. What functions compute between
    them stays in float."""
    made = QuantizationSimModel(copy.deepcopy(module), feeds[0], default_param_bw=8, default_output_bw=8)
    with torch.no_grad():
        made.compute_encodings(lambda m: [m(*f) for f in feeds])
    return made.model


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


def float_session(network, feeds):
    """call(k) of onnxruntime's float, or None without its file."""
    path = folder / f"{network}_ready.onnx"
    if not path.exists():
        print(f"{network}: no {path}, so no ratio to float: run scripts/ptq.sh first", flush=True)
        return None
    s = ptq_table.session(path)
    given = [{i.name: v.numpy() for i, v in zip(s.get_inputs(), f)} for f in feeds]
    return lambda k: s.run(None, given[k])


def compare(network, contenders, feeds, scale, truth, exact):
    """contenders: (tool, scheme) -> (make, whether it runs in integers). feeds: of the test samples."""
    rows, calls, made = ptq_table.rows_of(out), {}, {}
    for (tool, scheme), (make, runs) in contenders.items():
        old = next((r for r in rows if (r["network"], r["tool"], r["scheme"]) == (network, tool, scheme)), None)
        if old and (old["ms"] or not (timed and runs)):
            continue
        try:
            graph = make()
            call = compiled(graph) if timed and runs else graph
            with torch.no_grad():
                answers = [call(*f).numpy().reshape(t.shape) * scale for f, t in zip(feeds, truth)]
        except Exception as e:  # of a tool that cannot: said in the notes, not in the table
            print(f"{network}, {tool}, {scheme}: {type(e).__name__}: {' '.join(str(e).split())[:400]}", flush=True)
            continue
        row = dict(zip(ptq_table.COLUMNS, [
            network, ptq_table.PROBLEMS[network], tool, scheme, f"{ptq_table.relative_l2(answers, truth):.5f}", "", "",
            f"{ptq_table.relative_l2(answers, exact):.5f}", size_of(graph) if runs else ""]))  # fmt: skip
        print(f"{network}, {tool}, {scheme}: error {row['error']} change {row['change']} {row['bytes']}", flush=True)
        ptq_table.put(rows, row)
        if timed and runs:
            calls[tool, scheme] = lambda k, call=call: call(*feeds[k])
            made[tool, scheme] = row
        ptq_table.write(out, rows)
    if not calls:
        return
    base = float_session(network, feeds)
    with torch.no_grad():
        ms = ptq_table.turns({**calls, **({"float": base} if base else {})}, rounds, TEST)
    for key, row in made.items():
        if key in ms:
            row["ms"] = f"{ms[key]:.4f}"
            row["ratio_to_float"] = f"{ms[key] / ms['float']:.3f}" if base else ""
            print(f"{network}, {key}: {row['ms']} ms, {row['ratio_to_float']} of {ms.get('float', 0):.4f}", flush=True)
    ptq_table.write(out, rows)


def multiplies_rows(module):
    """Whether it has products beside those of layers."""
    return any(type(m) in (ptq_networks.Attention, ptq_networks.PhysicsAttention, ptq_networks.Spectral)
               for m in module.modules())  # fmt: skip


def contenders_of(network, module, feeds, matrices=None):
    """matrices: the module with its transforms as real products, where it has transforms."""
    real, all = matrices or module, {}
    schemes = [("static int8", False, True), ("static int8, layers alone", False, False), ("dynamic int8", True, False)]
    if not multiplies_rows(module):
        schemes = [("static int8", False, False), ("dynamic int8", True, False)]
    for scheme, dynamic, products in schemes:
        all[PT2E, scheme] = (lambda d=dynamic, p=products: by_pt2e(real, feeds, d, p), True)
        if matrices is not None and not products:
            all[PT2E, f"{scheme}, complex transforms"] = (lambda d=dynamic: by_pt2e(module, feeds, d, False), True)
    left = {"fno": ", spectral weights in float", "unet": ""}.get(network, ", attention in float")
    all[BREVITAS, "static int8" + left] = (lambda: by_brevitas(module, feeds), False)
    all[AIMET, "static int8" + left] = (lambda: by_aimet(module, feeds), False)
    return all


def on_a_grid(network):
    module, norm, a, u = ptq_networks.kept(network, folder)
    x = ptq_networks.as_read(network, ptq_networks.normalized(a, u, norm)[0])
    scale, truth = np.float32(norm["output_deviation"]), u[TRAINING : TRAINING + TEST]
    few, feeds = [(x[k : k + 1],) for k in range(CALIBRATION)], [(x[TRAINING + k : TRAINING + k + 1],) for k in range(TEST)]
    with torch.no_grad():
        exact = [module(*f).numpy().reshape(t.shape) * scale for f, t in zip(feeds, truth)]
    matrices = copy.deepcopy(module) if network == "fno" else None
    for k in range(4) if matrices else ():
        getattr(matrices, f"conv{k}").as_matrices()
    compare(network, contenders_of(network, module, few, matrices), feeds, scale, truth, exact)


def transolver():
    module, norm, samples = ptq_networks.kept("transolver", folder)
    a, u = (np.stack([s[k] for s in samples]) for k in ("given", "solution"))
    x, _ = ptq_networks.normalized(a, u, norm)
    feeds = [(torch.as_tensor(s["points"]).float()[None], x[k : k + 1]) for k, s in enumerate(samples)]
    few, feeds = feeds[:CALIBRATION], feeds[TRAINING : TRAINING + TEST]
    scale, truth = np.float32(norm["output_deviation"]), u[TRAINING : TRAINING + TEST]
    with torch.no_grad():
        exact = [module(*f).numpy()[0] * scale for f in feeds]
    compare("transolver", contenders_of("transolver", module, few), feeds, scale, truth, exact)


if __name__ == "__main__":
    print(f"{torch_build()}; {PT2E}; {BREVITAS}; {AIMET}")
    for name in ptq_networks.ON_GRID:
        on_a_grid(name)
    transolver()
