#pragma once
/// @file
/// Triangles in a channel with obstacles: borders are divided first, the inside is relaxed like a
/// net of springs (DistMesh, Persson and Strang 2004) until sides have the wanted lengths.

#include <amq/core/error.hpp>
#include <amq/core/random.hpp>
#include <amq/mesh/mesh.hpp>
#include <amq_lab/problems/channel.hpp>
#include <amq_lab/problems/triangulate.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numbers>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

namespace amq::lab {

struct ChannelMesh {
  Mesh mesh;  ///< node types inflow, outflow, wall (also obstacles), normal
  std::vector<std::int32_t> obstacle;  ///< (node) which obstacle's border, or -1
  double smallest_angle = 0;           ///< degrees
};

namespace detail {

/// One run of the generator.
class ChannelMesher {
 public:
  ChannelMesher(const Channel& channel, const ChannelResolution& resolution, Random random)
      : c_(channel), r_(resolution), random_(random) {
    check();
    divide_obstacles();
    divide_walls();
    fixed_ = p_.size() / 2;
    scatter();
    for (int step = 0; step < 80; ++step) relax(step);
    clear_borders();
  }

  [[nodiscard]] ChannelMesh finish() {
    ChannelMesh out;
    out.mesh.cells = inner_cells();
    // Points without a cell would be nodes without an equation.
    std::vector<std::int32_t> id(p_.size() / 2, -1);
    for (auto& v : out.mesh.cells) {
      auto& k = id[static_cast<std::size_t>(v)];
      if (k < 0) {
        k = static_cast<std::int32_t>(out.mesh.points.size() / 2);
        const auto i = static_cast<std::size_t>(v);
        out.mesh.points.insert(out.mesh.points.end(), {p_[2 * i], p_[2 * i + 1]});
        out.obstacle.push_back(i < fixed_ ? owner_[i] : -1);
        out.mesh.node_type.push_back(i < fixed_ ? type(i) : NodeType::normal);
      }
      v = k;
    }
    out.smallest_angle = check_mesh(out.mesh, id);
    return out;
  }

 private:
  void check() const {
    const auto refuse = [](const std::string& found, const char* mend) {
      throw Error("channel_mesh", "obstacles apart from each other and from the walls", found,
                  mend);
    };
    if (!(c_.length > 0 && c_.height > 0 && r_.around >= 6 && r_.outside > 0 && r_.wake > 0 &&
          r_.grade > 0)) {
      throw Error("channel_mesh", "positive lengths and at least 6 sides around", "others",
                  "Check Channel and ChannelResolution.");
    }
    for (std::size_t i = 0; i < c_.obstacles.size(); ++i) {
      const auto& o = c_.obstacles[i];
      const double r = o.radius(), gap = 0.25 * r;
      if (!(o.a > 0 && o.b > 0 && (o.sides == 0 || o.sides >= 3)))
        refuse("obstacle " + std::to_string(i) + " without area", "Give semi-axes above zero.");
      if (!(o.x - r > gap && o.x + r < c_.length - gap && o.y - r > gap &&
            o.y + r < c_.height - gap))
        refuse("obstacle " + std::to_string(i) + " at a wall",
               "Leave a quarter of its radius between obstacle and wall.");
      for (std::size_t j = 0; j < i; ++j) {
        const auto& q = c_.obstacles[j];
        if (std::hypot(o.x - q.x, o.y - q.y) < 1.25 * (r + q.radius()))
          refuse("obstacles " + std::to_string(j) + " and " + std::to_string(i) + " too close",
                 "Leave a quarter of their radii between them.");
      }
    }
  }

  // Distance to the border of obstacle k, negative inside.
  [[nodiscard]] double distance(std::size_t k, double x, double y) const noexcept {
    const auto [first, last] = border_[k];
    double best = std::numeric_limits<double>::max();
    bool inside = false;
    for (std::size_t i = first, j = last - 1; i < last; j = i++) {
      const double ax = p_[2 * j], ay = p_[2 * j + 1], bx = p_[2 * i], by = p_[2 * i + 1];
      const double dx = bx - ax, dy = by - ay;
      const double t = std::clamp(((x - ax) * dx + (y - ay) * dy) / (dx * dx + dy * dy), 0.0, 1.0);
      best = std::min(best, std::hypot(x - ax - t * dx, y - ay - t * dy));
      if ((ay > y) != (by > y) && x < (bx - ax) * (y - ay) / (by - ay) + ax) inside = !inside;
    }
    return inside ? -best : best;
  }
  [[nodiscard]] double to_wall(double x, double y) const noexcept {
    return std::min({x, c_.length - x, y, c_.height - y});
  }
  // Wanted side length at a point.
  [[nodiscard]] double size(double x, double y) const noexcept {
    double h = r_.outside;
    for (std::size_t k = 0; k < c_.obstacles.size(); ++k) {
      const auto& o = c_.obstacles[k];
      const double rough = std::hypot(x - o.x, y - o.y) - o.radius();
      if (side_[k] + r_.grade * rough < h)
        h = std::min(h, side_[k] + r_.grade * std::max(0.0, distance(k, x, y)));
      if (x > o.x) {
        const double off = std::max(0.0, std::abs(y - o.y) - r_.wake_width * o.radius());
        h = std::min(h, std::max(r_.wake, side_[k]) + r_.grade * off);
      }
    }
    return h;
  }

