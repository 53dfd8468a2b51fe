#pragma once
/// @file
/// Room arithmetic: the waist, and the arithmetics that run a model.

#include <amq/arithmetic/attention_ops.hpp>
#include <amq/arithmetic/bit_plan.hpp>
#include <amq/arithmetic/cluster_concept.hpp>
#include <amq/arithmetic/concept.hpp>
#include <amq/arithmetic/convolution_ops.hpp>
#include <amq/arithmetic/counting.hpp>
#include <amq/arithmetic/fake_quantize.hpp>
#include <amq/arithmetic/fixed.hpp>
#include <amq/arithmetic/float32.hpp>
#include <amq/arithmetic/grid_attention.hpp>
#include <amq/arithmetic/grid_operation.hpp>
#include <amq/arithmetic/grid_ops.hpp>
#include <amq/arithmetic/group_norm.hpp>
#include <amq/arithmetic/interpolation.hpp>
#include <amq/arithmetic/ops.hpp>
#include <amq/arithmetic/parameter.hpp>
#include <amq/arithmetic/quantizers.hpp>
#include <amq/arithmetic/row_products.hpp>
#include <amq/arithmetic/spectral.hpp>
#include <amq/arithmetic/strided_product.hpp>
#include <amq/arithmetic/tape.hpp>
#include <amq/arithmetic/training.hpp>
#include <amq/arithmetic/training_messages.hpp>
