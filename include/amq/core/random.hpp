#pragma once
/// @file
/// Random numbers that are the same on every machine and compiler (std::normal_distribution is
/// not), cheap to include, and whose state fits a checkpoint.

#include <amq/core/rooms.hpp>

#include <array>
#include <cmath>
#include <cstdint>
#include <numbers>

namespace amq::core {

/// xoshiro256++ (Blackman and Vigna, 2019), seeded through splitmix64.
class Random {
 public:
  using State = std::array<std::uint64_t, 4>;

  explicit constexpr Random(std::uint64_t seed = 0) noexcept {
    for (auto& s : state_) {
      seed += 0x9e3779b97f4a7c15u;
      std::uint64_t z = seed;
      z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
      z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
      s = z ^ (z >> 31);
    }
  }
  /// A stream of its own for item `i` of work `seed`: the same for any order or thread count.
  [[nodiscard]] static constexpr Random stream(std::uint64_t seed, std::uint64_t i) noexcept {
    return Random(seed ^ (0xd1342543de82ef95u * (i + 1)));
  }

  constexpr std::uint64_t bits() noexcept {
    const auto rotl = [](std::uint64_t x, int k) { return (x << k) | (x >> (64 - k)); };
    const std::uint64_t result = rotl(state_[0] + state_[3], 23) + state_[0];
    const std::uint64_t t = state_[1] << 17;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= t;
    state_[3] = rotl(state_[3], 45);
    return result;
  }
  /// In [0, 1).
  constexpr double uniform() noexcept { return static_cast<double>(bits() >> 11) * 0x1p-53; }
  constexpr double uniform(double lo, double hi) noexcept { return lo + (hi - lo) * uniform(); }
  /// In 0 .. n-1. @pre n > 0
  constexpr std::uint64_t index(std::uint64_t n) noexcept {
    // Lemire's multiply-shift; the bias of n / 2^64 is far below anything we can measure.
    __extension__ using Wide = unsigned __int128;
    return static_cast<std::uint64_t>((static_cast<Wide>(bits()) * n) >> 64);
  }
  /// Standard normal, Box and Muller; one of the pair is thrown away so that the state is four
  /// words.
  double normal() noexcept {
    const double u = 1.0 - uniform(), v = uniform();
    return std::sqrt(-2.0 * std::log(u)) * std::cos(2.0 * std::numbers::pi * v);
  }
  /// Fisher and Yates.
  template <typename Range>
  constexpr void shuffle(Range& r) noexcept {
    for (std::size_t i = r.size(); i > 1; --i) {
      const auto j = static_cast<std::size_t>(index(i));
      auto tmp = r[i - 1];
      r[i - 1] = r[j];
      r[j] = tmp;
    }
  }

  [[nodiscard]] constexpr State state() const noexcept { return state_; }
  constexpr void restore(const State& s) noexcept { state_ = s; }

 private:
  State state_{};
};

}  // namespace amq::core
