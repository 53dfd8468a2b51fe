#pragma once
/// @file
/// Panel products by AMX tiles: 16 x 16 sums of 64 products by one instruction. Included by
/// kernels/panel.hpp alone.

#include <amq/simd/amx.hpp>

AMQ_QUIET_BEGIN
namespace amq::kernels {
inline namespace AMQ_LEVEL {
namespace detail {

/// The thread's tiles, all 16 rows of 64 bytes, while this lives.
struct Tiles {
  bool ready;
  Tiles() noexcept : ready(simd::amx_granted()) {
    if (!ready) return;
    alignas(64) std::uint8_t config[64] = {1};  // palette 1
    for (int t = 0; t < 8; ++t) {
      config[16 + 2 * t] = 64;
      config[48 + t] = 16;
    }
    // g++ believes that the instruction reads eight bytes and drops the rest.
    asm volatile("" ::"r"(config) : "memory");
    _tile_loadconfig(config);
  }
  ~Tiles() {
    if (ready) _tile_release();
  }
  Tiles(const Tiles&) = delete;
  Tiles& operator=(const Tiles&) = delete;
};

/// 32 lines x 32 channels, or half of either: tiles 0 .. 3 are sums, 4, 5 lines, 6, 7 weights.
/// @param start  per block sixteen rows of 64 bytes, `start_stride` apart
template <int LineTiles, int Blocks>
AMQ_INLINE void sum_tiles(const std::uint8_t* lines, Index stride, const std::int8_t* weights,
                          Index block_bytes, const std::int32_t* const* start,
                          Index start_stride) noexcept {
  constexpr bool tall = LineTiles == 2, wide = Blocks == 2;
  // The intrinsics that read do not tell the compiler so.
  asm volatile("" ::: "memory");
  _tile_loadd(0, start[0], start_stride);
  if constexpr (wide) _tile_loadd(1, start[1], start_stride);
  if constexpr (tall) _tile_loadd(2, start[0], start_stride);
  if constexpr (tall && wide) _tile_loadd(3, start[1], start_stride);
  for (Index k = 0; k < block_bytes / PackedWeights::block; k += PackedWeights::tile_k) {
    const std::int8_t* w = weights + k * PackedWeights::block;
    _tile_loadd(4, lines + k, stride);
    _tile_loadd(6, w, 64);
    _tile_dpbusd(0, 4, 6);
    if constexpr (wide) {
      _tile_loadd(7, w + block_bytes, 64);
      _tile_dpbusd(1, 4, 7);
    }
    if constexpr (tall) {
      _tile_loadd(5, lines + 16 * stride + k, stride);
      _tile_dpbusd(2, 5, 6);
    }
    if constexpr (tall && wide) _tile_dpbusd(3, 5, 7);
  }
}
template <int LineTiles, int Blocks>
AMQ_INLINE void store_tiles(std::int32_t (*sums)[32]) noexcept {
  _tile_stored(0, sums[0], 128);
  if constexpr (Blocks == 2) _tile_stored(1, sums[0] + 16, 128);
  if constexpr (LineTiles == 2) _tile_stored(2, sums[16], 128);
  if constexpr (LineTiles == 2 && Blocks == 2) _tile_stored(3, sums[16] + 16, 128);
  asm volatile("" ::: "memory");
}

/// While the tiles of one part are summed, the vector units finish the part before. A function of
/// its own: a kernel that calls it for several sinks has its sums on the stack once, not once a
/// sink.
template <int Digits, typename Sink>
AMQ_NOINLINE void tile_product(const std::uint8_t* lines, Index stride, Index rows,
                               const PackedWeights& w, const Sink& sink) noexcept {
  using Acc = simd::Ints<simd::Amx>;
  alignas(64) std::int32_t sums[32][32];
  // Of two digits, a low one has no bias: high and low lines begin in turn.
  alignas(64) std::int32_t turns[2][16][16];
  struct Part {
    Index row, rows, block;
    int blocks;
  } before{0, 0, 0, 0};
  const auto finish = [&]<int Blocks>() {
    const auto finish_rows = [&]<int Rows>(Index r) {
      Acc acc[Rows * Digits][Blocks];
      for (int i = 0; i < Rows * Digits; ++i)
        for (int c = 0; c < Blocks; ++c) acc[i][c] = Acc::load(sums[r * Digits + i] + 16 * c);
      give<Rows, Blocks, Digits>(sink, acc, before.row + r, before.block * PackedWeights::block);
    };
    Index r = 0;
    for (; r + 4 <= before.rows; r += 4) finish_rows.template operator()<4>(r);
    for (; r < before.rows; ++r) finish_rows.template operator()<1>(r);
  };
  const auto finish_before = [&] {
    if (before.blocks == 2)
      finish.template operator()<2>();
    else if (before.blocks == 1)
      finish.template operator()<1>();
  };
  const auto strip = [&]<int Blocks>(Index b) {
    const std::int32_t* start[2] = {w.lowered(b), w.lowered(b + Blocks - 1)};
    Index start_stride = 0;  // one row, sixteen times
    if constexpr (Digits == 2) {
      for (int c = 0; c < Blocks; ++c)
        for (int i = 0; i < 16; ++i)
          for (int l = 0; l < 16; ++l) turns[c][i][l] = i % 2 ? 0 : w.lowered(b + c)[l];
      start[0] = turns[0][0];
      start[1] = turns[1][0];
      start_stride = 64;
    }
    const auto part = [&]<int LineTiles>(Index row) {
      sum_tiles<LineTiles, Blocks>(lines + row * Digits * stride, stride, w.codes(b),
                                   w.block_bytes(), start, start_stride);
      finish_before();
      store_tiles<LineTiles, Blocks>(sums);
      before = {row, std::min<Index>(rows - row, 16 * LineTiles / Digits), b, Blocks};
    };
    Index row = 0;
    for (; (rows - row) * Digits > 16; row += 32 / Digits) part.template operator()<2>(row);
    if (row < rows) part.template operator()<1>(row);
  };
  Index b = 0;
  for (; (b + 2) * PackedWeights::block <= w.out(); b += 2) strip.template operator()<2>(b);
  for (; b < w.blocks(); ++b) strip.template operator()<1>(b);
  finish_before();
}

}  // namespace detail
}  // namespace AMQ_LEVEL
}  // namespace amq::kernels
AMQ_QUIET_END
