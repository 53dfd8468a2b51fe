#pragma once
/// @file
/// Room nn: layers, written once over an arithmetic.

#include <amq/nn/attention.hpp>
#include <amq/nn/conv.hpp>
#include <amq/nn/grid_attention.hpp>
#include <amq/nn/gru.hpp>
#include <amq/nn/latent_attention.hpp>
#include <amq/nn/linear.hpp>
#include <amq/nn/mesh_graph_layer.hpp>
#include <amq/nn/mlp.hpp>
#include <amq/nn/mp_pde_layer.hpp>
#include <amq/nn/spectral_conv.hpp>
