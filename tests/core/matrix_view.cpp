#include <amq/core/eigen.hpp>

#include <doctest/doctest.h>

namespace test_matrix_view {

TEST_CASE("Eigen sees the memory of a view and a view that of Eigen") {
  amq::core::Matrix m = amq::core::Matrix::Random(5, 7);
  const auto v = amq::view(m);
  CHECK(v.data == m.data());
  CHECK(v(3, 4) == m(3, 4));
  const amq::MatrixView<float> block(m.data() + 2, 5, 3, 7);
  map(block)(1, 1) = 42.0f;
  CHECK(m(1, 3) == 42.0f);
  CHECK_FALSE(block.contiguous());
  const amq::MatrixView<const float> read = block;
  CHECK(read(1, 1) == 42.0f);
}

}  // namespace test_matrix_view
