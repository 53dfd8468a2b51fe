#pragma once
/// @file
/// Room ops: operations on rows, each with its shape, cost, value and gradient.

#include <amq/ops/attention.hpp>
#include <amq/ops/coded_matrix.hpp>
#include <amq/ops/convolution.hpp>
#include <amq/ops/elementwise.hpp>
#include <amq/ops/graph.hpp>
#include <amq/ops/grid_shape.hpp>
#include <amq/ops/group_norm.hpp>
#include <amq/ops/interpolation.hpp>
#include <amq/ops/latent_attention.hpp>
#include <amq/ops/masked_attention.hpp>
#include <amq/ops/norm.hpp>
#include <amq/ops/operation.hpp>
#include <amq/ops/product_bits.hpp>
#include <amq/ops/resize.hpp>
#include <amq/ops/row_products.hpp>
#include <amq/ops/rows.hpp>
#include <amq/ops/shift.hpp>
#include <amq/ops/spectral.hpp>
#include <amq/ops/strided_product.hpp>
#include <amq/ops/transform_matrix.hpp>
#include <amq/ops/windows.hpp>
