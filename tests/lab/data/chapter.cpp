// The code of docs/io.md, which runs here.
#include <amq/core/eigen.hpp>
#include <amq/io/safetensors.hpp>
#include <amq/io/vtu.hpp>
#include <amq_lab/data/mesh_graph_nets.hpp>
#include <amq_lab/data/npz.hpp>
#include <amq_lab/draw/raster.hpp>

#include "../../io/scratch.hpp"

namespace test_chapter {

TEST_CASE("the code of the chapter on files keeps a sample, a model and a solution") {
  const amq::test::Scratch dir("chapter");
  amq::Mesh mesh;
  mesh.points = {0, 0, 1, 0, 1, 1, 0, 1};
  mesh.cells = {0, 1, 2, 0, 2, 3};
  const std::vector<float> u{0, 1, 2, 1};
  const std::vector<float> bits{2, 4, 8, 2};
  const auto path = [&](const char* file) { return dir.path(file); };
  // [io_npz]
  amq::lab::npz::write(path("sample.npz"),
                       {{"points", amq::io::Array::of(mesh.points, {mesh.n_nodes(), 2})},
                        {"u", amq::io::Array::of(u)}});
  const auto arrays = amq::lab::npz::read(path("sample.npz"));  // numpy's too
  const std::vector<double> v = amq::lab::npz::at(arrays, "u").as<double>();
  // [io_npz]
  CHECK(v == std::vector<double>{0, 1, 2, 1});
  amq::core::Matrix weight = amq::core::Matrix::Random(128, 64);
  // [io_safetensors]
  amq::io::safetensors::File model;
  model.metadata["architecture"] = "mp_pde";
  model.tensors["embed.weight"] = amq::io::Array::of(amq::view(weight));  // any MatrixView
  amq::io::safetensors::write(path("model.safetensors"), model);

  const auto file = amq::io::safetensors::read(path("model.safetensors"));  // or PyTorch's
  amq::io::safetensors::expect(file, {{"embed.weight", {128, 64}}});  // all mismatches at once
  const std::vector<float> w = file.at("embed.weight").as<float>();
  // [io_safetensors]
  CHECK(w[65] == weight(1, 1));
  // [io_pictures]
  amq::io::vtu::Grid(mesh).point("u", u).point("bits", bits).write(path("solution.vtu"));

  amq::lab::raster::Figure figure;
  figure.add({.title = "solution u", .mesh = &mesh, .values = u});
  figure.add({.title = "bits per node", .mesh = &mesh, .values = bits, .levels = {2, 4, 8}});
  figure.write(path("solution.png"));
  // [io_pictures]
  CHECK(dir.n_files() == 4);
}

}  // namespace test_chapter