  void divide_obstacles() {
    for (const auto& o : c_.obstacles) {
      // Arc lengths of a fine polygon, per corner-to-corner piece.
      const int pieces = std::max(1, o.sides), fine = 720;
      std::vector<std::array<double, 2>> nodes;
      double perimeter = 0;
      std::vector<double> lengths;
      for (int s = 0; s < pieces; ++s) {
        double piece = 0;
        for (int k = 0; k < fine; ++k) {
          const auto a = along(o, s, pieces, static_cast<double>(k) / fine),
                     b = along(o, s, pieces, static_cast<double>(k + 1) / fine);
          piece += std::hypot(b[0] - a[0], b[1] - a[1]);
        }
        lengths.push_back(piece);
        perimeter += piece;
      }
      const double h = perimeter / r_.around;
      for (int s = 0; s < pieces; ++s) {
        const double piece = lengths[static_cast<std::size_t>(s)];
        const int n = std::max(1, static_cast<int>(std::lround(piece / h)));
        double walked = 0;
        int next = 0;
        for (int k = 0; k < fine && next < n; ++k) {
          const auto a = along(o, s, pieces, static_cast<double>(k) / fine),
                     b = along(o, s, pieces, static_cast<double>(k + 1) / fine);
          const double step = std::hypot(b[0] - a[0], b[1] - a[1]);
          while (next < n && walked + step > piece * next / n - 1e-12 * piece) {
            const double t = std::clamp((piece * next / n - walked) / step, 0.0, 1.0);
            nodes.push_back(along(o, s, pieces, (k + t) / fine));
            ++next;
          }
          walked += step;
        }
      }
      const std::size_t first = p_.size() / 2;
      for (const auto& q : nodes) p_.insert(p_.end(), {q[0], q[1]});
      owner_.insert(owner_.end(), nodes.size(), static_cast<std::int32_t>(border_.size()));
      border_.emplace_back(first, p_.size() / 2);
      side_.push_back(h);
    }
  }
  [[nodiscard]] static std::array<double, 2> along(const Obstacle& o, int piece, int pieces,
                                                   double t) noexcept {
    const double turn = 2 * std::numbers::pi / pieces;
    if (pieces == 1) return o.at(turn * t);
    const auto a = o.at(turn * piece), b = o.at(turn * (piece + 1));
    return {a[0] + t * (b[0] - a[0]), a[1] + t * (b[1] - a[1])};
  }

  // Each wall gets nodes at equal steps of the integral of 1 / size.
  void divide_walls() {
    const double l = c_.length, h = c_.height;
    const double corner[5][2] = {{0, 0}, {l, 0}, {l, h}, {0, h}, {0, 0}};
    const std::size_t first = p_.size() / 2;
    for (int w = 0; w < 4; ++w) {
      const double dx = corner[w + 1][0] - corner[w][0], dy = corner[w + 1][1] - corner[w][1];
      const int fine = 2000;
      std::vector<double> count{0};
      for (int k = 0; k < fine; ++k) {
        const double t = (k + 0.5) / fine;
        count.push_back(count.back() + std::hypot(dx, dy) / fine /
                                           size(corner[w][0] + t * dx, corner[w][1] + t * dy));
      }
      const int n = std::max(2, static_cast<int>(std::lround(count.back())));
      for (int i = 0; i < n; ++i) {
        const double want = count.back() * i / n;
        const auto it = std::upper_bound(count.begin(), count.end(), want);
        const double hi = it == count.end() ? count.back() : *it, lo = *(it - 1);
        const double t =
            (static_cast<double>(it - count.begin()) - 1 + (want - lo) / (hi - lo)) / fine;
        p_.insert(p_.end(), {corner[w][0] + t * dx, corner[w][1] + t * dy});
        owner_.push_back(-1);
      }
    }
    border_.emplace_back(first, p_.size() / 2);
  }

