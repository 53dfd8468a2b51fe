#include <amq/models/flare.hpp>
#include <amq/models/transolver.hpp>

#include <amq/models/network.hpp>

#include "agreement.hpp"
#include "golden.hpp"

using namespace amq;

namespace {

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

template <typename Model>
struct Setting {
  static constexpr Index n = 40;
  Network<Model> net;
  Matrix x = golden::tensor("x", n, 2), u = golden::tensor("u", n, 2);

  explicit Setting(const SchemeInfo& info, const typename Model::Config& c = small<Model>())
      : net(c, info, 1) {
    golden::fill(net.layout, net.parameters, net.quantizers.first_entry());
    for (const auto& e : net.layout.entries())
      if (e.name.ends_with("temperature"))
        for (Index h = 0; h < e.size(); ++h)
          net.parameters.values[static_cast<std::size_t>(e.offset + h)] =
              0.5f + 0.1f * static_cast<float>(h);
    net.reset_quantizers();
  }
  template <typename A>
  auto operator()(A& a) const {
    return net.model(a, view(x), view(u));
  }
};

}  // namespace

TEST_CASE_TEMPLATE("latent attention in integers is its simulated quantization, bit for bit", Model,
                   Transolver, Flare) {
  for (const RowRule rule : {RowRule::min_max, RowRule::affine, RowRule::symmetric}) {
    const Setting<Model> s({4, rule, {2, 4, 8}});
    agreement::check(s.net, s, {40, 0, 0});
  }
}

TEST_CASE("Transolver has as many parameters as the public one") {
  TransolverConfig c;
  CHECK(golden::parameter_count<Transolver>(c) == 713'665);
}
