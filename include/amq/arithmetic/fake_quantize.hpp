#pragma once
/// @file
/// Fake quantization on a tape: the numbers deployment will see, and straight-through gradients.

#include <amq/arithmetic/bit_plan.hpp>
#include <amq/arithmetic/quantizers.hpp>
#include <amq/arithmetic/tape.hpp>

#include <cmath>
#include <span>

namespace amq {

/// What one point needs to know of its rows: their bits (empty: all `uniform_bits`), and for each
/// number of bits the step factor a, the offset o, and where their gradients are summed (or null).
template <typename T>
struct RowQuantization {
  struct Level {
    float a = 1, o = 0;
    T* da = nullptr;
    T* d_offset = nullptr;
  };
  RowRule rule = RowRule::affine;
  const std::uint8_t* bits = nullptr;
  int uniform_bits = 8;
  std::array<Level, max_bits + 1> level{};

  [[nodiscard]] int bits_of(Index row) const noexcept { return bits ? bits[row] : uniform_bits; }
};

namespace detail {

/// Row statistics are taken in float, as deployment takes them.
template <typename T>
const float* as_floats(const T* x, Index n, std::vector<float>& room) {
  if constexpr (std::is_same_v<T, float>) {
    return x;
  } else {
    room.resize(static_cast<std::size_t>(n));
    for (Index k = 0; k < n; ++k) room[static_cast<std::size_t>(k)] = static_cast<float>(x[k]);
    return room.data();
  }
}

}  // namespace detail

/// Rows on their grids: the values deployment stands for, its codes, and where they lie.
template <typename T>
struct FakeRows {
  typename Tape<T>::Ref value{};   ///< decode(encode(x))
  MatrixView<const T> codes;       ///< integers kept as T; no data: not quantized
  const RowGrid* grids = nullptr;  ///< (row)
  int highest_bits = 0;            ///< of any row
};

/// x -> encode(x) and decode(encode(x)), row by row at its own bits. Gradients: straight through
/// inside the range of codes and none outside; a 0-bit row keeps its offset, whose gradient is
/// spread evenly where the offset is the mean; LSQ for a and o (Esser et al. 2020):
/// d/da = u (q + h/2 - inside (t + h/2)) with step = a u, t the unrounded code, and h = 1 where the
/// grid is centred between two codes.
template <typename T>
FakeRows<T> fake_quantize(Tape<T>& tape, typename Tape<T>::Ref x, const RowQuantization<T>& spec) {
  const auto in = tape[x];
  const auto out_ref = tape.value(in.rows, in.cols, true);
  const auto out = tape[out_ref];
  const auto codes = tape.scratch(in.rows, in.cols);
  auto* grids = tape.template scratch_array<RowGrid>(in.rows);
  int highest_bits = 0;
  std::vector<float> room;
  with_row_rule(spec.rule, [&](auto rule) {
    using Rule = decltype(rule);
    for (Index i = 0; i < in.rows; ++i) {
      const int bits = spec.bits_of(i);
      highest_bits = std::max(highest_bits, bits);
      const auto& level = spec.level[static_cast<std::size_t>(bits)];
      const float* row = detail::as_floats(in.row(i), in.cols, room);
      const RowGrid grid = grids[i] = Rule::grid(Rule::stats(row, in.cols), bits, level.a, level.o);
      T* o = out.row(i);
      T* code = codes.row(i);
      if (bits == 0) {
        std::fill_n(o, in.cols, static_cast<T>(grid.offset));
        std::fill_n(code, in.cols, T(0));
        continue;
      }
      const float inv = grid.inverse(), shift = grid.shift(inv);
      const auto low = static_cast<float>(Rule::lowest(bits)),
                 high = static_cast<float>(highest_code(bits));
      for (Index k = 0; k < in.cols; ++k) {
        const float t = std::fma(row[k], inv, shift);
        const float q = std::nearbyint(detail::min_of(detail::max_of(t, low), high));
        code[k] = static_cast<T>(q);
        o[k] = static_cast<T>(std::fma(grid.step, q, grid.offset));
      }
    }
  });
  tape.record([=](Tape<T>& t) {
    const auto g = t.grad(out_ref);
    if (!g.data) return;
    const bool wanted = t.differentiable(x);
    const auto dx = wanted ? t.grad_to_add(x) : typename Tape<T>::View();
    std::array<double, max_bits + 1> da{}, d_offset{};
    std::vector<float> spare;
    const bool half = spec.rule == RowRule::affine || spec.rule == RowRule::min_max;
    for (Index i = 0; i < in.rows; ++i) {
      const int bits = spec.bits_of(i);
      const auto b = static_cast<std::size_t>(bits);
      const T* gi = g.row(i);
      if (bits == 0) {
        T sum = 0;
        for (Index k = 0; k < in.cols; ++k) sum += gi[k];
        if (spec.rule == RowRule::fixed)
          d_offset[b] += static_cast<double>(sum);
        else if (wanted && spec.rule == RowRule::affine)
          for (Index k = 0; k < in.cols; ++k) dx(i, k) += sum / static_cast<T>(in.cols);
        continue;
      }
      const RowGrid grid = grids[i];
      const float* row = detail::as_floats(in.row(i), in.cols, spare);
      const float inv = grid.inverse(), shift = grid.shift(inv), h = half ? 0.5f : 0.0f;
      const auto low = static_cast<float>(spec.rule == RowRule::symmetric ? -highest_code(bits)
                                                                          : lowest_code(bits));
      const auto high = static_cast<float>(highest_code(bits));
      float sum_a = 0, sum_o = 0;
      T* d = wanted ? dx.row(i) : nullptr;
      for (Index k = 0; k < in.cols; ++k) {
        const float t0 = std::fma(row[k], inv, shift);
        const float c = detail::min_of(detail::max_of(t0, low), high);
        const float q = std::nearbyint(c);
        const float inside = c == t0 ? 1.0f : 0.0f;
        const auto gk = static_cast<float>(gi[k]);
        sum_a += gk * ((q + h) - inside * (t0 + h));
        sum_o += gk * (1.0f - inside);
        if (d) d[k] += gi[k] * static_cast<T>(inside);
      }
      da[b] += static_cast<double>(sum_a) * static_cast<double>(grid.step / spec.level[b].a);
      // An affine offset counts in deviations.
      const double unit =
          spec.rule == RowRule::affine ? static_cast<double>(grid.step / spec.level[b].a) : 1.0;
      d_offset[b] += static_cast<double>(sum_o) * unit;
    }
    for (std::size_t b = 0; b < da.size(); ++b) {
      if (spec.level[b].da) *spec.level[b].da += static_cast<T>(da[b]);
      if (spec.level[b].d_offset) *spec.level[b].d_offset += static_cast<T>(d_offset[b]);
    }
  });
  return {out_ref, codes, grids, highest_bits};
}

}  // namespace amq
