#pragma once
/// @file
/// Rows of several widths in one memory: a bucket for each width that occurs.

#include <amq/core/buffer_pool.hpp>
#include <amq/core/error.hpp>
#include <amq/core/integers.hpp>
#include <amq/quant/packing.hpp>
#include <amq/quant/row_order.hpp>
#include <amq/quant/rows.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>

namespace amq {

/// Where codes and grids of a pass come from, and go back to with the last tensor that has them.
struct RowMemory {
  BufferPool<std::uint8_t> codes;
  BufferPool<RowGrid> grids;

  /// Of all buffers that were ever needed at once.
  [[nodiscard]] std::size_t bytes() const noexcept { return codes.bytes() + grids.bytes(); }
};

/// A MixedQTensor without its types: what kernels multiply, whatever the levels and the rule were.
/// Widths ascend; inside a bucket rows ascend. Buckets begin at multiples of 64 bytes. Copies share
/// their memory.
class MixedRows {
 public:
  MixedRows() = default;
  /// Room for rows that all have the same bits; their codes are not written yet.
  /// @param memory  null: the tensor has its own
  /// @throws Error for bits outside 0 .. 16
  MixedRows(RowMemory* memory, Index rows, Index cols, int bits) : rows_(rows), cols_(cols) {
    if (bits < 0 || bits > max_bits)
      throw Error("MixedQTensor", "0 to 16 bits per row", std::to_string(bits) + " bits",
                  "Choose the levels from 0 to 16.");
    std::array<Index, max_bits + 1> count{};
    count[static_cast<std::size_t>(bits)] = rows;
    lay_out(memory, count);
  }
  /// Room for rows in the order of their bits.
  /// @param order  kept
  MixedRows(RowMemory* memory, std::shared_ptr<const RowOrder> order, Index cols)
      : rows_(static_cast<Index>(order->row.size())), cols_(cols), order_(std::move(order)) {
    std::array<Index, max_bits + 1> count{};
    for (int b = 0; b <= max_bits; ++b) count[static_cast<std::size_t>(b)] = order_->count(b);
    lay_out(memory, count);
  }

  [[nodiscard]] Index rows() const noexcept { return rows_; }
  [[nodiscard]] Index cols() const noexcept { return cols_; }
  /// One per width that occurs. Row i of a bucket is row target(i) of the tensor.
  [[nodiscard]] std::span<const RowsView> buckets() const noexcept {
    return {buckets_.data(), n_buckets_};
  }
  operator std::span<const RowsView>() const noexcept {  // NOLINT: as kernels take rows
    return buckets();
  }
  /// Of the rows in the k-th bucket.
  [[nodiscard]] int bits(std::size_t k) const noexcept { return bits_[k]; }
  /// The k-th bucket, to be written.
  [[nodiscard]] RowsSpan span(std::size_t k) const noexcept {
    const RowsView& b = buckets_[k];
    std::uint8_t* all = codes_.view().data;
    RowGrid* grids = grids_.view().data;
    return {all + (b.row(0) - all),   b.rows,        b.cols, b.stride, b.container,
            grids + (b.grid - grids), b.grid_stride, b.order};
  }
  /// Of codes and grids, without what lies between them.
  [[nodiscard]] Index bytes() const noexcept {
    Index sum = 0;
    for (const RowsView& b : buckets())
      sum += b.rows * (packed_bytes(cols_, b.container) + Index{sizeof(RowGrid)});
    return sum;
  }
  /// All in their own order, at the same bits: a single view, whose rows are those of the tensor.
  [[nodiscard]] bool in_order() const noexcept { return n_buckets_ == 1 && !buckets_[0].order; }

  /// Into x (row, column), rows in their original order.
  /// @throws Error when x has another shape
  void decode(MatrixView<float> x) const {
    if (x.rows != rows() || x.cols != cols_)
      throw Error("MixedQTensor",
                  std::to_string(rows()) + " x " + std::to_string(cols_) + " values",
                  std::to_string(x.rows) + " x " + std::to_string(x.cols),
                  "Pass a view of the tensor's shape.");
    for (const RowsView& b : buckets())
      for (Index i = 0; i < b.rows; ++i) {
        float* out = x.row(b.target(i));
        for (Index j = 0; j < cols_; ++j)
          out[j] = b.grid_of(i).decode(code_at(b.row(i), j, b.container));
      }
  }

 private:
  void lay_out(RowMemory* memory, const std::array<Index, max_bits + 1>& count) {
    constexpr Index line = static_cast<Index>(cache_line);
    Index total = line;
    for (int b = 0; b <= max_bits; ++b)
      total += count[static_cast<std::size_t>(b)] * packed_stride(cols_, container_bits(b)) + line;
    codes_ = memory ? memory->codes.acquire(1, total) : Codes::alone(1, total);
    grids_ = memory ? memory->grids.acquire(1, rows_) : Grids::alone(1, rows_);
    const std::uint8_t* codes = codes_.view().data;
    const RowGrid* grid = grids_.view().data;
    const std::int32_t* order = order_ ? order_->row.data() : nullptr;
    for (int b = 0; b <= max_bits; ++b) {
      const Index n = count[static_cast<std::size_t>(b)];
      if (n == 0) continue;
      const int container = container_bits(b);
      const Index stride = packed_stride(cols_, container);
      bits_[n_buckets_] = static_cast<std::uint8_t>(b);
      buckets_[n_buckets_++] = {codes, n, cols_, stride, container, grid, sizeof(RowGrid), order};
      codes += (n * stride + line - 1) / line * line;
      grid += n;
      if (order) order += n;
    }
  }

  using Codes = BufferPool<std::uint8_t>;
  using Grids = BufferPool<RowGrid>;
  Index rows_ = 0, cols_ = 0;
  std::shared_ptr<const RowOrder> order_;  // null: rows of one width, in their own order
  Codes::Handle codes_;
  Grids::Handle grids_;
  std::array<RowsView, max_bits + 1> buckets_{};
  std::array<std::uint8_t, max_bits + 1> bits_{};  // (bucket)
  std::size_t n_buckets_ = 0;
};

}  // namespace amq
