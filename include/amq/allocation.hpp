#pragma once
/// @file
/// Room allocation: what a pass costs, and who gets how many bits.

#include <amq/allocation/allocator.hpp>
#include <amq/allocation/auxiliary.hpp>
#include <amq/allocation/row_times.hpp>
#include <amq/allocation/sensitivity.hpp>
