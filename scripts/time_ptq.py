#!/usr/bin/env python3
"""Post-training quantization by amq and by onnxruntime: the same weights and data, error and time side by side.

Usage: time_ptq.py OUT.csv FOLDER [--rounds=N]      (by scripts/ptq.sh)
Networks are trained once and kept in FOLDER. Every tool quantizes on the same 16 training samples. Errors are of 64 test
samples, relative L2, means over samples: `error` against the truth, `change` against torch's float answer. Contenders
take turns on one pinned core, a sample each; times are medians of the process's own clock. ratio_to_float: over
onnxruntime's float. 0 rounds: errors alone, for which a busy machine will do. Rows that are there are written again.
"""
import json
import logging
import os
import pathlib
import sys

import ptq_table

out, folder = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
rounds = int(ptq_table.options(["rounds"]).get("rounds", 40))

import numpy as np
import onnx
import onnxruntime
import torch
from onnxruntime import quantization as ort
from onnxruntime.quantization.shape_inference import quant_pre_process

import amq
import ptq_networks
from ptq_table import CALIBRATION, session
from torch_build import torch_build

torch.set_num_threads(1)
logging.disable(logging.WARNING)
TRAINING, TEST = ptq_networks.TRAINING, ptq_networks.TEST

# Without VNNI onnxruntime adds pairs of products in 16 bits, which saturate: its documentation advises weights of 7 bits.
SEVEN_BITS = "vnni" not in pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8")


class Reader(ort.CalibrationDataReader):
    def __init__(self, feeds):
        self.feeds = iter(feeds)

    def get_next(self):
        return next(self.feeds, None)


def exported(name, module, feed):
    """The module as a file of ONNX, its shapes inferred."""
    raw, ready = folder / f"{name}.onnx", folder / f"{name}_ready.onnx"
    torch.onnx.export(module, tuple(torch.as_tensor(v) for v in feed.values()), str(raw), opset_version=17,
                      input_names=list(feed), output_names=["y"])  # fmt: skip
    quant_pre_process(str(raw), str(ready), skip_symbolic_shape=True)
    return ready


def by_onnxruntime(name, ready, feeds, apart):
    """Sessions by scheme. apart: says of a node whether it multiplies by what is no weight: transforms, attention."""
    made = {"float32": session(ready)}
    products = ["MatMul", "Gemm", "Conv", "ConvTranspose"]
    nodes = [n for n in onnx.load(ready).graph.node if n.op_type in products]
    some = [n.name for n in nodes if apart(n)]
    static = dict(quant_format=ort.QuantFormat.QDQ, activation_type=ort.QuantType.QUInt8,
                  weight_type=ort.QuantType.QInt8, per_channel=True, reduce_range=SEVEN_BITS)  # fmt: skip
    # Dynamic: a step a weight. With one a channel products of batches of matrices, the Fourier modes', do not run.
    schemes = {
        "static int8": lambda to: ort.quantize_static(ready, to, Reader(feeds), **static),
        "static int8, products of weights alone": lambda to: ort.quantize_static(
            ready, to, Reader(feeds), op_types_to_quantize=products, nodes_to_exclude=some, **static),
        "dynamic int8": lambda to: ort.quantize_dynamic(
            ready, to, weight_type=ort.QuantType.QInt8, reduce_range=SEVEN_BITS),
        "dynamic int8, products of weights alone": lambda to: ort.quantize_dynamic(
            ready, to, weight_type=ort.QuantType.QInt8, nodes_to_exclude=some, reduce_range=SEVEN_BITS),
    }  # fmt: skip
    constant = {t.name for t in onnx.load(ready).graph.initializer}
    if not any(set(n.input) & constant for n in nodes if n.name in some):  # it quantizes no others anyway
        del schemes["dynamic int8, products of weights alone"]
    for scheme, make in schemes.items():
        to = folder / f"{name}_{scheme.replace(' ', '_').replace(',', '')}.onnx"
        try:
            make(to)
            s = session(to)
            s.run(None, feeds[0])
            made[scheme] = s
        except Exception as e:  # of a tool that cannot: its row is left out, and said
            print(f"{name}, onnxruntime, {scheme}: {type(e).__name__}: {str(e)[:300]}", file=sys.stderr)
    return made


def with_settings(float_file, **settings):
    """The same network with settings that from_torch chose otherwise."""
    data = float_file.read_bytes()
    n = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:n])
    text = header["__metadata__"]
    text["amq.config"] = json.dumps({**json.loads(text["amq.config"]), **settings})
    new = json.dumps(header).encode()
    new += b" " * (-len(new) % 8)
    to = float_file.with_name("settings_" + float_file.name)
    to.write_bytes(len(new).to_bytes(8, "little") + new + data[n:])
    return to


def by_amq(name, float_file, few, more=()):
    """Files by scheme. more: (scheme, settings) of the network."""
    made = {}
    for scheme, options, settings in (("w8a8", {}, {}), ("w8a8, 4-bit weights within 0.02", {"error": 0.02}, {}),
                                      *((s, {}, settings) for s, settings in more)):  # fmt: skip
        to = folder / f"{name}_{len(made)}.safetensors"
        report = amq.quantize(with_settings(float_file, **settings), few, to, **options)
        narrow = [layer["weight_bits"] for layer in report["layers"]].count(4)
        print(f"{name}, amq, {scheme}: {report['scheme']}, {narrow} of {len(report['layers'])} weights of 4 bits, "
              f"{report['bytes']:.0f} bytes, float's differ by {report['float_difference']:.1e}")  # fmt: skip
        made[scheme] = (amq.load(to), report["bytes"])
    return made


