#!/usr/bin/env python3
"""amq.train: what it learns, the same bits by any number of threads and after any stop, what it refuses.
Usage: train_test.py  (with the built package on PYTHONPATH)"""
import os
import pathlib
import re
import signal
import tempfile
import threading
import types

import numpy as np

import amq
from checks import check, end, refused
from train_data import problems, small, square

samples, unseen = problems(12), problems(4, seed=2)
quick = dict(small, epochs=1, quantized_epochs=1)


def error(solver, bits):
    """Mean relative L2 on problems that training has not seen, and of who says the mean."""
    wrong, plain = [], []
    for s in unseen:
        u = solver.mesh(s["points"], s["cells"], mark_boundary=True).solve(s["given"], mean_bits=bits)
        size = np.linalg.norm(s["solution"])
        wrong.append(np.linalg.norm(u - s["solution"]) / size)
        plain.append(np.linalg.norm(s["solution"] - np.mean([t["solution"].mean() for t in samples])) / size)
    return np.mean(wrong), np.mean(plain)


with tempfile.TemporaryDirectory() as name:
    here = pathlib.Path(name)

    # It learns, and says so.
    told = []
    file = here / "a.safetensors"
    common = dict(small, mark_boundary=True, budget=[4, 3], given=["T"], solution=["u"])
    solver = amq.train(samples, "mp_pde", out=file, progress=lambda **p: told.append(p), report_every=4, **common)
    made, t = file.read_bytes(), solver.training
    wrong, plain = error(solver, 4)
    check(wrong < 0.6 * plain, f"better than the mean: {wrong} of {plain}")
    first, second = t["budgets"]
    check(t["float_error"] < 0.6 * t["mean_error"] and first["error"] < 0.8 * t["mean_error"], f"held out: {t}")
    check((first["mean_bits"], second["mean_bits"]) == (4, 3) and 0 < second["bops_of_float"] < 0.1, f"budgets: {t}")
    check((t["training"], t["validation"], t["network"]) == (9, 3, "MpPde"), "counts")
    check(t["float_curve"]["epoch"].tolist() == list(range(1, 13)) and len(t["curve"]["lr"]) == 3, "curves")
    check(t["float_curve"]["training_loss"][-1] < 0.3 * t["float_curve"]["training_loss"][0], "the loss falls")
    what = {p["what"] for p in told}
    check(told[-1]["done"] == told[-1]["total"] and what >= {"float", "adaptive, mean 4,3 bits"}, f"progress: {what}")
    check(solver.info["given"] == [("T", "")] and solver.info["levels"] == [1, 2, 3, 4, 5, 6, 8], f"{solver.info}")
    loaded = amq.load(file)
    check(loaded.training is None and loaded.info == solver.info, "the file loads")

    # The same bits by two threads, and as objects of other layouts.
    objects = [types.SimpleNamespace(**{k: np.asfortranarray(v) for k, v in s.items()}) for s in samples]
    np.savez(here / "s.npz", **samples[0])
    objects[0] = np.load(here / "s.npz")
    amq.train(objects, "MpPde", out=here / "b", threads=2, **dict(common, budget=(4, 3.0)))
    check((here / "b").read_bytes() == made, "two threads")

    # Stopped by an exception and by Ctrl-C, it goes on to the same bits.
    class Enough(Exception):
        pass

    def stop(what, done, **_):
        if what.startswith("adaptive") and done > 5:
            raise Enough

    kept = dict(common, folder=here / "run", checkpoint_every=2, out=here / "c")

    def interrupted(threads):
        timer = threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT))
        timer.start()
        try:
            amq.train(samples, "mp_pde", out=here / "c", threads=threads, **dict(quick, epochs=10**6))
        finally:
            timer.join()

    for stopped, run in (
        (KeyboardInterrupt, lambda: interrupted(1)),
        (KeyboardInterrupt, lambda: interrupted(2)),
        (Enough, lambda: amq.train(samples, "mp_pde", progress=stop, report_every=1, **kept)),
    ):
        try:
            run()
            check(False, f"{stopped.__name__} reaches the caller")
        except stopped:
            pass
        check(not (here / "c").exists(), "nothing is written")
    again = amq.train(samples, "mp_pde", **kept)
    check((here / "c").read_bytes() == made, "a stopped run ends with the same bits")
    check(again.training["float_curve"]["epoch"].tolist() == list(range(1, 13)), "its curve is whole")
    refused("epochs 12 (here 13)", lambda: amq.train(samples, "mp_pde", **dict(kept, epochs=13)))
    refused("samples", lambda: amq.train(samples[1:], "mp_pde", **kept))

    # Other units are another scale of the same network: powers of two move no bit.
    scaled = [dict(s, points=8 * s["points"], given=2 * s["given"], solution=4 * s["solution"]) for s in samples]
    one = amq.train(samples, "mp_pde", kind="uniform", bits=4, mark_boundary=True, **small)
    two = amq.train(scaled, "mp_pde", kind="uniform", bits=4, mark_boundary=True, **small)
    u = one.mesh(*square(9), mark_boundary=True).solve(300 * np.ones(100, np.float32))
    p, c = square(9)
    v = two.mesh(8 * p, c, mark_boundary=True).solve(600 * np.ones(100, np.float32))
    check(np.array_equal(4 * u, v), "units")

    # Nodes that skip layers.
    s = amq.train(samples, "mp_pde", bits=(0, 4, 8), sharing="block", budget=5, out=here / "skips", **quick)
    check(s.info["levels"] == [0, 4, 8], "levels with 0")
    u = s.mesh(samples[0]["points"], samples[0]["cells"]).solve(samples[0]["given"], mean_bits=5)
    again = amq.load(here / "skips")
    check(np.array_equal(again.mesh(samples[0]["points"], samples[0]["cells"]).solve(samples[0]["given"], mean_bits=5),
                         u), "a file keeps the sharing")  # fmt: skip

    # Every network and kind, without types of nodes, as a cloud, mirrored.
    for network in amq.trainable():
        sizes = {"transolver": {"heads": 2}, "flare": {"heads": 2}, "graph_vit": {"width": 16, "heads": 2, "blocks": 1}}
        s = amq.train(samples[:3], network, kind="quantized", **dict(quick, validation=0, **sizes.get(network, {})))
        u = s.mesh(samples[0]["points"], samples[0]["cells"]).solve(samples[0]["given"])
        check(u.shape == (49, 1) and np.isfinite(u).all() and not s.info["marks_boundary"], network)
        check(np.isnan(s.training["float_error"]) and s.training["budgets"] == [], f"{network}: nothing is held out")
    bare = [{k: v for k, v in s.items() if k != "cells"} for s in samples[:4]]
    s = amq.train(bare, "transolver", kind="uniform", bits=[2, 8], heads=2, rate="one_cycle", loss="relative_l2",
                  average=0.9, patience=5, **dict(quick, epochs=2))  # fmt: skip
    check(s.info["levels"] == [2, 8] and s.mesh(bare[0]["points"], np.empty((0, 3), int)).rows == 49, "a cloud")
    vectors = [dict(s, given=np.hstack([s["given"]] * 3), node_type=np.arange(49) % 2 * 6) for s in samples]
    s = amq.train(vectors, "mp_pde", kind="uniform", reflections=[0, 1], given_vectors=[1], **quick)
    check(s.info["marks_boundary"] and s.info["solution"] == [("", "")], "mirrored")

    # Known boundary values stand on every answer, and the file keeps them; the distance from the boundary is a channel.
    def on_edge(p):
        return np.any((p == 0) | (p == 1), axis=1)

    held = [dict(s, solution=np.where(on_edge(s["points"])[:, None], np.float32(-1.5), s["solution"])) for s in samples]
    known = dict(quick, kind="uniform", bits=4, mark_boundary=True, solution=["u"])
    wide = dict(known, given=["T"], boundary_distance=True)
    free = amq.train(held, "mp_pde", out=here / "free", **wide)
    bound = amq.train(held, "mp_pde", out=here / "bound", imposed={("wall", "u"): -1.5}, **wide)
    check(bound.info["given"] == [("T", ""), ("boundary_distance", "")], f"{bound.info['given']}")
    p, c = square(9)
    away = amq.boundary_distance(p, c)
    check(np.allclose(away, np.minimum(p, 1 - p).min(axis=1), rtol=0, atol=1e-15), "of a square it is known")
    a = np.stack([np.full(100, 300.0), away], axis=1)
    said = [s.mesh(p, c, mark_boundary=True).solve(a)[:, 0] for s in (free, bound, amq.load(here / "bound"))]
    check(np.array_equal(said[1], np.where(on_edge(p), -1.5, said[0])), "imposed at walls, and nowhere else")
    check(np.array_equal(said[1], said[2]) and not np.any(said[0][on_edge(p)] == -1.5), "a file keeps them")
    for same in ({amq.NodeType.wall: -1.5}, "wall=-1.5", [("wall", 0, np.float32(-1.5))]):
        amq.train(held, "mp_pde", out=here / "same", imposed=same, **wide)
        check((here / "same").read_bytes() == (here / "bound").read_bytes(), f"another way to say it: {same}")
    comma = amq.train(held, "mp_pde", imposed={("wall", "u,x=1"): -1.5}, **dict(wide, solution=["u,x=1"]))
    check(comma.info["solution"] == [("u,x=1", "")], f"a name with a comma: {comma.info['solution']}")
    again = comma.mesh(p, c, mark_boundary=True).solve(a)[:, 0]
    check(np.array_equal(again, said[1]), "and it is imposed")
    channel = [dict(s, given=np.column_stack([s["given"], amq.boundary_distance(s["points"], s["cells"])])) for s in held]
    amq.train(channel, "mp_pde", out=here / "same", given=["T", "boundary_distance"], **known)
    check((here / "same").read_bytes() == (here / "free").read_bytes(), "the channel is the user's own")

    # Refusals.
    def bad(words, samples=samples, network="mp_pde", **options):
        refused(words, lambda: amq.train(samples, network, **{**quick, **options}))

    def with_(k, **parts):
        return [dict(s, **parts) if i == k else s for i, s in enumerate(samples)]

    hole = samples[3]["solution"].copy()
    hole[17] = np.nan
    bad("samples, found none", [])
    bad("sample 3, solution: expected finite numbers, found nan in row 17, channel 0", with_(3, solution=hole))
    bad("sample 2, given: expected 49 rows, one per node, found 48", with_(2, given=samples[2]["given"][1:]))
    bad("sample 1, given: expected 49 rows and 1 channels, found 49 rows and 2", with_(1, given=np.ones((49, 2))))
    bad("sample 0, points: expected numbers (node, dim)", with_(0, points=np.ones(3)))
    bad("sample 0, cells: expected ids from 0 to 48, found 1 to 49", with_(0, cells=samples[0]["cells"] + 1))
    far = np.where(np.arange(98).reshape(49, 2) == 8, np.inf, samples[5]["points"])
    bad("sample 5, mesh, node 4: expected finite", with_(5, points=far))
    bad("sample 4, given: expected numbers", with_(4, given=np.full((49, 1), "x")))
    bad("an object with 'given'", with_(6, given=None))
    bad("sample 1, node_type", with_(1, node_type=[0, 1]))
    bad("types of nodes as sample 0", with_(1, node_type=[0] * 49))
    bad("channel 0 is 2 everywhere", [dict(s, solution=np.full((49, 1), 2.0)) for s in samples])
    bad("a solution to be relative to", with_(1, solution=np.zeros((49, 1))), loss="relative_l2")
    bad("one of mp_pde, mesh_graph_net, graph_vit, transolver, flare", network="fno")
    bad("'colour': expected one of kind, bits", colour="red")
    bad("or of mp_pde: hidden, layers", heads=2)
    bad("rate: expected one of cosine, constant, one_cycle, found 'step'", rate="step")
    bad("kind: expected one of adaptive, uniform, quantized", kind="float")
    bad("epochs: expected a whole number", epochs=1.5)
    bad("budget: expected mean bits from 1 to 8, found 12", budget=12)
    bad("kind adaptive", kind="uniform", budget=3)
    bad("two levels", bits=4)
    bad("sharing: expected one of node_and_point, edge, block", sharing="nobody")
    bad("kind adaptive", kind="uniform", sharing="block")
    bad("1 to 16 bits, but for the kind adaptive, found 0", kind="uniform", bits=[0, 4])
    bad("cover choosing them: with this network and mesh", budget=1)  # before anything is trained
    bad("a network that costs more than choosing its bits", hidden=1)
    bad("expected positive sizes", hidden=0)
    bad("a validation, to stop early by it", validation=0, patience=3)
    bad("a list of samples, found int", 3)
    bad("validation", validation=1)
    bad("names of given: expected 1 names, found 2", given=["a", "b"])
    bad("no such place", out=here / "none" / "x")
    bad("reflections: expected axes below 2", reflections=[2])
    bad("given_vectors", reflections=[0], given_vectors=[0])
    bad("a function, found int", progress=3)
    bad("threads: expected", threads=0)
    bad("sample 0, solution: expected 3.0", mark_boundary=True, imposed={"wall": 3})
    bad("of a type that the network reads", imposed={"wall": 3})
    bad("expected a type of nodes, one of normal, obstacle", imposed={"rim": 0})
    bad("imposed, channel: expected a whole number from 0 to 0, found 'p'", imposed={("wall", "p"): 0})
    bad("TYPE:CHANNEL=VALUE", imposed="wall")
    bad("{(type, channel): value}", imposed=[3])
    bad("a number a type and channel, found 'x'", imposed={"wall": "x"})
    cloud = [{k: v for k, v in s.items() if k != "cells"} for s in samples]
    bad("sample 0, boundary_distance: expected cells", cloud, boundary_distance=True)
    refused("cells", lambda: amq.boundary_distance(p, c[:0]))
    refused("ids from 0 to 99", lambda: amq.boundary_distance(p, c + 1))

    # The stub names every option of the trainer.
    try:
        amq.train(samples, "mp_pde", colour="red")
    except amq.Error as e:
        names = set(re.search(r"one of (.*), or of mp_pde", str(e))[1].split(", "))
    stub = (pathlib.Path(amq.__file__).parent / "__init__.pyi").read_text()
    body = re.search(r"^def train\((.*?)^\) ->", stub, re.M | re.S)[1]
    stubbed = set(re.findall(r"^    (\w+):", body, re.M))
    check(len(names) > 25 and names <= stubbed, f"not in the stub: {names - stubbed}")
    with_default = dict(re.findall(r"^    (\w+): .* = (.*),$", body, re.M))
    check(with_default["epochs"] == "40" and "samples" not in with_default, "the stub was read")

end()
