#!/usr/bin/env python3
"""Trains one network twice from the same samples, by amq.train and by torch with amq.nn, and compares both on samples
that neither has seen.

  torch_parity.py [--network flare|transolver] [--samples FOLDER] [--test N] [--training N] [--epochs N] [--batch N]
                  [--lr X] [--seeds N] [--within SHARE] [--device D] [--SIZE N ...]

Needs the Python module and torch: PYTHONPATH=build/bindings/python. --samples: a folder of .npz as `amq fit` reads it
(points, cells, given, solution, node_type), of which the last --test are held out; without, Darcy's problems of
ptq_networks.py. Sizes are those of amq.nn: --hidden 32 --layers 2. The recipe is one for both: AdamW that decays
weights alone, one cycle of the rate, gradients clipped at 1, an average of the weights, relative L2 a sample. What
differs is chance: random numbers, and the order of samples. With --within 0.1 the program fails where the mean errors
over the seeds differ by more than a tenth.
"""
import argparse
import math
import pathlib
import sys
import tempfile

import numpy as np
import torch

import amq
import amq.nn

AVERAGE, CLIP, DECAY, LR_END = 0.99, 1.0, 1e-5, 1e-6


def samples_of(folder):
    read = lambda file: {k: v for k, v in np.load(file).items()}  # noqa: E731
    return [read(file) for file in sorted(pathlib.Path(folder).glob("*.npz"))]


def rate(step, all, peak):
    """One cycle: half a cosine from peak / 25 up, half a cosine down."""
    warm = int(0.3 * all)
    if step < warm:
        low, high, share = peak / 25, peak, (step + 1) / warm
    else:
        low, high, share = peak, LR_END, (step - warm) / (all - warm)
    return low + (high - low) * 0.5 * (1 - math.cos(math.pi * share))


def by_torch(module, samples, options, how):
    """The module with the average of its weights."""
    inputs = [amq.nn.tensors(amq.mesh_inputs(s, **options), how.device) for s in samples]
    mean, deviation = (np.asarray(options["normalization"][f"output_{k}"]) for k in ("mean", "deviation"))
    normal = [((s["solution"] - mean) / deviation).astype(np.float32) for s in samples]
    sought = [torch.as_tensor(y, device=how.device) for y in normal]
    module.to(how.device).train()
    # As amq has it: what begins as a bias, a norm, a temperature or the placeholder does not decay.
    no_decay = [p for n, p in module.named_parameters() if p.dim() < 2 or n.endswith("temperature")]
    kept = {id(p) for p in no_decay}
    groups = [{"params": [p for p in module.parameters() if id(p) not in kept], "weight_decay": DECAY},
              {"params": no_decay, "weight_decay": 0.0}]  # fmt: skip
    optimizer = torch.optim.AdamW(groups, how.lr)
    average = [p.detach().clone() for p in module.parameters()]
    per_epoch = max(1, len(samples) // how.batch)
    step = 0
    for _ in range(how.epochs):
        order = torch.randperm(len(samples)).tolist()
        for k in range(per_epoch):
            some = order[k * how.batch : (k + 1) * how.batch]
            for group in optimizer.param_groups:
                group["lr"] = rate(step, how.epochs * per_epoch, how.lr)
            loss = sum((module.on(inputs[i]) - sought[i]).norm() / sought[i].norm() for i in some) / len(some)
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(module.parameters(), CLIP)
            optimizer.step()
            with torch.no_grad():
                share = min(AVERAGE, (1 + step) / (10 + step))
                for a, p in zip(average, module.parameters()):
                    a.lerp_(p, 1 - share)
            step += 1
    with torch.no_grad():
        for a, p in zip(average, module.parameters()):
            p.copy_(a)
    return module


def error(module, samples, options, device):
    """Mean relative L2 in the user's units."""
    norm, all = options["normalization"], []
    module.to(device).eval()
    for s in samples:
        with torch.no_grad():
            y = module.on(amq.nn.tensors(amq.mesh_inputs(s, **options), device)).cpu().numpy()
        y = y * norm["output_deviation"] + norm["output_mean"]
        all.append(np.linalg.norm(y - s["solution"]) / np.linalg.norm(s["solution"]))
    return float(np.mean(all))


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--network", choices=("flare", "transolver"), default="transolver")
    p.add_argument("--samples")
    for name, default in (("test", 16), ("training", 64), ("epochs", 20), ("batch", 2), ("seeds", 1)):
        p.add_argument("--" + name, type=int, default=default)
    p.add_argument("--lr", type=float, default=1e-3)
    p.add_argument("--within", type=float)
    p.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    how, more = p.parse_known_args()
    if len(more) % 2 or any(not k.startswith("--") or not v.isdigit() for k, v in zip(more[::2], more[1::2])):
        p.error(f"sizes like --hidden 32, found {' '.join(more)}")
    sizes = {"hidden": 32, "layers": 2, "heads": 4, "tokens": 16}
    sizes.update({k[2:]: int(v) for k, v in zip(more[::2], more[1::2])})
    if how.samples:
        samples = samples_of(how.samples)
    else:
        from ptq_networks import on_meshes

        samples = on_meshes(how.training + how.test, 2)
    if len(samples) <= how.test:
        p.error(f"more than {how.test} samples, found {len(samples)}")
    training, test = samples[: -how.test][: how.training], samples[-how.test :]
    make = amq.nn.Flare if how.network == "flare" else amq.nn.Transolver
    both = []
    for seed in range(how.seeds):
        with tempfile.TemporaryDirectory() as folder:
            file = pathlib.Path(folder) / "model.safetensors"
            amq.train(training, how.network, kind="quantized", folder=folder, out=file, seed=seed, epochs=how.epochs,
                      batch=how.batch, lr=how.lr, lr_end=LR_END, rate="one_cycle", clip=CLIP, weight_decay=DECAY,
                      average=AVERAGE, loss="relative_l2", validation=0.0, keep_best=False, lattices=[], **sizes)  # fmt: skip
            options = amq.nn.options_of(file)
            module = amq.nn.from_file(file, pathlib.Path(folder) / "float.safetensors")
            of_amq = error(module, test, options, how.device)
        torch.manual_seed(seed)
        inputs, dim = np.shape(training[0]["given"])[1], np.shape(training[0]["points"])[1]
        module = make(inputs=inputs, dim=dim, outputs=np.shape(training[0]["solution"])[1], **sizes)
        of_torch = error(by_torch(module, training, options, how), test, options, how.device)
        print(f"seed {seed}: relative L2 on {len(test)} samples: amq {of_amq:.4f}, torch {of_torch:.4f}", flush=True)
        both.append((of_amq, of_torch))
    of_amq, of_torch = np.mean(both, axis=0)
    print(f"mean: amq {of_amq:.4f}, torch {of_torch:.4f}, amq over torch {of_amq / of_torch:.3f}")
    return how.within is not None and abs(of_amq / of_torch - 1) > how.within


if __name__ == "__main__":
    sys.exit(main())