def compare(network, contenders, truth, exact):
    """contenders: (tool, scheme, bytes) -> call(k), the answer to test sample k in the user's units."""
    rows, found = ptq_table.rows_of(out), []
    for key, call in contenders.items():
        said = [call(k).reshape(truth[k].shape).copy() for k in range(TEST)]
        found.append([key, ptq_table.relative_l2(said, truth), ptq_table.relative_l2(said, exact)])
    ms = ptq_table.turns(contenders, rounds, TEST)
    base = ms.get(next(k for k in contenders if k[:2] == (ONNXRUNTIME, "float32")))
    for key, error, change in found:
        tool, scheme, size = key
        took = [f"{ms[key]:.4f}", f"{ms[key] / base:.3f}"] if key in ms else ["", ""]
        print(f"{network:11} {tool:20} {scheme:40} error {error:.4f} change {change:.4f} {took[0]:>8} ms "
              f"{took[1]:>5} {size}", flush=True)  # fmt: skip
        ptq_table.put(rows, dict(zip(ptq_table.COLUMNS, [network, ptq_table.PROBLEMS[network], tool, scheme,
                                                         f"{error:.5f}", *took, f"{change:.5f}", str(size)])))  # fmt: skip
    ptq_table.write(out, rows)


ONNXRUNTIME = f"onnxruntime {onnxruntime.__version__}"
AMQ = f"amq {amq.__version__}"
TORCH = f"torch {torch.__version__.split('+')[0]}"
CODES = [("w8a8, attention in codes of 8 bits", {"attention_bits": {"matrix": 8, "rows": 8}})]


def float_bytes(module):
    return sum(4 * p.numel() * (2 if p.is_complex() else 1) for p in module.parameters())


def among_rows(ready):
    """Says of a node of a file of ONNX whether it multiplies rows by rows."""
    constant = {t.name for t in onnx.load(ready).graph.initializer}
    return lambda n: n.op_type == "MatMul" and not set(n.input) & constant


def transforms(ready):
    """The same of products with a transform's matrices: the modes' weights are of three axes."""
    axes = {t.name: len(t.dims) for t in onnx.load(ready).graph.initializer}
    return lambda n: "/conv" in n.name and 3 not in (axes.get(i) for i in n.input)


def on_a_grid(network, more=()):
    module, norm, a, u = ptq_networks.kept(network, folder)
    few, given, truth = a[:CALIBRATION], a[TRAINING : TRAINING + TEST], u[TRAINING : TRAINING + TEST]
    x = ptq_networks.as_read(network, ptq_networks.normalized(a, u, norm)[0])
    feeds = [{"a": x[k : k + 1].numpy()} for k in range(len(x))]
    scale = np.float32(norm["output_deviation"])

    def of_torch(k):
        with torch.no_grad():
            return module(x[TRAINING + k : TRAINING + k + 1]).numpy() * scale

    exact = [of_torch(k).reshape(truth[k].shape) for k in range(TEST)]
    contenders = {(TORCH, "float32", float_bytes(module)): of_torch}
    float_file, axis = folder / f"{network}_float.safetensors", np.linspace(0, 1, ptq_networks.SIDE)
    amq.from_torch(module, float_file, few[0], [axis, axis], normalization=norm)
    for scheme, (solver, size) in by_amq(network, float_file, few, more).items():
        at = solver.grid(axis, axis)
        contenders[AMQ, scheme, int(size)] = lambda k, at=at: at.solve(given[k].reshape(-1, 1))
    if network == "fno":
        for k in range(4):
            getattr(module, f"conv{k}").as_matrices()
    ready = exported(network, module, feeds[0])
    apart = transforms(ready) if network == "fno" else among_rows(ready)
    for scheme, s in by_onnxruntime(network, ready, feeds[:CALIBRATION], apart).items():
        size = os.path.getsize(s._model_path)
        contenders[ONNXRUNTIME, scheme, size] = (
            lambda k, s=s: s.run(None, feeds[TRAINING + k])[0] * scale)  # fmt: skip
    compare(network, contenders, truth, exact)


def transolver():
    module, norm, samples = ptq_networks.kept("transolver", folder)
    few, test = samples[:CALIBRATION], samples[TRAINING : TRAINING + TEST]
    inputs = [amq.mesh_inputs(s, normalization=norm) for s in few + test]
    feeds = [{"x": i.x[None], "fx": i.u[None]} for i in inputs]
    scale = np.float32(norm["output_deviation"])

    def of_torch(k):
        with torch.no_grad():
            return module(*(torch.as_tensor(v) for v in feeds[CALIBRATION + k].values())).numpy()[0] * scale

    exact, truth = [of_torch(k) for k in range(TEST)], [s["solution"] for s in test]
    contenders = {(TORCH, "float32", float_bytes(module)): of_torch}
    float_file = folder / "transolver_float.safetensors"
    amq.from_torch(module, float_file, few[0], normalization=norm)
    for scheme, (solver, size) in by_amq("transolver", float_file, few, CODES).items():
        at = [solver.mesh(s["points"], s["cells"]) for s in test]
        contenders[AMQ, scheme, int(size)] = lambda k, at=at: at[k].solve(test[k]["given"])
    ready = exported("transolver", module, feeds[0])
    for scheme, s in by_onnxruntime("transolver", ready, feeds[:CALIBRATION], among_rows(ready)).items():
        size = os.path.getsize(s._model_path)
        contenders[ONNXRUNTIME, scheme, size] = (
            lambda k, s=s: s.run(None, feeds[CALIBRATION + k])[0][0] * scale)  # fmt: skip
    compare("transolver", contenders, truth, exact)


print(f"{AMQ} for {amq.instruction_set()}, {ONNXRUNTIME}, {torch_build()}")
on_a_grid("fno")
on_a_grid("unet")
on_a_grid("transformer", CODES)
transolver()
