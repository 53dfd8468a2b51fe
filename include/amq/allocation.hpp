#pragma once
/// @file
/// Room allocation: what a pass costs, and who gets how many bits.

#include <amq/allocation/allocate.hpp>
#include <amq/allocation/auxiliary.hpp>
#include <amq/allocation/clusters.hpp>
#include <amq/allocation/cost.hpp>
#include <amq/allocation/edges.hpp>
#include <amq/allocation/grouped.hpp>
#include <amq/allocation/marking.hpp>
#include <amq/allocation/planner.hpp>
#include <amq/allocation/problem.hpp>
#include <amq/allocation/random_allocation.hpp>
#include <amq/allocation/sensitivity.hpp>
#include <amq/allocation/steps.hpp>
