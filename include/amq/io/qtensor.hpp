#pragma once
/// @file
/// Quantized tensors in safetensors files: codes packed at their own bits, and what they mean.
///
///     amq::io::safetensors::File f;
///     amq::io::safetensors::put(f, "w", tensor);  // a BasicQTensor or a MixedQTensor
///     const auto t = amq::io::safetensors::get<decltype(tensor)>(f, "w");
///
// clang-format off
/// | tensor of the file | BasicQTensor                              | MixedQTensor                  |
/// |--------------------|-------------------------------------------|-------------------------------|
/// | w.shape            | bits, rows, columns                       | rows, columns                 |
/// | w.codes            | packed rows, one after the other          | the same, rows sorted by bits |
/// | w.step, w.offset   | the step(s) of a symmetric tensor, () or  | (row), rows sorted by bits    |
/// |                    | (row); both, (), of an affine one         |                               |
/// | w.bits             |                                           | (row), rows as they were      |
// clang-format on

#include <amq/io/safetensors.hpp>
#include <amq/quant/mixed_qtensor.hpp>
#include <amq/quant/qtensor.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <concepts>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace amq::io::safetensors {

namespace detail {

/// Numbers of one kind that a tensor is made of, as many as the others say there are.
template <typename T>
[[nodiscard]] std::vector<T> numbers(const File& f, const std::string& name, std::size_t n) {
  const std::string where = f.path + ": " + name;
  std::vector<T> v = f.at(name).template as<T>(where);
  if (v.size() != n)
    throw Error(where, std::to_string(n) + " numbers", std::to_string(v.size()),
                "The file is damaged.");
  return v;
}
/// @throws Error for steps that are no finite number, or 0, and for offsets that are not finite
inline void check_grid(const std::string& where, float step, float offset) {
  if (!std::isfinite(step) || step == 0 || !std::isfinite(offset))
    throw Error(where, "finite steps other than 0, and finite offsets",
                std::to_string(step) + " and " + std::to_string(offset), "The file is damaged.");
}
/// How many steps tensors of this scale have.
template <typename Scale>
[[nodiscard]] std::size_t steps_of(Index rows) noexcept {
  return std::is_same_v<Scale, PerRow> ? static_cast<std::size_t>(rows) : 1;
}

template <int Bits, typename Scale>
void put_meaning(File& f, const std::string& name, const Symmetric<Bits, Scale>& q, Index rows) {
  std::vector<float> step(steps_of<Scale>(rows));
  for (std::size_t i = 0; i < step.size(); ++i) step[i] = q.step(static_cast<Index>(i), 0);
  f.tensors[name + ".step"] = Array::of(step);
}
template <int Bits>
void put_meaning(File& f, const std::string& name, const quant::Affine<Bits>& q, Index) {
  f.tensors[name + ".step"] = Array::of(std::vector<float>{q.grid.step});
  f.tensors[name + ".offset"] = Array::of(std::vector<float>{q.grid.offset});
}
template <int Bits, typename Scale>
void get_meaning(const File& f, const std::string& name, Symmetric<Bits, Scale>& q, Index rows) {
  const auto step = numbers<float>(f, name + ".step", steps_of<Scale>(rows));
  for (const float s : step) check_grid(f.path + ": " + name, s, 0);
  if constexpr (std::is_same_v<Scale, PerRow>) {
    q.scale.value.assign(step.begin(), step.end());
  } else if constexpr (std::is_same_v<Scale, PerTensor>) {
    q.scale.value = step[0];
  } else if (step[0] != q.step()) {
    throw Error(f.path + ": " + name, "the step " + std::to_string(q.step()) + " of the type",
                std::to_string(step[0]), "Read it as a tensor of this scale.");
  }
}
template <int Bits>
void get_meaning(const File& f, const std::string& name, quant::Affine<Bits>& q, Index) {
  q.grid.step = numbers<float>(f, name + ".step", 1)[0];
  q.grid.offset = numbers<float>(f, name + ".offset", 1)[0];
  check_grid(f.path + ": " + name, q.grid.step, q.grid.offset);
}

/// Extents that a file says, within what can be.
template <std::size_t N>
[[nodiscard]] std::array<Index, N> shape_of(const File& f, const std::string& name) {
  const auto v = numbers<std::int64_t>(f, name + ".shape", N);
  std::array<Index, N> shape{};
  for (std::size_t k = 0; k < N; ++k) {
    shape[k] = static_cast<Index>(v[k]);
    if (v[k] < 0 || v[k] > std::numeric_limits<std::int32_t>::max())
      throw Error(f.path + ": " + name + ".shape", "extents that can be", std::to_string(v[k]),
                  "The file is damaged.");
  }
  return shape;
}
/// @throws Error unless there is a byte for each that `rows` rows need
inline const std::uint8_t* bytes_of(const File& f, const std::string& name, Index expected) {
  const Array& a = f.at(name + ".codes");
  if (a.dtype != DType::u8 || static_cast<Index>(a.size()) != expected)
    throw Error(f.path + ": " + name + ".codes", std::to_string(expected) + " bytes",
                std::to_string(a.size()) + " of " + std::string(name_of(a.dtype)),
                "The file is damaged, or the tensor has other bits.");
  return reinterpret_cast<const std::uint8_t*>(a.bytes.data());
}

}  // namespace detail

