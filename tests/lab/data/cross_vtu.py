"""VTK's own readers judge our VTU and PVD files, written by the echo program from fixed meshes, and our reader reads
what VTK's own writer makes, in every form that it has."""
import os
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as xml

try:
    import numpy as np
    from vtkmodules.util.numpy_support import numpy_to_vtk, vtk_to_numpy
    from vtkmodules.vtkCommonCore import vtkIdList, vtkPoints
    from vtkmodules.vtkCommonDataModel import vtkUnstructuredGrid
    from vtkmodules.vtkIOXML import vtkXMLUnstructuredGridReader, vtkXMLUnstructuredGridWriter
except ImportError:
    print("skipped: no vtk for Python")
    sys.exit(77)

CELLS = {"triangle": (2, 5, 3), "quad": (2, 9, 4), "tetra": (3, 10, 4), "hexahedron": (3, 12, 8),
         "surface": (3, 5, 3), "shell": (3, 9, 4)}


def read(path):
    reader = vtkXMLUnstructuredGridReader()
    reader.SetFileName(path)
    reader.Update()
    assert reader.GetErrorCode() == 0, path
    return reader.GetOutput()


with tempfile.TemporaryDirectory() as d:
    for kind, (dim, vtk_type, corners) in CELLS.items():
        for encoding in ["raw", "base64"]:
            path = f"{d}/{kind}_{encoding}.vtu"
            subprocess.run([sys.argv[1], "vtu", kind, encoding, path], check=True)
            grid = read(path)
            n = corners + 1
            assert grid.GetNumberOfPoints() == n and grid.GetNumberOfCells() == 2
            expected = np.array([[i, i * i, i % 3 if dim == 3 else 0] for i in range(n)]) * 0.25
            assert np.array_equal(vtk_to_numpy(grid.GetPoints().GetData()), expected)
            for c in range(2):
                cell = grid.GetCell(c)
                assert cell.GetCellType() == vtk_type
                assert [cell.GetPointId(k) for k in range(corners)] == [c + k for k in range(corners)]
            p, q = grid.GetPointData(), grid.GetCellData()
            f = vtk_to_numpy(p.GetArray("float field"))
            assert f.dtype == np.float32 and np.array_equal(f, np.arange(2 * n).reshape(n, 2) + 0.5)
            f = vtk_to_numpy(p.GetArray("double"))
            assert f.dtype == np.float64 and np.array_equal(f, np.arange(n) / 3)
            v = vtk_to_numpy(p.GetArray("velocity"))
            assert v.shape == (n, 3) and np.array_equal(v[:, 0], np.arange(n))
            assert np.array_equal(v[:, 2], np.arange(n) + 2 if dim == 3 else np.zeros(n))
            f = vtk_to_numpy(q.GetArray("bits & <more>"))
            assert f.dtype == np.int32 and np.array_equal(f, [2, 8])
    subprocess.run([sys.argv[1], "pvd", f"{d}/series.pvd"], check=True)
    steps = xml.parse(f"{d}/series.pvd").getroot().findall("./Collection/DataSet")
    assert [float(s.get("timestep")) for s in steps] == [0.0, 0.1, 0.2]
    for k, s in enumerate(steps):
        u = vtk_to_numpy(read(os.path.join(d, s.get("file"))).GetPointData().GetArray("u"))
        assert np.array_equal(u, np.full(4, k))

rng = np.random.default_rng(0)
n, n_files = 10, 0
with tempfile.TemporaryDirectory() as d:
    for vtk_type, corners in [(5, 3), (9, 4), (10, 4), (12, 8)]:
        points = rng.normal(size=(n, 3))
        order = rng.permutation(n)  # every node is in a cell: readers leave out those of none
        cells = np.array([np.roll(order, 2 * k)[:corners] for k in range(5)])
        grid = vtkUnstructuredGrid()
        p = vtkPoints()
        p.SetDataTypeToDouble()
        p.SetData(numpy_to_vtk(points, deep=True))
        grid.SetPoints(p)
        for cell_type, all in ((vtk_type, cells), (3, cells[:2, :2])):  # lines, too, which are left out
            for c in all:
                ids = vtkIdList()
                for i in c:
                    ids.InsertNextId(int(i))
                grid.InsertNextCell(cell_type, ids)
        fields = {"pressure <&>": rng.normal(size=n).astype("f4"), "a b": rng.normal(size=(n, 2)),
                  "ids": rng.integers(-99, 99, size=n), "bytes": rng.integers(0, 255, size=n, dtype=np.uint8)}
        for name, a in fields.items():
            v = numpy_to_vtk(a, deep=True)
            v.SetName(name)
            grid.GetPointData().AddArray(v)
        v = numpy_to_vtk(np.arange(7.0), deep=True)
        v.SetName("quality")
        grid.GetCellData().AddArray(v)
        for mode in ("Ascii", "Binary", "Appended"):
            for big in (False, True):
                for header in (32, 64):
                    for packed in (False, True):
                        for base64 in (False, True):
                            writer = vtkXMLUnstructuredGridWriter()
                            writer.SetInputData(grid)
                            writer.SetFileName(f"{d}/a.vtu")
                            getattr(writer, f"SetDataModeTo{mode}")()
                            writer.SetByteOrderToBigEndian() if big else writer.SetByteOrderToLittleEndian()
                            (writer.SetHeaderTypeToUInt32 if header == 32 else writer.SetHeaderTypeToUInt64)()
                            writer.SetCompressorTypeToZLib() if packed else writer.SetCompressorTypeToNone()
                            writer.SetEncodeAppendedData(base64)
                            writer.SetBlockSize(64)  # of several blocks
                            assert writer.Write()
                            done = subprocess.run([sys.argv[1], "vtk", f"{d}/a.vtu", f"{d}/a.npz"], capture_output=True,
                                                  text=True)  # fmt: skip
                            if packed and "no zlib" in done.stderr:
                                continue
                            assert done.returncode == 0, (mode, big, header, packed, base64, done.stderr)
                            with np.load(f"{d}/a.npz") as found:
                                near = dict(rtol=1e-5, atol=1e-5) if mode == "Ascii" else dict(rtol=0, atol=0)
                                assert np.array_equal(found["cells"].reshape(cells.shape), cells)
                                assert np.allclose(found["points"].reshape(n, 3), points, **near)
                                for name, a in fields.items():
                                    b = found["node " + name].reshape(a.shape)
                                    assert np.allclose(b, a.astype("f4"), **near), (name, mode)
                                assert np.array_equal(found["cell quality"], np.arange(5.0))
                            n_files += 1
print(len(CELLS), "kinds of cells and a series agree,", n_files, "files of VTK are read")
