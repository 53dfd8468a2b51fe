#include <amq_lab/data/vtk_legacy.hpp>

#include <amq_lab/data/shapenet_car.hpp>

#include "../../io/scratch.hpp"

#include <filesystem>

#include <sys/stat.h>

namespace test_vtk_legacy {

using namespace amq;
using namespace amq::lab;

namespace {

MeshSample parse(const std::string& text) {
  const std::string path = "hand.vtk";
  MeshSample s = vtk_legacy::detail::Parser(text, path).read();
  drop_orphans(s);
  to_plane(s.mesh);
  return s;
}
const std::string quads =
    "# vtk DataFile Version 3.0\ntitle\nASCII\nDATASET UNSTRUCTURED_GRID\n"
    "POINTS 7 float\n0 0 1  1 0 0  1 1 0  0 1 0  2 0 0.5 2 1 0 9 9 9\n"
    "CELLS 2 10\n4 0 1 2 3\n4 1 4 5 2\nCELL_TYPES 2\n9 9\n"
    "POINT_DATA 7\nSCALARS point_scalars float\nLOOKUP_TABLE default\n1 2 3 4 5 6 7\n"
    "VECTORS v%20w double\n0 0 0 1 1 1 2 2 2 3 3 3 4 4 4 5 5 5 6 6 6\n"
    "CELL_DATA 2\nFIELD FieldData 1\ntag 1 2 int\n-1 2\n";

std::string with(const std::string& from, const std::string& to) {
  std::string s = quads;
  s.replace(s.find(from), from.size(), to);
  return s;
}

}  // namespace

TEST_CASE("an ASCII grid gives its mesh and fields") {
  const auto s = parse(quads);
  CHECK(s.mesh.dim == 3);
  CHECK(s.mesh.cell_dimension() == 2);
  CHECK(s.mesh.n_nodes() == 6);  // the seventh is of no cell
  CHECK(s.mesh.cells == std::vector<std::int32_t>{0, 1, 2, 3, 1, 4, 5, 2});
  CHECK(s.node.at("point_scalars") == std::vector<float>{1, 2, 3, 4, 5, 6});
  CHECK(s.node.at("v w")[5] == 1);
  CHECK(s.cell.at("tag") == std::vector<float>{-1, 2});
  // A surface that lies in the plane is a mesh of the plane.
  const auto flat = parse(with("0 0 1  1 0 0  1 1 0  0 1 0  2 0 0.5 2 1 0 9 9 9",
                               "0 0 0  1 0 0  1 1 0  0 1 0  2 0 0 2 1 0 9 9 0"));
  CHECK(flat.mesh.dim == 2);
  CHECK(flat.mesh.points[5] == 1);
}

TEST_CASE("grids that are damaged or of another kind are refused by file") {
  const auto refused = [](const std::string& text, const char* why) {
    AMQ_REFUSES(parse(text), why);
    AMQ_REFUSES(parse(text), "hand.vtk");
  };
  refused("no vtk", "legacy VTK");
  refused(with("UNSTRUCTURED_GRID", "STRUCTURED_GRID"), "UNSTRUCTURED_GRID");
  refused(with("POINTS 7", "POINTS 99999999999"), "room");
  refused(with("POINTS 7", "POINTS -1"), "room");
  refused(with("POINTS 7 float", "POINTS 7 complex"), "numeric type");
  refused(with("9 9 9\n", "9 9 nan\n"), "finite");
  refused(with("4 1 4 5 2", "4 1 4 7 2"), "node ids of 0 to 6");
  refused(with("4 1 4 5 2", "4 1 4 -5 2"), "node ids");
  refused(with("4 1 4 5 2", "9 1 4 5 2"), "the nodes of cell 1");
  refused(with("\n9 9\n", "\n9 5\n"), "one kind");
  refused(with("\n9 9\n", "\n13 13\n"), "VTK cell type 13");
  refused(with("\n9 9\n", "\n12 12\n"), "8 nodes");
  refused(with("POINT_DATA 7", "POINT_DATA 6"), "7 values");
  refused(with("1 2 3 4 5 6 7", "1 2 3 x 5 6 7"), "a number");
  refused(with("-1 2", "-1 2e0"), "a number");
  refused(quads.substr(0, 200), "hand.vtk");
}

TEST_CASE("five thousand mutated grids are read or refused, nothing else") {
  Random r(13);
  const std::string text = quads;
  const auto b = as_bytes(text);
  int refused = 0;
  for (int k = 0; k < 5000; ++k) {
    const Bytes bad = test::mutate({b.begin(), b.end()}, r);
    try {
      const auto s = parse(std::string(as_text(bad)));
      for (const auto id : s.mesh.cells) {
        if (id < 0 || id >= s.mesh.n_nodes()) FAIL("id");
      }
    } catch (const Error&) {
      ++refused;
    }
  }
  CHECK(refused > 1500);
  CHECK(refused < 5000);
}

TEST_CASE("a car's surface keeps the points its quads use, with their pressures") {
  const test::Scratch dir("car");
  write_file(dir.path("quadpress_smpl.vtk"), quads);
  auto s = shapenet_car::surface(dir.path(""));
  CHECK(s.mesh.n_nodes() == 6);
  CHECK(s.node.at("pressure") == std::vector<float>{1, 2, 3, 4, 5, 6});
  npy::write(dir.path("press.npy"), Array::of(std::vector<double>{10, 20, 30, 40, 50, 60, 70}));
  s = shapenet_car::surface(dir.path(""));
  CHECK(s.node.at("pressure")[5] == 60);
  CHECK(s.mesh.cells[6] == 5);
  npy::write(dir.path("press.npy"), Array::of(std::vector<double>{10, 20}));
  AMQ_REFUSES(shapenet_car::surface(dir.path("")), "7 pressures");
  write_file(dir.path("press.npy"), "short");
  AMQ_REFUSES(shapenet_car::surface(dir.path("")), "press.npy");
  // A pipe that nobody writes to is not waited for.
  std::filesystem::remove(dir.path("press.npy"));
  REQUIRE(::mkfifo(dir.path("press.npy").c_str(), 0600) == 0);
  AMQ_REFUSES(shapenet_car::surface(dir.path("")), "found a pipe");
  AMQ_REFUSES(shapenet_car::volume(dir.path("")), "hexvelo_smpl.vtk");
  write_file(dir.path("hexvelo_smpl.vtk"), quads);
  AMQ_REFUSES(shapenet_car::volume(dir.path("")), "hexahedra");
}

TEST_CASE("the preprocessed reference cars have consistent points, fields and edges") {
  const std::string folder = std::string(AMQ_SHARED_DATA) + "/car/param0/car_000";
  if (!std::filesystem::exists(folder)) {
    MESSAGE("skipped: no ", folder);
    return;
  }
  const auto car = shapenet_car::preprocessed(folder);
  CHECK(car.sample.mesh.n_nodes() == 28851);
  CHECK(car.sender.size() == 158040);
  CHECK(car.receiver.size() == 158040);
  const auto& on = car.sample.node.at("surface");
  CHECK(std::count(on.begin(), on.end(), 1.0f) == 5560);
  for (std::size_t i = 0; i < on.size(); ++i) {
    if (on[i] > 0 && std::abs(car.sample.node.at("sdf")[i]) > 0.05f)
      FAIL("distance on the surface");
  }
}

TEST_CASE("preprocessed cars that disagree are refused by file") {
  const test::Scratch dir("car");
  const auto write = [&](const std::string& name, const Array& a) {
    npy::write(dir.path(name + ".npy"), a);
  };
  write("pos", Array(DType::f32, {3, 3}));
  write("x", Array(DType::f32, {3, 7}));
  write("y", Array(DType::f32, {3, 4}));
  write("surf", Array(DType::f32, {3}));
  write("edge_index", Array::of(std::vector<int>{0, 1, 1, 2}, {2, 2}));
  CHECK(shapenet_car::preprocessed(dir.path("")).receiver == std::vector<std::int32_t>{1, 2});
  write("edge_index", Array::of(std::vector<int>{0, 1, 1, 3}, {2, 2}));
  AMQ_REFUSES(shapenet_car::preprocessed(dir.path("")), "edge_index.npy");
  write("x", Array(DType::f32, {4, 7}));
  AMQ_REFUSES(shapenet_car::preprocessed(dir.path("")), "x.npy: expected shape (3, 7)");
}

}  // namespace test_vtk_legacy
