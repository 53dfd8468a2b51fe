#pragma once
/// @file
/// Room mesh: meshes, graphs by receiver, and where edges come from.

#include <amq/mesh/edges.hpp>
#include <amq/mesh/graph.hpp>
#include <amq/mesh/mesh.hpp>
#include <amq/mesh/neighbours.hpp>
#include <amq/mesh/validate.hpp>
