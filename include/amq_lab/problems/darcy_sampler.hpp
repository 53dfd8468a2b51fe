#pragma once
/// @file
/// Random Darcy problems on random graded meshes, with labels finer than the mesh.

#include <amq/core/error.hpp>
#include <amq/core/random.hpp>
#include <amq/mesh/edges.hpp>
#include <amq/mesh/indicators.hpp>
#include <amq/mesh/random_square.hpp>
#include <amq/mesh/sample.hpp>
#include <amq_lab/problems/darcy.hpp>
#include <amq_lab/problems/gaussian_field.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

namespace amq::lab {

/// Where the labels come from.
enum class DarcyLabel {
  accurate,  ///< a nested mesh, fine everywhere and finer along the interface; restricted to nodes
  direct,    ///< linear elements on the sample's own mesh: quick, a few percent off
};

struct DarcyOptions {
  Index least_nodes = 1000, most_nodes = 4000;  ///< drawn log-uniformly in between
  RandomSquare mesh{};
  GaussianLaw law{.amplitude = 1, .alpha = 2, .tau = 3, .with_mean = false};
  Index n_modes = 32;  ///< cosines in each direction; 32 as in the reference data
  TwoPhase medium{};
  double source = 1;
  DarcyLabel label = DarcyLabel::accurate;
  double label_size = 1. / 100;            ///< largest triangle of the label's mesh, sqrt of area
  double label_interface_size = 1. / 800;  ///< of those the interface runs through
};

/// One solved problem.
struct DarcySample {
  Mesh mesh;                   ///< triangles of the unit square, NodeType::wall on its boundary
  Graph graph;                 ///< sides of the triangles, both directions, by receiver
  std::vector<double> a;       ///< (node) coefficient, 3 or 12
  std::vector<double> a_cell;  ///< (cell) its mean; as exact as the label's mesh resolves it
  std::vector<double> a_mean;  ///< (node) its mean over the cells around: where within a large cell
                               ///< the interface runs, which `a` hides and u depends on
  std::vector<double> level;   ///< (node) the Gaussian field; a is high where it is positive
  std::vector<double> u;       ///< (node) solution, 0 on the boundary
  Index label_nodes = 0;       ///< nodes of the mesh the label was solved on
  double seconds = 0;          ///< wall clock, mesh to label
};

/// The mesh that labels are solved on: triangles no larger than `size`, and than `interface_size`
/// where the level changes sign, by bisection, so that its first nodes are those of `mesh`.
/// @return the mesh, and (node) the level on it
[[nodiscard]] inline std::pair<Mesh, std::vector<double>> darcy_label_mesh(
    Mesh mesh, const GaussianField2& field, double size, double interface_size) {
  if (!(size > 0 && interface_size > 0)) {
    throw Error("darcy_label_mesh", "positive sizes",
                std::to_string(size) + " and " + std::to_string(interface_size),
                "Start from the defaults of DarcyOptions.");
  }
  std::vector<double> level;
  for (;;) {
    const auto known = static_cast<Index>(level.size());
    const auto fresh = field.at({mesh.points.data() + 2 * known, mesh.n_nodes() - known, 2});
    level.insert(level.end(), fresh.begin(), fresh.end());
    std::vector<char> marked(static_cast<std::size_t>(mesh.n_cells()), 0);
    bool any = false;
    for (std::size_t c = 0; c < marked.size(); ++c) {
      const auto* v = mesh.cell(static_cast<Index>(c));
      const int positive = (level[static_cast<std::size_t>(v[0])] > 0) +
                           (level[static_cast<std::size_t>(v[1])] > 0) +
                           (level[static_cast<std::size_t>(v[2])] > 0);
      const double h = positive % 3 == 0 ? size : std::min(size, interface_size);
      if (amq::mesh::detail::triangle_area(mesh, static_cast<Index>(c)) > h * h)
        marked[c] = 1, any = true;
    }
    if (!any) return {std::move(mesh), std::move(level)};
    mesh = bisect(mesh, marked);
  }
}

/// Sample i of data set `seed` depends on (seed, i) and the options alone.
class DarcySampler {
 public:
  DarcySampler() : DarcySampler(DarcyOptions{}) {}
  /// @throws Error  for options that make no problem
  explicit DarcySampler(DarcyOptions options) : options_(std::move(options)) {
    const auto& o = options_;
    if (!(o.least_nodes >= 1 && o.most_nodes >= o.least_nodes)) {
      throw Error("DarcySampler", "1 <= least_nodes <= most_nodes",
                  std::to_string(o.least_nodes) + " and " + std::to_string(o.most_nodes),
                  "Start from the defaults of DarcyOptions.");
    }
    if (!(o.medium.low > 0 && o.medium.high > 0)) {
      throw Error("DarcySampler", "a positive coefficient",
                  std::to_string(o.medium.low) + " and " + std::to_string(o.medium.high),
                  "The equation is elliptic only for a > 0.");
    }
  }
  [[nodiscard]] const DarcyOptions& options() const noexcept { return options_; }

