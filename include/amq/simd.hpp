#pragma once
/// @file
/// Room simd: the ladder of instruction sets, and what is written once for all of them.

#include <amq/simd/amx.hpp>
#include <amq/simd/arch.hpp>
#include <amq/simd/batch.hpp>
#include <amq/simd/intrinsics.hpp>
#include <amq/simd/machine.hpp>
