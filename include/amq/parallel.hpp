#pragma once
/// @file
/// Room parallel: ranks that work on one problem, and how they talk.

#include <amq/parallel/communicator.hpp>
#include <amq/parallel/local_communicator.hpp>
#include <amq/parallel/train_over_ranks.hpp>
#include <amq/parallel/wire.hpp>