  [[nodiscard]] DarcySample sample(std::uint64_t seed, std::uint64_t i) const {
    const auto start = std::chrono::steady_clock::now();
    const auto& o = options_;
    auto random = Random::stream(seed, i);
    const GaussianField2 field(FieldBasis::cosine, o.law, o.n_modes, random);
    const double ratio = static_cast<double>(o.most_nodes) / static_cast<double>(o.least_nodes);
    const auto n = static_cast<Index>(
        std::lround(static_cast<double>(o.least_nodes) * std::pow(ratio, random.uniform())));
    DarcySample s;
    s.mesh = random_refined_square(random, n, o.mesh);
    s.graph = cell_edges(s.mesh);
    if (o.label == DarcyLabel::direct) {
      s.level = field.at({s.mesh.points.data(), s.mesh.n_nodes(), 2});
      s.a_cell = o.medium.cell_means(s.mesh, s.level);
      s.u = DarcySolver(s.mesh).solve(o.medium.cell_geometric_means(s.mesh, s.level), o.source);
      s.label_nodes = s.mesh.n_nodes();
    } else {
      // Tags are inherited, so every small cell knows the sample's cell it is a part of.
      s.mesh.cell_tag.resize(static_cast<std::size_t>(s.mesh.n_cells()));
      std::iota(s.mesh.cell_tag.begin(), s.mesh.cell_tag.end(), 0);
      auto [fine, level] = darcy_label_mesh(s.mesh, field, o.label_size, o.label_interface_size);
      s.mesh.cell_tag.clear();
      s.label_nodes = fine.n_nodes();
      const auto a = o.medium.cell_geometric_means(fine, level);
      s.u = DarcySolver(fine).solve(a, o.source);
      s.u.resize(static_cast<std::size_t>(s.mesh.n_nodes()));
      s.a_cell = gather_means(s.mesh, fine, o.medium.cell_means(fine, level));
      s.level = std::move(level);
      s.level.resize(s.u.size());
    }
    s.a_mean = cells_to_nodes(s.mesh, s.a_cell);
    s.a = o.medium.at_nodes(s.level);
    s.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    return s;
  }

 private:
  // (fine cell) -> (coarse cell): means weighted by area; fine.cell_tag names the coarse cell.
  [[nodiscard]] static std::vector<double> gather_means(const Mesh& coarse, const Mesh& fine,
                                                        const std::vector<double>& values) {
    std::vector<double> sum(static_cast<std::size_t>(coarse.n_cells()), 0.0), area(sum);
    for (std::size_t c = 0; c < values.size(); ++c) {
      const auto parent = static_cast<std::size_t>(fine.cell_tag[c]);
      const double w = amq::mesh::detail::triangle_area(fine, static_cast<Index>(c));
      sum[parent] += w * values[c];
      area[parent] += w;
    }
    // Rounding must not make 12.000000000000002 of a whole cell of 12.
    const auto [low, high] = std::minmax_element(values.begin(), values.end());
    for (std::size_t c = 0; c < sum.size(); ++c) sum[c] = std::clamp(sum[c] / area[c], *low, *high);
    return sum;
  }

  DarcyOptions options_;
};

/// The sample as data sets keep it: node fields a, a_mean, u and level, cell field a.
[[nodiscard]] inline MeshSample to_mesh_sample(const DarcySample& s) {
  const auto floats = [](const std::vector<double>& x) {
    return std::vector<float>(x.begin(), x.end());
  };
  return {s.mesh,
          {{"a", floats(s.a)},
           {"a_mean", floats(s.a_mean)},
           {"u", floats(s.u)},
           {"level", floats(s.level)}},
          {{"a", floats(s.a_cell)}}};
}

/// All that samples depend on, in words: two sets of one recipe are the same.
[[nodiscard]] inline std::string darcy_recipe(const DarcyOptions& o, std::uint64_t seed) {
  const auto text = [](double x) {
    std::array<char, 32> buffer{};
    const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), x).ptr;
    return std::string(buffer.data(), end) + " ";
  };
  return "darcy 2: seed " + std::to_string(seed) + ", nodes " + std::to_string(o.least_nodes) +
         " to " + std::to_string(o.most_nodes) + ", mesh " + std::to_string(o.mesh.coarse) + " " +
         text(o.mesh.coarse_shift) + text(o.mesh.shake) + text(o.mesh.size_ratio) +
         std::to_string(o.mesh.most_features) + " " + text(o.mesh.least_angle) + ", field " +
         text(o.law.amplitude) + text(o.law.alpha) + text(o.law.tau) +
         (o.law.with_mean ? "mean " : "") + std::to_string(o.n_modes) + ", medium " +
         text(o.medium.low) + text(o.medium.high) + ", source " + text(o.source) + ", label " +
         (o.label == DarcyLabel::direct ? "direct"
                                        : text(o.label_size) + text(o.label_interface_size));
}

}  // namespace amq::lab
