#pragma once
/// @file
/// Pictures of fields on plane meshes: panels side by side, each with title and colour bar.
///
///     amq::lab::raster::Figure figure;
///     figure.add({.title = "solution u", .mesh = &mesh, .values = u});
///     figure.add({.title = "error", .mesh = &mesh, .values = error, .colors = amq::lab::magma});
///     figure.add({.title = "bits per node", .mesh = &mesh, .values = bits, .levels = {2, 4, 8}});
///     figure.write("darcy.png");

#include <amq/core/error.hpp>
#include <amq/mesh/mesh.hpp>
#include <amq_lab/draw/canvas.hpp>
#include <amq_lab/draw/colormap.hpp>

#include <algorithm>
#include <charconv>
#include <optional>

namespace amq::lab::raster {

/// One field. As many values as nodes: interpolated over the cells, or with levels, each node's own
/// surroundings in its colour. As many as cells: each cell in one colour.
struct Panel {
  std::string title;
  const Mesh* mesh =
      nullptr;  ///< triangles or quads in the plane; must live until the picture is drawn
  std::vector<float> values{};          ///< (node) or (cell); NaN is drawn grey
  std::optional<Colormap> colors{};     ///< by default viridis, or level_colors with levels
  std::optional<double> low{}, high{};  ///< range of the colours; by default that of the values
  std::vector<double>
      levels{};             ///< for a field of a few values: named in the bar, with their shares
  std::string unit{};       ///< after each level's number, e.g. "bits"
  bool show_cells = false;  ///< draws the cells' sides faintly
};

/// "0.25", "-3", "12": shortest form of a tick.
[[nodiscard]] inline std::string tick_text(double x) {
  char s[40];
  const double tidy = std::round(x * 1e9) / 1e9;
  const auto end =
      std::to_chars(s, s + sizeof s, tidy == 0 ? 0.0 : tidy, std::chars_format::fixed).ptr;
  return {s, end};
}
/// About `n` round numbers within [low, high]: steps of 1, 2 or 5 times a power of ten.
[[nodiscard]] inline std::vector<double> ticks(double low, double high, int n) {
  std::vector<double> out;
  const double span = high - low;
  if (!(span > 0) || !(span < 1e300)) return {low};
  double step = std::pow(10.0, std::floor(std::log10(span / n)));
  for (const double f : {2.0, 2.5, 2.0}) {
    if (span / step > n + 0.5) step *= f;
  }
  for (double k = std::ceil(low / step - 1e-9); k * step <= high + 1e-9 * span; ++k)
    out.push_back(k * step);
  return out;
}

class Figure {
 public:
  int panel_size = 400;  ///< pixels of the longer side of a mesh
  int columns = 0;       ///< panels in a row; 0 puts all into one

  /// Throws Error for meshes that cannot be drawn and values that are neither of nodes nor of
  /// cells.
  Figure& add(Panel p) {
    const std::string where = "raster: " + p.title;
    if (!p.mesh || p.mesh->n_nodes() < 3 || p.mesh->n_cells() < 1) {
      throw Error(where, "a mesh with cells", "none", "Give the panel a mesh.");
    }
    const Mesh& m = *p.mesh;
    if (m.dim != 2 || (m.nodes_per_cell != 3 && m.nodes_per_cell != 4)) {
      throw Error(
          where, "triangles or quads in the plane",
          std::to_string(m.nodes_per_cell) + " nodes per cell in " + std::to_string(m.dim) + "-D",
          "Write a VTU for ParaView instead.");
    }
    const auto n = static_cast<Index>(p.values.size());
    if (n != m.n_nodes() && n != m.n_cells()) {
      throw Error(where,
                  std::to_string(m.n_nodes()) + " values at nodes or " +
                      std::to_string(m.n_cells()) + " in cells",
                  std::to_string(n), "Give one value each.");
    }
    for (const auto id : m.cells) {
      if (id < 0 || id >= m.n_nodes()) {
        throw Error(where, "node ids below " + std::to_string(m.n_nodes()), std::to_string(id),
                    "Repair the mesh.");
      }
    }
    panels_.push_back(std::move(p));
    return *this;
  }

