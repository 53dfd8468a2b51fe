"""Writes the golden .msh files with meshio, an independent program: /usr/bin/python3 gmsh_golden.py <folder>

A strip of 4 triangles on the unit square round its centre, groups 7 (two lower) and 8 (two upper), its four
sides as lines of group 5 (bottom) and 6 (others); and one hexahedron [0, 2] x [0, 1] x [0, 3] with its six quads.
"""
import pathlib
import sys

import meshio
import numpy as np

folder = pathlib.Path(sys.argv[1])
square = dict(
    points=np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0], [0.5, 0.5, 0]], float),
    cells=[("line", np.array([[0, 1], [1, 2], [2, 3], [3, 0]])),
           ("triangle", np.array([[0, 1, 4], [1, 2, 4], [2, 3, 4], [3, 0, 4]]))],
    groups=[np.array([5, 6, 6, 6]), np.array([7, 7, 8, 8])],
    field_data={"bottom": np.array([5, 1]), "rest": np.array([6, 1]), "lower": np.array([7, 2]), "upper": np.array([8, 2])})
brick = dict(
    points=np.array([[0, 0, 0], [2, 0, 0], [2, 1, 0], [0, 1, 0], [0, 0, 3], [2, 0, 3], [2, 1, 3], [0, 1, 3]], float),
    cells=[("quad", np.array([[0, 1, 2, 3], [4, 5, 6, 7], [0, 1, 5, 4], [1, 2, 6, 5], [2, 3, 7, 6], [3, 0, 4, 7]])),
           ("hexahedron", np.array([[0, 1, 2, 3, 4, 5, 6, 7]]))],
    groups=[np.array([1, 2, 3, 3, 3, 3]), np.array([9])],
    field_data={"floor": np.array([1, 2])})
for name, m in {"square": square, "brick": brick}.items():
    for form in ["gmsh22", "gmsh"]:
        for binary in [False, True]:
            groups = {"gmsh:physical": m["groups"], "gmsh:geometrical": m["groups"]}
            mesh = meshio.Mesh(m["points"], m["cells"], cell_data=groups, field_data=m["field_data"])
            if form == "gmsh":
                # 4.1 wants to know which entity a node lies on.
                top = m["cells"][1]
                dim = 2 if top[0] == "triangle" else 3
                tag = int(m["groups"][1][0])
                mesh.point_data["gmsh:dim_tags"] = np.tile([dim, tag], (len(m["points"]), 1))
            kind = "binary" if binary else "ascii"
            version = "22" if form == "gmsh22" else "41"
            meshio.write(folder / f"{name}_{version}_{kind}.msh", mesh, file_format=form, binary=binary)
