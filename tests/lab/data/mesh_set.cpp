#include <amq_lab/data/mesh_set.hpp>

#include <amq/core/thread_pool.hpp>

#include "../../io/scratch.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace test_mesh_set {

namespace {

// A strip of i + 1 triangles whose fields tell where they come from.
amq::mesh::MeshSample strip(std::uint64_t i) {
  amq::mesh::MeshSample s;
  const auto n = static_cast<std::int32_t>(i % 5 + 3);
  for (std::int32_t k = 0; k < n; ++k) {
    s.mesh.points.insert(s.mesh.points.end(), {k / 2 + 0.125, static_cast<double>(k % 2)});
    s.mesh.node_type.push_back(k == 0 ? amq::NodeType::wall : amq::NodeType::normal);
    s.node["u"].push_back(static_cast<float>(i));
    s.node["v"].insert(s.node["v"].end(), {static_cast<float>(k), -1.5f});
    if (k >= 2) {
      s.mesh.cells.insert(s.mesh.cells.end(), {k - 2, k - 1, k});
      s.cell["a"].push_back(static_cast<float>(k) + 0.5f);
    }
  }
  return s;
}

void check_same(const amq::mesh::MeshSample& a, const amq::mesh::MeshSample& b) {
  CHECK(a.mesh.points == b.mesh.points);
  CHECK(a.mesh.cells == b.mesh.cells);
  CHECK(a.mesh.node_type == b.mesh.node_type);
  CHECK(a.mesh.dim == b.mesh.dim);
  CHECK(a.mesh.nodes_per_cell == b.mesh.nodes_per_cell);
  CHECK(a.node == b.node);
  CHECK(a.cell == b.cell);
}

}  // namespace

TEST_CASE("a set is read back as it was made, by any number of threads") {
  const amq::test::Scratch scratch("mesh_set");
  amq::ThreadPool pool(3);
  const amq::lab::MeshSetPlan plan{scratch.path("set"), 11, 4, "strips"};
  std::size_t last = 0;
  const auto report =
      amq::lab::make_mesh_set(plan, strip, pool, [&](std::size_t done, std::size_t total) {
        CHECK(done == last + 1);
        last = done;
        CHECK(total == 11);
      });
  CHECK(last == 11);
  CHECK(report.made == 11);
  const auto set = amq::lab::read_mesh_set(plan.folder);
  REQUIRE(set.size() == 11);
  for (std::size_t i = 0; i < 11; ++i) check_same(set[i], strip(i));
  CHECK(amq::lab::read_mesh_set(plan.folder, 5).size() == 5);
}

TEST_CASE("a run that was stopped goes on, and a set grows, without making a sample twice") {
  const amq::test::Scratch scratch("mesh_set");
  std::vector<std::uint64_t> asked;
  const auto make = [&](std::uint64_t i) {
    asked.push_back(i);
    return strip(i);
  };
  struct Stopped {};
  const auto stopping = [&](std::uint64_t i) {
    if (i == 6) throw Stopped{};
    return strip(i);
  };
  amq::lab::MeshSetPlan plan{scratch.path("set"), 10, 4, "strips"};
  CHECK_THROWS_AS(amq::lab::make_mesh_set(plan, stopping), Stopped);
  CHECK(amq::lab::make_mesh_set(plan, make).found == 4);
  CHECK(asked == std::vector<std::uint64_t>{4, 5, 6, 7, 8, 9});
  asked.clear();
  CHECK(amq::lab::make_mesh_set(plan, make).found == 10);
  CHECK(asked.empty());
  plan.n_samples = 13;
  amq::lab::make_mesh_set(plan, make);
  CHECK(asked == std::vector<std::uint64_t>{10, 11, 12});
  const auto set = amq::lab::read_mesh_set(plan.folder);
  REQUIRE(set.size() == 13);
  for (std::size_t i = 0; i < 13; ++i) check_same(set[i], strip(i));
}

