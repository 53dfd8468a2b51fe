#pragma once
/// @file
/// The activations a layer may have.

#include <amq/core/rooms.hpp>

#include <cstdint>

namespace amq::core {

/// none: x; relu: max(x, 0); swish: x / (1 + e^-x); gelu: x Phi(x), exact erf form; tanh;
/// sigmoid: 1 / (1 + e^-x); gelu_tanh: gelu by its tanh form, PyTorch's approximate="tanh".
enum class Activation : std::uint8_t { none, relu, swish, gelu, tanh, sigmoid, gelu_tanh };

}  // namespace amq::core
