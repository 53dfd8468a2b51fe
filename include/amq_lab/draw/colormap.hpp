#pragma once
/// @file
/// Colour maps whose lightness rises evenly, so that what looks twice as far is twice as far:
/// viridis and magma of matplotlib (Smith and van der Walt, CC0), at 33 knots.

#include <amq_lab/draw/png.hpp>

namespace amq::lab {

struct Colormap {
  std::span<const std::uint32_t> knots;  ///< 0xrrggbb, evenly spaced

  /// @param t  in [0, 1]; outside is clamped, NaN is grey
  [[nodiscard]] constexpr Color operator()(double t) const noexcept {
    if (!(t == t)) return {160, 160, 160};
    const double x = (t < 0 ? 0 : t > 1 ? 1 : t) * static_cast<double>(knots.size() - 1);
    const auto k = static_cast<std::size_t>(x) < knots.size() - 1 ? static_cast<std::size_t>(x)
                                                                  : knots.size() - 2;
    return mix(color(knots[k]), color(knots[k + 1]), x - static_cast<double>(k));
  }
};

namespace detail {
// clang-format off
inline constexpr std::uint32_t viridis_knots[] = {
    0x440154, 0x470d60, 0x48186a, 0x482374, 0x472d7b, 0x453781, 0x424086, 0x3e4989, 0x3b528b, 0x375b8d, 0x33638d,
    0x2f6b8e, 0x2c728e, 0x297a8e, 0x26828e, 0x23898e, 0x21918c, 0x1f988b, 0x1fa088, 0x22a785, 0x28ae80, 0x32b67a,
    0x3fbc73, 0x4ec36b, 0x5ec962, 0x70cf57, 0x84d44b, 0x98d83e, 0xaddc30, 0xc2df23, 0xd8e219, 0xece51b, 0xfde725};
inline constexpr std::uint32_t magma_knots[] = {
    0x000004, 0x030312, 0x0a0822, 0x130d34, 0x1d1147, 0x29115a, 0x36106b, 0x440f76, 0x51127c, 0x5d177f, 0x6a1c81,
    0x762181, 0x832681, 0x902a81, 0x9c2e7f, 0xaa337d, 0xb73779, 0xc43c75, 0xd0416f, 0xdc4869, 0xe75263, 0xef5d5e,
    0xf56b5c, 0xf9795d, 0xfc8961, 0xfd9869, 0xfea772, 0xfeb67c, 0xfec488, 0xfed395, 0xfde2a3, 0xfcf0b2, 0xfcfdbf};
// For a few levels: pale to deep, so that many bits stand out of few.
inline constexpr std::uint32_t levels_knots[] = {0xe9edf2, 0x9cc3dc, 0x4a8fc0, 0x2a4f96, 0x1b1d4f};
// For signed fields: blue, near white at the middle, red.
inline constexpr std::uint32_t signed_knots[] = {0x2b3a8f, 0x4a7ab8, 0x93bcd9, 0xe9ecee, 0xe3a58a, 0xc2543f, 0x86142c};
// clang-format on
}  // namespace detail

inline constexpr Colormap viridis{detail::viridis_knots};
inline constexpr Colormap magma{detail::magma_knots};
inline constexpr Colormap level_colors{detail::levels_knots};
inline constexpr Colormap signed_colors{detail::signed_knots};

}  // namespace amq::lab
