#pragma once
/// @file
/// Storage plus meaning: codes of 2, 4, 8 or 16 bits, packed, and the quantizer that reads them.

#include <amq/core/aligned.hpp>
#include <amq/core/error.hpp>
#include <amq/core/matrix_view.hpp>
#include <amq/quant/affine.hpp>
#include <amq/quant/packing.hpp>
#include <amq/quant/symmetric.hpp>

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string>
#include <type_traits>
#include <utility>

namespace amq {

/// An extent known only at run time.
inline constexpr int dynamic = -1;

/// Extents; static ones are part of the type and take no bytes. A tensor is seen as a matrix: its
/// last extent is the columns, the others together the rows.
template <int... Dims>
struct Shape {
  static_assert(sizeof...(Dims) > 0, "amq::Shape<...>: name at least one extent");
  static_assert(((Dims >= dynamic) && ...), "amq::Shape<...>: extents are >= 0, or amq::dynamic");
  static constexpr int rank = static_cast<int>(sizeof...(Dims));
  static constexpr std::array<Index, sizeof...(Dims)> stated{Dims...};
  static constexpr bool is_static = ((Dims != dynamic) && ...);

  [[nodiscard]] static constexpr Index rows() noexcept requires(is_static) {
    return rows_of(stated);
  }
  [[nodiscard]] static constexpr Index cols() noexcept requires(is_static) { return stated.back(); }
  [[nodiscard]] static constexpr Index rows_of(
      const std::array<Index, sizeof...(Dims)>& d) noexcept {
    Index n = 1;
    for (std::size_t k = 0; k + 1 < d.size(); ++k) n *= d[k];
    return n;
  }
};

namespace detail {
template <bool Static, typename Word, Index Words>
struct QStorage {
  static constexpr Index rows = 0, cols = 0;  // unused: the shape knows
  std::array<Word, static_cast<std::size_t>(Words)> words{};
};
template <typename Word, Index Words>
struct QStorage<false, Word, Words> {
  Index rows = 0, cols = 0;
  AlignedVector<Word> words;
};
}  // namespace detail

/// A row starts on a byte. Codes of 8 and 16 bits are plain integers, narrower ones packed as
/// packing.hpp says; 3 bits live in 4, 5 to 7 in 8.
template <quantizer Q, typename Extents>
class BasicQTensor {
  static constexpr bool is_static = Extents::is_static;

 public:
  using Quantizer = Q;
  using Code = typename Q::Code;
  static constexpr int bits = Q::bits, container = container_bits(bits);
  /// One code where a code fills words, else a byte of several.
  using Word = std::conditional_t<(container == 16), std::int16_t,
                                  std::conditional_t<(container == 8), std::int8_t, std::uint8_t>>;

  BasicQTensor() = default;
  explicit BasicQTensor(Q q) requires(is_static) : quantizer_(std::move(q)) {}
  /// @throws Error when an extent differs from the one in the type, or is negative
  template <std::convertible_to<Index>... Dims>
  explicit BasicQTensor(Q q, Dims... dims) requires(!is_static && sizeof...(Dims) == Extents::rank)
      : quantizer_(std::move(q)) {
    const std::array<Index, sizeof...(Dims)> d{static_cast<Index>(dims)...};
    for (std::size_t k = 0; k < d.size(); ++k)
      if (d[k] < 0 || (Extents::stated[k] != dynamic && d[k] != Extents::stated[k]))
        throw Error("QTensor",
                    Extents::stated[k] == dynamic ? "an extent >= 0"
                                                  : "extent " + std::to_string(Extents::stated[k]),
                    std::to_string(d[k]), "Pass the extents of the tensor's type.");
    storage_.rows = Extents::rows_of(d);
    storage_.cols = d.back();
    storage_.words.resize(static_cast<std::size_t>(storage_.rows * row_words(storage_.cols)));
  }

