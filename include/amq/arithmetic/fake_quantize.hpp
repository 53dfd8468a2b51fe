#pragma once
/// @file
/// Fake quantization on a tape: the numbers deployment will see, and straight-through gradients.

#include <amq/arithmetic/bit_plan.hpp>
#include <amq/arithmetic/quantizers.hpp>
#include <amq/arithmetic/tape.hpp>
#include <amq/kernels/fake_quantize.hpp>

#include <algorithm>
#include <array>
#include <type_traits>
#include <vector>

namespace amq::arithmetics {

/// What one point needs to know of its rows: their bits (empty: all `uniform_bits`), and for each
/// number of bits a coder, and where the gradients of its a and o are summed (or null).
template <typename T>
struct RowQuantization {
  struct Sums {
    T* da = nullptr;
    T* d_offset = nullptr;
  };
  AnyRule rule;
  const std::uint8_t* bits = nullptr;
  int uniform_bits = 8;
  std::array<RowCoder, max_bits + 1> coders;
  std::array<Sums, max_bits + 1> sums{};

  RowQuantization() : RowQuantization(AnyRule()) {}
  explicit RowQuantization(const AnyRule& r) : rule(r), coders(default_coders<AnyLevels>(r)) {}
  [[nodiscard]] int bits_of(Index row) const noexcept { return bits ? bits[row] : uniform_bits; }
  /// As a kernel wants them.
  [[nodiscard]] std::array<kernels::RowLevel, max_bits + 1> levels() const noexcept {
    std::array<kernels::RowLevel, max_bits + 1> l;
    for (std::size_t b = 0; b < l.size(); ++b) l[b] = kernels::RowLevel(coders[b]);
    return l;
  }
};

/// What the rows of a pass add up to the gradients of a point's steps and offsets.
template <typename T>
struct LevelGradients {
  std::array<double, max_bits + 1> da{}, d_offset{};

  void add_to(const RowQuantization<T>& spec) const noexcept {
    for (std::size_t b = 0; b < da.size(); ++b) {
      if (spec.sums[b].da) *spec.sums[b].da += static_cast<T>(da[b]);
      if (spec.sums[b].d_offset) *spec.sums[b].d_offset += static_cast<T>(d_offset[b]);
    }
  }
};

/// Rows on their grids: the values deployment stands for, and, in float, the codes it multiplies.
template <typename T>
struct FakeRows {
  typename Tape<T>::Ref value{};  ///< decode(encode(x))
  RowsView codes;                 ///< of 8 or 16 bits, all rows alike; none: not quantized
};

namespace detail {

/// Half a code where a rule centres its grid between two codes.
[[nodiscard]] constexpr float half_code(const AnyRule& rule) noexcept {
  return rule.facts().centred ? 0.5f : 0.0f;
}

/// One row's part of a point's gradients. @pre bits > 0
template <typename T>
void add_slopes(const kernels::GridSlopes& s, const RowQuantization<T>& spec, float step, int bits,
                LevelGradients<T>& into) noexcept {
  const auto b = static_cast<std::size_t>(bits);
  const auto unit = static_cast<double>(step / spec.coders[b].a);
  into.da[b] += static_cast<double>(s.step) * unit;
  into.d_offset[b] +=
      static_cast<double>(s.offset) * (spec.rule.facts().offset == OffsetUnit::widths ? unit : 1.0);
}

/// A row of 0 bits: its offset alone stood for it.
template <typename T>
void straight_through_offset(const T* g, Index n, const RowQuantization<T>& spec, T* dx, bool add,
                             LevelGradients<T>& into) noexcept {
  T sum = 0;
  for (Index k = 0; k < n; ++k) sum += g[k];
  const RuleFacts& facts = spec.rule.facts();
  if (facts.offset == OffsetUnit::real) into.d_offset[0] += static_cast<double>(sum);
  if (!dx) return;
  const T each = facts.keeps_mean ? sum / static_cast<T>(n) : T(0);
  for (Index k = 0; k < n; ++k) dx[k] = add ? dx[k] + each : each;
}

/// Rows of sixteen as floats: as they are, or copied where T is double, for row statistics are
/// taken in float, as deployment takes them.
template <typename T>
class FloatRows {
 public:
  explicit FloatRows(Index n) {
    if constexpr (!std::is_same_v<T, float>)
      room_.resize(static_cast<std::size_t>(kernels::block_rows * n));
  }
  /// Rows first ... of x; behind the last, the last again.
  void read(MatrixView<const T> x, Index first) noexcept {
    for (int r = 0; r < kernels::block_rows; ++r) {
      const T* from = x.row(std::min(first + r, x.rows - 1));
      if constexpr (std::is_same_v<T, float>) {
        row[r] = from;
      } else {
        float* to = room_.data() + r * x.cols;
        for (Index k = 0; k < x.cols; ++k) to[k] = static_cast<float>(from[k]);
        row[r] = to;
      }
    }
  }
  const float* row[kernels::block_rows];

