#pragma once
/// @file
/// Everything: the root of the single header.

#include <amq/allocation.hpp>
#include <amq/arithmetic.hpp>
#include <amq/config.hpp>
#include <amq/core.hpp>
#include <amq/fwd.hpp>
#include <amq/io.hpp>
#include <amq/kernels.hpp>
#include <amq/mesh.hpp>
#include <amq/models.hpp>
#include <amq/nn.hpp>
#include <amq/ops.hpp>
#include <amq/parallel.hpp>
#include <amq/quant.hpp>
#include <amq/simd.hpp>
#include <amq/solver.hpp>
#include <amq/solver/grid_file.hpp>
#include <amq/solver/grid_solver.hpp>
#include <amq/solver/rollout_series.hpp>
#include <amq/train.hpp>
