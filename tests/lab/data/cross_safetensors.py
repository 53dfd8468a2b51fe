"""An independent safetensors reader and writer of forty lines, against ours through the echo program.
Where the safetensors package itself is installed, it judges too."""
import json
import struct
import subprocess
import sys
import tempfile

try:
    import numpy as np
except ImportError:
    print("skipped: no numpy")
    sys.exit(77)

TYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "i1",
         "U8": "u1", "BOOL": "?", "C64": "<c8", "BF16": "<u2"}  # numpy has no bfloat16: its bits


def save(path, tensors, metadata):
    header, data = {"__metadata__": metadata} if metadata else {}, b""
    for name, (dtype, a) in tensors.items():
        raw = np.ascontiguousarray(a, dtype=TYPES[dtype]).tobytes()
        header[name] = {"dtype": dtype, "shape": list(a.shape), "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header).encode()
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text + data)


def load(path):
    with open(path, "rb") as f:
        (n,) = struct.unpack("<Q", f.read(8))
        header = json.loads(f.read(n))
        data = f.read()
    metadata = header.pop("__metadata__", {})
    out = {}
    for name, t in header.items():
        begin, end = t["data_offsets"]
        out[name] = (t["dtype"], np.frombuffer(data[begin:end], dtype=TYPES[t["dtype"]]).reshape(t["shape"]))
    assert sum(a.nbytes for _, a in out.values()) == len(data)
    return out, metadata


echo = sys.argv[1]
rng = np.random.default_rng(0)
tensors = {}
for dtype, code in TYPES.items():
    for shape in [(), (3,), (2, 5), (0, 4), (2, 3, 4)]:
        bits = rng.integers(0, 2, size=shape) if dtype == "BOOL" else rng.integers(-60, 60, size=shape) / (
            4 if dtype[0] in "FC" else 1)
        tensors[f"{dtype}.{shape}.\u00e9"] = (dtype, np.asarray(bits).astype(code))
metadata = {"format": "pt", "quote": "\"\\\n\U0001f600", "json": json.dumps({"a": [1, 2]})}

with tempfile.TemporaryDirectory() as d:
    save(f"{d}/in", tensors, metadata)
    subprocess.run([echo, "safetensors", f"{d}/in", f"{d}/out"], check=True)
    found, meta = load(f"{d}/out")
    assert meta == metadata, meta
    assert sorted(found) == sorted(tensors)
    for name, (dtype, a) in tensors.items():
        assert found[name][0] == dtype and found[name][1].shape == a.shape, name
        assert found[name][1].tobytes() == a.tobytes(), name
    try:
        from safetensors.numpy import load_file
        assert len(load_file(f"{d}/out")) == len(tensors)
        print("the safetensors package agrees")
    except ImportError:
        pass
print(len(tensors), "tensors agree")
