"""What the golden scripts share: weights and inputs made from their names, and the file of expected numbers.

A number is a hash of its tensor's name and its place, so neither weights nor inputs are stored: tests/models/golden.hpp
makes the same ones. A parameter under a wrong name, or of a wrong shape, therefore gives a wrong result.
"""
import pathlib

import numpy as np
import torch


def uniform(name, count):
    """In [-1, 1), exact in float32: FNV-1a of the name, then splitmix64 per element."""
    key = 0xCBF29CE484222325
    for c in name.encode():
        key = ((key ^ c) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    with np.errstate(over="ignore"):
        z = np.uint64(key) + np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = z ^ (z >> np.uint64(31))
    return ((z >> np.uint64(40)).astype(np.float64) * 2.0**-23 - 1).astype(np.float32)


def tensor(name, *shape):
    return torch.from_numpy(uniform(name, int(np.prod(shape))).reshape(shape).astype(np.float64))


def fill(module):
    """Matrices: uniform of half-width 1.5 / sqrt(fan in); norm weights and variances around 1; other vectors around 0."""
    module.double()
    with torch.no_grad():
        for name, p in module.named_parameters():
            u = uniform(name, p.numel())
            if p.dim() > 1:
                u = u * np.float32(1.5 / np.sqrt(p[0].numel()))
            else:
                u = u * np.float32(0.25) + np.float32(1 if name.endswith(".weight") else 0)
            p.copy_(torch.from_numpy(u.astype(np.float64)).reshape(p.shape))
        for name, b in module.named_buffers():
            if name.endswith(("running_mean", "running_var")):
                u = uniform(name, b.numel()) * np.float32(0.25) + np.float32(1 if name.endswith("var") else 0)
                b.copy_(torch.from_numpy(u.astype(np.float64)))
    return module


def random_edges(n, seed, symmetric=False):
    """(edge, 2): receiver, sender; by receiver, senders ascending; the last node is isolated."""
    rng = np.random.default_rng(seed)
    pairs = set()
    for i in range(n - 1):
        for j in rng.choice([j for j in range(n - 1) if j != i], size=2 + i % 3, replace=False):
            pairs.add((i, int(j)))
            if symmetric:
                pairs.add((int(j), i))
    return np.array(sorted(pairs), dtype=np.int32)


def record(path, module, output, **more):
    """Expected output; and for the loss sum(output * seed), every parameter's gradient as two numbers: its norm,
    and its product with uniform("direction " + name)."""
    module.zero_grad()
    (output * tensor("seed", *output.shape)).sum().backward()
    rows, names = [], []
    for name, p in module.named_parameters():
        g = p.grad.numpy().ravel()
        names.append(name)
        rows.append([np.linalg.norm(g), g @ uniform("direction " + name, g.size).astype(np.float64)])
    text = np.frombuffer("\n".join(names).encode(), dtype=np.uint8)
    here = pathlib.Path(__file__).parent / "data"
    np.savez(here / path, output=output.detach().numpy(), gradients=np.array(rows), names=text, **more)
    print(path, tuple(output.shape), sum(p.numel() for p in module.parameters()))
