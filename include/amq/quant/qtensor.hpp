#pragma once
/// @file
/// Storage plus meaning: codes of 2, 4, 8 or 16 bits in a layout, and the quantizer that reads
/// them.
///
/// | layout  | what lies side by side                    | what it is for |
/// |---------|-------------------------------------------|-----------------------------------------|
/// | Rows    | the codes of a row, packed                | what is stored, sent and written | |
/// Blocked | four codes of each of sixteen rows        | weights: what dot products read         |

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
#include <span>
#include <string>
#include <type_traits>
#include <utility>

namespace amq::quant {

/// An extent known only at run time.
inline constexpr int dynamic = -1;

/// Extents; static ones are part of the type and take no bytes. A tensor is seen as a matrix: its
/// last extent is the columns, the others together the rows.
template <int... Dims>
struct Shape {
  static_assert(sizeof...(Dims) > 0, "amq::quant::Shape<...>: name at least one extent");
  static_assert(((Dims >= dynamic) && ...),
                "amq::quant::Shape<...>: extents are >= 0, or amq::quant::dynamic");
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

/// Where codes lie.
namespace layout {

/// A row starts on a byte. Codes of 8 and 16 bits are plain integers, narrower ones packed as
/// packing.hpp says; 3 bits live in 4, 5 to 7 in 8.
struct Rows {
  template <int Bits>
  static constexpr int container = container_bits(Bits);
  template <int Container>
  [[nodiscard]] static constexpr Index bytes(Index rows, Index cols) noexcept {
    return rows * packed_bytes(cols, Container);
  }
  /// Of a code that fills words, among words.
  [[nodiscard]] static constexpr Index place(Index i, Index j, Index cols) noexcept {
    return i * cols + j;
  }
};

/// (rows / 16, cols / 4, 16, 4), a byte a code, padded with zeros to whole blocks of 16 rows and to
/// 64 columns. One layout for every instruction set: a tile of AMX is sixteen consecutive quads.
struct Blocked {
  static constexpr Index block = 16, quad = 4, tile = 64;

  template <int Bits>
  static constexpr int container = 8;
  [[nodiscard]] static constexpr Index blocks(Index rows) noexcept {
    return (rows + block - 1) / block;
  }
  [[nodiscard]] static constexpr Index block_bytes(Index cols) noexcept {
    return (cols + tile - 1) / tile * tile * block;
  }
  template <int Container>
  [[nodiscard]] static constexpr Index bytes(Index rows, Index cols) noexcept {
    return blocks(rows) * block_bytes(cols);
  }
  [[nodiscard]] static constexpr Index place(Index i, Index j, Index cols) noexcept {
    return i / block * block_bytes(cols) + (j / quad * block + i % block) * quad + j % quad;
  }
};

}  // namespace layout

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

/// A matrix of codes and what they mean. Copies are deep.
/// @tparam Extents  Shape<...>: extents that are in the type take no bytes
/// @tparam Layout   layout::Rows or layout::Blocked: where the codes lie
template <quantizer Q, typename Extents, typename Layout = layout::Rows>
class BasicQTensor {
  static constexpr bool is_static = Extents::is_static;
  static constexpr bool is_blocked = std::is_same_v<Layout, layout::Blocked>;

 public:
  using Quantizer = Q;
  using Code = typename Q::Code;
  static constexpr int bits = Q::bits, container = Layout::template container<bits>;
  static_assert(
      bits <= container,
      "amq::quant::BasicQTensor: a blocked tensor has a byte a code; keep 16 bits as two digits "
      "of 8");
  /// One code where a code fills words, else a byte of several.
  using Word = std::conditional_t<(container == 16), std::int16_t,
                                  std::conditional_t<(container == 8), std::int8_t, std::uint8_t>>;

  BasicQTensor() = default;
  explicit BasicQTensor(Q q) requires(is_static) : quantizer_(std::move(q)) {}
  /// Every code is 0.
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
    storage_.words.resize(static_cast<std::size_t>(n_words(storage_.rows, storage_.cols)));
  }

