#pragma once
/// @file
/// Rows of several widths in one memory: a bucket for each width that occurs.

#include <amq/core/buffer_pool.hpp>
#include <amq/core/error.hpp>
#include <amq/core/integers.hpp>
#include <amq/quant/packing.hpp>
#include <amq/quant/row_order.hpp>
#include <amq/quant/rows.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>

namespace amq::quant {

/// Where codes and grids of a pass come from, and go back to with the last tensor that has them.
struct RowMemory {
  BufferPool<std::uint8_t> codes;
  BufferPool<RowGrid> grids;
  /// Where rows have bits of their own, room is made as if all had so many: other bits in the next
  /// pass need no other buffers. 0: for the bits they have.
  int widest = 0;

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
  MixedRows(RowMemory* memory, Index rows, Index cols, int bits)
      : MixedRows(memory, rows, cols, bits, container_bits(bits)) {}
  /// The same in containers that are wider than they need be: bytes are read more easily.
  /// @param container  0, 2, 4, 8 or 16 bits
  /// @throws Error for bits outside 0 .. 16, or that do not fit
  MixedRows(RowMemory* memory, Index rows, Index cols, int bits, int container)
      : rows_(rows), cols_(cols) {
    if (bits < 0 || bits > max_bits || container_bits(bits) > container ||
        container_bits(container) != container)
      throw Error("MixedQTensor", "0 to 16 bits per row, in containers that hold them",
                  std::to_string(bits) + " bits in containers of " + std::to_string(container),
                  "Choose the levels from 0 to 16.");
    acquire(memory, whole_lines(rows * packed_stride(cols, container)),
            packed_stride(cols, container));
    add_bucket(codes_.view().data, grids_.view().data, nullptr, rows, bits, container);
  }
  /// Room for rows in the order of their bits.
  /// @param order  kept
  MixedRows(RowMemory* memory, std::shared_ptr<const RowOrder> order, Index cols)
      : rows_(static_cast<Index>(order->row.size())), cols_(cols), order_(std::move(order)) {
    Index bytes = 0;
    for (int b = 0; b <= max_bits; ++b)
      bytes += whole_lines(order_->count(b) * packed_stride(cols, container_bits(b)));
    acquire(memory, bytes, packed_stride(cols, container_bits(memory ? memory->widest : 0)));
    const std::uint8_t* codes = codes_.view().data;
    for (int b = 0; b <= max_bits; ++b) {
      const Index n = order_->count(b), place = order_->first[static_cast<std::size_t>(b)];
      add_bucket(codes, grids_.view().data + place, order_->row.data() + place, n, b,
                 container_bits(b));
      codes += whole_lines(n * packed_stride(cols, container_bits(b)));
    }
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
  [[nodiscard]] static Index whole_lines(Index bytes) noexcept {
    constexpr Index line = static_cast<Index>(cache_line);
    return (bytes + line - 1) / line * line;
  }
  /// One line more than codes have: kernels may read, and not mean, what stands behind them.
  /// @param widest  bytes of the widest row that there is to be room for
  void acquire(RowMemory* memory, Index bytes, Index widest) {
    constexpr Index line = static_cast<Index>(cache_line);
    bytes += line;
    if (!memory) {
      codes_ = Codes::alone(1, bytes);
      grids_ = Grids::alone(1, rows_);
      return;
    }
    const Index whole = memory->grids.room_for(rows_);
    // Buckets begin at whole lines, in another pass maybe more of them.
    const bool always = whole == rows_ && (!order_ || widest == 0);
    codes_ = memory->codes.acquire(
        1, bytes, always ? bytes : std::max(bytes, whole * widest + (max_bits + 2) * line));
    grids_ = memory->grids.acquire(1, rows_, whole);
  }
  void add_bucket(const std::uint8_t* codes, const RowGrid* grids, const std::int32_t* order,
                  Index n, int bits, int container) noexcept {
    if (n == 0) return;
    bits_[n_buckets_] = static_cast<std::uint8_t>(bits);
    buckets_[n_buckets_++] = {codes,     n,     cols_,           packed_stride(cols_, container),
                              container, grids, sizeof(RowGrid), order,
                              bits};
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

}  // namespace amq::quant
