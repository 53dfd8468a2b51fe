#pragma once
/// @file
/// Room arithmetic: the waist, and the arithmetics that run a model.

#include <amq/arithmetic/bit_plan.hpp>
#include <amq/arithmetic/concept.hpp>
#include <amq/arithmetic/counting.hpp>
#include <amq/arithmetic/fake_quantize.hpp>
#include <amq/arithmetic/fixed.hpp>
#include <amq/arithmetic/fixed_weights.hpp>
#include <amq/arithmetic/float32.hpp>
#include <amq/arithmetic/float_rows.hpp>
#include <amq/arithmetic/fusions.hpp>
#include <amq/arithmetic/message_passing.hpp>
#include <amq/arithmetic/parameter.hpp>
#include <amq/arithmetic/quantizers.hpp>
#include <amq/arithmetic/tape.hpp>
#include <amq/arithmetic/training.hpp>
#include <amq/arithmetic/training_context.hpp>
#include <amq/arithmetic/training_messages.hpp>
#include <amq/arithmetic/training_weights.hpp>
