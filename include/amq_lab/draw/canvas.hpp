#pragma once
/// @file
/// Drawing on an image without jagged edges: everything is drawn four times finer and averaged.

#include <amq_lab/draw/font.hpp>
#include <amq_lab/draw/png.hpp>

#include <algorithm>
#include <array>
#include <cmath>

namespace amq::lab {

/// Coordinates are pixels of the final image, y downwards, with fractions.
class Canvas {
 public:
  static constexpr int fine = 4;  ///< samples per pixel and direction
  struct Point {
    double x, y;
  };

  Canvas(int width, int height, Color background = {255, 255, 255})
      : samples_(width * fine, height * fine, background) {}

  [[nodiscard]] int width() const noexcept { return samples_.width / fine; }
  [[nodiscard]] int height() const noexcept { return samples_.height / fine; }

  void fill(double x0, double y0, double x1, double y1, Color c) {
    each(
        x0, y0, x1, y1, [&](Point) { return true; }, [&](Point) { return c; });
  }
  /// `shade(w0, w1, w2)` gives the colour at barycentric coordinates.
  template <typename Shade>
  void triangle(Point a, Point b, Point c, Shade shade) {
    const double area = cross(a, b, c);
    if (area == 0 || !(area == area)) return;
    std::array<double, 3> w{};
    const auto inside = [&](Point p) {
      w = {cross(b, c, p) / area, cross(c, a, p) / area, cross(a, b, p) / area};
      return w[0] >= 0 && w[1] >= 0 && w[2] >= 0;  // edges belong to both: no cracks
    };
    each(std::min({a.x, b.x, c.x}), std::min({a.y, b.y, c.y}), std::max({a.x, b.x, c.x}),
         std::max({a.y, b.y, c.y}), inside, [&](Point) { return shade(w[0], w[1], w[2]); });
  }
  /// A line with round ends. @param opacity  1 covers what is below
  void line(Point a, Point b, double width, Color c, double opacity = 1) {
    const double r = width / 2, dx = b.x - a.x, dy = b.y - a.y, length2 = dx * dx + dy * dy;
    const auto within = [&](Point p) {
      double t = length2 > 0 ? ((p.x - a.x) * dx + (p.y - a.y) * dy) / length2 : 0;
      t = t < 0 ? 0 : t > 1 ? 1 : t;
      const double ex = p.x - a.x - t * dx, ey = p.y - a.y - t * dy;
      return ex * ex + ey * ey <= r * r;
    };
    each(
        std::min(a.x, b.x) - r, std::min(a.y, b.y) - r, std::max(a.x, b.x) + r,
        std::max(a.y, b.y) + r, within, [&](Point) { return c; }, opacity);
  }
  void frame(double x0, double y0, double x1, double y1, double width, Color c) {
    line({x0, y0}, {x1, y0}, width, c);
    line({x1, y0}, {x1, y1}, width, c);
    line({x1, y1}, {x0, y1}, width, c);
    line({x0, y1}, {x0, y0}, width, c);
  }

  /// Width in pixels of a text whose capitals are `size` pixels high. "^" raises the number after
  /// it.
  [[nodiscard]] static double text_width(std::string_view text, double size) {
    return write(text, {0, 0}, size, [](Point, Point, double) {});
  }
  /// Starts at x on the base line y.
  void text(std::string_view text, Point at, double size, Color c) {
    write(text, at, size, [&](Point a, Point b, double scale) { line(a, b, 1.55 * scale, c); });
  }
  void text_centred(std::string_view s, Point at, double size, Color c) {
    text(s, {at.x - text_width(s, size) / 2, at.y}, size, c);
  }

  [[nodiscard]] Image image() const {
    Image out(width(), height());
    for (int y = 0; y < out.height; ++y) {
      for (int x = 0; x < out.width; ++x) {
        std::array<int, 3> sum{};
        for (int k = 0; k < fine * fine; ++k) {
          const Color c = samples_.at(x * fine + k % fine, y * fine + k / fine);
          sum[0] += c.r;
          sum[1] += c.g;
          sum[2] += c.b;
        }
        const auto mean = [](int s) {
          return static_cast<std::uint8_t>((s + fine * fine / 2) / (fine * fine));
        };
        out.at(x, y) = {mean(sum[0]), mean(sum[1]), mean(sum[2])};
      }
    }
    return out;
  }

