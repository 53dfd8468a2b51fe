"""VTK's own writer of legacy files against our reader: ASCII and binary, versions 4.2 and 5.1."""
import subprocess
import sys
import tempfile

try:
    import numpy as np
    from vtkmodules.util.numpy_support import numpy_to_vtk
    from vtkmodules.vtkCommonCore import vtkIdList, vtkPoints
    from vtkmodules.vtkCommonDataModel import vtkUnstructuredGrid
    from vtkmodules.vtkIOLegacy import vtkUnstructuredGridWriter
except ImportError:
    print("skipped: no vtk for Python")
    sys.exit(77)

rng = np.random.default_rng(0)
n = 10
n_files = 0
with tempfile.TemporaryDirectory() as d:
    for vtk_type, corners in [(5, 3), (9, 4), (10, 4), (12, 8)]:
        points = rng.normal(size=(n, 3)).astype("f4")
        points[0, 0] = np.float32(np.frombuffer(b"\n\n\n\n", dtype=">f4")[0])  # bytes that look like ends of lines
        order = rng.permutation(n)  # every node is in a cell: readers leave out those of none
        cells = np.array([np.roll(order, 2 * k)[:corners] for k in range(5)])
        grid = vtkUnstructuredGrid()
        p = vtkPoints()
        p.SetData(numpy_to_vtk(points, deep=True))
        grid.SetPoints(p)
        for c in cells:
            ids = vtkIdList()
            for i in c:
                ids.InsertNextId(int(i))
            grid.InsertNextCell(vtk_type, ids)
        fields = {"pressure": rng.normal(size=n).astype("f4"), "a b": rng.normal(size=(n, 2)),
                  "velocity": rng.normal(size=(n, 3)), "ids": rng.integers(-99, 99, size=n)}
        for name, a in fields.items():
            v = numpy_to_vtk(a, deep=True)
            v.SetName(name)
            {"pressure": grid.GetPointData().SetScalars, "velocity": grid.GetPointData().SetVectors}.get(
                name, grid.GetPointData().AddArray)(v)
        v = numpy_to_vtk(np.arange(5.0), deep=True)
        v.SetName("quality")
        grid.GetCellData().AddArray(v)
        for version in [42, 51]:
            for binary in [False, True]:
                writer = vtkUnstructuredGridWriter()
                writer.SetInputData(grid)
                writer.SetFileName(f"{d}/a.vtk")
                writer.SetFileVersion(version)
                writer.SetFileTypeToBinary() if binary else writer.SetFileTypeToASCII()
                assert writer.Write()
                subprocess.run([sys.argv[1], "vtk", f"{d}/a.vtk", f"{d}/a.npz"], check=True)
                with np.load(f"{d}/a.npz") as found:
                    near = dict(rtol=0 if binary else 1e-5, atol=0 if binary else 1e-5)
                    assert np.array_equal(found["cells"].reshape(cells.shape), cells)
                    assert np.allclose(found["points"].reshape(n, 3), points, **near)
                    for name, a in fields.items():
                        b = found["node " + name].reshape(a.shape)
                        assert np.allclose(b, a.astype("f4"), **near), (name, version, binary)
                    assert np.array_equal(found["cell quality"], np.arange(5.0))
                n_files += 1
print(n_files, "files agree")
