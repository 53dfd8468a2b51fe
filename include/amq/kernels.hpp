#pragma once
/// @file
/// Room kernels: integer and mixed products, requantization, reductions.

#include <amq/kernels/activation.hpp>
#include <amq/kernels/codes.hpp>
#include <amq/kernels/dot.hpp>
#include <amq/kernels/fake_quantize.hpp>
#include <amq/kernels/float_product.hpp>
#include <amq/kernels/gemm.hpp>
#include <amq/kernels/latent_attention.hpp>
#include <amq/kernels/layer_update.hpp>
#include <amq/kernels/lookup.hpp>
#include <amq/kernels/message_passing.hpp>
#include <amq/kernels/moments.hpp>
#include <amq/kernels/node_update.hpp>
#include <amq/kernels/packed_weights.hpp>
#include <amq/kernels/panel.hpp>
#include <amq/kernels/patches.hpp>
#include <amq/kernels/quantize.hpp>
#include <amq/kernels/softmax.hpp>
