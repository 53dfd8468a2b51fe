#include <amq/arithmetic/float32.hpp>
#include <amq/models/flare.hpp>
#include <amq/models/network.hpp>
#include <amq/models/transolver.hpp>

#include "golden.hpp"

namespace test_latent_attention_golden {

using namespace amq;
using namespace amq::arithmetics;

namespace {

template <typename Model>
void check_golden(const char* file, const typename Model::Config& config) {
  Network<Model> net(config, SchemeInfo{8, RowRule::min_max, {8}}, 1);
  golden::fill(net.layout, net.parameters, net.quantizers.first_entry());
  for (const auto& e : net.layout.entries())
    if (e.name.ends_with("temperature"))
      for (Index h = 0; h < e.size(); ++h)
        net.parameters.values[static_cast<std::size_t>(e.offset + h)] =
            0.5f + 0.125f * static_cast<float>(h);
  const Matrix x = golden::tensor("x", 40, 2), u = golden::tensor("u", 40, 2);
  golden::check(net, golden::File(file), [&](auto& a) { return net.model(a, view(x), view(u)); });
}
template <typename Model>
typename Model::Config small() {
  typename Model::Config c;
  c.hidden = 24;
  c.layers = 2;
  c.heads = 3;
  c.tokens = 5;
  c.inputs = 2;
  c.outputs = 2;
  return c;
}

}  // namespace

TEST_CASE("Transolver computes what its rendering in PyTorch computes") {
  auto c = small<Transolver>();
  c.mlp_ratio = 2;
  check_golden<Transolver>("transolver.npz", c);
}

TEST_CASE("Flare computes what its rendering in PyTorch computes") {
  check_golden<Flare>("flare.npz", small<Flare>());
}

}  // namespace test_latent_attention_golden
