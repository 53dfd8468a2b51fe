// Writes a small file of every network, for the tests of the bindings: random weights, two levels,
// a self-test whose solution C++ computed. `ninja -C build tests/bindings/write_models`, then
//   build/tests/bindings/write_models tests/bindings/data
#include <amq/models/flare.hpp>
#include <amq/models/fno.hpp>
#include <amq/models/graph_vit.hpp>
#include <amq/models/mesh_graph_net.hpp>
#include <amq/models/modern_unet.hpp>
#include <amq/models/transformer.hpp>
#include <amq/models/transolver.hpp>
#include <amq/models/unet.hpp>
#include <amq/solver.hpp>
#include <amq/solver/grid_file.hpp>
#include <amq/train/calibrate.hpp>

#include <cmath>
#include <cstdio>
#include <exception>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>

using namespace amq;
using namespace amq::training;

namespace {

const SchemeInfo scheme{8, RowRule::min_max, {4, 8}};

Mesh square(int n) {
  Mesh mesh;
  for (int j = 0; j <= n; ++j)
    for (int i = 0; i <= n; ++i) {
      mesh.points.push_back(static_cast<double>(i) / n);
      mesh.points.push_back(static_cast<double>(j) / n);
      const bool wall = i % n == 0 || j % n == 0;
      mesh.node_type.push_back(wall ? NodeType::wall : NodeType::normal);
    }
  for (int j = 0; j < n; ++j)
    for (int i = 0; i < n; ++i) {
      const int a = j * (n + 1) + i;
      for (const int k : {a, a + 1, a + n + 2, a, a + n + 2, a + n + 1}) mesh.cells.push_back(k);
    }
  return mesh;
}
Field waves(Index rows, Index channels) {
  Field a(rows, channels);
  for (Index i = 0; i < rows; ++i)
    for (Index c = 0; c < channels; ++c)
      a(i, c) = std::sin(0.37f * static_cast<float>(i) + 1.1f * static_cast<float>(c));
  return a;
}
std::string file_of(const std::string& folder, std::string_view name) {
  return folder + "/" + std::string(name) + ".safetensors";
}

template <typename Model>
void on_mesh(const std::string& folder, typename Model::Config c) {
  MeshEncoding e;  // one channel in, one out, and marks of the boundary
  e.output_mean = {0.1f};
  e.output_deviation = {0.2f};
  c.inputs = e.inputs();
  c.outputs = 1;
  SelfTest test{square(6), {}, {4, 8}};
  test.a = waves(test.mesh.n_nodes(), 1);
  MeshSolver<Model, AnyScheme> solver(std::make_unique<Network<Model>>(c, scheme, 7), nullptr, e);
  TrainedOn seen;
  seen.given_names = {"u"};
  seen.given_units = {"K"};
  seen.solution_names = {"du"};
  seen.solution_units = {"K"};
  seen.errors = {{4, 0.25}, {8, 0.0625}};  // of no training: numbers to read back
  solver.trained_on(seen);
  save(file_of(folder, Model::name), solver, test);
}

template <typename Model>
void on_grid(const std::string& folder, typename Model::Config c) {
  c.inputs = 2;
  c.outputs = 1;
  GridFieldEncoding e;
  e.input_mean = {0.25f, -0.5f};
  e.input_deviation = {2, 0.5f};
  e.output_mean = {1};
  e.output_deviation = {3};
  const GridSelfTest test{RegularGrid::periodic({8, 12}), waves(96, 2), {4, 8}};
  const GridSolver<Model, AnyScheme> solver(std::make_unique<Network<Model>>(c, scheme, 7), e);
  save(file_of(folder, Model::name), solver, test);
}

/// Messages in words, calibrated on the field of its self-test.
void in_words(const std::string& folder) {
  MeshEncoding e;
  SelfTest test{square(6), {}, {4, 8}};
  test.a = waves(test.mesh.n_nodes(), 1);
  MpPdeConfig c{.hidden = 8, .layers = 1};
  c.inputs = e.inputs();
  auto net = std::make_unique<Network<MpPde>>(
      c, SchemeInfo::of<Scheme<Weights<8>, InWords<Activations<4, 8>>>>(), 7);
  GraphSample s = e.encode(test.mesh, view(test.a));
  prepare_sample(net->model, s);
  calibrate(*net, std::vector{s});
  save(file_of(folder + "/words", MpPde::name),
       MeshSolver<MpPde, AnyScheme>(std::move(net), nullptr, e), test);
}

/// Static ranges, calibrated on the field of its self-test.
void in_static_ranges(const std::string& folder) {
  MeshEncoding e;
  SelfTest test{square(6), {}, {8}};
  test.a = waves(test.mesh.n_nodes(), 1);
  MpPdeConfig c{.hidden = 8, .layers = 1};
  c.inputs = e.inputs();
  auto net = std::make_unique<Network<MpPde>>(
      c, SchemeInfo::of<Scheme<Weights<8>, Activations<8>, Static>>(), 7);
  GraphSample s = e.encode(test.mesh, view(test.a));
  prepare_sample(net->model, s);
  calibrate(*net, std::vector{s});
  save(file_of(folder + "/static", MpPde::name),
       MeshSolver<MpPde, AnyScheme>(std::move(net), nullptr, e), test);
}

}  // namespace

int main(int argc, char** argv) try {
  const std::string folder = argc > 1 ? argv[1] : ".";
  on_mesh<MpPde>(folder, {.hidden = 8, .layers = 1});
  in_words(folder);
  in_static_ranges(folder);
  on_mesh<MeshGraphNet>(folder, {.hidden = 8, .layers = 1});
  on_mesh<GraphVit>(folder, {.hidden = 8,
                             .width = 8,
                             .layers = 1,
                             .blocks = 1,
                             .heads = 2,
                             .frequencies = 2,
                             .cluster_size = 8});
  on_mesh<Transolver>(folder, {.hidden = 8, .layers = 1, .heads = 2, .tokens = 4});
  on_mesh<Flare>(folder, {.hidden = 8, .layers = 1, .heads = 2, .tokens = 4, .inner = 1});
  FnoConfig fno;
  fno.modes = {3, 3, 1};
  fno.width = 6;
  on_grid<Fno>(folder, fno);
  UnetConfig unet;
  unet.features = 4;
  unet.levels = 2;
  on_grid<Unet>(folder, unet);
  ModernUnetConfig modern;
  modern.features = 8;
  modern.multipliers = {1, 2};
  modern.attention = {false, false};
  modern.blocks = 1;
  on_grid<ModernUnet>(folder, modern);
  on_grid<PatchTransformer>(folder,
                            {.patch = 4, .width = 12, .layers = 1, .heads = 3, .mlp_ratio = 2});
  GalerkinTransformerConfig galerkin;
  galerkin.width = 12;
  galerkin.layers = 1;
  galerkin.heads = 3;
  galerkin.hidden = 24;
  galerkin.modes = 3;
  galerkin.spectral_width = 6;
  galerkin.projection = 12;
  on_grid<GalerkinTransformer>(folder, galerkin);
} catch (const std::exception& e) {
  std::fprintf(stderr, "%s\n", e.what());
  return 1;
}