 private:
  static double cross(Point a, Point b, Point c) noexcept {
    return (b.x - a.x) * (c.y - a.y) - (b.y - a.y) * (c.x - a.x);
  }
  /// Paints the samples of a box whose centres are inside.
  template <typename Inside, typename Shade>
  void each(double x0, double y0, double x1, double y1, Inside inside, Shade shade,
            double opacity = 1) {
    const auto clamp = [](double v, int most) {
      return static_cast<int>(v < 0 ? 0 : v > most ? most : v);  // NaN becomes 0
    };
    const int i0 = clamp(std::floor(x0 * fine), samples_.width),
              i1 = clamp(std::ceil(x1 * fine), samples_.width);
    const int j0 = clamp(std::floor(y0 * fine), samples_.height),
              j1 = clamp(std::ceil(y1 * fine), samples_.height);
    for (int j = j0; j < j1; ++j) {
      for (int i = i0; i < i1; ++i) {
        const Point p{(i + 0.5) / fine, (j + 0.5) / fine};
        if (!inside(p)) continue;
        Color& c = samples_.at(i, j);
        c = opacity >= 1 ? shade(p) : mix(c, shade(p), opacity);
      }
    }
  }

  /// Calls pen(from, to, scale) along each stroke; returns the width.
  template <typename Pen>
  static double write(std::string_view text, Point at, double size, Pen pen) {
    const double full = size / font::cap_height;
    double x = at.x, scale = full, y = at.y;
    bool first = true;
    for (const char c : text) {
      if (c == '^') {
        scale = 0.7 * full;
        y = at.y - 0.5 * size;
        continue;
      }
      if (scale < full && c != '-' && (c < '0' || c > '9')) {
        scale = full;
        y = at.y;
      }
      const auto s = font::strokes(c);
      if (s.empty()) {
        x += font::space * scale;
        continue;
      }
      if (!first) x += font::gap * scale;
      first = false;
      double wide = 0;
      for (std::string_view rest = s; !rest.empty();) {
        const auto end = std::min(rest.find(' '), rest.size());
        wide = std::max(wide, stroke(rest.substr(0, end), {x, y}, scale, pen));
        rest.remove_prefix(std::min(end + 1, rest.size()));
      }
      x += wide * scale;
    }
    return x - at.x;
  }
  template <typename Pen>
  static double stroke(std::string_view s, Point at, double scale, Pen pen) {
    const bool open_curve = s[0] == '~', closed = s[0] == 'o';
    if (open_curve || closed) s.remove_prefix(1);
    std::vector<Point> p;
    double wide = 0;
    for (; s.size() >= 2; s.remove_prefix(2)) {
      wide = std::max(wide, static_cast<double>(s[0] - '0'));
      p.push_back({at.x + scale * (s[0] - '0'), at.y - scale * (s[1] - 'e')});
    }
    // Chaikin's corner cutting tends to the quadratic B-spline.
    for (int round = 0; round < 4 && (open_curve || closed); ++round) {
      std::vector<Point> q;
      if (open_curve) q.push_back(p.front());
      for (std::size_t k = 0; k + (closed ? 0 : 1) < p.size(); ++k) {
        const Point a = p[k], b = p[(k + 1) % p.size()];
        q.push_back({0.75 * a.x + 0.25 * b.x, 0.75 * a.y + 0.25 * b.y});
        q.push_back({0.25 * a.x + 0.75 * b.x, 0.25 * a.y + 0.75 * b.y});
      }
      if (open_curve) q.push_back(p.back());
      p = std::move(q);
    }
    if (closed) p.push_back(p.front());
    for (std::size_t k = 1; k < p.size(); ++k) pen(p[k - 1], p[k], scale);
    return wide;
  }

  Image samples_;
};

}  // namespace amq::lab
