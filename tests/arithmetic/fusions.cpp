#include <amq/arithmetic/fusions.hpp>

#include "../nn/grid_laws.hpp"

#include <amq/nn/conv.hpp>
#include <amq/nn/linear.hpp>

#include <utility>

namespace test_fusions {

using namespace amq;
using namespace amq::arithmetics;
using namespace amq::test;

namespace {

constexpr Activation activations[] = {Activation::none, Activation::relu, Activation::swish,
                                      Activation::gelu, Activation::tanh, Activation::gelu_tanh};

template <typename T>
Matrix values(const T& x) {
  return map(x.view());
}
bool same(const Matrix& a, const Matrix& b) {
  return a.rows() == b.rows() && a.cols() == b.cols() && (a.array() == b.array()).all();
}

struct Layers {
  ParameterLayout layout;
  nn::Linear linear;
  nn::Conv conv;
  Quantizers quantizers;
  Parameters parameters;

  explicit Layers(const SchemeInfo& info, int weight_bits = 8)
      : linear(layout, "linear", RowKind::grid, 5, 7),
        conv(layout, "conv", {.dims = 2, .in = 5, .out = 6, .kernel = 3, .padding = 1}),
        quantizers(with_weight_bits(layout, weight_bits), info) {
    initialize(layout, parameters, 3);
    quantizers.reset_points(layout, parameters);
    quantizers.fit_weights(layout, parameters);
  }
  static ParameterLayout& with_weight_bits(ParameterLayout& layout, int bits) {
    layout.fix_weight_bits("conv", bits);
    return layout;
  }
};

/// In two steps and in one, of the same rows.
template <typename A>
void check_steps(A& a, const Layers& l, const Matrix& u, const GridShape& g) {
  const auto x = a.input(view(u), RowKind::grid);
  for (const Activation f : activations) {
    const auto dense = [&](Activation then) { return values(l.linear(a, x, then)); };
    const auto conv = [&](Activation then) { return values(l.conv(a, g, x, then)); };
    const auto after = [&](const Matrix& y) {
      return values(activate(a, f, a.input(view(y), RowKind::grid)));
    };
    CHECK(same(dense(f), after(dense(Activation::none))));
    CHECK(same(conv(f), after(conv(Activation::none))));
  }
  CHECK(same(values(x), u));
}

/// What is used again is as it was; what is not gives the same.
template <typename A>
void check_memory(A& a, const Matrix& u, const Matrix& v) {
  const auto input = [&](const Matrix& m) { return a.input(view(m), RowKind::grid); };
  const auto x = input(u), y = input(v);
  for (const Activation f : activations) {
    const Matrix sum = values(a.apply(ops::Add{}, x, y)),
                 difference = values(a.apply(ops::Subtract{}, x, y)),
                 product = values(a.apply(ops::Multiply{}, x, y)),
                 active = values(activate(a, f, x)), both = values(activate_sum(a, f, x, y));
    CHECK(same(sum, u + v));
    CHECK(same(difference, u - v));
    CHECK(same(product, u.cwiseProduct(v)));
    CHECK(same(both, values(activate(a, f, a.apply(ops::Add{}, x, y)))));
    CHECK(same(values(a.apply(ops::Add{}, input(u), y)), sum));
    CHECK(same(values(a.apply(ops::Add{}, x, input(v))), sum));
    CHECK(same(values(a.apply(ops::Add{}, x, x)), 2 * u));
    CHECK(same(values(a.apply(ops::Subtract{}, input(u), y)), difference));
    CHECK(same(values(a.apply(ops::Subtract{}, x, input(v))), difference));
    CHECK(same(values(a.apply(ops::Multiply{}, input(u), input(v))), product));
    CHECK(same(values(activate(a, f, input(u))), active));
    CHECK(same(values(activate_sum(a, f, input(u), input(v))), both));
    // Columns of what is used again, and of what is not.
    const auto part = a.columns(x, 1, 2);
    CHECK(same(values(activate(a, f, a.columns(x, 1, 2))), active.middleCols(1, 2)));
    CHECK(same(values(activate(a, f, a.columns(input(u), 1, 2))), active.middleCols(1, 2)));
    CHECK(same(values(a.apply(ops::Add{}, part, a.columns(input(v), 1, 2))), sum.middleCols(1, 2)));
    CHECK(same(values(part), u.middleCols(1, 2)));
    CHECK(same(values(x), u));
    CHECK(same(values(y), v));
  }
}

}  // namespace

TEST_CASE("an activation in the step of a product is the activation of its result, bit for bit") {
  const GridShape g(2, {6, 5});
  const Matrix u = random_matrix(g.rows(), 5, 1);
  for (const RowRule rule : {RowRule::affine, RowRule::min_max, RowRule::fixed})
    for (const int weight_bits : {8, 16}) {
      const Layers l({8, rule, {0, 4, 8, 16}}, weight_bits);
      BasicFixed a(l.layout, l.quantizers, l.parameters);
      for (const int bits : {0, 4, 8, 16}) {
        const BitPlan plan = BitPlan::uniform(bits);
        a.begin(plan);
        check_steps(a, l, u, g);
      }
      BitPlan mixed;
      const std::uint8_t levels[] = {0, 4, 8, 16};
      for (Index i = 0; i < g.rows(); ++i) mixed[RowKind::grid].push_back(levels[i % 4]);
      a.begin(mixed);
      check_steps(a, l, u, g);
      Float32 floats(l.layout, l.parameters);
      check_steps(floats, l, u, g);
    }
}

TEST_CASE("a layer added to a tensor has the bits of two steps, in its memory where it may be") {
  const Matrix u = random_matrix(130, 7, 1), v = random_matrix(130, 7, 2);
  for (const RowRule rule : {RowRule::affine, RowRule::min_max}) {
    ParameterLayout layout;
    const nn::Linear square(layout, "square", RowKind::grid, 7, 7);
    Quantizers quantizers(layout, {8, rule, {0, 4, 8, 16}});
    Parameters parameters;
    initialize(layout, parameters, 3);
    quantizers.reset_points(layout, parameters);
    quantizers.fit_weights(layout, parameters);
    ThreadPool pool(2);
    BasicFixed a(layout, quantizers, parameters, pool);
    BitPlan mixed;
    const std::uint8_t levels[] = {0, 4, 8, 16};
    for (Index i = 0; i < u.rows(); ++i) mixed[RowKind::grid].push_back(levels[i % 4]);
    for (const int bits : {-1, 0, 4, 8, 16}) {
      CAPTURE(bits);
      const BitPlan plan = bits < 0 ? mixed : BitPlan::uniform(bits);
      a.begin(plan);
      const auto input = [&](const Matrix& m) { return a.input(view(m), RowKind::grid); };
      for (const Activation f : activations) {
        const auto x = input(u), y = input(v);
        const Matrix of_x = values(a.apply(ops::Add{}, x, square(a, x, f))),
                     of_y = values(a.apply(ops::Add{}, x, square(a, y, f)));
        const auto onto = [&](auto base, auto of) {
          return values(
              dense_onto(a, std::move(base), square.point, square.weight, std::move(of), f));
        };
        CHECK(same(onto(x, x), of_x));
        CHECK(same(onto(x, y), of_y));
        CHECK(same(onto(input(u), y), of_y));
        CHECK(same(onto(x, input(v)), of_y));
        CHECK(same(values(x), u));
        CHECK(same(values(y), v));
        // Two handles of one matrix that nobody else has.
        auto alone = input(u);
        auto again = alone;
        CHECK(same(onto(std::move(alone), std::move(again)), of_x));
        for (const Activation after : activations)
          CHECK(same(values(dense_onto(a, x, square.point, square.weight, y, f, after)),
                     values(activate(a, after, a.input(view(of_y), RowKind::grid)))));
      }
    }
  }
}

TEST_CASE("a layer of heads has the bits of its steps, by one weight and by one a head") {
  constexpr Index heads = 3, own = 5, tokens = 6;
  const Matrix u = random_matrix(211, 2 * heads * own, 1);
  ParameterLayout layout;
  const nn::Linear shared(layout, "shared", RowKind::grid, own, tokens, 8);
  const auto q = layout.add("of_head", {heads * tokens, own}, Init::deviation(0.3f));
  const WeightId grouped = layout.add_grouped_weight("of_head", q, heads);
  Quantizers quantizers(layout, {8, RowRule::min_max, {0, 4, 8}});
  Parameters parameters;
  initialize(layout, parameters, 3);
  quantizers.reset_points(layout, parameters);
  quantizers.fit_weights(layout, parameters);
  ThreadPool pool(2);
  BasicFixed a(layout, quantizers, parameters, pool);
  const BitPlan plan = BitPlan::uniform(4);
  a.begin(plan);
  const auto whole = a.input(view(u), RowKind::grid);
  for (const WeightId w : {shared.weight, grouped})
    for (const auto& x : {a.columns(whole, 0, heads * own), a.columns(whole, own, heads * own)}) {
      const auto rows = a.quantize(shared.point, a.apply(ops::SplitHeads{heads}, x));
      CHECK(same(values(dense_of_heads(a, heads, shared.point, w, x)), values(a.linear(w, rows))));
    }
}

TEST_CASE("a layer norm with scale and shift has the bits of two steps") {
  for (const Index cols : {1, 7, 16, 130}) {
    const Matrix u = 3 * random_matrix(300, cols + 3, 1);
    ParameterLayout layout;
    const ParameterId gamma = layout.add("gamma", {cols}, Init::deviation(1), Role::vector),
                      beta = layout.add("beta", {cols}, Init::deviation(1), Role::vector);
    Parameters parameters;
    initialize(layout, parameters, 3);
    Float32 a(layout, parameters);
    const auto whole = a.input(view(u), RowKind::edge);
    const auto x = a.columns(whole, 2, cols);
    const Matrix steps = values(a.apply(ops::Affine{}, a.apply(ops::LayerNorm{}, x), gamma, beta));
    CHECK(same(values(layer_norm(a, x, gamma, beta)), steps));
    const Matrix part = u.middleCols(2, cols);
    CHECK(same(values(layer_norm(a, a.input(view(part), RowKind::edge), gamma, beta)), steps));
    CHECK(same(values(whole), u));
    CHECK_THROWS_AS(layer_norm(a, whole, gamma, beta), Error);
  }
}

TEST_CASE("results take the memory of temporaries, and of nothing else") {
  const Layers l({8, RowRule::min_max, {8}});
  const Matrix u = random_matrix(33, 5, 1), v = random_matrix(33, 5, 2);
  Float32 floats(l.layout, l.parameters);
  check_memory(floats, u, v);
  ThreadPool pool(2);
  BasicFixed fixed(l.layout, l.quantizers, l.parameters, pool);
  const BitPlan plan = BitPlan::uniform(8);
  fixed.begin(plan);
  check_memory(fixed, u, v);
  // A chain of temporaries needs no more than one buffer.
  BasicFixed one(l.layout, l.quantizers, l.parameters);
  one.begin(plan);
  auto x = one.input(view(u), RowKind::grid);
  const std::size_t before = one.buffer_bytes();
  for (int k = 0; k < 5; ++k) x = activate(one, Activation::tanh, std::move(x));
  CHECK(one.buffer_bytes() == before);
}

}  // namespace test_fusions
