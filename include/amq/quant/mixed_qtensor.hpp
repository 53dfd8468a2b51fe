#pragma once
/// @file
/// Rows of different widths in one tensor, with the levels and the rule in its type.

#include <amq/core/error.hpp>
#include <amq/core/executor.hpp>
#include <amq/core/matrix_view.hpp>
#include <amq/quant/any_rule.hpp>
#include <amq/quant/levels.hpp>
#include <amq/quant/mixed_rows.hpp>
#include <amq/quant/row_bits.hpp>

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace amq {

/// @tparam List   Levels<...>: the widths rows may have; AnyLevels where a file says which
/// @tparam Rule   the row rule by which each row gets its step and offset
///                AnyRule likewise
template <typename List, typename Rule = ByDeviation>
requires(quant::row_rule<Rule> || std::same_as<Rule, quant::AnyRule>) class MixedQTensor
    : public quant::MixedRows {
 public:
  using levels = List;
  using rule = Rule;
  using Coders = std::array<quant::BasicRowCoder<Rule>, List::bits.size()>;  ///< (level)

  MixedQTensor() = default;
  /// Room for rows that kernels write, all of the same bits: those of a point whose bits are fixed
  /// need not be in the list.
  /// @throws Error for bits outside 0 .. 16
  MixedQTensor(quant::RowMemory* memory, Index rows, Index cols, int bits)
      : quant::MixedRows(memory, rows, cols, bits) {}
  /// Room for rows that kernels write, in the order of their bits.
  /// @throws Error for bits that are not in the list
  MixedQTensor(quant::RowMemory* memory, std::shared_ptr<const quant::RowOrder> order, Index cols)
      : quant::MixedRows(memory, checked(std::move(order)), cols) {}
  /// Quantizes x (row, column), row i at bits[i]: the plain loops that kernels are compared with.
  /// @param coders  of the list's levels, in their order
  /// @throws Error when the numbers of rows differ or a row's bits are not in the list
  MixedQTensor(MatrixView<const float> x, const quant::RowBits& bits,
               const Coders& coders = quant::default_coders<List, Rule>(),
               Executor& executor = core::serial_executor())
      : MixedQTensor(nullptr, order_of(x, bits), x.cols) {
    for (std::size_t k = 0; k < buckets().size(); ++k) {
      const quant::RowsSpan to = span(k);
      const auto& coder = coders[static_cast<std::size_t>(List::index_of(this->bits(k)))];
      executor.parallel_for(
          static_cast<std::size_t>(to.rows), 64, [&](std::size_t from, std::size_t end) {
            std::vector<std::int32_t> codes(static_cast<std::size_t>(to.cols));
            for (auto i = static_cast<Index>(from); i < static_cast<Index>(end); ++i) {
              to.grid_of(i) =
                  quant::quantize_row(x.row(to.target(i)), to.cols, coder, codes.data());
              quant::pack_codes(codes.data(), to.cols, to.container, to.row(i));
            }
          });
    }
  }

 private:
  [[nodiscard]] static std::shared_ptr<const quant::RowOrder> checked(
      std::shared_ptr<const quant::RowOrder> order) {
    for (int b = 0; b <= core::max_bits; ++b)
      if (const Index n = order->count(b); n > 0 && !List::contains(b))
        throw Error("MixedQTensor", "bits from the list of levels",
                    std::to_string(n) + " rows of " + std::to_string(b) + " bits",
                    "Allocate over the levels of the scheme.");
    return order;
  }
  [[nodiscard]] static std::shared_ptr<const quant::RowOrder> order_of(MatrixView<const float> x,
                                                                       const quant::RowBits& bits) {
    if (bits.rows() != x.rows)
      throw Error("MixedQTensor", "bits for " + std::to_string(x.rows) + " rows",
                  "bits for " + std::to_string(bits.rows()), "Allocate bits for this mesh.");
    return std::make_shared<const quant::RowOrder>(quant::sort_rows(bits.span()));
  }
};

}  // namespace amq
