#pragma once
/// @file
/// Settings that files of an older amq have not.

#include <amq/core/rooms.hpp>

namespace amq::models {

/// Says in an each() that files of before this member are read with its default.
struct MayLack {};
inline constexpr MayLack may_lack;

}  // namespace amq::models