/// Whatever the layout in memory, rows are written one after the other.
template <typename Q, typename E, typename L>
void put(File& f, const std::string& name, const BasicQTensor<Q, E, L>& t) {
  constexpr int container = container_bits(Q::bits);
  const Index row = packed_bytes(t.cols(), container);
  std::vector<std::uint8_t> bytes(static_cast<std::size_t>(t.rows() * row));
  std::vector<std::int32_t> codes(static_cast<std::size_t>(t.cols()));
  for (Index i = 0; i < t.rows(); ++i) {
    for (Index j = 0; j < t.cols(); ++j) codes[static_cast<std::size_t>(j)] = t.code(i, j);
    pack_codes(codes.data(), t.cols(), container, bytes.data() + i * row);
  }
  f.tensors[name + ".shape"] = Array::of(std::vector<std::int64_t>{Q::bits, t.rows(), t.cols()});
  f.tensors[name + ".codes"] = Array::of(bytes);
  detail::put_meaning(f, name, t.quantizer(), t.rows());
}
/// @tparam T  a BasicQTensor of two extents, or of static ones
/// @throws Error when the file has another quantizer, shape or number of bits, or a code beyond
/// them
template <typename T>
requires requires {
  typename T::Quantizer;
}
[[nodiscard]] T get(const File& f, const std::string& name) {
  using Q = typename T::Quantizer;
  const std::string where = f.path + ": " + name;
  // Not a structured binding, which clang 14 does not capture.
  const auto shape = detail::shape_of<3>(f, name);
  const Index bits = shape[0], rows = shape[1], cols = shape[2];
  if (bits != Q::bits)
    throw Error(where, std::to_string(Q::bits) + " bits", std::to_string(bits),
                "Read it as a tensor of these bits.");
  constexpr int container = container_bits(Q::bits);
  const Index row = packed_bytes(cols, container);
  const std::uint8_t* bytes = detail::bytes_of(f, name, rows * row);
  Q q{};
  detail::get_meaning(f, name, q, rows);
  T t = [&] {
    if constexpr (std::is_constructible_v<T, Q, Index, Index>)
      return T(std::move(q), rows, cols);
    else
      return T(std::move(q));
  }();
  if (t.rows() != rows || t.cols() != cols)
    throw Error(where, std::to_string(t.rows()) + " x " + std::to_string(t.cols()) + " codes",
                std::to_string(rows) + " x " + std::to_string(cols),
                "Read it as a tensor of this shape.");
  for (Index i = 0; cols > 0 && i < rows; ++i)
    for (Index j = 0; j < cols; ++j) {
      const int code = code_at(bytes + i * row, j, container);
      if (code < Q::lowest || code > Q::highest)
        throw Error(where,
                    "codes " + std::to_string(Q::lowest) + " .. " + std::to_string(Q::highest),
                    std::to_string(code), "The file is damaged.");
      t.set_code(i, j, static_cast<typename Q::Code>(code));
    }
  return t;
}

/// Rows of mixed bits.
inline void put(File& f, const std::string& name, const MixedRows& t) {
  std::vector<std::uint8_t> bits(static_cast<std::size_t>(t.rows())), bytes;
  std::vector<float> step, offset;
  for (std::size_t k = 0; k < t.buckets().size(); ++k) {
    const RowsView& b = t.buckets()[k];
    for (Index i = 0; i < b.rows; ++i) {
      bits[static_cast<std::size_t>(b.target(i))] = static_cast<std::uint8_t>(t.bits(k));
      bytes.insert(bytes.end(), b.row(i), b.row(i) + packed_bytes(b.cols, b.container));
      step.push_back(b.grid_of(i).step);
      offset.push_back(b.grid_of(i).offset);
    }
  }
  f.tensors[name + ".shape"] = Array::of(std::vector<std::int64_t>{t.rows(), t.cols()});
  f.tensors[name + ".bits"] = Array::of(bits);
  f.tensors[name + ".codes"] = Array::of(bytes);
  f.tensors[name + ".step"] = Array::of(step);
  f.tensors[name + ".offset"] = Array::of(offset);
}
/// @tparam T  a MixedQTensor; with AnyLevels, rows of any bits
/// @throws Error when the file has bits that are not among the levels, or is damaged
template <typename T>
requires std::derived_from<T, MixedRows>
[[nodiscard]] T get(const File& f, const std::string& name) {
  const auto [rows, cols] = detail::shape_of<2>(f, name);
  const auto n = static_cast<std::size_t>(rows);
  const auto bits = detail::numbers<std::uint8_t>(f, name + ".bits", n);
  auto order = std::make_shared<const RowOrder>(sort_rows(bits));
  Index expected = 0;
  for (int b = 0; b <= max_bits; ++b)
    expected += order->count(b) * packed_bytes(cols, container_bits(b));
  const std::uint8_t* bytes = detail::bytes_of(f, name, expected);
  const auto step = detail::numbers<float>(f, name + ".step", n);
  const auto offset = detail::numbers<float>(f, name + ".offset", n);
  T t(nullptr, std::move(order), cols);
  std::size_t place = 0;
  for (std::size_t k = 0; k < t.buckets().size(); ++k) {
    const RowsSpan to = t.span(k);
    const Index row = packed_bytes(cols, to.container);
    for (Index i = 0; i < to.rows; ++i, ++place, bytes += row) {
      detail::check_grid(f.path + ": " + name, step[place], offset[place]);
      to.grid_of(i) = {step[place], offset[place]};
      std::copy_n(bytes, row, to.row(i));
      // A row of 0 bits has no codes, however long the file says it is.
      for (Index j = 0; row > 0 && j < cols; ++j)
        if (const int q = code_at(bytes, j, to.container);
            q < lowest_code(t.bits(k)) || q > highest_code(t.bits(k)))
          throw Error(f.path + ": " + name, "codes of " + std::to_string(t.bits(k)) + " bits",
                      std::to_string(q), "The file is damaged.");
    }
  }
  return t;
}

}  // namespace amq::io::safetensors
