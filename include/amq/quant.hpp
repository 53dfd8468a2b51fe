#pragma once
/// @file
/// Room quant: numbers of few bits, their scales, and tensors of them.

#include <amq/quant/affine.hpp>
#include <amq/quant/any_rule.hpp>
#include <amq/quant/calibration.hpp>
#include <amq/quant/eigen.hpp>
#include <amq/quant/gaussian.hpp>
#include <amq/quant/histogram.hpp>
#include <amq/quant/levels.hpp>
#include <amq/quant/mixed_qtensor.hpp>
#include <amq/quant/packing.hpp>
#include <amq/quant/qtensor.hpp>
#include <amq/quant/quantizer.hpp>
#include <amq/quant/reservoir.hpp>
#include <amq/quant/rounding.hpp>
#include <amq/quant/row_bits.hpp>
#include <amq/quant/row_grid.hpp>
#include <amq/quant/row_order.hpp>
#include <amq/quant/row_rule.hpp>
#include <amq/quant/row_stats.hpp>
#include <amq/quant/scale.hpp>
#include <amq/quant/scheme.hpp>
#include <amq/quant/symmetric.hpp>
#include <amq/quant/weights.hpp>
