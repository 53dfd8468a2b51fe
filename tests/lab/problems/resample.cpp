#include <amq_lab/problems/resample.hpp>

#include <amq/core/random.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <numbers>
#include <vector>

namespace test_resample {

using namespace amq;
using namespace amq::lab;

namespace {
std::vector<float> line(GridPoints layout, Index from, Index to, Beyond beyond,
                        const std::vector<float>& x) {
  std::vector<float> y(static_cast<std::size_t>(to));
  LineResampling(layout, from, to, beyond)(x, y, 1);
  return y;
}
void check_close(const std::vector<float>& a, const std::vector<float>& b,
                 float tolerance = 1e-5f) {
  REQUIRE(a.size() == b.size());
  for (std::size_t k = 0; k < a.size(); ++k)
    CHECK(std::abs(a[k] - b[k]) <= tolerance * std::max(1.0f, std::abs(b[k])));
}
double coordinate(GridPoints layout, Index i, Index n) {
  const auto k = static_cast<double>(i), m = static_cast<double>(n);
  return layout == GridPoints::centres ? (k + 0.5) / m
         : layout == GridPoints::nodes ? k / (m - 1)
                                       : k / m;
}
}  // namespace

TEST_CASE("cells and nodes are interpolated as PyTorch does") {
  // torch.nn.functional.interpolate, mode linear and bilinear.
  const std::vector<float> x{1, 4, -2, 3, 7, 0};
  const auto c = GridPoints::centres, n = GridPoints::nodes;
  check_close(line(c, 6, 9, Beyond::hold, x),
              {1, 2.5f, 3, -1, 0.5f, 3.6666672f, 6.333334f, 3.5f, 0});
  check_close(line(c, 6, 4, Beyond::hold, x), {1.75f, -0.5f, 4, 1.75f});
  check_close(line(c, 6, 3, Beyond::hold, x), {2.5f, 0.5f, 3.5f});
  check_close(line(n, 6, 9, Beyond::hold, x), {1, 2.875f, 2.5f, -1.25f, 0.5f, 3.5f, 6, 4.375f, 0});
  check_close(line(n, 6, 4, Beyond::hold, x), {1, 0, 4.3333333f, 0});
  GridField f(1, 1, {3, 4});
  for (std::size_t k = 0; k < 12; ++k) f.values[k] = static_cast<float>(k * k);
  check_close(resample(f, {5, 6}, c, Beyond::hold).values,
              {0,     0.5f,  1.5f,        3.5f,        6.5f,   9,
               6.4f,  8.5f,  11.6333342f, 15.7666674f, 20.9f,  25,
               16,    20.5f, 26.833335f,  34.16667f,   42.5f,  49,
               44.8f, 51.7f, 61.2333336f, 71.7666779f, 83.3f,  92.2f,
               64,    72.5f, 84.1666641f, 96.8333359f, 110.5f, 121});
}

TEST_CASE(
    "linear fields stay exact in both directions, up and down, in the middle and at the walls") {
  const auto f = [](double x, double y) { return 3 - 2 * x + 5 * y + 4 * x * y; };
  for (const auto layout : {GridPoints::centres, GridPoints::nodes})
    for (const auto& [from, to] : {std::pair<Index, Index>{16, 4}, {5, 13}, {7, 6}, {2, 9}}) {
      GridField g(2, 3, {from, from}, 2);
      for (Index s = 0; s < 6; ++s)
        for (Index i = 0; i < from; ++i)
          for (Index j = 0; j < from; ++j) {
            const auto at = static_cast<std::size_t>(((s * from + i) * from + j) * 2);
            g.values[at] =
                static_cast<float>(f(coordinate(layout, i, from), coordinate(layout, j, from)));
            g.values[at + 1] = static_cast<float>(s);
          }
      const auto r = resample(g, {to, to}, layout);
      REQUIRE(r.values.size() == static_cast<std::size_t>(6 * to * to * 2));
      for (Index s = 0; s < 6; ++s)
        for (Index i = 0; i < to; ++i)
          for (Index j = 0; j < to; ++j) {
            const auto at = static_cast<std::size_t>(((s * to + i) * to + j) * 2);
            CHECK(r.values[at] ==
                  doctest::Approx(f(coordinate(layout, i, to), coordinate(layout, j, to)))
                      .epsilon(1e-5));
            CHECK(r.values[at + 1] == static_cast<float>(s));
          }
    }
}

TEST_CASE("a periodic line wraps, and halving it picks every second point") {
  const std::vector<float> x{1, 2, 3, 10};
  check_close(line(GridPoints::periodic, 4, 8, Beyond::hold, x),
              {1, 1.5f, 2, 2.5f, 3, 6.5f, 10, 5.5f});
  check_close(line(GridPoints::periodic, 4, 2, Beyond::extend, x), {1, 3});
}

TEST_CASE("the transposed map is the transpose: <A x, y> = <x, A' y>") {
  Random random(4);
  for (const auto layout : {GridPoints::centres, GridPoints::nodes, GridPoints::periodic})
    for (const auto beyond : {Beyond::extend, Beyond::hold})
      for (const auto& [from, to] : {std::pair<Index, Index>{9, 4}, {4, 11}, {6, 6}}) {
        const LineResampling map(layout, from, to, beyond);
        std::vector<float> x(static_cast<std::size_t>(3 * from * 2)),
            y(static_cast<std::size_t>(3 * to * 2));
        for (float& v : x) v = static_cast<float>(random.normal());
        for (float& v : y) v = static_cast<float>(random.normal());
        std::vector<float> ax(y.size()), aty(x.size());
        map(x, ax, 2);
        map.add_transposed(y, aty, 2);
        double left = 0, right = 0;
        for (std::size_t k = 0; k < y.size(); ++k)
          left += static_cast<double>(ax[k]) * static_cast<double>(y[k]);
        for (std::size_t k = 0; k < x.size(); ++k)
          right += static_cast<double>(x[k]) * static_cast<double>(aty[k]);
        CHECK(left == doctest::Approx(right).epsilon(1e-4));
      }
}

TEST_CASE("the error of going down and up again falls with the square of the spacing") {
  for (const auto layout : {GridPoints::centres, GridPoints::nodes, GridPoints::periodic}) {
    const auto error = [&](Index n) {
      GridField f(1, 1, {n});
      for (Index i = 0; i < n; ++i)
        f.values[static_cast<std::size_t>(i)] =
            static_cast<float>(std::sin(2 * std::numbers::pi * coordinate(layout, i, n)));
      const auto g = resample(resample(f, {coarsened(n, 4, layout)}, layout), {n}, layout);
      double e = 0;
      for (std::size_t k = 0; k < f.values.size(); ++k)
        e = std::max(e, static_cast<double>(std::abs(f.values[k] - g.values[k])));
      return e;
    };
    const Index more = layout == GridPoints::nodes ? 1 : 0;
    CHECK(error(64 + more) < 0.05);
    CHECK(error(64 + more) / error(128 + more) == doctest::Approx(4).epsilon(0.15));
  }
}

TEST_CASE("a set takes its coordinates along") {
  for (const auto layout : {GridPoints::centres, GridPoints::nodes, GridPoints::periodic}) {
    GridSet set;
    set.layout = layout;
    set.u = GridField(1, 1, {9, 12});
    for (const Index n : {9, 12}) {
      set.axes.emplace_back();
      for (Index i = 0; i < n; ++i) set.axes.back().push_back(coordinate(layout, i, n));
    }
    set.input.points = {9, 12};
    const auto r = resample(set, {5, 4});
    CHECK(r.input.empty());
    CHECK(r.input.points == std::vector<Index>{5, 4});
    for (Index i = 0; i < 5; ++i)
      CHECK(r.axes[0][static_cast<std::size_t>(i)] == doctest::Approx(coordinate(layout, i, 5)));
    for (Index i = 0; i < 4; ++i)
      CHECK(r.axes[1][static_cast<std::size_t>(i)] == doctest::Approx(coordinate(layout, i, 4)));
  }
}

TEST_CASE("coarse sizes and refusals") {
  CHECK(coarsened(85, 2, GridPoints::nodes) == 43);
  CHECK(coarsened(85, 4, GridPoints::nodes) == 22);
  CHECK(coarsened(64, 4, GridPoints::periodic) == 16);
  CHECK_THROWS_AS(static_cast<void>(coarsened(64, 3, GridPoints::centres)), Error);
  CHECK_THROWS_AS(static_cast<void>(coarsened(64, 0, GridPoints::centres)), Error);
  CHECK_THROWS_AS(LineResampling(GridPoints::nodes, 1, 4), Error);
  GridField f(1, 1, {3, 4});
  CHECK_THROWS_AS(static_cast<void>(resample(f, {3}, GridPoints::nodes)), Error);
  std::vector<float> x(7), y(4);
  CHECK_THROWS_AS(LineResampling(GridPoints::nodes, 3, 4)(x, y, 1), Error);
}

}  // namespace test_resample
