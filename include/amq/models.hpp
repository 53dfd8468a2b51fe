#pragma once
/// @file
/// Room models: whole networks, one file each.

#include <amq/models/flare.hpp>
#include <amq/models/fno.hpp>
#include <amq/models/graph_sample.hpp>
#include <amq/models/graph_vit.hpp>
#include <amq/models/grid_model.hpp>
#include <amq/models/mesh_graph_net.hpp>
#include <amq/models/mesh_inputs.hpp>
#include <amq/models/mesh_model.hpp>
#include <amq/models/modern_unet.hpp>
#include <amq/models/mp_pde.hpp>
#include <amq/models/network.hpp>
#include <amq/models/transformer.hpp>
#include <amq/models/transolver.hpp>
#include <amq/models/unet.hpp>
