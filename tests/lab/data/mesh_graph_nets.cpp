#include <amq_lab/data/mesh_graph_nets.hpp>

#include "../../io/scratch.hpp"

#include <cmath>
#include <filesystem>

namespace test_mesh_graph_nets {

using namespace amq;
using namespace amq::lab;

namespace {

std::string varint(std::uint64_t x) {
  std::string s;
  for (; x > 127; x >>= 7) s += static_cast<char>((x & 127) | 128);
  return s + static_cast<char>(x);
}
std::string field(std::uint64_t number, const std::string& content) {
  return varint(number << 3 | 2) + varint(content.size()) + content;
}
template <typename T>
std::string raw(const std::vector<T>& v) {
  return std::string(as_text(Array::of(v).bytes));
}
using Content = std::map<std::string, std::string>;
std::string example(const Content& features) {
  std::string all;
  for (const auto& [name, bytes] : features) {
    all += field(1, field(1, name) + field(2, field(1, field(1, bytes))));
  }
  return field(1, all);
}
Content square() {
  return {
      {"cells", raw(std::vector<int>{0, 1, 2, 0, 2, 3})},
      {"mesh_pos", raw(std::vector<float>{0, 0, 1, 0, 1, 1, 0, 1})},
      {"node_type", raw(std::vector<int>{4, 0, 5, 6})},
      {"velocity", raw(std::vector<float>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15})},
      {"pressure", raw(std::vector<float>{1, 2, 3, 4, 5, 6, 7, 8})}};
}
const std::string meta = R"({"dt": 0.01, "trajectory_length": 2,
  "field_names": ["cells", "mesh_pos", "node_type", "velocity", "pressure"], "features": {
  "cells": {"type": "static", "shape": [1, -1, 3], "dtype": "int32"},
  "mesh_pos": {"type": "static", "shape": [1, -1, 2], "dtype": "float32"},
  "node_type": {"type": "static", "shape": [1, -1, 1], "dtype": "int32"},
  "velocity": {"type": "dynamic", "shape": [2, -1, 2], "dtype": "float32"},
  "pressure": {"type": "dynamic", "shape": [2, -1, 1], "dtype": "float32"}}})";

struct Files {
  test::Scratch dir{"mesh_graph_nets"};
  void write(const std::vector<Content>& records, const std::string& meta_text = meta) {
    write_file(dir.path("meta.json"), meta_text);
    Bytes all;
    for (const auto& r : records) {
      const auto framed = tfrecord::framed(as_bytes(example(r)));
      all.insert(all.end(), framed.begin(), framed.end());
    }
    write_file(dir.path("train.tfrecord"), all);
  }
  [[nodiscard]] mesh_graph_nets::Reader open() const {
    return {dir.path("meta.json"), dir.path("train.tfrecord")};
  }
};

}  // namespace

TEST_CASE("a record frames its content with TensorFlow's masked checksums") {
  CHECK(tfrecord::masked_crc(as_bytes("123456789")) == 0xc78ab0e5u);
  const Bytes r = tfrecord::framed(as_bytes("abc"));
  CHECK(r.size() == 8 + 4 + 3 + 4);
  CHECK(as_text(r).substr(12, 3) == "abc");
}

TEST_CASE("trajectories come one after the other, and then nothing") {
  Files f;
  f.write({square(), square()});
  auto in = f.open();
  for (int k = 0; k < 2; ++k) {
    const auto t = in.next();
    REQUIRE(t);
    CHECK(t->n_frames == 2);
    CHECK(t->dt == 0.01);
    CHECK(t->mesh.cells == std::vector<std::int32_t>{0, 1, 2, 0, 2, 3});
    CHECK(t->mesh.node_type[2] == NodeType::outflow);
    CHECK(t->mesh.point(2)[1] == 1);
    CHECK(t->channels("velocity") == 2);
    CHECK(t->frame(1).node.at("velocity")[3] == 11);
    CHECK(t->frame(1).node.at("pressure") == std::vector<float>{5, 6, 7, 8});
    CHECK(t->points.empty());
  }
  CHECK(!in.next());
  CHECK(!in.next());
}

TEST_CASE("a flipped bit anywhere in a file is found by a checksum") {
  Files f;
  f.write({square()});
  const Bytes good = read_file(f.dir.path("train.tfrecord"));
  for (std::size_t k = 0; k < good.size(); ++k) {
    Bytes bad = good;
    bad[k] ^= std::byte{4};
    write_file(f.dir.path("train.tfrecord"), bad);
    AMQ_REFUSES(f.open().next(), "train.tfrecord: record 0");
  }
}