  [[nodiscard]] constexpr Index rows() const noexcept {
    if constexpr (is_static)
      return Extents::rows();
    else
      return storage_.rows;
  }
  [[nodiscard]] constexpr Index cols() const noexcept {
    if constexpr (is_static)
      return Extents::cols();
    else
      return storage_.cols;
  }
  [[nodiscard]] constexpr Index size() const noexcept { return rows() * cols(); }
  /// Bytes of the codes alone.
  [[nodiscard]] constexpr Index bytes() const noexcept {
    return rows() * row_words(cols()) * static_cast<Index>(sizeof(Word));
  }
  [[nodiscard]] const Q& quantizer() const noexcept { return quantizer_; }
  [[nodiscard]] Q& quantizer() noexcept { return quantizer_; }
  [[nodiscard]] const Word* row(Index i) const noexcept {
    return storage_.words.data() + i * row_words(cols());
  }
  [[nodiscard]] Word* row(Index i) noexcept {
    return storage_.words.data() + i * row_words(cols());
  }

  /// @pre 0 <= i < rows(), 0 <= j < cols()
  [[nodiscard]] Code code(Index i, Index j) const noexcept {
    AMQ_ASSERT(0 <= i && i < rows() && 0 <= j && j < cols(), "the element must exist");
    if constexpr (container >= 8)
      return static_cast<Code>(row(i)[j]);
    else
      return static_cast<Code>(code_at(row(i), j, container));
  }
  /// @pre as code(), and Q::lowest <= q <= Q::highest
  void set_code(Index i, Index j, Code q) noexcept {
    AMQ_ASSERT(0 <= i && i < rows() && 0 <= j && j < cols(), "the element must exist");
    AMQ_ASSERT(Q::lowest <= q && q <= Q::highest, "the code must fit its bits");
    if constexpr (container >= 8) {
      row(i)[j] = static_cast<Word>(q);
    } else {
      constexpr int per_byte = 8 / container, mask = (1 << container) - 1;
      const int shift = static_cast<int>(j % per_byte) * container;
      Word& word = row(i)[j / per_byte];
      word = static_cast<Word>((word & ~(mask << shift)) | ((q & mask) << shift));
    }
  }
  [[nodiscard]] float operator()(Index i, Index j) const noexcept {
    return quantizer_.decode(code(i, j), i, j);
  }

  /// @throws Error when x has another shape
  void encode(MatrixView<const float> x) {
    check_shape(x.rows, x.cols);
    for (Index i = 0; i < rows(); ++i)
      for (Index j = 0; j < cols(); ++j) set_code(i, j, quantizer_.encode(x(i, j), i, j));
  }
  /// @throws Error when x has another shape
  void decode(MatrixView<float> x) const {
    check_shape(x.rows, x.cols);
    for (Index i = 0; i < rows(); ++i)
      for (Index j = 0; j < cols(); ++j) x(i, j) = (*this)(i, j);
  }

 private:
  [[nodiscard]] static constexpr Index row_words(Index columns) noexcept {
    return packed_bytes(columns, container) / static_cast<Index>(sizeof(Word));
  }
  [[nodiscard]] static constexpr Index static_words() noexcept {
    if constexpr (is_static)
      return Extents::rows() * row_words(Extents::cols());
    else
      return 0;
  }
  void check_shape(Index r, Index c) const {
    if (r != rows() || c != cols())
      throw Error("QTensor", std::to_string(rows()) + " x " + std::to_string(cols()) + " values",
                  std::to_string(r) + " x " + std::to_string(c),
                  "Pass a view of the tensor's shape.");
  }
  [[no_unique_address]] Q quantizer_{};
  detail::QStorage<is_static, Word, static_words()> storage_;
};

/// QTensor<8, Pow2<-7>, 64>: 64 codes of 8 bits. Extents may be amq::dynamic.
template <int Bits, scale_policy Scale, int... Dims>
using QTensor = BasicQTensor<Symmetric<Bits, Scale>, Shape<Dims...>>;

}  // namespace amq
