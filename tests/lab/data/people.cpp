// Files as people have them: what stands beside the mesh and the numbers is read past, and what no
// solver can use is refused in one sentence. Each case was met in public reports.
#include <amq/io/json.hpp>
#include <amq/mesh/boundary_distance.hpp>
#include <amq/mesh/neighbours.hpp>
#include <amq/mesh/sides.hpp>
#include <amq_lab/data/eagle.hpp>
#include <amq_lab/data/gmsh.hpp>
#include <amq_lab/data/grid_set.hpp>
#include <amq_lab/data/mat.hpp>
#include <amq_lab/data/mesh_graph_nets.hpp>
#include <amq_lab/data/mesh_set.hpp>
#include <amq_lab/data/vtk_legacy.hpp>
#include <amq_lab/data/vtu.hpp>
#ifdef AMQ_TEST_HDF5
#include <amq_lab/data/grid_set_hdf5.hpp>
#endif

#include "../../io/scratch.hpp"

#include <array>
#include <bit>
#include <cfenv>
#include <limits>

namespace test_people {

using namespace amq;
using namespace amq::lab;

namespace {

std::string file(const std::string& name) {
  return std::string(AMQ_TEST_DATA) + "/people/" + name;
}
const std::vector<float> u{1.5f, 2.5f, 3.5f, 4.5f};

/// Two triangles over a unit square, with `more` behind them.
MeshSample legacy_of(const std::string& more, const std::string& before = "",
                     const std::string& z = "0") {
  const test::Scratch dir("people");
  const std::string path = dir.path("square.vtk");
  write_file(path, "# vtk DataFile Version 3.0\nt\nASCII\nDATASET POLYDATA\n" + before +
                       "POINTS 4 double\n0 0 0  1 0 " + z + "  1 1 0  0 1 0\n" + more);
  return vtk_legacy::read(path);
}
const std::string triangles = "POLYGONS 2 8\n3 0 1 2\n3 0 2 3\n";

/// Unit squares, (x, y) of its lower corner and the cells' tags, as MSH 2.2.
GmshFile msh(const std::string& elements, const std::string& z = "0") {
  const std::string text = "$MeshFormat\n2.2 0 8\n$EndMeshFormat\n$Nodes\n4\n1 0 0 0\n2 1 0 " + z +
                           "\n3 1 1 0\n4 0 1 0\n$EndNodes\n$Elements\n" + elements +
                           "$EndElements\n";
  return parse_gmsh(as_bytes(text));
}

/// What files say, and what is made of it.
struct Read {
  std::vector<double> numbers;
  std::vector<float> narrow;
  std::vector<std::int32_t> edges;
  bool operator==(const Read&) const = default;
};

}  // namespace

TEST_CASE("an entity in several physical groups is one cell, and all of its groups find it") {
  for (const char* name : {"overlap_22.msh", "overlap_41.msh"}) {
    CAPTURE(name);
    GmshFile f = read_gmsh(file(name));
    CHECK(f.mesh.n_cells() == 44);
    CHECK(f.mesh.n_nodes() == 31);
    CHECK_NOTHROW(validate(f.mesh));
    CHECK(find_sides(f.mesh).size() == 74);
    CHECK(mark_facets(f, "inlet", NodeType::inflow) == 4);
    CHECK(mark_facets(f, "walls", NodeType::wall) == 8);
    CHECK(mark_facets(f, "dirichlet", NodeType::wall) == 8);
    CHECK(cells_in(f, "matrix").size() == 22);
    CHECK(cells_in(f, "inclusion").size() == 22);
    CHECK(cells_in(f, "source").size() == 44);
    AMQ_REFUSES(static_cast<void>(cells_in(f, "outlet")), "matrix, inclusion, source");
  }
  // Given twice in the same group, and once turned round.
  const GmshFile twice = msh("3\n1 2 2 7 1 1 2 3\n2 2 2 7 1 1 2 3\n3 2 2 9 1 2 1 3\n");
  CHECK(twice.mesh.n_cells() == 1);
  CHECK(twice.mesh.cell_tag == std::vector<std::int32_t>{7});
  CHECK(cells_in(twice, "9").size() == 1);
}

TEST_CASE("a partitioned mesh keeps its physical groups, and lines between parts have none") {
  GmshFile f = read_gmsh(file("partitioned_41.msh"));
  CHECK(f.mesh.n_cells() == 44);
  CHECK(std::count(f.mesh.cell_tag.begin(), f.mesh.cell_tag.end(), 1) == 22);
  CHECK(std::count(f.mesh.cell_tag.begin(), f.mesh.cell_tag.end(), 2) == 22);
  CHECK(mark_facets(f, "inlet", NodeType::inflow) == 4);
  CHECK(mark_facets(f, "walls", NodeType::wall) == 8);
  CHECK(std::count(f.facet_tag.begin(), f.facet_tag.end(), 0) == 10);
}

TEST_CASE("sections before the format, and nodes with parameters, are read") {
  CHECK(read_gmsh(file("comments_first_41.msh")).mesh.n_cells() == 44);
  const GmshFile f = read_gmsh(file("parametric_nodes_22.msh"));
  CHECK(f.mesh.n_nodes() == 4);
  CHECK(f.mesh.n_cells() == 2);
  CHECK(f.node_id.back() == 7000000);
  AMQ_REFUSES(parse_gmsh(as_bytes("$Nodes\n0\n$EndNodes\n")), "$MeshFormat before it");
}

TEST_CASE("what VTK writes beside points and cells is read past, in text and in binary") {
  for (const char* name : {"vtk_time_txt.vtk", "vtk_time_bin.vtk", "vtk_original_ids_txt_51.vtk",
                           "vtk_original_ids_bin_51.vtk", "vtk_global_ids_txt.vtk",
                           "vtk_texture.vtk", "vtk_strings.vtk", "vtk_poly_lines.vtk"}) {
    CAPTURE(name);
    const MeshSample s = vtk_legacy::read(file(name));
    CHECK(s.mesh.n_cells() == 2);
    CHECK(s.mesh.dim == 2);
    CHECK(s.node.at("u") == u);
    CHECK_NOTHROW(validate(s.mesh));
  }
  const auto ids = vtk_legacy::read(file("vtk_original_ids_bin_51.vtk"));
  CHECK(ids.node.at("vtkOriginalPointIds") == std::vector<float>{0, 1, 2, 3});
  CHECK(ids.cell.at("vtkOriginalCellIds") == std::vector<float>{10, 11});
  CHECK(vtk_legacy::read(file("vtk_strings.vtk")).cell.at("k") == std::vector<float>{3, 4});
}

TEST_CASE("rows of CELL_DATA stay with the surface when corners and lines stand before it") {
  const auto s =
      legacy_of("VERTICES 1 2\n1 3\nLINES 2 7\n2 0 1\n3 1 2 3\n" + triangles +
                "CELL_DATA 5\nSCALARS k float\nLOOKUP_TABLE default\n9 8 7 1 2\n"
                "POINT_DATA 4\nTENSORS6 s float\n1 1 1 1 1 1 2 2 2 2 2 2 3 3 3 3 3 3 4 4 4 4 4 4\n"
                "PEDIGREE_IDS p string\none\ntwo\nthree\nfour\nSCALARS u float\n"
                "LOOKUP_TABLE default\n1.5 2.5 3.5 4.5\n");
  CHECK(s.cell.at("k") == std::vector<float>{1, 2});
  CHECK(s.node.at("s").size() == 24);
  CHECK(s.node.at("u") == u);
  AMQ_REFUSES(legacy_of("TRIANGLE_STRIPS 1 5\n4 0 1 3 2\n"), "vtkTriangleFilter");
}

TEST_CASE("an unstructured grid is its cells of the highest dimension") {
  const test::Scratch dir("people");
  const std::string path = dir.path("mixed.vtk");
  write_file(path,
             "# vtk DataFile Version 3.0\nt\nASCII\nDATASET UNSTRUCTURED_GRID\nPOINTS 4 double\n"
             "0 0 0 1 0 0 1 1 0 0 1 0\nCELLS 4 13\n2 0 1\n3 0 1 2\n1 3\n3 0 2 3\nCELL_TYPES 4\n"
             "3 5 1 5\nCELL_DATA 4\nSCALARS k float\nLOOKUP_TABLE default\n9 1 9 2\n");
  const auto s = vtk_legacy::read(path);
  CHECK(s.mesh.cells == std::vector<std::int32_t>{0, 1, 2, 0, 2, 3});
  CHECK(s.cell.at("k") == std::vector<float>{1, 2});
}

TEST_CASE("texts in binary have their length before them, in one byte to eight") {
  std::string text =
      "# vtk DataFile Version 5.1\nt\nBINARY\nDATASET POLYDATA\nFIELD FieldData 1\nname 1 3 "
      "string\n";
  const auto bytes = [&](std::initializer_list<int> all) {
    for (const int b : all) text += static_cast<char>(b);
  };
  bytes({0xc0 | 3}), text += "abc";
  bytes({0x80, 70}), text += std::string(70, 'x');
  bytes({0x40, 0, 0, 2}), text += "yz";
  text += "\nPOINTS 1 float\n" + std::string(12, '\0') + "\n";
  const test::Scratch dir("people");
  write_file(dir.path("names.vtk"), text);
  CHECK(vtk_legacy::read(dir.path("names.vtk")).mesh.n_nodes() == 1);
  // A length beyond the end is not followed.
  text[text.find("abc") - 1] = static_cast<char>(0xc0 | 63);
  write_file(dir.path("names.vtk"), text.substr(0, text.find("abc") + 20));
  AMQ_REFUSES(vtk_legacy::read(dir.path("names.vtk")), "texts of name");
}

TEST_CASE("bits of VTK are numbers, a byte's first one highest, in text and in binary") {
  const std::vector<float> m{1, 0, 1, 1};
  for (const char* as : {"SCALARS m bit\nLOOKUP_TABLE default\n", "FIELD f 1\nm 1 4 bit\n"}) {
    CAPTURE(as);
    const auto s = legacy_of(triangles + "POINT_DATA 4\n" + as + "1 0 1 1\n" +
                             "SCALARS u double\nLOOKUP_TABLE default\n1.5 2.5 3.5 4.5\n");
    CHECK(s.node.at("m") == m);
    CHECK(s.node.at("u") == u);
  }
  const test::Scratch dir("people");
  std::string text = "# vtk DataFile Version 3.0\nt\nBINARY\nDATASET POLYDATA\nPOINTS 4 float\n";
  const auto floats = [&](std::initializer_list<float> all) {
    for (const float x : all)
      for (int k = 24; k >= 0; k -= 8)
        text += static_cast<char>(std::bit_cast<std::uint32_t>(x) >> k & 255);
  };
  floats({0, 0, 0, 1, 0, 0, 1, 1, 0, 0, 1, 0});
  text += "\nPOLYGONS 2 8\n";
  for (const int v : {3, 0, 1, 2, 3, 0, 2, 3}) text += std::string(3, '\0') + static_cast<char>(v);
  // Ten bits have two bytes, and the second is an end of line by chance.
  text += "\nPOINT_DATA 4\nVECTORS m bit\n";
  text += "\xb4\x0a\nSCALARS u float\nLOOKUP_TABLE default\n";
  floats({1.5f, 2.5f, 3.5f, 4.5f});
  write_file(dir.path("bits.vtk"), text);
  const auto s = vtk_legacy::read(dir.path("bits.vtk"));
  CHECK(s.node.at("m") == std::vector<float>{1, 0, 1, 1, 0, 1, 0, 0, 0, 0, 0, 0});
  CHECK(s.node.at("u") == u);
  // Many bits take fewer bytes than there are rows, also as the last thing of a file.
  std::string many = "# vtk DataFile Version 3.0\nt\nBINARY\nDATASET POLYDATA\nPOINTS 1000 float\n";
  many += std::string(12'000, '\0') + "\nPOLYGONS 1 4\n";
  for (const int v : {3, 0, 1, 2}) many += std::string(3, '\0') + static_cast<char>(v);
  for (const char* as : {"SCALARS m bit\nLOOKUP_TABLE default\n", "FIELD f 1\nm 1 1000 bit\n"}) {
    CAPTURE(as);
    write_file(dir.path("many.vtk"),
               many + "\nPOINT_DATA 1000\n" + as + std::string(125, '\xff') + "\n");
    const auto kept = vtk_legacy::read(dir.path("many.vtk")).node.at("m");
    CHECK(kept == std::vector<float>(3, 1));  // of the nodes that a cell has
    write_file(dir.path("many.vtk"), many + "\nPOINT_DATA 1000\n" + as + std::string(9, '\xff'));
    AMQ_REFUSES(vtk_legacy::read(dir.path("many.vtk")), "");
  }
  // A count beyond the end is not believed.
  write_file(dir.path("bits.vtk"),
             text.substr(0, text.find("SCALARS")) + "CELL_DATA 2\nFIELD f 1\nm 900 2 bit\nxx");
  AMQ_REFUSES(vtk_legacy::read(dir.path("bits.vtk")), "m");
}

TEST_CASE("words of legacy VTK may be in small letters, as VTK reads them") {
  const test::Scratch dir("people");
  write_file(dir.path("small.vtk"),
             "# vtk DataFile Version 3.0\nt\nascii\ndataset polydata\npoints 4 FLOAT\n"
             "0 0 0 1 0 0 1 1 0 0 1 0\npolygons 2 8\n3 0 1 2\n3 0 2 3\npoint_data 4\n"
             "scalars u Double\nlookup_table default\n1.5 2.5 3.5 4.5\n");
  CHECK(vtk_legacy::read(dir.path("small.vtk")).node.at("u") == u);
}

TEST_CASE("readers of meshes have one rule for planes, turned cells and nodes of no cell") {
  // Rounding of float is no height; a thousandth is.
  CHECK(legacy_of(triangles, "", "1e-8").mesh.dim == 2);
  CHECK(legacy_of(triangles, "", "1e-3").mesh.dim == 3);
  const std::string two = "2\n1 2 2 1 1 1 2 3\n2 2 2 1 1 1 3 4\n";
  CHECK(msh(two, "1e-8").mesh.dim == 2);
  CHECK(msh(two, "1e-3").mesh.dim == 3);
  // Corners turn counter-clockwise.
  CHECK_NOTHROW(validate(legacy_of("POLYGONS 2 8\n3 0 2 1\n3 0 2 3\n").mesh));
  CHECK_NOTHROW(validate(msh("2\n1 2 2 1 1 1 3 2\n2 2 2 1 1 1 3 4\n").mesh));
  // A node of no cell goes, with its value.
  const auto s = legacy_of(
      "POLYGONS 1 4\n3 0 2 3\nPOINT_DATA 4\nSCALARS u float\n"
      "LOOKUP_TABLE default\n1.5 2.5 3.5 4.5\n");
  CHECK(s.mesh.n_nodes() == 3);
  CHECK(s.node.at("u") == std::vector<float>{1.5f, 3.5f, 4.5f});
  CHECK(s.mesh.cells == std::vector<std::int32_t>{0, 1, 2});
  CHECK(msh("1\n1 2 2 1 1 1 3 4\n").mesh.n_nodes() == 3);
}

TEST_CASE("doubles that no float holds are refused by name, as NaN is") {
  for (const char* name : {"vtk_fill.vtk", "vtk_fill_bin.vtk"})
    AMQ_REFUSES(vtk_legacy::read(file(name)), "u: expected values that float32 holds");
  AMQ_REFUSES(vtk_legacy::read(file("field_1e300.vtk")), "1e+300");
  AMQ_REFUSES(eagle::load(file("eagle_1e300")), "float32 holds, found float64 1e+300");
}

TEST_CASE("labels and objects beside numbers are passed over") {
  for (const char* name : {"npz_with_names.npz", "npz_with_objects.npz"}) {
    const auto arrays = npz::read(file(name));
    CHECK(arrays.size() == 1);
    CHECK(arrays.at("x").shape == Extents{3, 4});
    CHECK(arrays.at("x").as<double>()[11] == 11);
  }
  npz::Reader in(file("npz_with_names.npz"));
  AMQ_REFUSES(in.read("names"), "numeric");
}

TEST_CASE("files that are no arrays are passed over in an .npz, numbers of other types named") {
  const test::Scratch dir("people");
  const Array x = Array::of(std::vector<float>{1, 2});
  const auto with = [&](const std::string& name, const std::string& bytes) {
    zip::Writer out(dir.path("x.npz"));
    out.add("x.npy", as_bytes(npy::front(x)), x.bytes);
    out.add(name, as_bytes(bytes), {});
    out.commit();
    return dir.path("x.npz");
  };
  for (const char* name : {"README.txt", "notes/", "y"}) {
    const auto arrays = npz::read(with(name, name == std::string("notes/") ? "" : "words"));
    CHECK(arrays.size() == 1);
    CHECK(arrays.at("x").as<float>() == std::vector<float>{1, 2});
  }
  // What says that it is an array must be one.
  AMQ_REFUSES(npz::read(with("y.npy", "words")), "y: expected an .npy file");
  std::string head = "{'descr': '<f16', 'fortran_order': False, 'shape': (1,), }";
  head.resize(117, ' ');
  const std::string version("\x93NUMPY\x01\x00\x76\x00", 10);
  AMQ_REFUSES(npz::read(with("y.npy", version + head + "\n" + std::string(16, '\0'))),
              "y: expected a numeric element type");
  npz::Reader in(dir.path("x.npz"));
  CHECK(in.read("x").shape == Extents{2});
}

TEST_CASE("all physical groups of a name are found by it, and a name goes before a number") {
  const std::string names =
      "$PhysicalNames\n4\n1 3 \"wall\"\n1 4 \"wall\"\n1 5 \"4\"\n2 1 \"all\"\n"
      "$EndPhysicalNames\n";
  const auto parse = [&] {
    return parse_gmsh(
        as_bytes("$MeshFormat\n2.2 0 8\n$EndMeshFormat\n" + names +
                 "$Nodes\n4\n1 0 0 0\n2 1 0 0\n3 1 1 0\n4 0 1 0\n$EndNodes\n$Elements\n6\n"
                 "1 1 2 3 1 1 2\n2 1 2 4 2 2 3\n3 1 2 5 3 3 4\n4 1 2 3 1 2 3\n"
                 "5 2 2 1 1 1 2 3\n6 2 2 1 1 1 3 4\n$EndElements\n"));
  };
  GmshFile f = parse();
  CHECK(mark_facets(f, "wall", NodeType::wall) == 2);  // one of them in both groups
  CHECK(f.mesh.node_type ==
        std::vector<NodeType>{NodeType::wall, NodeType::wall, NodeType::wall, NodeType::normal});
  f = parse();
  CHECK(mark_facets(f, "4", NodeType::inflow) == 1);  // the one called so, not that of the number
  CHECK(f.mesh.node_type[0] == NodeType::normal);
  CHECK(mark_facets(f, "3", NodeType::inflow) == 2);
  CHECK(cells_in(f, "all").size() == 2);
}

TEST_CASE("elements that no solver has are named by their kind, with what helps") {
  AMQ_REFUSES(msh("1\n1 9 2 1 1 1 2 3 1 2 3\n"), "elements of higher order, element type 9");
  AMQ_REFUSES(msh("1\n1 9 2 1 1 1 2 3 1 2 3\n"), "gmsh -order 1");
  AMQ_REFUSES(msh("1\n1 7 2 1 1 1 2 3 4 1\n"), "pyramids");
  const auto grid = [](const std::string& cells) {
    const test::Scratch dir("people");
    const std::string path = dir.path("grid.vtk");
    write_file(path,
               "# vtk DataFile Version 3.0\nt\nASCII\nDATASET UNSTRUCTURED_GRID\nPOINTS 5 "
               "float\n0 0 0 1 0 0 1 1 0 0 1 0 2 0.5 0\n" +
                   cells);
    return vtk_legacy::read(path);
  };
  AMQ_REFUSES(grid("CELLS 2 9\n4 0 1 2 3\n3 1 4 2\nCELL_TYPES 2\n9 5\n"),
              "quads, VTK cell type 9, and triangles");
  AMQ_REFUSES(grid("CELLS 2 9\n4 0 1 2 3\n3 1 4 2\nCELL_TYPES 2\n9 5\n"), "Triangulate");
  AMQ_REFUSES(grid("CELLS 1 5\n4 0 1 3 2\nCELL_TYPES 1\n8\n"), "pixels, VTK cell type 8");
  AMQ_REFUSES(grid("CELLS 1 5\n4 0 1 3 2\nCELL_TYPES 1\n69\n"), "cells of higher order");
  AMQ_REFUSES(legacy_of("POLYGONS 1 5\n4 0 1 2 3\nPOLYGONS 1 6\n5 0 1 2 3 0\n"), "5 corners");
  // An empty cell is none.
  CHECK(grid("CELLS 3 9\n0\n3 0 1 2\n3 1 4 2\nCELL_TYPES 3\n0 5 5\n").mesh.n_cells() == 2);
}

TEST_CASE("a name of a field twice is refused, and arrays that were never filled are passed over") {
  const std::string twice =
      "POINT_DATA 4\nSCALARS u float\nLOOKUP_TABLE default\n1.5 2.5 3.5 4.5\n"
      "FIELD f 1\nu 1 4 float\n9 9 9 9\n";
  AMQ_REFUSES(legacy_of(triangles + twice), "u again");
  const auto s = legacy_of(triangles +
                           "POINT_DATA 4\nFIELD f 4\nnone 0 0 float\n\nother 0 4 double\n\n"
                           "more 1 0 float\n\n"
                           "u 1 4 float\n+1.5 2.5 3.5 4.5\n");
  CHECK(s.node.size() == 1);
  CHECK(s.node.at("u") == u);
  const auto ten = legacy_of(triangles +
                             "CELL_DATA 2\nSCALARS ten float 10\nLOOKUP_TABLE default\n"
                             "0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19\n"
                             "SCALARS id unsigned_long\nLOOKUP_TABLE default\n"
                             "1 18446744073709551615\n");
  CHECK(ten.cell.at("ten").size() == 20);
  CHECK(ten.cell.at("id")[1] == 0x1p64f);
  AMQ_REFUSES(legacy_of(triangles + "CELL_DATA 2\nSCALARS x float two\n1 2\n"), "components of x");
}

TEST_CASE("a plane at the height of a map is a plane, whatever a float makes of the height") {
  const auto at = [](const char* z) { return legacy_of(triangles, "", z).mesh.dim; };
  CHECK(at("0.0000005") == 2);
  CHECK(at("0.00001") == 3);
  const GmshFile high = parse_gmsh(
      as_bytes("$MeshFormat\n2.2 0 8\n$EndMeshFormat\n$Nodes\n4\n1 388000 5572000 100.00001\n"
               "2 388001 5572000 100\n3 388001 5572001 99.999995\n4 388000 5572001 100\n"
               "$EndNodes\n$Elements\n2\n1 2 2 7 1 1 2 3\n2 2 2 7 1 1 3 4\n$EndElements\n"));
  CHECK(high.mesh.dim == 2);
}

TEST_CASE("a file is read alike, whatever the host has set, and an infinity ends in words") {
  const test::Scratch dir("people");
  // Decimals that no double has, in every reader of numbers as text, and doubles to be narrowed.
  const std::string legacy =
      "# vtk DataFile Version 3.0\nt\nASCII\nDATASET POLYDATA\nPOINTS 4 double\n0.1 0.3 0  1.1 0.7 "
      "0 "
      " 1.3 1.7 0  0.3 1.1 0\n" +
      triangles + "POINT_DATA 4\nSCALARS u double\nLOOKUP_TABLE default\n0.1 0.2 0.3 0.7\n";
  write_file(dir.path("a.vtk"), legacy);
  write_file(dir.path("a.msh"),
             "$MeshFormat\n2.2 0 8\n$EndMeshFormat\n$Nodes\n4\n1 0.1 0.3 0\n2 1.1 0.7 0\n3 1.3 1.7 "
             "0\n4 0.3 1.1 0\n$EndNodes\n$Elements\n2\n1 2 2 7 1 1 2 3\n2 2 2 7 1 1 3 4\n"
             "$EndElements\n");
  std::string vtu =
      "<VTKFile type=\"UnstructuredGrid\"><UnstructuredGrid><Piece NumberOfPoints=\"4\" "
      "NumberOfCells=\"2\"><Points><DataArray type=\"Float64\" format=\"ascii\">0.1 0.3 0 1.1 0.7 "
      "0 "
      "1.3 1.7 0 0.3 1.1 0</DataArray></Points><Cells>";
  for (const auto& [name, type, values] :
       {std::array{"connectivity", "Int8", "0 1 2 0 2 3"}, std::array{"offsets", "UInt64", "3 6"},
        std::array{"types", "UInt8", "5 5"}})
    vtu += std::string("<DataArray type=\"") + type + "\" Name=\"" + name + "\" format=\"ascii\">" +
           values + "</DataArray>";
  write_file(dir.path("a.vtu"), vtu + "</Cells></Piece></UnstructuredGrid></VTKFile>");
  const std::vector<double> tenths{0.1, 0.3, 0.7, -0.1};
  npz::write(dir.path("a.npz"), {{"x", Array::of(tenths)}});
  const auto read = [&] {
    Read all;
    const auto add = [&](const Mesh& m) {
      all.numbers.insert(all.numbers.end(), m.points.begin(), m.points.end());
      validate(m);
      for (const double d : boundary_distance(m)) all.numbers.push_back(d);
      const Graph g = knn_edges(m.points, m.dim, 2);
      all.edges.insert(all.edges.end(), g.sender.begin(), g.sender.end());
    };
    const auto sample = vtk_legacy::read(dir.path("a.vtk"));
    add(sample.mesh);
    add(read_gmsh(dir.path("a.msh")).mesh);
    add(vtu::read(dir.path("a.vtu")).mesh);
    all.narrow = sample.node.at("u");
    for (const float x : finite<float>(npz::read(dir.path("a.npz")).at("x"), "x"))
      all.narrow.push_back(x);
    all.numbers.push_back(json::parse("[0.1]").as_list()[0].as_double());
    return all;
  };
  const Read expected = read();
  CHECK(expected.numbers.size() == 3 * (8 + 4) + 1);
  for (const int mode : {FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO}) {
    CAPTURE(mode);
    REQUIRE(std::fesetround(mode) == 0);
    const Read here = read();
    CHECK(std::fegetround() == mode);
    std::fesetround(FE_TONEAREST);
    CHECK(here == expected);
  }
#if defined(__GLIBC__) && defined(__x86_64__)
  // inf - inf is how infinities were looked for: under traps that ended the host.
  constexpr double endless = std::numeric_limits<double>::infinity();
  feenableexcept(FE_INVALID | FE_DIVBYZERO | FE_OVERFLOW);
  bool alike = read() == expected;
  for (const auto& a : {Array::of(std::vector<double>{1, endless}), Array::scalar(1e300)}) try {
      static_cast<void>(finite<float>(a, "x"));
      alike = false;
    } catch (const Error&) {
    }
  try {
    static_cast<void>(json::dump(endless));
    alike = false;
  } catch (const Error&) {
  }
  fedisableexcept(FE_ALL_EXCEPT);
  std::feclearexcept(FE_ALL_EXCEPT);
  CHECK(alike);
#endif
}

TEST_CASE("what lies beside arrays in an .npz may be packed as it likes") {
  const test::Scratch dir("people");
  const std::string path = dir.path("a.npz");
  const auto x = Array::of(std::vector<double>{1, 2, 3});
  {
    zip::Writer out(path);
    out.add("x.npy", as_bytes(npy::front(x)), x.bytes);
    out.add("notes.txt", as_bytes("hello"));
    out.add("__MACOSX/._x.npy", as_bytes(std::string_view("\0\5\x16\7", 4)));
    out.commit();
  }
  CHECK(npz::read(path).size() == 1);
  // A method that is not known (LZMA), in both of the entry's headers.
  Bytes b = read_file(path);
  const std::string name = "notes.txt";
  for (auto at = std::search(b.begin(), b.end(), as_bytes(name).begin(), as_bytes(name).end());
       at != b.end();
       at = std::search(at + 1, b.end(), as_bytes(name).begin(), as_bytes(name).end())) {
    const bool local = *(at - 30) == std::byte{0x50} && *(at - 29) == std::byte{0x4b};
    *(at - (local ? 22 : 36)) = std::byte{14};
  }
  write_file(path, b);
  const auto arrays = npz::read(path);
  CHECK(arrays.size() == 1);
  CHECK(arrays.at("x") == x);
  AMQ_REFUSES(npz::Reader(path).read("notes.txt"), "method 14");
  // Stored and encrypted: twelve bytes more than it has.
  for (auto at = std::search(b.begin(), b.end(), as_bytes(name).begin(), as_bytes(name).end());
       at != b.end();
       at = std::search(at + 1, b.end(), as_bytes(name).begin(), as_bytes(name).end())) {
    const bool local = *(at - 30) == std::byte{0x50} && *(at - 29) == std::byte{0x4b};
    *(at - (local ? 22 : 36)) = std::byte{0};
    *(at - (local ? 24 : 38)) |= std::byte{1};
    *(at - (local ? 8 : 22)) = std::byte{2};  // of the size once unpacked
  }
  write_file(path, b);
  CHECK(npz::read(path).size() == 1);
  AMQ_REFUSES(npz::Reader(path).read("notes.txt"), "encryption");
}

TEST_CASE("a MATLAB file of another age is named, and not called damaged") {
  const test::Scratch dir("people");
  // What SciPy writes as version 4 for coeff = 1.
  std::string four(20, '\0');
  four[4] = four[8] = 1;
  four[16] = 6;
  write_file(dir.path("4.mat"), four + "coeff" + std::string(9, '\0'));
  AMQ_REFUSES(mat::read(dir.path("4.mat")), "version 4");
  std::string big = "MATLAB 5.0 MAT-file";
  big.resize(124, ' ');
  write_file(dir.path("5.mat"), big + std::string("\x01\x00MI", 4));
  AMQ_REFUSES(mat::read(dir.path("5.mat")), "big-endian");
}

TEST_CASE("MATLAB's strings and tables are passed over, wherever they stand") {
  for (const char* name : {"mat_string_class.mat", "mat_string_class_first.mat"}) {
    const auto arrays = mat::read(file(name));
    CHECK(arrays.size() == 1);
    CHECK(arrays.at("coeff").shape == Extents{3, 4});
    CHECK(arrays.at("coeff").as<double>()[11] == 11);
  }
}

TEST_CASE("a header may not ask for more than its file holds") {
  AMQ_REFUSES(mesh_graph_nets::Reader(file("mgn_static_meta.json"), file("mgn_static.tfrecord")),
              "a dynamic field of 1000000 frames");
  AMQ_REFUSES(read_mesh_shard(file("shard_node_type_200.npz")), "node types of 0 to 8, found 200");
  AMQ_REFUSES(read_mesh_shard(file("shard_point_nan.npz")), "points: expected finite");
  AMQ_REFUSES(read_grid_set(file("grid_7_times_2_frames.npz")), "2 times, as u has frames");
  AMQ_REFUSES(read_grid_set(file("grid_nan.npz")), "u: expected finite");
#ifdef AMQ_TEST_HDF5
  AMQ_REFUSES(static_cast<void>(hdf5::Reader(file("lying_extents.h5")).read("tensor")),
              "bytes for (1048576, 1048576)");
  AMQ_REFUSES(pdebench::Reader(file("scalar_tensor.h5")), "axes (sample, time, x ..)");
#endif
}

#ifdef AMQ_TEST_HDF5
TEST_CASE("PDEBench's flows, a dataset a variable, give channels in one order") {
  const test::Scratch dir("people");
  const std::string path = dir.path("cfd.hdf5");
  const auto numbers = [](float first, Extents shape) {
    std::vector<float> v(count_of(shape, 4, "test"));
    for (std::size_t k = 0; k < v.size(); ++k) v[k] = first + static_cast<float>(k);
    return Array::of(v, shape);
  };
  {
    hdf5::Writer out(path);
    float first = 0;
    for (const char* name : {"Vy", "pressure", "Vx", "density"})
      out.write(name, numbers(first += 1000, {2, 3, 4, 5}));
    out.write("x-coordinate", numbers(0, {4}));
    out.write("y-coordinate", numbers(0, {5}));
    out.write("t-coordinate", numbers(0, {4}));  // one too many, as published
    out.commit();
  }
  const pdebench::Reader in(path);
  CHECK(in.size() == 2);
  CHECK(in.variables() == std::vector<std::string>{"density", "pressure", "Vx", "Vy"});
  const Array a = in.solution(1, {.time = 2, .space = 1});
  CHECK(a.shape == Extents{2, 4, 5, 4});
  CHECK(a.span<float>()[0] == 4060);  // density of sample 1, whose first number is 4000 + 60
  CHECK(a.span<float>()[3] == 1060);
  CHECK(in.coordinate("t").size() == 3);
  CHECK(pdebench_set(path).u.n_channels == 4);
  {
    hdf5::Writer out(dir.path("other.hdf5"));
    out.write("temperature", numbers(0, {4}));
    out.commit();
  }
  AMQ_REFUSES(pdebench::Reader(dir.path("other.hdf5")), "temperature");
}
#endif

}  // namespace test_people
