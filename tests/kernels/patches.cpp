#include <amq/kernels/patches.hpp>

#include "rungs.hpp"

#include <amq/core/thread_pool.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <array>

namespace test_patches {

using namespace amq;
using namespace amq::quant;
using namespace amq::kernels;

namespace {

/// Points in a list, taps that run along it, jump, repeat and leave it.
struct Setting {
  Index points, channels, stride, taps, patches, out;
  std::vector<float> x;
  std::vector<std::int32_t> point;
  PackedWeights w;

  Setting(Index n, Index c, Index gap, Index t, Index m, Index o, int bits)
      : points(n),
        channels(c),
        stride(c + gap),
        taps(t),
        patches(m),
        out(o),
        x(rungs::some_rows(static_cast<std::size_t>(n), static_cast<std::size_t>(c + gap), 7)) {
    Random random(static_cast<std::uint64_t>(n + 31 * c + t));
    while (static_cast<Index>(point.size()) < m * t) {
      auto p = static_cast<std::int32_t>(random.index(static_cast<std::uint64_t>(n + 2))) - 2;
      const auto run = static_cast<Index>(1 + random.index(4));
      for (Index k = 0; k < run && static_cast<Index>(point.size()) < m * t; ++k) {
        point.push_back(p >= 0 && p < n ? p : -1);
        if (p >= 0) ++p;
      }
    }
    const int high = highest_code(bits);
    std::vector<std::int8_t> codes;
    std::vector<float> step, bias;
    for (Index k = 0; k < o * c * t; ++k)
      codes.push_back(static_cast<std::int8_t>(
          static_cast<int>(random.index(static_cast<std::uint64_t>(2 * high + 1))) - high));
    for (Index i = 0; i < o; ++i) {
      step.push_back(rungs::between(random, 0.001, 0.01));
      bias.push_back(rungs::between(random, -1, 1));
    }
    w = PackedWeights({codes.data(), o, c * t}, bits, step, bias);
  }
  [[nodiscard]] MatrixView<const float> view() const {
    return {x.data(), points, channels, stride};
  }
  [[nodiscard]] std::vector<float> stored() const {
    std::vector<float> rows;
    for (const auto p : point)
      for (Index c = 0; c < channels; ++c) rows.push_back(p < 0 ? 0.0f : view()(p, c));
    return rows;
  }
};

}  // namespace

TEST_CASE_TEMPLATE("products of patches are those of stored patches, bit for bit", Arch,
                   AMQ_RUNGS) {
  for (const auto& size : {std::array<Index, 6>{5, 1, 0, 1, 3, 1},
                           {40, 3, 0, 9, 50, 20},
                           {64, 32, 0, 9, 70, 33},
                           {64, 32, 5, 9, 20, 16},
                           {30, 64, 0, 3, 49, 64},
                           {30, 70, 0, 27, 17, 10},
                           {20, 300, 0, 9, 37, 18},
                           {12, 512, 2, 9, 11, 16}})
    for (const int bits : {1, 4, 8}) {
      const Index n = size[0], c = size[1], gap = size[2], t = size[3], m = size[4], o = size[5];
      CAPTURE(c);
      CAPTURE(t);
      CAPTURE(bits);
      const Setting s(n, c, gap, t, m, o, 8);
      const RowCoder coder{RowRule::min_max, bits, 0.9f, 0};
      std::vector<float> smallest(static_cast<std::size_t>(n)), largest(smallest);
      ThreadPool pool(2);
      row_ranges<Arch>(s.view(), smallest.data(), largest.data(), pool);
      for (Index i = 0; i < n; ++i) {
        const float* row = s.view().row(i);
        REQUIRE(smallest[static_cast<std::size_t>(i)] == *std::min_element(row, row + c));
        REQUIRE(largest[static_cast<std::size_t>(i)] == *std::max_element(row, row + c));
      }
      const PatchRows rows{s.view(), smallest.data(), largest.data(), s.point.data(), t};
      // One row more than there are, to see that it is left alone.
      std::vector<float> y(static_cast<std::size_t>((m + 1) * o), 7.0f), expected = y;
      linear_patches<Arch>(rows, coder, s.w, Activation::swish, {y.data(), m, o});
      const auto stored = s.stored();
      linear<Arch>(MatrixView<const float>(stored.data(), m, c * t), coder, s.w, Activation::swish,
                   {expected.data(), m, o});
      REQUIRE(rungs::same_bits(y, expected));
    }
}

TEST_CASE("patches of other rules, bits or shapes are refused") {
  const Setting s(10, 4, 0, 9, 6, 5, 8);
  std::vector<float> range(10), y(30);
  const PatchRows rows{s.view(), range.data(), range.data(), s.point.data(), 9};
  const auto run = [&](const RowCoder& c, Index out) {
    linear_patches(rows, c, s.w, Activation::none, {y.data(), 6, out});
  };
  CHECK_THROWS_AS(run({RowRule::affine, 8, 1, 0}, 5), Error);
  CHECK_THROWS_AS(run({RowRule::min_max, 16, 1, 0}, 5), Error);
  CHECK_THROWS_AS(run({RowRule::min_max, 0, 1, 0}, 5), Error);
  CHECK_THROWS_AS(run({RowRule::min_max, 8, 1, 0}, 4), Error);
}

}  // namespace test_patches
