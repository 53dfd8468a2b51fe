#pragma once
/// @file
/// What users include: a whole quantized solver.
///
///     using Scheme = amq::Scheme<amq::Weights<8>, amq::Activations<2, 4, 8>>;
///     const auto solver = amq::load<amq::MpPde, Scheme>("darcy.safetensors");
///     const amq::Solution s = solver(mesh, a, amq::mean_bits(4));   // s.field, s.report

#include <amq/solver/mesh_solver.hpp>
#include <amq/solver/model_file.hpp>
#include <amq/solver/rollout.hpp>
#include <amq/solver/row_times_file.hpp>
