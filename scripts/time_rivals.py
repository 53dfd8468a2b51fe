#!/usr/bin/env python3
"""Times integer and float products of onnxruntime, openvino and torch beside bench_kernels_narrow, round by round.

Usage: time_rivals.py OUT.csv MACHINE BENCH [--rounds=n]      (by scripts/rivals.sh)
Every round runs our bench once and each rival for some milliseconds, on one core, so that what slows the machine
slows all. Times are processor time of the thread, rows are medians over rounds. Rivals that are not installed are
named and left out.
"""
import csv
import importlib.util
import pathlib
import subprocess
import sys
import tempfile
import time

import rival_table

out, machine, bench, said = rival_table.options(rounds=9)
M, K, N = 960, 128, 128
CORE = rival_table.pin()
have = {name: importlib.util.find_spec(name) is not None for name in ("numpy", "onnx", "onnxruntime", "openvino", "torch")}
if not have["numpy"]:
    sys.exit("time_rivals: numpy is missing, and with it every rival")
import numpy as np

random = np.random.default_rng(1)
floats = random.standard_normal((M, K), dtype=np.float32)
weight = (0.1 * random.standard_normal((K, N), dtype=np.float32)).astype(np.float32)
rows = random.integers(0, 256, (M, K), dtype=np.uint8)
codes = random.integers(-127, 128, (K, N)).astype(np.int8)
contenders = {}  # name, bits of rows -> a call


def model(nodes, inputs, outputs, constants):
    from onnx import TensorProto, helper, numpy_helper
    kinds = {np.dtype("uint8"): TensorProto.UINT8, np.dtype("float32"): TensorProto.FLOAT,
             np.dtype("int32"): TensorProto.INT32}
    graph = helper.make_graph(
        nodes, "product",
        [helper.make_tensor_value_info(k, kinds[np.dtype(t)], [M, K]) for k, t in inputs],
        [helper.make_tensor_value_info(k, kinds[np.dtype(t)], [M, N]) for k, t in outputs],
        [numpy_helper.from_array(v, k) for k, v in constants.items()])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9).SerializeToString()


if have["onnx"]:
    from onnx import helper
    integer = model([helper.make_node("MatMulInteger", ["x", "w"], ["y"])], [("x", "uint8")], [("y", "int32")],
                    {"w": codes})
    plain = model([helper.make_node("MatMul", ["x", "w"], ["y"])], [("x", "float32")], [("y", "float32")],
                  {"w": weight})
    if have["onnxruntime"]:
        import onnxruntime
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1

        def session(text, x):
            s = onnxruntime.InferenceSession(text, options, providers=["CPUExecutionProvider"])
            return lambda: s.run(None, {"x": x})

        version = onnxruntime.__version__
        call = session(integer, rows)
        # Without a dot product of bytes it may add in 16 bits that do not hold all sums.
        exact = np.array_equal(call()[0], rows.astype(np.int32) @ codes.astype(np.int32))
        contenders[f"onnxruntime_{version}_MatMulInteger" + ("" if exact else "_saturating"), 8] = call
        contenders[f"onnxruntime_{version}_float", 32] = session(plain, floats)
    if have["openvino"]:
        import openvino

        def compiled(text, x):
            core = openvino.Core()
            with tempfile.NamedTemporaryFile(suffix=".onnx") as file:
                file.write(text)
                file.flush()
                network = core.compile_model(core.read_model(file.name), "CPU", {
                    "INFERENCE_NUM_THREADS": 1, "NUM_STREAMS": 1, "INFERENCE_PRECISION_HINT": "f32"})
            request = network.create_infer_request()
            request.set_input_tensor(openvino.Tensor(x, shared_memory=True))
            return request.infer

        contenders[f"openvino_{openvino.__version__.split('-')[0]}_float", 32] = compiled(plain, floats)
if have["torch"]:
    import torch
    from torch_build import torch_build
    torch.set_num_threads(1)
    print(torch_build())
    x, w = torch.from_numpy(floats), torch.from_numpy(np.ascontiguousarray(weight.T))
    layer = torch.nn.Linear(K, N, bias=False)
    layer.weight.data = w
    quantized = torch.ao.quantization.quantize_dynamic(torch.nn.Sequential(layer), {torch.nn.Linear}, torch.qint8)
    contenders[f"torch_{torch.__version__.split('+')[0]}_float", 32] = lambda: torch.nn.functional.linear(x, w)
    contenders[f"torch_{torch.__version__.split('+')[0]}_dynamic_int8", 8] = lambda: quantized(x)
for name, there in have.items():
    if not there:
        print(f"{name} is not installed: its rows are left out")

# Some libraries work in a thread of their own, also when they are told to use one: the process is timed.
clock = time.process_time
repeat = {}
for key, call in contenders.items():
    call()
    start = clock()
    for _ in range(5):
        call()
    repeat[key] = max(3, int(0.01 * 5 / max(clock() - start, 1e-5)))
times, level = {}, "?"
for _ in range(said["rounds"]):
    with tempfile.TemporaryDirectory() as folder:
        table = pathlib.Path(folder) / "speed.csv"
        done = subprocess.run([bench, table, f"--core={CORE}", "--rounds=3", "--products"], stdout=subprocess.DEVNULL)
        if done.returncode:
            sys.exit(f"{bench} ended with {done.returncode}; this machine may lack its instruction set")
        with table.open(encoding="utf-8") as file:
            for row in csv.DictReader(file):
                level = row["level"]
                times.setdefault((row["contender"], int(row["bits"])), []).append(float(row["ms"]))
    for key, call in contenders.items():
        call()
        start = clock()
        for _ in range(repeat[key]):
            call()
        times.setdefault(key, []).append(1e3 * (clock() - start) / repeat[key])
rival_table.append(out, machine, level, "product_beside_rivals", f"{M}x{K}x{N}", times,
                   lambda name: not name.startswith("amq"))  # fmt: skip
