#include <amq/ops/convolution.hpp>

#include <amq/ops/interpolation.hpp>

#include "../nn/grid_laws.hpp"

namespace test_convolution {

using namespace amq;
using namespace amq::ops;
using namespace amq::test;

namespace {

const Golden& golden() {
  static const Golden g(std::string(AMQ_NN_DATA) + "/layers.safetensors");
  return g;
}
GridShape grid_of(const std::string& name) {
  const auto& shape = golden().file.at(name).shape;
  GridShape g;
  g.samples = shape[0];
  g.dims = static_cast<int>(shape.size()) - 2;
  for (int a = 0; a < g.dims; ++a) g[a] = shape[static_cast<std::size_t>(a) + 1];
  return g;
}
template <typename Op>
Matrix apply(const Op& op, const Matrix& x, Executor& executor = serial_executor()) {
  const auto s = op.shape({x.rows(), x.cols()});
  Matrix y(s.rows, s.cols);
  op.forward(view(x), view(y), executor);
  return y;
}
template <typename Op>
void check_golden(const std::string& name, const Op& op) {
  CAPTURE(name);
  const Matrix x = golden().matrix(name + ".x"), y = apply(op, x);
  CHECK(relative(y, golden().matrix(name + ".y")) < 1e-6);
  ThreadPool pool(3);
  CHECK((apply(op, x, pool).array() == y.array()).all());
}

}  // namespace

TEST_CASE("pooling is PyTorch's, odd sizes as well") {
  check_golden("max_1d", ops::MaxPool(grid_of("max_1d.x")));
  check_golden("max_2d", ops::MaxPool(grid_of("max_2d.x")));
  check_golden("mean_2d", ops::MeanPool(grid_of("mean_2d.x"), 3));
  check_golden("mean_3d", ops::MeanPool(grid_of("mean_3d.x")));
}

TEST_CASE("interpolation is PyTorch's, up and down, between centres and between nodes") {
  for (const auto& [kind, points] :
       {std::pair{"centres", GridPoints::centres}, {"nodes", GridPoints::nodes}})
    for (const auto* dims : {"_1d", "_2d", "_3d"}) {
      const std::string name = std::string(kind) + dims;
      check_golden(name, ops::Interpolate{grid_of(name + ".x"), grid_of(name + ".y"), points});
    }
}

TEST_CASE("a wave on periodic points is kept by interpolation to twice as many and back") {
  const GridShape coarse(1, {8}), fine(1, {16});
  const Matrix x = random_matrix(8, 2, 1);
  const Matrix up = apply(ops::Interpolate{coarse, fine, GridPoints::periodic}, x);
  CHECK(up(15, 0) == doctest::Approx(0.5f * (x(7, 0) + x(0, 0))));
  CHECK(relative(apply(ops::Interpolate{fine, coarse, GridPoints::periodic}, up), x) == 0);
}

TEST_CASE("grids smaller than a kernel or a block are refused") {
  CHECK_THROWS_WITH_AS(ops::MaxPool({1, {4, 1}}), doctest::Contains("at least 2 points"), Error);
  CHECK_THROWS_AS(ops::Patches({1, {2}}, 5, 1, 1), Error);
  CHECK_THROWS_AS(ops::Patches({1, {2}}, 3, 1, 3, Padding::circular), Error);
}

}  // namespace test_convolution
