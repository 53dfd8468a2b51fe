#include <amq/kernels/softmax.hpp>

#include "rungs.hpp"

#include <doctest/doctest.h>

namespace test_softmax {

using namespace amq;
using namespace amq::training;

namespace {
/// Everything the room says of one row of n.
template <typename Arch>
std::vector<float> all_of(const std::vector<float>& l, const std::vector<float>& d, Index n,
                          bool add) {
  using kernels::SharesOf;
  const auto size = static_cast<std::size_t>(n);
  std::vector<float> p(size), out(size, 0.5f), many(size, -0.25f), sum(size, 0.125f);
  std::vector<float> numbers{kernels::dot<Arch>(l.data(), d.data(), n),
                             kernels::exponentials<Arch>(l.data(), p.data(), n, 1.75f)};
  numbers.insert(numbers.end(), p.begin(), p.end());
  numbers.push_back(kernels::shares_gradient<SharesOf::many, Arch>(
      l.data(), p.data(), d.data(), n, 1.75f, many.data(), add, sum.data()));
  kernels::softmax<Arch>(l.data(), p.data(), n, 1.75f);
  numbers.push_back(kernels::shares_gradient<SharesOf::one, Arch>(l.data(), p.data(), d.data(), n,
                                                                  1.75f, out.data(), add));
  for (const auto* x : {&p, &out, &many, &sum}) numbers.insert(numbers.end(), x->begin(), x->end());
  return numbers;
}
}  // namespace

TEST_CASE_TEMPLATE("shares and their gradients have the portable rung's bits, at every length",
                   Arch, AMQ_RUNGS) {
  for (Index n = 1; n < 150; ++n) {
    CAPTURE(n);
    const auto l = rungs::some_rows(1, static_cast<std::size_t>(n), 7),
               d = rungs::some_rows(1, static_cast<std::size_t>(n), 8);
    for (const bool add : {false, true})
      REQUIRE(rungs::same_bits(all_of<Arch>(l, d, n, add), all_of<simd::Scalar>(l, d, n, add)));
  }
}

TEST_CASE("shares sum to one, and their gradient is that of differences") {
  amq::core::Random random(3);
  for (const Index n : {1, 5, 16, 33, 64, 100}) {
    CAPTURE(n);
    const auto size = static_cast<std::size_t>(n);
    const auto l = rungs::some_rows(1, size, 11), d = rungs::some_rows(1, size, 12);
    const double scale = 0.8;
    const auto loss = [&](std::vector<double> x, bool whole) {
      double top = x[0], all = 0, along = 0;
      for (double v : x) top = std::max(top, v);
      if (!whole) top = 0;
      for (std::size_t k = 0; k < size; ++k) {
        const double e = std::exp((x[k] - top) * scale);
        all += e;
        along += e * static_cast<double>(d[k]);
      }
      return whole ? along / all : along;
    };
    std::vector<float> p(size), to(size);
    kernels::softmax(l.data(), p.data(), n, static_cast<float>(scale));
    double sum = 0;
    for (float v : p) sum += static_cast<double>(v);
    CHECK(sum == doctest::Approx(1).epsilon(1e-6));
    for (const bool whole : {true, false}) {
      CAPTURE(whole);
      if (!whole)
        for (std::size_t k = 0; k < size; ++k)
          p[k] = static_cast<float>(std::exp(static_cast<double>(l[k]) * scale));
      const float along =
          whole ? kernels::shares_gradient<kernels::SharesOf::one>(
                      l.data(), p.data(), d.data(), n, static_cast<float>(scale), to.data(), false)
                : kernels::shares_gradient<kernels::SharesOf::many>(
                      l.data(), p.data(), d.data(), n, static_cast<float>(scale), to.data(), false);
      double of_scale = 0;
      for (std::size_t k = 0; k < size; ++k) {
        std::vector<double> up(l.begin(), l.end()), down(up);
        up[k] += 1e-5, down[k] -= 1e-5;
        const double slope = (loss(up, whole) - loss(down, whole)) / 2e-5;
        REQUIRE(static_cast<double>(to[k]) == doctest::Approx(slope).epsilon(1e-4).scale(1));
        of_scale += slope / scale * static_cast<double>(l[k]);
      }
      CHECK(static_cast<double>(along) == doctest::Approx(of_scale).epsilon(1e-4).scale(1));
    }
  }
}

TEST_CASE("shares have the same bits in every build") {
  rungs::Fingerprint f;
  for (Index n = 1; n < 90; ++n) {
    const auto l = rungs::some_rows(1, static_cast<std::size_t>(n), 21),
               d = rungs::some_rows(1, static_cast<std::size_t>(n), 22);
    const auto all = all_of<simd::Native>(l, d, n, n % 2 == 0);
    f.add(all.data(), all.size());
  }
  CHECK(f.value() == 829005039916795880u);
}

}  // namespace test_softmax
