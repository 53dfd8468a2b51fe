#pragma once
/// @file
/// Delaunay triangulation of points in the plane, by insertion and edge flips (Lawson 1977).

#include <amq/core/error.hpp>
#include <amq/core/matrix_view.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

namespace amq::lab {

namespace detail {

/// Triangles with neighbours, inside one big triangle of three helper nodes. Flips are made only
/// where both new triangles have positive area, so rounding can cost an edge its Delaunay property
/// but never the triangulation its validity.
class Lawson {
 public:
  explicit Lawson(const std::vector<double>& points) : p_(points) {
    n_ = static_cast<std::int32_t>(points.size() / 2);
    double lo[2] = {p_[0], p_[1]}, hi[2] = {p_[0], p_[1]};
    for (std::size_t i = 0; i < p_.size(); ++i) {
      if (!std::isfinite(p_[i])) {
        throw Error("delaunay", "finite points", "point " + std::to_string(i / 2) + " that is not",
                    "Check the points for NaN.");
      }
      lo[i % 2] = std::min(lo[i % 2], p_[i]);
      hi[i % 2] = std::max(hi[i % 2], p_[i]);
    }
    size_ = std::max({hi[0] - lo[0], hi[1] - lo[1], 1e-300});
    const double x = (lo[0] + hi[0]) / 2, y = (lo[1] + hi[1]) / 2, distance = 1e4 * size_;
    p_.insert(p_.end(), {x - distance, y - distance, x + distance, y - distance, x, y + distance});
    tri_.push_back({{n_, n_ + 1, n_ + 2}, {-1, -1, -1}});
    // Neighbours in space follow each other, so the walk to the next point is short.
    std::vector<std::int32_t> order(static_cast<std::size_t>(n_));
    std::iota(order.begin(), order.end(), 0);
    const double cell = size_ / std::max(1.0, std::sqrt(n_ / 4.0));
    const auto key = [&](std::int32_t i) {
      const double column = std::floor((at(i)[0] - lo[0]) / cell);
      const bool up = std::fmod(column, 2.0) < 1;
      return std::pair(column, up ? at(i)[1] : -at(i)[1]);
    };
    std::sort(order.begin(), order.end(), [&](auto a, auto b) { return key(a) < key(b); });
    for (const auto i : order) insert(i);
  }
  [[nodiscard]] std::vector<std::int32_t> cells() const {
    std::vector<std::int32_t> out;
    for (const auto& t : tri_)
      if (t.v[0] < n_ && t.v[1] < n_ && t.v[2] < n_) out.insert(out.end(), t.v.begin(), t.v.end());
    return out;
  }

