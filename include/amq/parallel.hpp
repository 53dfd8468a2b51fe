#pragma once
/// @file
/// Room parallel: ranks that work on one problem, and how they talk.

#include <amq/parallel/communicator.hpp>
#include <amq/parallel/local_communicator.hpp>
#include <amq/parallel/part_rollout.hpp>
#include <amq/parallel/part_solver.hpp>
#include <amq/parallel/partitioned_mesh.hpp>
#include <amq/parallel/rank_fixed.hpp>
#include <amq/parallel/senders.hpp>
#include <amq/parallel/train_over_ranks.hpp>
#include <amq/parallel/wire.hpp>
