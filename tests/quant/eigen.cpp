#include <amq/quant/eigen.hpp>

#include <doctest/doctest.h>

namespace test_eigen {

using namespace amq;
using namespace amq::quant;

TEST_CASE("Eigen sees codes of 8 and 16 bits in place") {
  QTensor<8, Pow2<-5>, 6, 10> fixed;
  QTensor<16, PerTensor, dynamic, dynamic> open({{0.001f}}, 6, 10);
  const Matrix x = Matrix::Random(6, 10);
  encode(fixed, x);
  encode(open, x);
  auto codes = code_map(fixed);
  CHECK(static_cast<const void*>(codes.data()) == fixed.row(0));
  for (Index i = 0; i < 6; ++i)
    for (Index j = 0; j < 10; ++j) {
      CHECK(codes(i, j) == fixed.code(i, j));
      CHECK(code_map(open)(i, j) == open.code(i, j));
    }
  codes(2, 3) = 77;
  CHECK(fixed.code(2, 3) == 77);
  const auto& read = fixed;
  CHECK(code_map(read)(2, 3) == 77);
}

TEST_CASE("decoding into Eigen is within half a step") {
  const Matrix x = Matrix::Random(6, 10);
  QTensor<8, Pow2<-7>, 6, 10> t;
  encode(t, x);
  CHECK((decode(t) - x).cwiseAbs().maxCoeff() <= 1.0f / 128);  // 1 itself clips to 127/128
  const MixedQTensor<Levels<8>, RowMinMax> m(view(x), RowBits(6, 8));
  CHECK((decode(m) - x).cwiseAbs().maxCoeff() <= 0.5001f * 2 / 255);
}

}  // namespace test_eigen