 private:
  std::vector<float> room_;
};

}  // namespace detail

/// x -> encode(x) and decode(encode(x)), row by row at its own bits. Gradients: straight through
/// inside the range of codes and none outside; a 0-bit row keeps its offset, whose gradient is
/// spread evenly where the offset is the mean; LSQ for a and o (Esser et al. 2020):
/// d/da = u (q + h/2 - inside (t + h/2)) with step = a u, t the unrounded code, and h = 1 where the
/// grid is centred between two codes.
template <typename T>
FakeRows<T> fake_quantize(Tape<T>& tape, typename Tape<T>::Ref x, const RowQuantization<T>& spec) {
  constexpr bool exact = std::is_same_v<T, float>;
  const auto in = tape[x];
  const auto out_ref = tape.value(in.rows, in.cols, true);
  const auto out = tape[out_ref];
  const auto levels = spec.levels();
  const Index blocks = (in.rows + kernels::block_rows - 1) / kernels::block_rows;
  auto* grids = tape.template scratch_array<kernels::BlockGrids>(blocks);
  FakeRows<T> result{out_ref, {}};
  RowsSpan codes;
  if constexpr (exact) {
    int highest = spec.bits ? 0 : spec.uniform_bits;
    if (spec.bits)
      for (Index i = 0; i < in.rows; ++i) highest = std::max(highest, spec.bits_of(i));
    codes.container = highest > 8 ? 16 : 8;
    codes.rows = in.rows;
    codes.cols = in.cols;
    codes.stride = codes.container / 8 * in.cols;
    codes.codes = tape.template scratch_array<std::uint8_t>(in.rows * codes.stride);
    codes.grid = tape.template scratch_array<RowGrid>(in.rows);
    result.codes = codes;
  }
  detail::FloatRows<T> floats(in.cols);
  std::vector<float> room(exact ? 0 : static_cast<std::size_t>(in.cols));
  for (Index b = 0; b < blocks; ++b) {
    const Index first = b * kernels::block_rows;
    const kernels::RowLevel* level[kernels::block_rows];
    floats.read(in, first);
    for (int r = 0; r < kernels::block_rows; ++r)
      level[r] = &levels[static_cast<std::size_t>(spec.bits_of(std::min(first + r, in.rows - 1)))];
    kernels::block_grids<simd::Native>(floats.row, in.cols, spec.rule, level, grids[b]);
    for (int r = 0; r < kernels::block_rows && first + r < in.rows; ++r) {
      const Index i = first + r;
      const int bits = spec.bits_of(i);
      if constexpr (exact) {
        kernels::fake_row(floats.row[r], in.cols, grids[b], r, bits, out.row(i));
        codes.grid_of(i) = {grids[b].step[r], grids[b].offset[r]};
        if (bits == 0)
          std::fill_n(codes.row(i), codes.stride, std::uint8_t{0});
        else
          kernels::encode_packed<simd::Native>(floats.row[r], in.cols, grids[b], r, codes.container,
                                               codes.row(i));
      } else {
        kernels::fake_row(floats.row[r], in.cols, grids[b], r, bits, room.data());
        std::copy(room.begin(), room.end(), out.row(i));
      }
    }
  }
  tape.record([=](Tape<T>& t) {
    const auto g = t.grad(out_ref);
    if (!g.data) return;
    const bool wanted = t.differentiable(x);
    const auto slot = wanted ? t.grad_slot(x) : typename Tape<T>::Slot();
    LevelGradients<T> sums;
    const float half = detail::half_code(spec.rule);
    for (Index i = 0; i < in.rows; ++i) {
      const int bits = spec.bits_of(i);
      T* dx = wanted ? slot.grad.row(i) : nullptr;
      if (bits == 0) {
        detail::straight_through_offset(g.row(i), in.cols, spec, dx, !slot.fresh, sums);
        continue;
      }
      const auto& grid = grids[i / kernels::block_rows];
      const int r = static_cast<int>(i % kernels::block_rows);
      kernels::GridSlopes s;
      if constexpr (exact) {
        s = kernels::straight_through(in.row(i), g.row(i), in.cols, grid, r, half, dx, !slot.fresh);
      } else {
        std::vector<float> v(in.row(i), in.row(i) + in.cols), d(g.row(i), g.row(i) + in.cols);
        s = kernels::straight_through(v.data(), d.data(), in.cols, grid, r, half, d.data(), false);
        for (Index k = 0; dx && k < in.cols; ++k)
          dx[k] = static_cast<T>(d[static_cast<std::size_t>(k)]) + (slot.fresh ? T(0) : dx[k]);
      }
      detail::add_slopes(s, spec, grid.step[r], bits, sums);
    }
    sums.add_to(spec);
  });
  return result;
}

}  // namespace amq::arithmetics