  [[nodiscard]] bool inside(double x, double y, double margin) const noexcept {
    if (to_wall(x, y) < margin) return false;
    for (std::size_t k = 0; k < c_.obstacles.size(); ++k) {
      const auto& o = c_.obstacles[k];
      if (std::hypot(x - o.x, y - o.y) - o.radius() > margin) continue;
      if (distance(k, x, y) < margin) return false;
    }
    return true;
  }

  // A hexagonal lattice of the smallest size, thinned where sides may be longer.
  void scatter() {
    double h0 = r_.outside;
    for (const double s : side_) h0 = std::min(h0, s);
    for (int j = 1; j * h0 * 0.866 < c_.height; ++j) {
      for (int i = 1; i * h0 < c_.length; ++i) {
        const double x = (i + 0.5 * (j % 2)) * h0, y = j * h0 * 0.866;
        const double keep = random_.uniform();  // drawn always: the stream knows no shape
        const double h = size(x, y);
        if (keep < (h0 / h) * (h0 / h) && inside(x, y, 0.6 * h)) p_.insert(p_.end(), {x, y});
      }
    }
  }

  [[nodiscard]] std::vector<std::int32_t> inner_cells() const {
    std::vector<std::int32_t> out;
    const auto all = delaunay(p_);
    for (std::size_t c = 0; c + 2 < all.size(); c += 3) {
      double x = 0, y = 0;
      bool border_only = true;
      for (std::size_t k = 0; k < 3; ++k) {
        const auto v = static_cast<std::size_t>(all[c + k]);
        x += p_[2 * v] / 3;
        y += p_[2 * v + 1] / 3;
        border_only = border_only && v < fixed_;
      }
      // Only a cell of border nodes can lie in a hole.
      if (!border_only || inside(x, y, 0))
        out.insert(out.end(), all.begin() + static_cast<Index>(c),
                   all.begin() + static_cast<Index>(c) + 3);
    }
    return out;
  }
  [[nodiscard]] static std::uint64_t side_key(std::int32_t a, std::int32_t b) noexcept {
    return static_cast<std::uint64_t>(std::min(a, b)) << 32 |
           static_cast<std::uint32_t>(std::max(a, b));
  }

  void relax(int step) {
    if (step % 2 == 0 || sides_.empty()) {
      const auto cells = inner_cells();
      std::vector<std::uint64_t> keys;
      for (std::size_t c = 0; c < cells.size(); c += 3)
        for (std::size_t k = 0; k < 3; ++k)
          keys.push_back(side_key(cells[c + k], cells[c + (k + 1) % 3]));
      std::sort(keys.begin(), keys.end());
      keys.erase(std::unique(keys.begin(), keys.end()), keys.end());
      sides_ = std::move(keys);
    }
    std::vector<double> want(sides_.size()), have(sides_.size());
    double s_have = 0, s_want = 0;
    for (std::size_t e = 0; e < sides_.size(); ++e) {
      const auto [a, b] = ends(e);
      have[e] = std::hypot(p_[2 * a] - p_[2 * b], p_[2 * a + 1] - p_[2 * b + 1]);
      want[e] = size((p_[2 * a] + p_[2 * b]) / 2, (p_[2 * a + 1] + p_[2 * b + 1]) / 2);
      s_have += have[e] * have[e];
      s_want += want[e] * want[e];
    }
    const double scale = 1.2 * std::sqrt(s_have / s_want);
    if (step % 12 == 11 && step < 60) {
      std::vector<char> drop(p_.size() / 2, 0);
      for (std::size_t e = 0; e < sides_.size(); ++e) {
        const auto [a, b] = ends(e);
        if (scale * want[e] > 2 * have[e] && !drop[a])
          drop[std::max(a, b)] = std::max(a, b) >= fixed_;
      }
      erase(drop);
      return;
    }
    std::vector<double> move(p_.size(), 0.0);
    for (std::size_t e = 0; e < sides_.size(); ++e) {
      const double push = std::max(0.0, scale * want[e] - have[e]) / have[e];
      const auto [a, b] = ends(e);
      for (std::size_t d = 0; d < 2; ++d) {
        const double f = push * (p_[2 * a + d] - p_[2 * b + d]);
        move[2 * a + d] += f;
        move[2 * b + d] -= f;
      }
    }
    for (std::size_t i = fixed_; i < p_.size() / 2; ++i) {
      const double x = p_[2 * i] + 0.2 * move[2 * i], y = p_[2 * i + 1] + 0.2 * move[2 * i + 1];
      if (!inside(x, y, 0.4 * size(x, y))) continue;
      p_[2 * i] = x;
      p_[2 * i + 1] = y;
    }
  }
  [[nodiscard]] std::pair<std::size_t, std::size_t> ends(std::size_t e) const noexcept {
    return {sides_[e] >> 32, sides_[e] & 0xffffffffu};
  }
  void erase(const std::vector<char>& drop) {
    std::size_t to = fixed_;
    for (std::size_t i = fixed_; i < drop.size(); ++i) {
      if (drop[i]) continue;
      p_[2 * to] = p_[2 * i];
      p_[2 * to + 1] = p_[2 * i + 1];
      ++to;
    }
    p_.resize(2 * to);
    sides_.clear();
  }
  // A border side is Delaunay if the circle over it is empty: then it is a side of the mesh.
  void clear_borders() {
    std::vector<char> drop(p_.size() / 2, 0);
    for (const auto& [first, last] : border_) {
      for (std::size_t i = first, j = last - 1; i < last; j = i++) {
        const double x = (p_[2 * i] + p_[2 * j]) / 2, y = (p_[2 * i + 1] + p_[2 * j + 1]) / 2;
        const double r = std::hypot(p_[2 * i] - x, p_[2 * i + 1] - y);
        for (std::size_t k = fixed_; k < drop.size(); ++k)
          if (std::hypot(p_[2 * k] - x, p_[2 * k + 1] - y) < 1.02 * r) drop[k] = 1;
      }
    }
    erase(drop);
  }

