#pragma once
/// @file
/// Room core: errors, views, random numbers, and who runs a loop.

#include <amq/core/activation.hpp>
#include <amq/core/aligned.hpp>
#include <amq/core/arena.hpp>
#include <amq/core/buffer_pool.hpp>
#include <amq/core/eigen.hpp>
#include <amq/core/eigen_size.hpp>
#include <amq/core/eigen_sparse.hpp>
#include <amq/core/error.hpp>
#include <amq/core/everyone.hpp>
#include <amq/core/executor.hpp>
#include <amq/core/float_environment.hpp>
#include <amq/core/from_text.hpp>
#include <amq/core/integers.hpp>
#include <amq/core/matrix_view.hpp>
#include <amq/core/portable_math.hpp>
#include <amq/core/random.hpp>
#include <amq/core/rounded.hpp>
#include <amq/core/text.hpp>
#include <amq/core/thread_pool.hpp>
