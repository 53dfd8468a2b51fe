#pragma once
/// @file
/// A fair sample of rows from a stream of any length.

#include <amq/core/error.hpp>
#include <amq/core/matrix_view.hpp>
#include <amq/core/random.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace amq::quant {

/// Every row seen so far is in the sample with the same probability (Vitter's algorithm R).
class RowReservoir {
 public:
  explicit RowReservoir(Index capacity = 1024, std::uint64_t seed = 0)
      : capacity_(std::max<Index>(capacity, 1)), random_(seed) {}

  /// @throws Error when the number of columns changes
  void add(MatrixView<const float> x) {
    if (x.rows == 0) return;
    if (seen_ == 0) cols_ = x.cols;
    if (x.cols != cols_)
      throw Error("RowReservoir", "rows of " + std::to_string(cols_), std::to_string(x.cols),
                  "Use one reservoir per quantization point.");
    for (Index i = 0; i < x.rows; ++i, ++seen_) {
      const Index place =
          seen_ < capacity_
              ? seen_
              : static_cast<Index>(random_.index(static_cast<std::uint64_t>(seen_) + 1));
      if (place >= capacity_) continue;
      if (static_cast<std::size_t>((place + 1) * cols_) > values_.size())
        values_.resize(static_cast<std::size_t>((place + 1) * cols_));
      std::copy(x.row(i), x.row(i) + cols_, values_.begin() + place * cols_);
    }
  }
  [[nodiscard]] Index seen() const noexcept { return seen_; }
  [[nodiscard]] Index rows() const noexcept { return std::min(seen_, capacity_); }
  [[nodiscard]] MatrixView<const float> view() const noexcept {
    return {values_.data(), rows(), cols_};
  }

 private:
  Index capacity_, cols_ = 0, seen_ = 0;
  Random random_;
  std::vector<float> values_;
};

}  // namespace amq::quant