  [[nodiscard]] Image draw() const {
    if (panels_.empty())
      throw Error("raster::Figure", "at least one panel", "none", "Call add() first.");
    const int n = static_cast<int>(panels_.size());
    const int across = columns > 0 ? std::min(columns, n) : n, down = (n + across - 1) / across;
    const double u = unit();
    const double wide = panel_size + 118 * u, high = panel_size + 62 * u;
    Canvas canvas(static_cast<int>(across * wide + 20 * u), static_cast<int>(down * high + 6 * u));
    for (int k = 0; k < n; ++k) {
      draw(canvas, panels_[static_cast<std::size_t>(k)], 22 * u + (k % across) * wide,
           44 * u + (k / across) * high);
    }
    return canvas.image();
  }
  void write(const std::string& path) const { png::write(path, draw()); }

 private:
  static constexpr Color ink{40, 44, 52}, faint{120, 126, 136};
  /// Texts and margins grow with the panels.
  [[nodiscard]] double unit() const noexcept { return std::max(panel_size, 150) / 400.0; }

  struct Range {
    double low, high;
    [[nodiscard]] double operator()(double x) const noexcept {
      return high > low ? (x - low) / (high - low) : x == x ? 0.5 : x;
    }
  };
  static Range range_of(const Panel& p) {
    double low = HUGE_VAL, high = -HUGE_VAL;
    for (const float v : p.values) {
      if (v - v != 0) continue;
      low = std::min<double>(low, v);
      high = std::max<double>(high, v);
    }
    if (low > high) low = high = 0;
    return {p.low.value_or(low), p.high.value_or(high)};
  }
  /// Of a level: evenly spread over the map, whatever the numbers.
  static Color level_color(const Panel& p, double value) {
    std::size_t best = 0;
    for (std::size_t k = 1; k < p.levels.size(); ++k) {
      if (std::abs(p.levels[k] - value) < std::abs(p.levels[best] - value)) best = k;
    }
    return color_at(p, best);
  }
  static Color color_at(const Panel& p, std::size_t level) {
    const auto n = static_cast<double>(p.levels.size());
    return p.colors.value_or(level_colors)(n > 1 ? static_cast<double>(level) / (n - 1) : 0.5);
  }

  void draw(Canvas& canvas, const Panel& p, double x0, double y0) const {
    const Mesh& m = *p.mesh;
    double lo[2] = {HUGE_VAL, HUGE_VAL}, hi[2] = {-HUGE_VAL, -HUGE_VAL};
    for (Index i = 0; i < m.n_nodes(); ++i) {
      for (int k = 0; k < 2; ++k) {
        lo[k] = std::min(lo[k], m.point(i)[k]);
        hi[k] = std::max(hi[k], m.point(i)[k]);
      }
    }
    const double w = hi[0] - lo[0], h = hi[1] - lo[1], u = unit();
    if (!(std::max(w, h) > 0) || !(std::max(w, h) < 1e300)) {
      throw Error("raster: " + p.title, "a mesh of finite extent",
                  "points from " + std::to_string(lo[0]) + " to " + std::to_string(hi[0]),
                  "Repair the mesh.");
    }
    const double scale = panel_size / std::max(w, h), high = scale * h;
    const double top =
        y0 + (panel_size - high) / 2;  // a flat mesh sits in the middle of its square
    const auto place = [&](Index i) {
      return Canvas::Point{x0 + scale * (m.point(i)[0] - lo[0]),
                           top + high - scale * (m.point(i)[1] - lo[1])};
    };
    const Range range = range_of(p);
    const Colormap map = p.colors.value_or(viridis);
    const bool nodal = static_cast<Index>(p.values.size()) == m.n_nodes();
    const auto value = [&](Index i) {
      return static_cast<double>(p.values[static_cast<std::size_t>(i)]);
    };
    for (Index c = 0; c < m.n_cells(); ++c) {
      const auto* id = m.cell(c);
      for (int t = 0; t + 2 < m.nodes_per_cell; ++t) {
        const Index a = id[0], b = id[t + 1], d = id[t + 2];
        canvas.triangle(place(a), place(b), place(d), [&](double wa, double wb, double wd) {
          if (!nodal) return p.levels.empty() ? map(range(value(c))) : level_color(p, value(c));
          if (p.levels.empty()) return map(range(wa * value(a) + wb * value(b) + wd * value(d)));
          return level_color(p, value(wa >= wb && wa >= wd ? a : wb >= wd ? b : d));
        });
      }
    }
    draw_sides(canvas, m, p.show_cells, place);
    canvas.text_centred(p.title, {x0 + panel_size / 2.0, top - 14 * u}, 13 * u, ink);
    const double bar = x0 + scale * w + 12 * u;
    if (p.levels.empty())
      draw_bar(canvas, p, range, bar, top, high);
    else
      draw_levels(canvas, p, bar, top, high);
  }

