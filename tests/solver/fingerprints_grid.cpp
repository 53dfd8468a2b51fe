#include "fingerprints.hpp"

#include <amq/arithmetic/fixed.hpp>
#include <amq/core/thread_pool.hpp>
#include <amq/models/fno.hpp>
#include <amq/models/modern_unet.hpp>
#include <amq/models/network.hpp>
#include <amq/models/transformer.hpp>
#include <amq/models/unet.hpp>

#include <vector>

namespace test_fingerprints_grid {

using namespace amq;
using namespace amq::models;
using fingerprints::Expected;
using fingerprints::Hash;

namespace {

const Expected table[] = {
    {"FNO in 1-D, w16 symmetric", "25dc8c9d53d92486"},
    {"FNO, transforms in integers", "bb1fd7e5b5ffae07"},
    {"FNO, w4 min-max", "359867a10e322039"},
    {"FNO, w8 affine", "12309f003e0d9cfb"},
    {"GalerkinTransformer, w8 affine", "6efc2b8f3c490242"},
    {"ModernUNet with attention, w4 min-max", "19abfea4c4e9ef1d"},
    {"ModernUNet, w8 affine", "88c0af484bdf729c"},
    {"PatchTransformer, attention in integers", "d3b74fee0e0ba98f"},
    {"PatchTransformer, w8 affine", "6dd3525d12da219a"},
    {"UNet, w16 min-max", "17110723bb756dcd"},
    {"UNet, w8 affine", "efaa6a07df1b0a7d"},
    {"UNet, w8 fixed", "74b0f33cc604b6df"},
};

/// At every level of the scheme, and with rows of mixed bits.
template <typename Model>
void check(const std::string& name, const typename Model::Config& config, const SchemeInfo& scheme,
           const GridShape& grid) {
  const Network<Model> net(config, scheme, 11);
  const Matrix u = fingerprints::noise(grid.rows(), config.inputs, 12);
  Matrix x(grid.rows(), grid.dims);
  for (Index i = 0; i < grid.rows(); ++i) {
    Index left = i;
    for (int k = grid.dims - 1; k >= 0; --k, left /= grid[k + 1])
      x(i, k) = static_cast<float>(left % grid[k]) / static_cast<float>(grid[k]);
  }
  ThreadPool pool(2);
  BasicFixed a(net.layout, net.quantizers, net.parameters, pool);
  Hash hash;
  for (const int bits : scheme.levels) {
    const BitPlan plan = BitPlan::uniform(bits);
    a.begin(plan);
    const auto run = [&] {
      if constexpr (requires { net.model(a, grid, view(u), view(x)); })
        return net.model(a, grid, view(u), view(x));
      else
        return net.model(a, grid, view(u));
    };
    hash(run().view());
  }
  fingerprints::check(table, name, hash);
}

}  // namespace

TEST_CASE("FNO in integers has the bits it always had") {
  FnoConfig c = FnoConfig::pdebench(2, 4, 6, 3, 2);
  check<Fno>("FNO, w8 affine", c, {8, RowRule::affine, {2, 4, 8}}, {2, {12, 10}});
  check<Fno>("FNO, w4 min-max", c, {4, RowRule::min_max, {4, 8}}, {1, {12, 10}});
  c.transform_bits = {8, 8};
  check<Fno>("FNO, transforms in integers", c, {8, RowRule::min_max, {4, 8}}, {1, {12, 10}});
  check<Fno>("FNO in 1-D, w16 symmetric", FnoConfig::pdebench(1, 5, 6, 3),
             {16, RowRule::symmetric, {8}}, {2, {17}});
}

TEST_CASE("UNet in integers has the bits it always had") {
  UnetConfig c;
  c.inputs = 3;
  c.outputs = 2;
  c.features = 4;
  for (const auto& [name, scheme] : std::vector<std::pair<const char*, SchemeInfo>>{
           {"UNet, w8 fixed", {8, RowRule::fixed, {4, 8}}},
           {"UNet, w8 affine", {8, RowRule::affine, {4, 8}}},
           {"UNet, w16 min-max", {16, RowRule::min_max, {4, 8}}}})
    check<Unet>(name, c, scheme, {2, {32, 16}});
}

TEST_CASE("the modern UNet in integers has the bits it always had") {
  ModernUnetConfig c;
  c.inputs = 3;
  c.outputs = 2;
  c.features = 16;
  c.multipliers = {1, 2, 2};
  check<ModernUnet>("ModernUNet, w8 affine", c, {8, RowRule::affine, {4, 8}}, {1, {8, 12}});
  c.dims = 1;
  c.blocks = 1;
  c.attention = {false, false, true};
  c.middle_attention = true;
  check<ModernUnet>("ModernUNet with attention, w4 min-max", c, {4, RowRule::min_max, {4, 8}},
                    {2, {16}});
}

TEST_CASE("transformers in integers have the bits they always had") {
  PatchTransformerConfig p;
  p.inputs = 3;
  p.outputs = 2;
  p.width = 12;
  p.layers = 2;
  p.heads = 3;
  p.mlp_ratio = 2;
  check<PatchTransformer>("PatchTransformer, w8 affine", p, {8, RowRule::affine, {4, 8}},
                          {2, {12, 8}});
  p.attention_bits = {8, 8};
  check<PatchTransformer>("PatchTransformer, attention in integers", p,
                          {8, RowRule::min_max, {4, 8}}, {2, {12, 8}});
  GalerkinTransformerConfig g;
  g.inputs = 3;
  g.outputs = 2;
  g.width = 12;
  g.layers = 2;
  g.heads = 3;
  g.hidden = 16;
  g.modes = 3;
  g.spectral_width = 6;
  g.projection = 10;
  check<GalerkinTransformer>("GalerkinTransformer, w8 affine", g, {8, RowRule::affine, {4, 8}},
                             {1, {12, 12}});
}

}  // namespace test_fingerprints_grid
