#pragma once
/// @file
/// Geo-FNO's elasticity set (Li et al. 2022): unit cells with a random hole, stress at 972 nodes.
///
///     const amq::lab::geo_fno::Elasticity set("elasticity");
///     const amq::mesh::MeshSample s = set.sample(0);  // no cells; node["stress"], global rr
///
/// Files: Random_UnitCell_XY_10.npy (node, 2, sample), _sigma_10.npy (node, sample), _rr_10.npy
/// (parameter, sample). The set has no cells: connect its nodes by neighbours.

#include <amq/mesh/sample.hpp>
#include <amq_lab/data/npy.hpp>

namespace amq::lab::geo_fno {

class Elasticity {
 public:
  /// @param suffix  of the three files, "10" as published
  /// Throws Error naming the file for shapes that disagree and for NaN.
  explicit Elasticity(const std::string& folder, const std::string& suffix = "10") {
    const auto path = [&](const std::string& name) {
      return folder + "/Random_UnitCell_" + name + "_" + suffix + ".npy";
    };
    const auto read = [&](const std::string& name, const Extents& shape) {
      Array a = npy::read(path(name));
      expect_shape(a, shape, path(name));
      return a;
    };
    const Array xy = read("XY", {-1, 2, -1});
    n_nodes_ = xy.shape[0];
    n_ = xy.shape[2];
    stress_ = finite<float>(read("sigma", {n_nodes_, n_}), path("sigma"));
    const Array radii = read("rr", {-1, n_});
    n_parameters_ = radii.shape[0];
    radii_ = finite<float>(radii, path("rr"));
    points_ = finite<double>(xy, path("XY"));
  }
  [[nodiscard]] Index size() const noexcept { return n_; }  ///< samples
  [[nodiscard]] Index n_nodes() const noexcept { return n_nodes_; }

  [[nodiscard]] MeshSample sample(Index i) const {
    check(i);
    MeshSample s;
    auto& stress = s.node["stress"];
    for (Index k = 0; k < n_nodes_; ++k) {
      for (Index d = 0; d < 2; ++d) s.mesh.points.push_back(points_[at(2 * k + d, i)]);
      stress.push_back(stress_[at(k, i)]);
    }
    return s;
  }
  /// The parameters of the hole's radius.
  [[nodiscard]] std::vector<float> radii(Index i) const {
    check(i);
    std::vector<float> out;
    for (Index k = 0; k < n_parameters_; ++k) out.push_back(radii_[at(k, i)]);
    return out;
  }

 private:
  [[nodiscard]] std::size_t at(Index row, Index i) const noexcept {
    return static_cast<std::size_t>(row * n_ + i);
  }
  void check(Index i) const {
    if (i < 0 || i >= n_) {
      throw Error("geo_fno::Elasticity", "a sample of 0 to " + std::to_string(n_ - 1),
                  std::to_string(i), "Count from 0.");
    }
  }
  Index n_ = 0, n_nodes_ = 0, n_parameters_ = 0;
  std::vector<double> points_;         // (node, 2, sample)
  std::vector<float> stress_, radii_;  // (node, sample), (parameter, sample)
};

}  // namespace amq::lab::geo_fno
