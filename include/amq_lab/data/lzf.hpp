#pragma once
/// @file
/// LZF, the compression of h5py that libhdf5 does not know.

#include <amq/core/rooms.hpp>

#include <algorithm>
#include <cstddef>
#include <span>

namespace amq::lab {

/// LZF (Lehmann): a byte below 32 announces that many plus one literals, any other a copy of
/// length (top three bits, or the next byte when all set) + 2 from up to 8192 back. False when the
/// input is damaged or the output full.
[[nodiscard]] inline bool lzf_decompress(std::span<const std::byte> in, std::span<std::byte> out,
                                         std::size_t& written) {
  std::size_t i = 0, o = 0;
  const auto byte = [&](std::size_t k) { return static_cast<std::size_t>(in[k]); };
  while (i < in.size()) {
    const std::size_t c = byte(i++);
    if (c < 32) {
      const std::size_t n = c + 1;
      if (n > in.size() - i || n > out.size() - o) return false;
      std::copy_n(in.data() + i, n, out.data() + o);
      i += n;
      o += n;
    } else {
      std::size_t n = c >> 5;
      if (n == 7) {
        if (i == in.size()) return false;
        n += byte(i++);
      }
      if (i == in.size()) return false;
      const std::size_t back = ((c & 31) << 8 | byte(i++)) + 1;
      n += 2;
      if (back > o || n > out.size() - o) return false;
      for (; n > 0; --n, ++o) out[o] = out[o - back];  // may overlap: byte by byte
    }
  }
  written = o;
  return true;
}

}  // namespace amq::lab