 private:
  struct Triangle {
    std::array<std::int32_t, 3> v;     // counter-clockwise
    std::array<std::int32_t, 3> next;  // across the side opposite to v[k]
  };
  [[nodiscard]] const double* at(std::int32_t i) const noexcept {
    return p_.data() + 2 * static_cast<std::size_t>(i);
  }
  [[nodiscard]] Triangle& tri(std::int32_t t) noexcept { return tri_[static_cast<std::size_t>(t)]; }
  // Twice the area; extended precision where the machine has it, so that the many points on one
  // wall are seen to lie on one line.
  [[nodiscard]] double area2(std::int32_t a, std::int32_t b, std::int32_t c) const noexcept {
    using L = long double;
    const double *p = at(a), *q = at(b), *r = at(c);
    return static_cast<double>((static_cast<L>(q[0]) - p[0]) * (static_cast<L>(r[1]) - p[1]) -
                               (static_cast<L>(q[1]) - p[1]) * (static_cast<L>(r[0]) - p[0]));
  }
  // d lies inside the circle through a, b, c, by more than rounding (Shewchuk 1997).
  [[nodiscard]] bool in_circle(std::int32_t a, std::int32_t b, std::int32_t c,
                               std::int32_t d) const noexcept {
    using L = long double;
    L x[3], y[3], s[3];
    const std::int32_t ids[3] = {a, b, c};
    for (int i = 0; i < 3; ++i) {
      x[i] = static_cast<L>(at(ids[i])[0]) - at(d)[0];
      y[i] = static_cast<L>(at(ids[i])[1]) - at(d)[1];
      s[i] = x[i] * x[i] + y[i] * y[i];
    }
    L det = 0, size = 0;
    for (int i = 0; i < 3; ++i) {
      const int j = (i + 1) % 3, k = (i + 2) % 3;
      det += s[i] * (x[j] * y[k] - x[k] * y[j]);
      size += s[i] * (std::abs(x[j] * y[k]) + std::abs(x[k] * y[j]));
    }
    return det > 16 * std::numeric_limits<L>::epsilon() * size;
  }
  // The triangle that holds point i, walking from the last one made.
  [[nodiscard]] std::int32_t locate(std::int32_t i) {
    std::int32_t t = static_cast<std::int32_t>(tri_.size()) - 1;
    for (std::size_t steps = 0; steps < tri_.size() + 8; ++steps) {
      std::int32_t to = -1;
      for (std::size_t k = 0; k < 3 && to < 0; ++k) {
        // A turning start keeps the walk from going round in circles.
        const std::size_t j = (k + steps) % 3;
        if (area2(tri(t).v[(j + 1) % 3], tri(t).v[(j + 2) % 3], i) < 0) to = tri(t).next[j];
      }
      if (to < 0) return t;
      t = to;
    }
    // Rounding among triangles without area: look at all.
    double best = -std::numeric_limits<double>::max();
    for (std::size_t k = 0; k < tri_.size(); ++k) {
      const auto& v = tri_[k].v;
      if (area2(v[0], v[1], v[2]) <= 0) continue;
      const double least =
          std::min({area2(v[0], v[1], i), area2(v[1], v[2], i), area2(v[2], v[0], i)});
      if (least > best) {
        best = least;
        t = static_cast<std::int32_t>(k);
      }
    }
    return t;
  }
  void relink(std::int32_t t, std::int32_t from, std::int32_t to) {
    if (t < 0) return;
    for (auto& k : tri(t).next)
      if (k == from) k = to;
  }
  void insert(std::int32_t i) {
    const std::int32_t t = locate(i);
    const auto v = tri(t).v, n = tri(t).next;
    for (const auto k : v) {
      if (k < n_ && std::hypot(at(k)[0] - at(i)[0], at(k)[1] - at(i)[1]) < 1e-12 * size_) {
        throw Error("delaunay", "points that differ",
                    "points " + std::to_string(k) + " and " + std::to_string(i) + " at one place",
                    "Remove duplicates.");
      }
    }
    const auto a = static_cast<std::int32_t>(tri_.size()), b = a + 1;
    tri(t) = {{i, v[1], v[2]}, {n[0], a, b}};
    tri_.push_back({{i, v[2], v[0]}, {n[1], b, t}});
    tri_.push_back({{i, v[0], v[1]}, {n[2], t, a}});
    relink(n[1], t, a);
    relink(n[2], t, b);
    std::vector<std::int32_t> todo{t, a, b};
    while (!todo.empty()) {
      const auto s = todo.back();
      todo.pop_back();
      flip(s, todo);
    }
  }
  // The side opposite to v[0], the new point, is turned if the point beyond sees it too closely.
  void flip(std::int32_t s, std::vector<std::int32_t>& todo) {
    const auto o = tri(s).next[0];
    if (o < 0) return;
    const auto [p, a, b] = tri(s).v;
    std::size_t k = 0;
    while (tri(o).v[k] == a || tri(o).v[k] == b) ++k;
    const auto d = tri(o).v[k];
    if (!in_circle(tri(o).v[0], tri(o).v[1], tri(o).v[2], p)) return;
    if (area2(p, a, d) <= 0 || area2(p, d, b) <= 0) return;
    // In o the order is d, b, a.
    const auto beyond_db = tri(o).next[(k + 2) % 3], beyond_ad = tri(o).next[(k + 1) % 3];
    const auto s_pa = tri(s).next[2], s_bp = tri(s).next[1];
    tri(s) = {{p, a, d}, {beyond_ad, o, s_pa}};
    tri(o) = {{p, d, b}, {beyond_db, s_bp, s}};
    relink(beyond_ad, o, s);
    relink(s_bp, s, o);
    todo.push_back(s);
    todo.push_back(o);
  }

  std::vector<double> p_;
  std::int32_t n_ = 0;
  double size_ = 1;
  std::vector<Triangle> tri_;
};

}  // namespace detail

/// Counter-clockwise triangles (cell, 3) of the convex hull of points (node, 2). Sides of the hull
/// are exact where no point lies within 1/10000 of their length of them.
/// @throws Error for fewer than three points, odd counts, or points that coincide
[[nodiscard]] inline std::vector<std::int32_t> delaunay(const std::vector<double>& points) {
  if (points.size() < 6 || points.size() % 2 != 0) {
    throw Error("delaunay", "at least three points (node, 2)",
                std::to_string(points.size()) + " numbers", "Give x and y of every point.");
  }
  return detail::Lawson(points).cells();
}

}  // namespace amq::lab
