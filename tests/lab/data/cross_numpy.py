"""What numpy writes we read, and what we write numpy reads: npy and npz through the echo program."""
import subprocess
import sys
import tempfile

try:
    import numpy as np
except ImportError:
    print("skipped: no numpy")
    sys.exit(77)

echo = sys.argv[1]
rng = np.random.default_rng(0)


def run(*args):
    subprocess.run([echo, *args], check=True)


def arrays():
    for code in "?bBhHiIlLefdFD":
        for shape in [(), (5,), (2, 3), (4, 0), (2, 3, 4)]:
            for order in "CF":
                for swap in [False, True]:
                    raw = rng.integers(0, 2 if code == "?" else 200, size=shape) / 4
                    a = np.asarray(raw, order=order).astype(code)
                    yield np.asarray(a.astype(a.dtype.newbyteorder()) if swap else a, order=order)


with tempfile.TemporaryDirectory() as d:
    everything = dict((f"a{k}", a) for k, a in enumerate(arrays()))
    np.savez(f"{d}/in.npz", **everything)
    run("npz", f"{d}/in.npz", f"{d}/out.npz")
    with np.load(f"{d}/out.npz") as out:
        assert sorted(out.files) == sorted(everything)
        for k, a in everything.items():
            assert out[k].dtype == a.dtype.newbyteorder("="), (k, a.dtype, out[k].dtype)
            assert out[k].shape == a.shape and np.array_equal(out[k], a), k
    for version in [(1, 0), (2, 0), (3, 0)]:
        a = np.arange(12, dtype=">f8").reshape(3, 4)
        with open(f"{d}/in.npy", "wb") as f:
            np.lib.format.write_array(f, a, version=version)
        run("npy", f"{d}/in.npy", f"{d}/out.npy")
        assert np.array_equal(np.load(f"{d}/out.npy"), a)
    for refused in [np.array(["text"]), np.zeros(2, dtype=[("a", "f4")])]:
        np.save(f"{d}/in.npy", refused)
        assert subprocess.run([echo, "npy", f"{d}/in.npy", f"{d}/no.npy"], capture_output=True).returncode == 1
    print(len(everything), "arrays agree")
