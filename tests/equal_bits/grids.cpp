// Networks on grids, deployed, at each level of their scheme.
#include "parts.hpp"

#include <amq/models/fno.hpp>
#include <amq/models/modern_unet.hpp>
#include <amq/models/transformer.hpp>
#include <amq/models/unet.hpp>
#include <amq/solver/grid_solver.hpp>

#include <memory>
#include <vector>

using namespace amq;
using namespace amq::solver;
using fingerprints::Hash;

namespace equal_bits {
namespace {

template <typename Model>
typename Model::Config small() {
  typename Model::Config c;
  c.inputs = 2;
  c.outputs = 1;
  if constexpr (std::is_same_v<Model, Fno>) {
    c.modes = {3, 3, 1};
    c.width = 6;
    c.transform_bits = {8, 8};
  } else if constexpr (std::is_same_v<Model, Unet>) {
    c.features = 4;
    c.levels = 2;
    c.activation = Activation::gelu;
  } else if constexpr (std::is_same_v<Model, ModernUnet>) {
    c.features = 16;
    c.multipliers = {1, 2};
    c.attention = {false, true};
    c.blocks = 1;
  } else if constexpr (std::is_same_v<Model, GalerkinTransformer>) {
    c.width = 12;
    c.layers = 1;
    c.heads = 3;
    c.hidden = 16;
    c.modes = 3;
    c.spectral_width = 6;
    c.projection = 10;
  } else {
    c.width = 12;
    c.layers = 1;
    c.heads = 3;
    c.mlp_ratio = 2;
    c.attention_bits = {8, 8};
  }
  return c;
}

template <typename Model>
Hash solves(const Setting& s) {
  const bool square = std::is_same_v<Model, GalerkinTransformer>;
  const RegularGrid grid = RegularGrid::periodic({square ? 12 : 8, 12});
  GridFieldEncoding e;
  e.input_mean = {0.25f, -0.5f};
  e.input_deviation = {2, 0.5f};
  e.output_mean = {1};
  e.output_deviation = {3};
  const Field a = fingerprints::noise(grid.shape().points(), 2, 4);
  Hash hash;
  for (const SchemeInfo& scheme :
       {SchemeInfo{8, RowRule::affine, {2, 4, 8}}, SchemeInfo{4, RowRule::min_max, {4, 8}}}) {
    const GridSolver<Model> solver(std::make_unique<Network<Model>>(small<Model>(), scheme, 7), e,
                                   *s.executor);
    for (const int bits : scheme.levels) {
      const Solution u = solver(grid, a, mean_bits(bits));
      hash(view(u.field))(static_cast<std::uint64_t>(u.report.bops));
    }
  }
  return hash;
}

const Part parts[] = {{"Fno", solves<Fno>},
                      {"Unet", solves<Unet>},
                      {"ModernUnet", solves<ModernUnet>},
                      {"PatchTransformer", solves<PatchTransformer>},
                      {"GalerkinTransformer", solves<GalerkinTransformer>}};

}  // namespace

std::span<const Part> grid_parts() {
  return parts;
}

}  // namespace equal_bits
