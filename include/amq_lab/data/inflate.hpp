#pragma once
/// @file
/// The place where a decompressor is plugged in. amq carries none: io/npz_zlib.hpp brings zlib's.

#include <amq/core/rooms.hpp>

#include <cstddef>
#include <span>
#include <vector>

namespace amq::lab {

/// What surrounds the deflate stream: nothing (zip), or zlib's header and checksum (mat, vtu).
enum class Deflated { raw, zlib };

/// Decompresses `in` into at most `most` bytes; throws Error for a damaged or longer stream.
using Inflate = std::vector<std::byte> (*)(std::span<const std::byte> in, Deflated form,
                                           std::size_t most);

}  // namespace amq::lab
