"""VTK's own readers judge our VTU and PVD files, written by the echo program from fixed meshes."""
import os
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as xml

try:
    import numpy as np
    from vtkmodules.util.numpy_support import vtk_to_numpy
    from vtkmodules.vtkIOXML import vtkXMLUnstructuredGridReader
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
print(len(CELLS), "kinds of cells and a series agree")
