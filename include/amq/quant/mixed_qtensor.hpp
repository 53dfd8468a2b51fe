#pragma once
/// @file
/// Rows of different widths in one tensor: a bucket per level, rows packed one after the other.

#include <amq/core/aligned.hpp>
#include <amq/core/error.hpp>
#include <amq/core/executor.hpp>
#include <amq/core/matrix_view.hpp>
#include <amq/quant/levels.hpp>
#include <amq/quant/packing.hpp>
#include <amq/quant/row_bits.hpp>
#include <amq/quant/row_order.hpp>
#include <amq/quant/row_rule.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace amq {

/// @tparam List   Levels<...>: the widths rows may have
/// @tparam Scale  the row rule by which each row gets its step and offset
template <typename List, row_rule Scale = RowAffine>
class MixedQTensor {
 public:
  using Scales = std::array<LevelScale, List::bits.size()>;

  /// Rows of one width. `data` holds `count` rows of row_bytes each, in the order of row().
  struct Bucket {
    int bits = 0;
    Index first = 0, count = 0;  ///< places
    Index row_bytes = 0;
    const std::uint8_t* data = nullptr;
  };

  MixedQTensor() = default;
  /// Quantizes x (row, column), row i at bits[i].
  /// @throws Error when the numbers of rows differ or a row's bits are not in the list
  MixedQTensor(MatrixView<const float> x, const RowBits& bits,
               const Scales& scales = default_scales<List, Scale>(),
               Executor& executor = serial_executor())
      : cols_(x.cols) {
    if (bits.rows() != x.rows)
      throw Error("MixedQTensor", "bits for " + std::to_string(x.rows) + " rows",
                  "bits for " + std::to_string(bits.rows()), "Allocate bits for this mesh.");
    const auto histogram = bits.histogram();
    for (int b = 0; b <= max_bits; ++b)
      if (histogram[static_cast<std::size_t>(b)] > 0 && !List::contains(b))
        throw Error("MixedQTensor", "bits from the list of levels",
                    std::to_string(histogram[static_cast<std::size_t>(b)]) + " rows of " +
                        std::to_string(b) + " bits",
                    "Allocate over the levels of the scheme.");
    order_ = sort_rows(bits.span());
    grids_.resize(static_cast<std::size_t>(x.rows));
    Index end = 0;
    for (std::size_t k = 0; k < List::bits.size(); ++k) {
      constexpr Index line = static_cast<Index>(cache_line);
      start_[k] = (end + line - 1) / line * line;
      end = start_[k] + order_.count(List::bits[k]) * row_bytes(List::bits[k]);
    }
    bytes_.resize(static_cast<std::size_t>(end));
    executor.parallel_for(
        static_cast<std::size_t>(x.rows), 64, [&](std::size_t from, std::size_t to) {
          std::vector<std::int32_t> codes(static_cast<std::size_t>(cols_));
          for (std::size_t p = from; p < to; ++p) {
            const auto i = static_cast<Index>(order_.row[p]);
            const int b = bits[i];
            const auto k = static_cast<std::size_t>(List::index_of(b));
            grids_[p] = quantize_row<Scale>(x.row(i), cols_, b, scales[k].a, scales[k].offset,
                                            codes.data());
            const Index inside = static_cast<Index>(p) - order_.first[static_cast<std::size_t>(b)];
            pack_codes(codes.data(), cols_, container_bits(b),
                       bytes_.data() + start_[k] + inside * row_bytes(b));
          }
        });
  }

  [[nodiscard]] Index rows() const noexcept { return static_cast<Index>(order_.row.size()); }
  [[nodiscard]] Index cols() const noexcept { return cols_; }
  /// Bytes of codes and grids.
  [[nodiscard]] Index bytes() const noexcept {
    return static_cast<Index>(bytes_.size() + grids_.size() * sizeof(RowGrid));
  }
  /// The row that stands at each place; grids are in the same order.
  [[nodiscard]] std::span<const std::int32_t> order() const noexcept { return order_.row; }
  [[nodiscard]] std::span<const RowGrid> grids() const noexcept { return grids_; }
  /// The k-th bucket, k counting the levels of the list.
  [[nodiscard]] Bucket bucket(int k) const noexcept {
    const auto s = static_cast<std::size_t>(k);
    const int b = List::bits[s];
    return {b, order_.first[static_cast<std::size_t>(b)], order_.count(b), row_bytes(b),
            bytes_.data() + start_[s]};
  }

  /// Into x (row, column), rows in their original order.
  /// @throws Error when x has another shape
  void decode(MatrixView<float> x) const {
    if (x.rows != rows() || x.cols != cols_)
      throw Error("MixedQTensor",
                  std::to_string(rows()) + " x " + std::to_string(cols_) + " values",
                  std::to_string(x.rows) + " x " + std::to_string(x.cols),
                  "Pass a view of the tensor's shape.");
    for (int k = 0; k < List::count; ++k) {
      const Bucket b = bucket(k);
      for (Index r = 0; r < b.count; ++r) {
        const auto p = static_cast<std::size_t>(b.first + r);
        float* out = x.row(order_.row[p]);
        for (Index j = 0; j < cols_; ++j)
          out[j] = grids_[p].decode(code_at(b.data + r * b.row_bytes, j, container_bits(b.bits)));
      }
    }
  }

 private:
  [[nodiscard]] Index row_bytes(int bits) const noexcept {
    return packed_bytes(cols_, container_bits(bits));
  }
  Index cols_ = 0;
  RowOrder order_;
  std::vector<RowGrid> grids_;                    // (place)
  std::array<Index, List::bits.size()> start_{};  // of each bucket, in bytes
  AlignedVector<std::uint8_t> bytes_;
};

}  // namespace amq
