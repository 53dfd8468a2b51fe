"""What a float file is made of: a module's tensors under supported names, and the file itself."""

import json
import os
import pathlib
import re

import numpy as np

from ._error import refuse as _refuse


def names_of(state, rename):
    """The state under supported names: without wrappers' beginnings, and as the map says."""
    for wrapper in ("module.", "_orig_mod."):
        while state and all(k.startswith(wrapper) for k in state):
            state = {k[len(wrapper) :]: v for k, v in state.items()}
    state = {k: v for k, v in state.items() if hasattr(v, "detach")}  # neuraloperator keeps its arguments beside
    unused = set(rename)
    renamed = {}
    for name, value in state.items():
        to = name
        for old, new in rename.items():
            if name == old or name.startswith(old + "."):
                to = new + name[len(old) :]
                unused.discard(old)
                break
        if to in renamed:
            _refuse("from_torch, rename", "a name for each tensor", f"two that become {to}", "Correct the map.")
        renamed[to] = value
    if unused:
        _refuse("from_torch, rename", "names of the module", ", ".join(sorted(unused)),
                "Names are those of module.state_dict().")  # fmt: skip
    return {k: v for k, v in renamed.items() if not k.endswith("num_batches_tracked") and k != "n_averaged"}


def unwrapped(module):
    """Without DistributedDataParallel and torch.compile."""
    for _ in range(8):
        inner = getattr(module, "_orig_mod", None) or (type(module).__name__.endswith("Parallel") and module.module)
        if not inner:
            break
        module = inner
    return module


class State:
    """Tensors by name; what is not taken is nobody's."""

    def __init__(self, tensors, network):
        self.tensors, self.left, self.network = tensors, set(tensors), network

    def take(self, *names, shape=None, optional=False):
        name = next((n for n in names if n in self.tensors), None)
        if name is None:
            if optional:
                return None
            _refuse(f"from_torch, {self.network}", f"a tensor {names[0]}", "none",
                    "Name it in rename={'its name': '%s'}." % names[0])  # fmt: skip
        self.left.discard(name)
        value = self.tensors[name].detach().cpu().resolve_conj().numpy()
        if not np.all(np.isfinite(value)):
            _refuse(f"from_torch, {name}", "finite numbers", "others", "The training has diverged.")
        if shape is not None and [n for n in value.shape if n != 1] != [n for n in shape if n != 1]:
            _refuse(f"from_torch, {name}", f"a shape of {tuple(shape)}", f"{value.shape}", "Check the module.")
        return value if shape is None else value.reshape(shape)

    def finish(self, of_no_use=()):
        left = sorted(n for n in self.left if n not in of_no_use)
        if left:
            _refuse(f"from_torch, {self.network}", "the tensors of that network alone",
                    ", ".join(left[:8]) + (f" and {len(left) - 8} more" if len(left) > 8 else ""),
                    "The module computes more than amq's network does: see docs/pytorch.md.")  # fmt: skip


def layers_of(state, pattern):
    found = {int(m[1]) for m in (re.match(pattern, k) for k in state) if m}
    return 0 if found != set(range(len(found))) else len(found)


def take_normalization(encoding, given):
    """Numbers of a user's normalization take the place of those of the encoding, one a channel."""
    for key, value in dict(given or {}).items():
        if key not in encoding:
            _refuse("normalization", ", ".join(encoding), str(key), "E.g. {'input_mean': [0.5]}.")
        try:
            value = np.broadcast_to(np.asarray(value, np.float64), (len(encoding[key]),))
        except (TypeError, ValueError):
            _refuse(f"normalization, {key}", f"{len(encoding[key])} numbers, or one for all", repr(value)[:80],
                    "Give one a channel.")  # fmt: skip
        positive = key.endswith("deviation") or key == "half_width"
        if not np.all(np.isfinite(value)) or (positive and not np.all(value > 0)):
            _refuse(f"normalization, {key}", "finite numbers, deviations above 0", str(value), "Correct them.")
        encoding[key] = [float(x if key == "centre" else np.float32(x)) for x in value]


def check_names(what, names, n):
    if len(names) not in (0, n):
        _refuse(f"from_torch, {what}", f"{n} names or none", str(len(names)), "Name every channel.")
    return [str(name) for name in names]


def finish(path, network, config, encoding, tensors, seen):
    """Writes the file. seen: names of channels."""
    texts = {"amq.config": config, "amq.encoding": encoding, "amq.trained_on": seen}
    metadata = {"amq.format": "1", "amq.float": "1", "amq.model": network,
                **{k: json.dumps(v) for k, v in texts.items()}}  # fmt: skip
    write(path, tensors, metadata)
    return {"network": network, **config}


def write(path, tensors, metadata):
    kinds = {np.dtype(k): n for k, n in (("float32", "F32"), ("float64", "F64"), ("int32", "I32"), ("uint8", "U8"))}
    tensors = dict(sorted(tensors.items(), key=lambda t: (-t[1].itemsize, t[0])))
    header, at = {"__metadata__": metadata}, 0
    for name, value in tensors.items():
        header[name] = {"dtype": kinds[value.dtype], "shape": value.shape, "data_offsets": [at, at + value.nbytes]}
        at += value.nbytes
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    path = pathlib.Path(path)
    beside = path.with_name(path.name + f".{os.getpid()}.part")
    try:
        with open(beside, "wb") as f:
            f.write(len(text).to_bytes(8, "little") + text + b"".join(v.tobytes() for v in tensors.values()))
        os.replace(beside, path)
    except OSError as e:
        beside.unlink(missing_ok=True)
        _refuse(f"from_torch, {path}", "a file that can be written", e.strerror or str(e), "Choose another path.")
