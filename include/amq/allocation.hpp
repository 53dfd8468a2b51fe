#pragma once
/// @file
/// Room allocation: what a pass costs, and who gets how many bits.

#include <amq/allocation/allocator.hpp>
#include <amq/allocation/auxiliary.hpp>
#include <amq/allocation/engine.hpp>
#include <amq/allocation/price.hpp>
#include <amq/allocation/problem.hpp>
#include <amq/allocation/product_times.hpp>
#include <amq/allocation/row_times.hpp>
#include <amq/allocation/rows.hpp>
#include <amq/allocation/score.hpp>
#include <amq/allocation/sensitivity.hpp>
