#pragma once
/// @file
/// Room quant: numbers of few bits, their scales, and tensors of them.

#include <amq/quant/fake.hpp>
#include <amq/quant/gaussian.hpp>
#include <amq/quant/levels.hpp>
#include <amq/quant/row_bits.hpp>
#include <amq/quant/row_rule.hpp>
#include <amq/quant/row_stats.hpp>
#include <amq/quant/scheme.hpp>
#include <amq/quant/weights.hpp>
