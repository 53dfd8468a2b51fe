#pragma once
/// @file
/// Room mesh: meshes, graphs by receiver, and where edges come from.

#include <amq/mesh/bisection.hpp>
#include <amq/mesh/boundary_distance.hpp>
#include <amq/mesh/cluster.hpp>
#include <amq/mesh/edges.hpp>
#include <amq/mesh/graph.hpp>
#include <amq/mesh/grid.hpp>
#include <amq/mesh/indicators.hpp>
#include <amq/mesh/mesh.hpp>
#include <amq/mesh/multi_mesh.hpp>
#include <amq/mesh/neighbours.hpp>
#include <amq/mesh/node_order.hpp>
#include <amq/mesh/random_square.hpp>
#include <amq/mesh/renumber.hpp>
#include <amq/mesh/sample.hpp>
#include <amq/mesh/sides.hpp>
#include <amq/mesh/validate.hpp>