  /// The outline, which is the sides that occur once, and on demand those within.
  template <typename Place>
  void draw_sides(Canvas& canvas, const Mesh& m, bool inner, Place place) const {
    std::vector<std::pair<Index, Index>> sides;
    for (Index c = 0; c < m.n_cells(); ++c) {
      for (int k = 0; k < m.nodes_per_cell; ++k) {
        const Index a = m.cell(c)[k], b = m.cell(c)[(k + 1) % m.nodes_per_cell];
        sides.emplace_back(std::min(a, b), std::max(a, b));
      }
    }
    std::sort(sides.begin(), sides.end());
    for (std::size_t k = 0; k < sides.size();) {
      const auto [a, b] = sides[k];
      std::size_t n = 1;
      while (k + n < sides.size() && sides[k + n] == sides[k]) ++n;
      if (n == 1)
        canvas.line(place(a), place(b), 1.0 * unit(), ink);
      else if (inner)
        canvas.line(place(a), place(b), 0.5 * unit(), {0, 0, 0}, 0.25);
      k += n;
    }
  }

  void draw_bar(Canvas& canvas, const Panel& p, Range r, double x, double top, double high) const {
    const double u = unit(), wide = 12 * u;
    for (double y = 0; y < high; y += 0.5) {
      canvas.fill(x, top + y, x + wide, top + std::min(y + 0.5, high),
                  p.colors.value_or(viridis)(1 - (y + 0.25) / high));
    }
    canvas.frame(x, top, x + wide, top + high, 0.8 * u, ink);
    // Small and large numbers share one power of ten above the bar.
    const double most = std::max(std::abs(r.low), std::abs(r.high));
    const int exponent = most > 0 ? static_cast<int>(std::floor(std::log10(most))) : 0;
    const bool shared = exponent < -2 || exponent > 3;
    const double factor = shared ? std::pow(10.0, exponent) : 1;
    const double size = 9.5 * u;
    if (shared) canvas.text("x10^" + std::to_string(exponent), {x, top - 9 * u}, size, faint);
    const int n = std::max(2, static_cast<int>(high / (70 * u)));
    for (const double t : ticks(r.low / factor, r.high / factor, n)) {
      const double f = r.high > r.low ? (t * factor - r.low) / (r.high - r.low) : 0.5,
                   y = top + high * (1 - f);
      canvas.line({x + wide, y}, {x + wide + 4 * u, y}, 0.8 * u, ink);
      canvas.text(tick_text(t), {x + wide + 8 * u, y + size / 2}, size, ink);
    }
  }
  void draw_levels(Canvas& canvas, const Panel& p, double x, double top, double high) const {
    const double u = unit(), box = 18 * u, size = 9.5 * u;
    std::vector<std::size_t> count(p.levels.size(), 0);
    for (const float v : p.values) {
      for (std::size_t k = 0; k < p.levels.size(); ++k)
        count[k] += p.levels[k] == static_cast<double>(v) ? 1u : 0u;
    }
    for (std::size_t k = 0; k < p.levels.size(); ++k) {
      const double y = top + high - static_cast<double>(k + 1) * box * 1.9;
      canvas.fill(x, y, x + box, y + box, color_at(p, k));
      canvas.frame(x, y, x + box, y + box, 0.8 * u, ink);
      const double share =
          100.0 * static_cast<double>(count[k]) / static_cast<double>(p.values.size());
      canvas.text(tick_text(p.levels[k]) + (p.unit.empty() ? "" : " " + p.unit),
                  {x + box + 7 * u, y + size}, size, ink);
      canvas.text(tick_text(std::round(share)) + "%", {x + box + 7 * u, y + 2.3 * size}, 0.8 * size,
                  faint);
    }
  }

  std::vector<Panel> panels_;
};

}  // namespace amq::lab::raster
