#include <amq/models/flare.hpp>
#include <amq/models/transolver.hpp>

#include <amq/io/state_dict.hpp>
#include <amq/models/network.hpp>

#include "agreement.hpp"
#include "golden.hpp"

namespace test_latent_attention {

using namespace amq;
using namespace amq::models;
using namespace amq::io;

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
              0.5f + 0.125f * static_cast<float>(h);
    net.reset_quantizers();
  }
  template <typename A>
  auto operator()(A& a) const {
    return net.model(a, view(x), view(u));
  }
};

safetensors::File saved(const Network<Transolver>& net) {
  safetensors::File f;
  for (std::size_t k = 0; k < net.quantizers.first_entry(); ++k) {
    const auto& e = net.layout.entries()[k];
    const float* values = net.parameters.values.data() + e.offset;
    f.tensors["module." + e.name] =
        Array::of(std::span(values, static_cast<std::size_t>(e.size())), e.shape);
  }
  return f;
}

}  // namespace

TEST_CASE(
    "a state dict of the public Transolver loads by its names, of another head count it does not") {
  const Setting<Transolver> from({8, RowRule::min_max, {8}});
  const auto file = saved(from.net);
  for (const char* name :
       {"placeholder", "preprocess.linear_pre.0.weight", "blocks.0.Attn.in_project_slice.weight",
        "blocks.0.Attn.to_q.weight", "blocks.0.Attn.to_out.0.bias",
        "blocks.1.mlp.linear_post.weight", "blocks.1.ln_3.weight", "blocks.1.mlp2.bias"})
    CHECK(file.tensors.contains(std::string("module.") + name));
  Network<Transolver> to(small<Transolver>(), SchemeInfo{8, RowRule::min_max, {8}}, 7);
  load_state_dict(file, to.layout, to.parameters);
  const auto n =
      static_cast<std::ptrdiff_t>(to.layout.entries()[to.quantizers.first_entry()].offset);
  CHECK(std::equal(to.parameters.values.begin(), to.parameters.values.begin() + n,
                   from.net.parameters.values.begin()));
  auto c = small<Transolver>();
  c.heads = 4;
  Network<Transolver> other(c, SchemeInfo{8, RowRule::min_max, {8}}, 7);
  const auto before = other.parameters.values;
  CHECK_THROWS_WITH_AS(
      load_state_dict(file, other.layout, other.parameters),
      doctest::Contains("blocks.0.Attn.temperature is (1, 3, 1, 1), not (1, 4, 1, 1)"), Error);
  CHECK(other.parameters.values == before);
}

TEST_CASE_TEMPLATE("latent attention in integers is its simulated quantization, bit for bit", Model,
                   Transolver, Flare) {
  for (const RowRule rule : {RowRule::min_max, RowRule::affine, RowRule::symmetric}) {
    const Setting<Model> s({4, rule, {0, 2, 4, 8}});
    agreement::check(s.net, s, {40, 0, 0});
  }
}

TEST_CASE_TEMPLATE(
    "latent attention in integers gives each node the same bits in any order of nodes", Model,
    Transolver, Flare) {
  Setting<Model> s({4, RowRule::min_max, {2, 4, 8}});
  BasicFixed a(s.net.layout, s.net.quantizers, s.net.parameters);
  BitPlan plan = agreement::mixed_plan({2, 4, 8}, {s.n, 0, 0});
  a.begin(plan);
  const Matrix before = map(s(a).view()), x = s.x, u = s.u;
  const auto bits = plan[RowKind::node];
  for (Index i = 0; i < s.n; ++i) {
    const Index from = i * 7 % s.n;
    s.x.row(i) = x.row(from);
    s.u.row(i) = u.row(from);
    plan[RowKind::node][static_cast<std::size_t>(i)] = bits[static_cast<std::size_t>(from)];
  }
  a.begin(plan);
  const Matrix after = map(s(a).view());
  for (Index i = 0; i < s.n; ++i)
    CHECK((after.row(i).array() == before.row(i * 7 % s.n).array()).all());
}

TEST_CASE_TEMPLATE("every product of latent attention is counted at the bits it runs at", Model,
                   Transolver, Flare) {
  const Setting<Model> s({4, RowRule::min_max, {2, 4, 8}});
  BasicCounting a(s.net.layout, s.net.quantizers, BitPlan::uniform(4));
  s(a);
  double pooling = 0;
  for (const ProductCost& p : a.cost().products) {
    CHECK(p.bops == p.macs * p.weight_bits * p.mean_bits);
    CHECK(p.mean_bits <= 16);
    if (p.weight == "pooling") {
      CHECK(p.weight_bits == 8);
      CHECK(p.mean_bits == 8);
      pooling += p.macs;
    }
  }
  const auto& c = s.net.model.config();
  CHECK(pooling == static_cast<double>(c.layers * s.n * c.hidden * c.tokens));
}

TEST_CASE("a node of 0 bits skips the MLP, and nothing of it is counted") {
  Setting<Transolver> s({4, RowRule::min_max, {0, 4}});
  BitPlan plan = BitPlan::uniform(4);
  const auto& points = s.net.layout.points();
  plan.by_point.resize(points.size());
  const auto at = std::find_if(points.begin(), points.end(), [](const PointEntry& p) {
    return p.name == "blocks.1.mlp.linear_pre.0.input";
  });
  REQUIRE(at != points.end());
  auto& bits = plan.by_point[static_cast<std::size_t>(at - points.begin())];
  bits.assign(static_cast<std::size_t>(s.n), 4);
  for (const std::size_t i : {0u, 3u, 39u}) bits[i] = 0;
  const auto answer = [&] {
    BasicFixed a(s.net.layout, s.net.quantizers, s.net.parameters);
    a.begin(plan);
    return Matrix(map(s(a).view()));
  };
  const Matrix before = answer();
  const auto id = s.net.layout.find("blocks.1.mlp.linear_post.bias");
  s.net.parameters.values[static_cast<std::size_t>(s.net.layout.entry(id).offset)] += 1;
  const Matrix after = answer();
  for (Index i = 0; i < s.n; ++i)
    CHECK((after.row(i).array() == before.row(i).array()).all() ==
          (bits[static_cast<std::size_t>(i)] == 0));

  BasicCounting a(s.net.layout, s.net.quantizers, plan);
  s(a);
  for (const ProductCost& p : a.cost().products)
    if (p.weight.starts_with("blocks.1.mlp."))
      CHECK(p.rows == s.n - 3);
    else if (p.weight.starts_with("blocks.0.mlp."))
      CHECK(p.rows == s.n);
}

TEST_CASE("latent attention refuses heads that do not divide, and products of bits it has not") {
  const auto made = [](const auto& change) {
    auto c = small<Transolver>();
    change(c);
    ParameterLayout layout;
    Transolver(layout, c);
  };
  CHECK_THROWS_WITH_AS(made([](auto& c) { c.heads = 5; }), doctest::Contains("hidden 24, heads 5"),
                       Error);
  CHECK_THROWS_WITH_AS(made([](auto& c) {
                         c.attention_bits = {16, 8};
                       }),
                       doctest::Contains("found 16 and 8"), Error);
  auto f = small<Flare>();
  f.heads = 7;
  ParameterLayout layout;
  CHECK_THROWS_WITH_AS(Flare(layout, f), doctest::Contains("heads 7"), Error);
}

TEST_CASE("Transolver has as many parameters as the public one") {
  TransolverConfig c;
  CHECK(golden::parameter_count<Transolver>(c) == 713'665);
}

}  // namespace test_latent_attention
