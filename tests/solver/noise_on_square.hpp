#pragma once
/// @file
/// A field on a mesh, for tests whose networks are not trained.

#include <amq/core/random.hpp>
#include <amq/mesh/random_square.hpp>
#include <amq/solver/encoding.hpp>

namespace solver_tests {

/// A refined square of some n nodes and noise on it, which a network reads as it is.
struct NoiseOnSquare {
  amq::Mesh mesh;
  amq::Field a;  ///< (node, 1)
  amq::solver::MeshEncoding encoding;

  explicit NoiseOnSquare(amq::Index n) {
    amq::core::Random random(4);
    mesh = amq::mesh::random_refined_square(random, n);
    a.resize(mesh.n_nodes(), 1);
    for (amq::Index i = 0; i < a.rows(); ++i) a(i, 0) = static_cast<float>(random.normal());
  }
};

}  // namespace solver_tests
