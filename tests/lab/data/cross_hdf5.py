"""h5py and scipy judge our HDF5 and MATLAB readers: what they write, the echo program turns into npz."""
import subprocess
import sys
import tempfile

try:
    import h5py
    import numpy as np
    from scipy.io import savemat
except ImportError:
    print("skipped: no h5py or scipy")
    sys.exit(77)

echo = sys.argv[1]
rng = np.random.default_rng(0)


def through(kind, path, out):
    subprocess.run([echo, kind, path, out], check=True)
    with np.load(out) as z:
        return {k: z[k] for k in z.files}


with tempfile.TemporaryDirectory() as d:
    arrays = {}
    for code in ["u1", "i1", "<u2", ">i2", "<u4", ">i4", "<u8", "<i8", "<f2", "<f4", ">f8", "?"]:
        for n, options in enumerate([{}, {"compression": "gzip"}, {"compression": "lzf"},
                                     {"compression": "lzf", "shuffle": True, "chunks": (4, 3)}]):
            a = (rng.integers(0, 90, size=(40, 30)) // (1 + n)).astype(code)
            arrays[f"d{code.strip('<>?')}{n}"] = (a, options)
    with h5py.File(f"{d}/a.h5", "w") as f:
        for name, (a, options) in arrays.items():
            f.create_dataset(name, data=a, **options)
    found = through("hdf5", f"{d}/a.h5", f"{d}/a.npz")
    assert sorted(found) == sorted(arrays)
    for name, (a, _) in arrays.items():
        assert np.array_equal(found[name], a), name
    mats = {"coeff": rng.normal(size=(3, 4, 5)), "u": rng.normal(size=(2, 7)).astype("f4"),
            "i": rng.integers(-9, 9, size=(5, 1)).astype("i4"), "big": np.arange(6.0).reshape(2, 3),
            "b": rng.integers(0, 2, size=(3, 3)).astype("u1"), "long_variable_name": np.eye(3),
            "i8": np.array([[2**40, -1]])}
    for compressed in [False, True]:
        savemat(f"{d}/a.mat", mats | {"text": "skipped", "cell": {"x": 1}}, do_compression=compressed)
        found = through("mat", f"{d}/a.mat", f"{d}/m.npz")
        assert sorted(found) == sorted(mats), sorted(found)
        for name, a in mats.items():
            assert found[name].shape == a.shape and np.array_equal(found[name], a), name
            assert found[name].dtype == a.dtype, name
print(len(arrays), "HDF5 datasets and", len(mats), "MATLAB arrays agree")