TEST_CASE("a file cut anywhere within a record is refused") {
  Files f;
  f.write({square()});
  const Bytes good = read_file(f.dir.path("train.tfrecord"));
  for (std::size_t n = 1; n < good.size(); n += 3) {
    write_file(f.dir.path("train.tfrecord"), std::span(good).first(n));
    AMQ_REFUSES(f.open().next(), "record 0");
  }
}

TEST_CASE("records that disagree with the meta file or themselves are refused by field") {
  Files f;
  const auto refused = [&](const std::string& name, const std::string& bytes, const char* why) {
    auto r = square();
    if (bytes == "none")
      r.erase(name);
    else
      r[name] = bytes;
    f.write({r});
    AMQ_REFUSES(f.open().next(), why);
  };
  refused("velocity", "none", "a bytes feature 'velocity'");
  refused("velocity", "12345", "velocity: expected a multiple of 16");
  refused("velocity", raw(std::vector<float>(12)), "velocity: expected shape (-1, 4, -1)");
  refused("cells", raw(std::vector<int>{0, 1, 4}), "cells: expected node ids of 0 to 3");
  refused("cells", raw(std::vector<int>{0, 1, -1}), "-1");
  refused("node_type", raw(std::vector<int>{0, 1, 9, 0}), "node types of 0 to 8");
  refused("node_type", raw(std::vector<int>{0, 1, 2}), "4 nodes");
  auto v = std::vector<float>(16);
  v[5] = std::nanf("");
  refused("velocity", raw(v), "velocity: expected finite numbers");
}

TEST_CASE("meta files that describe something else are refused") {
  Files f;
  const auto refused = [&](const std::string& from, const std::string& to, const char* why) {
    std::string text = meta;
    text.replace(text.find(from), from.size(), to);
    f.write({square()}, text);
    AMQ_REFUSES(f.open(), why);
  };
  refused("\"trajectory_length\": 2", "\"trajectory_length\": 0", "trajectory_length");
  refused("\"dynamic\"", "\"dynamic_varlen\"", "varying length");
  refused("[2, -1, 2]", "[3, -1, 2]", "velocity");
  refused("\"int32\"", "\"string\"", "string");
  refused("\"cells\", ", "", "'cells'");
  refused("{\"dt\"", "{dt", "meta.json");
}

TEST_CASE("ten thousand mutated examples are read or refused, nothing else") {
  Random r(12);
  const std::string good = example(square());
  const auto b = as_bytes(good);
  int refused = 0, whole = 0;
  for (int k = 0; k < 10000; ++k) {
    const Bytes bad = test::mutate({b.begin(), b.end()}, r);
    try {
      const auto features = tfrecord::bytes_features(bad, "m");
      whole += features.size() == 5 ? 1 : 0;
      for (const auto& [name, bytes] : features) {
        const bool inside =
            bytes.empty() ||
            (bytes.data() >= bad.data() && bytes.data() + bytes.size() <= bad.data() + bad.size());
        if (!inside) FAIL(name);
      }
    } catch (const Error&) {
      ++refused;
    }
  }
  CHECK(refused > 1000);
  CHECK(whole > 1000);
}

TEST_CASE("the reference trajectory is that of its .npz twin") {
  const std::string folder = std::string(AMQ_SHARED_DATA) + "/cylinder_flow";
  if (!std::filesystem::exists(folder + "/test_1traj.tfrecord")) {
    MESSAGE("skipped: no ", folder);
    return;
  }
  mesh_graph_nets::Reader in(folder + "/meta.json", folder + "/test_1traj.tfrecord");
  const auto t = in.next();
  REQUIRE(t);
  CHECK(!in.next());
  CHECK(t->n_frames == 100);
  CHECK(t->mesh.n_nodes() == 1412);
  CHECK(t->mesh.n_cells() == 2674);
  CHECK(t->channels("velocity") == 2);
  // No slip on the walls.
  const auto last = t->frame(99);
  for (Index i = 0; i < 1412; ++i) {
    if (t->mesh.node_type[static_cast<std::size_t>(i)] != NodeType::wall) continue;
    CHECK(std::abs(last.node.at("velocity")[static_cast<std::size_t>(2 * i)]) < 1e-6f);
  }
}

}  // namespace test_mesh_graph_nets