TEST_CASE("samples that fail are named and left out, also when the run goes on") {
  const amq::test::Scratch scratch("mesh_set");
  amq::lab::MeshSetPlan plan{scratch.path("set"), 5, 4, "strips"};
  const auto make = [](std::uint64_t i) {
    if (i == 2) throw amq::Error("solver", "convergence", "none", "Drop it.");
    return strip(i);
  };
  const auto report = amq::lab::make_mesh_set(plan, make);
  REQUIRE(report.failures.size() == 1);
  CHECK(report.failures[0].find("sample 2: ") == 0);
  plan.n_samples = 6;
  CHECK(amq::lab::make_mesh_set(plan, make).made == 1);
  const auto set = amq::lab::read_mesh_set(plan.folder);
  REQUIRE(set.size() == 5);
  check_same(set[2], strip(3));
  CHECK(amq::lab::read_mesh_shard(plan.folder + "/shard_00000.npz").index ==
        std::vector<std::uint64_t>{0, 1, 3});
  const auto never = [](std::uint64_t) -> amq::mesh::MeshSample {
    throw amq::Error("solver", "convergence", "none", "Drop it.");
  };
  CHECK_THROWS_WITH_AS(amq::lab::make_mesh_set({scratch.path("none"), 3, 4, ""}, never),
                       doctest::Contains("convergence"), amq::Error);
}

TEST_CASE("another recipe, unlike samples, absent and damaged shards are refused") {
  const amq::test::Scratch scratch("mesh_set");
  const amq::lab::MeshSetPlan plan{scratch.path("set"), 4, 4, "strips"};
  amq::lab::make_mesh_set(plan, strip);
  auto other = plan;
  other.recipe = "other strips";
  CHECK_THROWS_WITH_AS(amq::lab::make_mesh_set(other, strip), doctest::Contains("other strips"),
                       amq::Error);
  other = plan;
  other.per_shard = 3;
  CHECK_THROWS_AS(amq::lab::make_mesh_set(other, strip), amq::Error);
  CHECK_THROWS_AS(amq::lab::make_mesh_set({scratch.path("x"), 0, 4, ""}, strip), amq::Error);
  CHECK_THROWS_WITH_AS(static_cast<void>(amq::lab::read_mesh_set(scratch.path("nowhere"))),
                       doctest::Contains("Make the set first"), amq::Error);

  auto unlike = [](std::uint64_t i) {
    auto s = strip(i);
    if (i == 1) s.node.erase("u");
    return s;
  };
  CHECK_THROWS_AS(amq::lab::make_mesh_set({scratch.path("y"), 2, 4, ""}, unlike), amq::Error);

  const auto path = plan.folder + "/shard_00000.npz";
  const auto arrays = amq::lab::npz::read(path);
  const auto broken = [&](const char* name, const amq::io::Array& array) {
    auto copy = arrays;
    copy[name] = array;
    amq::lab::npz::write(scratch.path("broken.npz"), copy);
    CHECK_THROWS_AS(static_cast<void>(amq::lab::read_mesh_shard(scratch.path("broken.npz"))),
                    amq::Error);
  };
  auto cells = arrays.at("cells");
  cells.span<std::int32_t>()[0] = 100;
  broken("cells", cells);
  auto first = arrays.at("node_first");
  first.span<std::int64_t>()[1] = 1000;
  broken("node_first", first);
  broken("cell_first", amq::io::Array::of(std::vector<std::int64_t>{0, 1}));
  broken("node.u", amq::io::Array::of(std::vector<float>{1, 2}, {2, 1}));
  broken("node_type", amq::io::Array::of(std::vector<std::uint8_t>{1}));
  broken("points", amq::io::Array::of(std::vector<double>{1, 2}));
  broken("index", amq::io::Array::of(std::vector<std::uint64_t>{}));
  for (const auto& [name, array] : arrays) {
    if (name.starts_with("node.") || name.starts_with("cell.")) continue;
    auto copy = arrays;
    copy.erase(name);
    amq::lab::npz::write(scratch.path("broken.npz"), copy);
    CHECK_THROWS_AS(static_cast<void>(amq::lab::read_mesh_shard(scratch.path("broken.npz"))),
                    amq::Error);
  }
}

}  // namespace test_mesh_set
