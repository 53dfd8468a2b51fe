#pragma once
/// @file
/// Optional: zlib for compressed .npz and .mat files. Link with -lz.
///
///     auto arrays = amq::lab::npz::read("sim.npz", amq::lab::zlib_inflate);

#include <amq/core/error.hpp>
#include <amq_lab/data/inflate.hpp>

#include <algorithm>
#include <string>

#include <zlib.h>

namespace amq::lab {

/// An amq::lab::Inflate. The memory it takes grows with what really comes out, so a header that
/// lies about its size costs nothing.
inline std::vector<std::byte> zlib_inflate(std::span<const std::byte> in, Deflated form,
                                           std::size_t most) {
  const auto fail = [](const std::string& found) -> void {
    throw Error("zlib_inflate", "a deflate stream", found, "The file is damaged; fetch it again.");
  };
  z_stream z{};
  if (inflateInit2(&z, form == Deflated::raw ? -MAX_WBITS : MAX_WBITS) != Z_OK) {
    fail("zlib without memory");
  }
  struct End {
    z_stream& z;
    ~End() { inflateEnd(&z); }
  } end{z};
  std::vector<std::byte> out;
  std::size_t used = 0, filled = 0;
  constexpr std::size_t piece = std::size_t{1} << 30;  // zlib counts in 32 bits
  for (int status = Z_OK; status != Z_STREAM_END;) {
    if (filled == out.size()) {
      if (filled > most) fail("more than the " + std::to_string(most) + " bytes announced");
      // One byte beyond `most` tells a stream that is too long from one that ends there.
      out.resize(std::min(most + 1, std::max(2 * filled, std::min(8 * in.size(), most) + 64)));
    }
    const auto n_in = static_cast<uInt>(std::min(in.size() - used, piece));
    const auto n_out = static_cast<uInt>(std::min(out.size() - filled, piece));
    z.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(in.data() + used));
    z.avail_in = n_in;
    z.next_out = reinterpret_cast<Bytef*>(out.data() + filled);
    z.avail_out = n_out;
    status = inflate(&z, Z_NO_FLUSH);
    used += n_in - z.avail_in;
    filled += n_out - z.avail_out;
    if (status != Z_OK && status != Z_STREAM_END && status != Z_BUF_ERROR) {
      fail(z.msg ? z.msg : "error " + std::to_string(status));
    }
    if (status == Z_BUF_ERROR && used == in.size() && z.avail_out > 0) fail("a stream cut short");
  }
  if (filled > most) fail("more than the " + std::to_string(most) + " bytes announced");
  if (used != in.size()) fail(std::to_string(in.size() - used) + " bytes after the stream's end");
  out.resize(filled);
  return out;
}

}  // namespace amq::lab
