#pragma once
/// @file
/// The only place that includes Eigen's factorisations. They are dear to compile: pde/ alone needs
/// them.

#include <amq/core/eigen.hpp>

#include <Eigen/LU>
#include <Eigen/Sparse>

namespace amq::core {

using SparseMatrix = Eigen::SparseMatrix<double, Eigen::ColMajor, int>;
/// Symmetric positive definite systems that are factorised once and solved often.
using SparseLdlt = Eigen::SimplicialLDLT<SparseMatrix, Eigen::Lower>;

}  // namespace amq::core
