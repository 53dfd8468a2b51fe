// The code of docs/kernels.md.
#include <amq/core/random.hpp>
#include <amq/kernels/gemm.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <vector>

TEST_CASE("the code of the chapter on kernels multiplies as float does, but for the last codes") {
  const amq::Index n_rows = 50, in = 128, out = 64;
  amq::core::Random random(7);
  std::vector<float> x(static_cast<std::size_t>(n_rows * in)),
      w(static_cast<std::size_t>(out * in)), bias(static_cast<std::size_t>(out)),
      y(static_cast<std::size_t>(n_rows * out));
  for (auto* v : {&x, &w, &bias})
    for (float& e : *v) e = static_cast<float>(random.uniform(-1, 1));

  // [kernels]
  // Once a layer: w (out, in) to codes of 8 bits, in the blocks that dot products read.
  const amq::kernels::PackedWeights weights(amq::quant::encode_weights({w.data(), out, in}, 8), 8,
                                            bias);

  // x (row, in) to y (row, out): every row gets a grid of its own and is multiplied as codes.
  const amq::quant::BasicRowCoder<amq::ByRange> coder{.bits = 8};
  amq::kernels::linear({x.data(), n_rows, in}, coder, weights, amq::core::Activation::none,
                       {y.data(), n_rows, out});
  // [kernels]

  double wrong = 0, norm = 0;
  for (amq::Index i = 0; i < n_rows; ++i)
    for (amq::Index n = 0; n < out; ++n) {
      double t = static_cast<double>(bias[static_cast<std::size_t>(n)]);
      for (amq::Index k = 0; k < in; ++k)
        t += static_cast<double>(x[static_cast<std::size_t>(i * in + k)]) *
             static_cast<double>(w[static_cast<std::size_t>(n * in + k)]);
      const double d = static_cast<double>(y[static_cast<std::size_t>(i * out + n)]) - t;
      wrong += d * d, norm += t * t;
    }
  CHECK(std::sqrt(wrong / norm) < 0.01);
  CHECK(wrong > 0);
}
