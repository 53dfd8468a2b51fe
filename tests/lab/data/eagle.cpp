#include <amq_lab/data/eagle.hpp>

#include "../../io/scratch.hpp"

#include <cmath>
#include <filesystem>
#ifdef AMQ_TEST_ZLIB
#include <amq_lab/data/npz_zlib.hpp>
#endif

namespace test_eagle {

using namespace amq;
using namespace amq::lab;

namespace {

struct Files {
  test::Scratch dir{"eagle"};
  npz::Arrays sim;
  Files() {
    std::vector<float> ramp(12), points;
    for (std::size_t k = 0; k < 12; ++k) ramp[k] = static_cast<float>(k);
    for (int t = 0; t < 3; ++t) {
      for (const float x : {0.f, 0.f, 1.f, 0.f, 1.f, 1.f, 0.f, 1.f}) points.push_back(x);
    }
    sim = {{"pointcloud", Array::of(points, {3, 4, 2})},
           {"mask", Array::of(std::vector<int>{4, 0, 5, 6, 4, 0, 5, 6, 4, 0, 5, 6}, {3, 4, 1})},
           {"VX", Array::of(ramp, {3, 4})},
           {"VY", Array::of(ramp, {3, 4})},
           {"PS", Array::of(ramp, {3, 4})},
           {"PG", Array::of(std::vector<float>(12, -1), {3, 4})}};
    cells(Array::of(std::vector<int>{0, 1, 2, 0, 2, 3, 0, 1, 2, 0, 2, 3, 0, 1, 3, 1, 2, 3},
                    {3, 2, 3}));
    save();
  }
  void save() const { npz::write(dir.path("sim.npz"), sim); }
  void cells(const Array& a) const { npy::write(dir.path("triangles.npy"), a); }
  [[nodiscard]] MeshTrajectory load(eagle::Window w = {}) const {
    return eagle::load(dir.path(""), w);
  }
};

}  // namespace

TEST_CASE("a window of frames has its fields side by side, and cells that change") {
  const Files f;
  const auto t = f.load();
  CHECK(t.n_frames == 3);
  CHECK(t.mesh.n_nodes() == 4);
  CHECK(t.points.empty());
  CHECK(t.node_type.empty());
  CHECK(t.mesh.node_type[0] == NodeType::inflow);
  CHECK(t.cells.size() == 18);
  CHECK(t.frame(1).mesh.cells == std::vector<std::int32_t>{0, 1, 2, 0, 2, 3});
  CHECK(t.frame(2).mesh.cells == std::vector<std::int32_t>{0, 1, 3, 1, 2, 3});
  CHECK(t.frame(2).node.at("velocity") == std::vector<float>{8, 8, 9, 9, 10, 10, 11, 11});
  CHECK(t.frame(0).node.at("pressure") == std::vector<float>{0, -1, 1, -1, 2, -1, 3, -1});
  const auto w = f.load({1, 1});
  CHECK(w.n_frames == 1);
  CHECK(w.cells.empty());
  CHECK(w.field("velocity")[0] == 4);
}

TEST_CASE("damaged trajectories are refused by file and array") {
  Files f;
  AMQ_REFUSES(f.load({2, 2}), "2 from 2");
  AMQ_REFUSES(f.load({3, -1}), "frames within 0 to 2");
  AMQ_REFUSES(f.load({-1, 2}), "from -1");
  f.cells(Array::of(std::vector<int>{0, 1, 4}, {1, 1, 3}));
  AMQ_REFUSES(f.load(), "triangles: expected node ids of 0 to 3, found 4");
  f.cells(Array::of(std::vector<int>(12), {2, 2, 3}));
  AMQ_REFUSES(f.load(), "(3, -1, 3)");
  std::filesystem::remove(f.dir.path("triangles.npy"));
  AMQ_REFUSES(f.load(), "triangles.npz");
  const auto good = f.sim;
  f.sim.at("VX").bytes[3] = std::byte{0x7f};
  f.sim.at("VX").bytes[2] = std::byte{0xc0};
  f.save();
  AMQ_REFUSES(f.load(), "VX, VY: expected finite");
  f.sim = good;
  f.sim.at("PS") = Array(DType::f32, {3, 5});
  f.save();
  AMQ_REFUSES(f.load(), "PS: expected shape (3, 4)");
  f.sim = good;
  f.sim.erase("mask");
  f.save();
  AMQ_REFUSES(f.load(), "'mask'");
  f.sim = good;
  f.sim.at("mask") = Array::of(std::vector<int>(12, 9), {3, 4});
  f.save();
  AMQ_REFUSES(f.load(), "mask: expected node types");
  Bytes b = read_file(f.dir.path("sim.npz"));
  b.resize(b.size() - 100);
  write_file(f.dir.path("sim.npz"), b);
  AMQ_REFUSES(f.load(), "sim.npz");
}

#ifdef AMQ_TEST_ZLIB
TEST_CASE("the reference flows have the published shapes and still air on walls") {
  const std::string folder = std::string(AMQ_SHARED_DATA) + "/eagle/Cre/1/1";
  if (!std::filesystem::exists(folder)) {
    MESSAGE("skipped: no ", folder);
    return;
  }
  const auto t = eagle::load(folder, {90, 10}, zlib_inflate);
  CHECK(t.n_frames == 10);
  CHECK(t.mesh.n_nodes() == 2023);
  CHECK(t.mesh.n_cells() == 3848);
  CHECK(t.channels("velocity") == 2);
  CHECK(t.channels("pressure") == 2);
}
#endif

}  // namespace test_eagle