  /// Another shape, in the memory that was there. Every code is 0.
  /// @pre 0 <= rows, cols
  void reset(Index rows, Index cols) requires(!is_static && Extents::rank == 2) {
    storage_.rows = rows;
    storage_.cols = cols;
    storage_.words.assign(static_cast<std::size_t>(n_words(rows, cols)), 0);
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
  /// Bytes of the codes alone, padding included.
  [[nodiscard]] constexpr Index bytes() const noexcept {
    return Layout::template bytes<container>(rows(), cols());
  }
  [[nodiscard]] const Q& quantizer() const noexcept { return quantizer_; }
  [[nodiscard]] Q& quantizer() noexcept { return quantizer_; }
  /// All codes in the order of the layout: what is copied, sent and written.
  [[nodiscard]] std::span<const Word> words() const noexcept { return storage_.words; }
  [[nodiscard]] std::span<Word> words() noexcept { return storage_.words; }

  [[nodiscard]] const Word* row(Index i) const noexcept requires(!is_blocked) {
    return storage_.words.data() + i * row_words();
  }
  [[nodiscard]] Word* row(Index i) noexcept requires(!is_blocked) {
    return storage_.words.data() + i * row_words();
  }
  /// Rows 16 b .. 16 b + 15.
  [[nodiscard]] const Word* block(Index b) const noexcept requires(is_blocked) {
    return storage_.words.data() + b * Layout::block_bytes(cols());
  }

  /// @pre 0 <= i < rows(), 0 <= j < cols()
  [[nodiscard]] Code code(Index i, Index j) const noexcept {
    AMQ_ASSERT(0 <= i && i < rows() && 0 <= j && j < cols(), "the element must exist");
    if constexpr (container >= 8)
      return static_cast<Code>(storage_.words[place(i, j)]);
    else
      return static_cast<Code>(code_at(row(i), j, container));
  }
  /// @pre as code(), and Q::lowest <= q <= Q::highest
  void set_code(Index i, Index j, Code q) noexcept {
    AMQ_ASSERT(0 <= i && i < rows() && 0 <= j && j < cols(), "the element must exist");
    AMQ_ASSERT(Q::lowest <= q && q <= Q::highest, "the code must fit its bits");
    if constexpr (container >= 8) {
      storage_.words[place(i, j)] = static_cast<Word>(q);
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
  /// The codes of a tensor of another layout or other bits; quantizers are left alone.
  /// @throws Error when it has another shape, or a code that does not fit
  template <typename Other>
  void copy_codes(const Other& from) {
    check_shape(from.rows(), from.cols());
    for (Index i = 0; i < rows(); ++i)
      for (Index j = 0; j < cols(); ++j) {
        const int q = from.code(i, j);
        if (q < Q::lowest || q > Q::highest)
          throw Error("QTensor",
                      "codes " + std::to_string(Q::lowest) + " .. " + std::to_string(Q::highest),
                      std::to_string(q) + " in row " + std::to_string(i),
                      "Copy to a tensor of as many bits.");
        set_code(i, j, static_cast<Code>(q));
      }
  }

 private:
  [[nodiscard]] static constexpr Index n_words(Index r, Index c) noexcept {
    return Layout::template bytes<container>(r, c) / static_cast<Index>(sizeof(Word));
  }
  [[nodiscard]] constexpr Index row_words() const noexcept {
    return packed_bytes(cols(), container) / static_cast<Index>(sizeof(Word));
  }
  [[nodiscard]] std::size_t place(Index i, Index j) const noexcept {
    return static_cast<std::size_t>(Layout::place(i, j, cols()));
  }
  [[nodiscard]] static constexpr Index static_words() noexcept {
    if constexpr (is_static)
      return n_words(Extents::rows(), Extents::cols());
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

}  // namespace amq::quant

namespace amq {

/// QTensor<8, Pow2<-7>, 64>: 64 codes of 8 bits. Extents may be amq::quant::dynamic.
template <int Bits, quant::scale_policy Scale, int... Dims>
using QTensor = quant::BasicQTensor<quant::Symmetric<Bits, Scale>, quant::Shape<Dims...>>;

}  // namespace amq
