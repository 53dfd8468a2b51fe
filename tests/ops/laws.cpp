#include "laws.hpp"

#include <amq/ops.hpp>

namespace test_laws {

using namespace amq;
using namespace amq::ops;
using namespace amq::test;

namespace {

/// Node i hears the i % 4 nodes after it: some hear nobody.
Graph some_graph(Index n) {
  Graph g;
  g.first = {0};
  for (Index i = 0; i < n; ++i) {
    for (Index k = 1; k <= i % 4; ++k) {
      g.sender.push_back(static_cast<std::int32_t>((i + k) % n));
      g.receiver.push_back(static_cast<std::int32_t>(i));
    }
    g.first.push_back(static_cast<std::int32_t>(g.sender.size()));
  }
  return g;
}

/// try_one(name, operation, shapes of its inputs) for every operation of the room.
/// @param n  rows on a mesh, and points along an axis of a grid: 4 to 40
template <typename F>
void each_operation(Index n, const F& try_one) {
  for (const auto f : {Activation::none, Activation::swish, Activation::gelu, Activation::tanh,
                       Activation::sigmoid, Activation::relu, Activation::gelu_tanh})
    try_one("Activate", ops::Activate{f}, {{{n, 6}}});
  try_one("Add", ops::Add{}, {{{n, 5}, {n, 5}}});
  try_one("Subtract", ops::Subtract{}, {{{n, 5}, {n, 5}}});
  try_one("Multiply", ops::Multiply{}, {{{n, 5}, {n, 5}}});
  const std::vector<float> factors{1, -2, 3, 0.5f, 0.25f};
  try_one("ScaleColumns", ops::ScaleColumns{factors}, {{{n, 5}}});
  try_one("Affine", ops::Affine{}, {{{n, 5}, {1, 5}, {1, 5}}});
  try_one("Gate", ops::Gate{}, {{{n, 5}, {1, 5}}});

  std::vector<std::int32_t> rows;
  std::vector<std::uint8_t> some;
  for (Index i = 0; i < n; ++i) {
    rows.push_back(static_cast<std::int32_t>(i * i % (n - 1)));
    some.push_back(i % 3 == 0);
  }
  try_one("Gather", ops::Gather{rows, RowKind::edge}, {{{n, 3}}});
  try_one("ChooseRows", ops::ChooseRows{some}, {{{n, 3}, {n, 3}}});
  const Graph graph = some_graph(n);
  try_one("EdgeSum", ops::EdgeSum{graph}, {{{n, 3}, {n, 3}}});
  try_one("SegmentMean", ops::SegmentMean{graph}, {{{graph.n_edges(), 3}}});
  try_one("SegmentSum", ops::SegmentSum{graph}, {{{graph.n_edges(), 3}}});
  try_one("InstanceNorm", ops::InstanceNorm{}, {{{n, 4}}});
  try_one("LayerNorm", ops::LayerNorm{}, {{{n, 7}}});
  try_one("Windows", ops::Windows{2, 7, 3, 2, 1}, {{{n, 14}}});
  try_one("FoldWindows", ops::FoldWindows{2}, {{{2 * n, 3}}});
  try_one("MaskedAttention", ops::MaskedAttention{2}, {{{n, 12}}});
  try_one("MaskedAttention", ops::MaskedAttention{2, some}, {{{n, 12}}});

  try_one("Shift", ops::Shift{}, {{{n, 5}, {1, 5}}});
  try_one("SplitHeads", ops::SplitHeads{3}, {{{n, 6}}});
  for (const auto over : {ops::PoolOver::tokens, ops::PoolOver::nodes})
    for (const double eps : {0.0, 1e-5, 0.5}) {
      try_one("PoolNodes", ops::PoolNodes<false>{2, over, eps}, {{{n, 6}, {2 * n, 5}}});
      try_one("PoolNodes", ops::PoolNodes<true>{2, over, eps}, {{{n, 6}, {2 * n, 5}, {1, 2}}});
    }
  try_one("SpreadTokens", ops::SpreadTokens<false>{2}, {{{10, 3}, {2 * n, 5}}});
  try_one("SpreadTokens", ops::SpreadTokens<true>{2}, {{{10, 3}, {2 * n, 5}, {1, 2}}});

  const GridShape g(2, {n, 6}), deep(2, {4, 3, 2});
  const auto over = [&](const GridShape& at, Index channels, const auto& op, const char* name) {
    try_one(name, op, {{{at.rows(), channels}}});
  };
  over(g, 2, ops::Patches(g, 3, 2, 1), "Patches");
  over(g, 2, ops::Patches(g, 3, 1, 2, Padding::circular), "Patches");
  over(deep, 2, ops::Patches(deep, 2, 1, 1), "Patches");
  over(g, 8, ops::SpreadSubpoints{g, {2, {2 * n - 1, 11}}, 2, 1}, "SpreadSubpoints");
  over(g, 3, ops::MaxPool(g), "MaxPool");
  over(g, 3, ops::MeanPool(g, 3), "MeanPool");
  over(g, 3, ops::Resize{g, {2, {n + 2, 5}}}, "Resize");
  over(g, 6, ops::GroupNorm{2, 3}, "GroupNorm");
  for (const auto points : {GridPoints::centres, GridPoints::nodes, GridPoints::periodic}) {
    over(g, 2, ops::Interpolate{g, {2, {n + 3, 4}}, points}, "Interpolate");
    over(deep, 2, ops::Interpolate{deep, {2, {3, 5, 4}}, points}, "Interpolate");
  }
  const SpectralModes modes{2, {2, 3, 1}};
  over(g, 2, ops::SpectralForward{g, modes}, "SpectralForward");
  try_one("SpectralInverse", ops::SpectralInverse{g, modes},
          {{{modes.count() * g.samples * 2, 4}}});
  try_one("SoftmaxAttention", ops::SoftmaxAttention{2, 2}, {{{2 * n, 12}}});
  try_one("LinearAttention", ops::LinearAttention{2, 2, 2}, {{{2 * n, 14}}});
  try_one("HeadNorm", ops::HeadNorm{3, 1e-5}, {{{n, 12}}});
}

/// Takes braces for the array of shapes.
template <typename Check>
struct With {
  Check check;
  template <typename Op>
  void operator()(const char* name, const Op& op,
                  const std::array<MatrixShape, ops::inputs_of<Op>>& shapes) const {
    CAPTURE(name);
    check(Tried(op, shapes));
  }
};
template <typename Check>
With(Check) -> With<Check>;

}  // namespace

TEST_CASE(
    "every operation is differentiated right, adds its gradients, and keeps what it promises") {
  each_operation(5, With{[](const Tried& op) { check_operation(op); }});
}

TEST_CASE("every operation gives the same bits for one thread and for several") {
  each_operation(40, With{[](const Tried& op) { check_threads(op); }});
  const Graph graph = some_graph(900);
  With{[](const Tried& op) { check_threads(op); }}("SegmentMean", ops::SegmentMean{graph},
                                                   {{{graph.n_edges(), 3}}});
  With{[](const Tried& op) { check_threads(op); }}("InstanceNorm", ops::InstanceNorm{},
                                                   {{{900, 3}}});
}

TEST_CASE("inputs that do not fit an operation are refused with both shapes") {
  const auto shape = [](const auto& op, auto... s) { static_cast<void>(op.shape(s...)); };
  CHECK_THROWS_WITH_AS(shape(ops::Add{}, MatrixShape{4, 3}, MatrixShape{4, 2}),
                       doctest::Contains("expected (4, 3), found (4, 2)"), Error);
  CHECK_THROWS_WITH_AS(
      shape(ops::Affine{}, MatrixShape{4, 3}, MatrixShape{1, 3}, MatrixShape{1, 4}),
      doctest::Contains("Affine, shift: expected (1, 3), found (1, 4)"), Error);
  const Graph g = some_graph(6);
  CHECK_THROWS_WITH_AS(shape(ops::EdgeSum{g}, MatrixShape{5, 3}, MatrixShape{5, 3}),
                       doctest::Contains("EdgeSum: expected (6, 3), found (5, 3)"), Error);
  CHECK_THROWS_WITH_AS(shape(ops::SegmentSum{g}, MatrixShape{2, 3}),
                       doctest::Contains("SegmentSum: expected (7, 3), found (2, 3)"), Error);
  const std::vector<std::uint8_t> three(3);
  CHECK_THROWS_AS(shape(ops::ChooseRows{three}, MatrixShape{4, 3}, MatrixShape{4, 3}), Error);
  CHECK_THROWS_AS(shape(ops::MaskedAttention{2, three}, MatrixShape{4, 12}), Error);
  CHECK_THROWS_AS(shape(ops::MaskedAttention{5}, MatrixShape{4, 12}), Error);
  CHECK_THROWS_AS(shape(ops::Windows{2, 7, 3, 2, 1}, MatrixShape{4, 13}), Error);
  CHECK_THROWS_AS(shape(ops::FoldWindows{3}, MatrixShape{4, 2}), Error);
  CHECK_THROWS_AS(shape(ops::ScaleColumns{}, MatrixShape{4, 2}), Error);
}

}  // namespace test_laws