  [[nodiscard]] NodeType type(std::size_t i) const noexcept {
    if (owner_[i] >= 0) return NodeType::wall;
    // Corners belong to the walls.
    if (p_[2 * i + 1] <= 0 || p_[2 * i + 1] >= c_.height) return NodeType::wall;
    return p_[2 * i] <= 0 ? NodeType::inflow : NodeType::outflow;
  }
  [[nodiscard]] double check_mesh(const Mesh& m, const std::vector<std::int32_t>& id) const {
    std::unordered_set<std::uint64_t> sides;
    double smallest = 180;
    for (Index c = 0; c < m.n_cells(); ++c) {
      for (int k = 0; k < 3; ++k) {
        const auto a = m.cell(c)[k], b = m.cell(c)[(k + 1) % 3], o = m.cell(c)[(k + 2) % 3];
        sides.insert(side_key(a, b));
        const double ux = m.point(a)[0] - m.point(o)[0], uy = m.point(a)[1] - m.point(o)[1];
        const double vx = m.point(b)[0] - m.point(o)[0], vy = m.point(b)[1] - m.point(o)[1];
        smallest = std::min(
            smallest, std::atan2(ux * vy - uy * vx, ux * vx + uy * vy) * 180 / std::numbers::pi);
      }
    }
    std::size_t lost = 0;
    for (const auto& [first, last] : border_)
      for (std::size_t i = first, j = last - 1; i < last; j = i++)
        lost += id[i] < 0 || id[j] < 0 || !sides.contains(side_key(id[i], id[j]));
    if (lost > 0 || smallest < 10) {
      throw Error("channel_mesh", "every border side in the mesh and angles above 10 degrees",
                  std::to_string(lost) + " sides lost, " + std::to_string(smallest) + " degrees",
                  "Use more sides around, or move the obstacles apart.");
    }
    return smallest;
  }

  const Channel& c_;
  const ChannelResolution& r_;
  Random random_;
  std::vector<double> p_;            // (point, 2), the fixed_ of the borders first
  std::vector<std::int32_t> owner_;  // (fixed point) obstacle or -1
  std::vector<std::pair<std::size_t, std::size_t>> border_;  // obstacles, then the walls
  std::vector<double> side_;                                 // (obstacle) side length of its border
  std::vector<std::uint64_t> sides_;
  std::size_t fixed_ = 0;
};

}  // namespace detail

/// Triangulates the channel. The same arguments give the same mesh.
/// @throws Error for obstacles that touch, or where no sound mesh was found
[[nodiscard]] inline ChannelMesh channel_mesh(const Channel& channel,
                                              const ChannelResolution& resolution = {},
                                              std::uint64_t seed = 0) {
  return detail::ChannelMesher(channel, resolution, Random(seed)).finish();
}

}  // namespace amq::lab
