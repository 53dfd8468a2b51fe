#pragma once
/// @file
/// An array as files hold it: element type, shape, bytes. What npy, npz, safetensors, mat and hdf5
/// all speak.

#include <amq/core/error.hpp>
#include <amq/core/float_environment.hpp>
#include <amq/core/matrix_view.hpp>
#include <amq/io/dtype.hpp>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <limits>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace amq::io {

using Extents = std::vector<Index>;

/// "(972, 2, 16)"; one extent is "(5,)" and none "()", as numpy writes it.
[[nodiscard]] inline std::string text_of(const Extents& shape) {
  std::string s = "(";
  for (const auto n : shape) s += (s.size() > 1 ? ", " : "") + std::to_string(n);
  return s + (shape.size() == 1 ? ",)" : ")");
}

/// Number of elements. Throws for a negative extent, and when the bytes do not fit an Index: a
/// hostile header must not turn into a small allocation.
[[nodiscard]] inline std::size_t count_of(const Extents& shape, std::size_t element_bytes,
                                          const std::string& where) {
  constexpr auto most = static_cast<std::size_t>(std::numeric_limits<Index>::max());
  bool empty = false;
  for (const auto n : shape) {
    if (n < 0) {
      throw Error(where, "extents of 0 or more", "shape " + text_of(shape), "The file is damaged.");
    }
    empty = empty || n == 0;
  }
  std::size_t count = empty ? 0 : 1, bytes = element_bytes;
  if (empty) return 0;
  for (const auto n : shape) {
    const auto k = static_cast<std::size_t>(n);
    if (k > most / bytes) {
      throw Error(where, "an array that can exist", "shape " + text_of(shape),
                  "The file is damaged or hostile.");
    }
    bytes *= k;
    count *= k;
  }
  return count;
}

/// C order, the machine's byte order. A value: copies copy the bytes.
struct Array {
  DType dtype = DType::f32;
  Extents shape;                 ///< empty for a single number
  std::vector<std::byte> bytes;  ///< size() * size_of(dtype)

  Array() = default;
  /// Zeros.
  Array(DType type, Extents extents)
      : dtype(type),
        shape(std::move(extents)),
        bytes(count_of(shape, size_of(type), "Array") * size_of(type)) {}

  /// A copy of numbers in C order. Throws when their count is not the product of the extents.
  template <array_element T>
  [[nodiscard]] static Array of(std::span<const T> values, Extents extents) {
    Array a(dtype_of<T>(), std::move(extents));
    if (a.size() != values.size()) {
      throw Error("Array::of", std::to_string(a.size()) + " values for " + text_of(a.shape),
                  std::to_string(values.size()), "Give the shape the values have.");
    }
    if (!values.empty()) std::memcpy(a.bytes.data(), values.data(), a.bytes.size());
    return a;
  }
  template <array_element T>
  [[nodiscard]] static Array of(const std::vector<T>& values, Extents extents) {
    return of(std::span<const T>(values), std::move(extents));
  }
  template <array_element T>
  [[nodiscard]] static Array of(const std::vector<T>& values) {
    return of(std::span<const T>(values), {static_cast<Index>(values.size())});
  }
  /// (row, column), packed whatever the stride.
  template <array_element T>
  [[nodiscard]] static Array of(MatrixView<T> m) {
    Array a(dtype_of<T>(), {m.rows, m.cols});
    const auto n = static_cast<std::size_t>(m.cols) * sizeof(T);
    for (Index i = 0; n > 0 && i < m.rows; ++i) {
      std::memcpy(a.bytes.data() + static_cast<std::size_t>(i) * n, m.row(i), n);
    }
    return a;
  }
  template <array_element T>
  [[nodiscard]] static Array scalar(T value) {
    return of(std::span<const T>(&value, 1), {});
  }

  [[nodiscard]] std::size_t size() const noexcept { return bytes.size() / size_of(dtype); }
  [[nodiscard]] Index rank() const noexcept { return static_cast<Index>(shape.size()); }

  /// The elements as they are. Throws unless T is exactly this dtype; nothing is copied.
  template <array_element T>
  [[nodiscard]] std::span<const T> span() const {
    if (dtype_of<T>() != dtype) {
      throw Error("Array::span", std::string(name_of(dtype_of<T>())), std::string(name_of(dtype)),
                  "Use as<T>(), which converts.");
    }
    return {reinterpret_cast<const T*>(bytes.data()), size()};
  }
  template <array_element T>
  [[nodiscard]] std::span<T> span() {
    const auto s = std::as_const(*this).span<T>();
    return {const_cast<T*>(s.data()), s.size()};
  }

  /// A converted copy. Floats round to nearest, and a finite number that would become infinite is
  /// an Error; so is a float that becomes an integer, or an integer a smaller one, with a loss.
  /// Complex numbers must go through real_pairs().
  template <array_element T>
  requires(!std::same_as<T, bool>)
      [[nodiscard]] std::vector<T> as(const std::string& where = "Array::as") const;

  /// A complex array as reals with one more extent of 2 (real, imaginary), like torch.view_as_real.
  [[nodiscard]] Array real_pairs() const {
    if (!is_complex(dtype)) return *this;
    Array a = *this;
    a.dtype = dtype == DType::c64 ? DType::f32 : DType::f64;
    a.shape.push_back(2);
    return a;
  }
  /// The same elements under another shape. Throws when the counts differ.
  [[nodiscard]] Array reshaped(Extents extents) const {
    if (count_of(extents, size_of(dtype), "Array::reshaped") != size()) {
      throw Error("Array::reshaped", "a shape of " + std::to_string(size()) + " elements",
                  text_of(extents), "Check the extents.");
    }
    Array a = *this;
    a.shape = std::move(extents);
    return a;
  }

  bool operator==(const Array&) const = default;
};

/// Throws unless the shape is `expected`, where -1 stands for any extent.
inline void expect_shape(const Array& a, const Extents& expected, const std::string& where) {
  bool same = a.shape.size() == expected.size();
  for (std::size_t k = 0; same && k < expected.size(); ++k) {
    same = expected[k] < 0 || a.shape[k] == expected[k];
  }
  if (!same) {
    throw Error(where, "shape " + text_of(expected) + (expected.empty() ? "" : " (-1: any)"),
                text_of(a.shape), "Check that this is the array that was meant.");
  }
}
namespace detail {
std::vector<std::byte> reorder(const std::vector<std::byte>& in, const Extents& shape,
                               std::size_t element, bool to_c);
}

/// Throws when a float array holds NaN or an infinity, with the place of the first.
inline void expect_finite(const Array& a, const std::string& where);

/// What people's numbers become a sample, a mesh or weights through: converted, and finite before
/// and after. A double that no float holds is refused as infinity is.
/// @throws amq::Error naming `where` and the element
template <array_element T>
[[nodiscard]] std::vector<T> finite(const Array& a, const std::string& where) {
  expect_finite(a, where);
  return a.as<T>(where);
}

namespace detail {

/// 1e300 is no 300 digits.
template <typename T>
[[nodiscard]] std::string text_of_number(T x) {
  if constexpr (std::is_floating_point_v<T>) {
    char text[32];
    std::snprintf(text, sizeof text, "%.9g", static_cast<double>(x));
    return text;
  } else {
    return std::to_string(x);
  }
}

/// Calls f(value) with each element in its own C++ type, 16-bit floats as float.
template <typename F>
void visit_elements(const Array& a, F&& f) {
  const auto loop = [&]<typename S>(S, auto decode) {
    const auto* p = a.bytes.data();
    for (std::size_t i = 0, n = a.size(); i < n; ++i) {
      S s;
      std::memcpy(&s, p + i * sizeof(S), sizeof(S));
      f(i, decode(s));
    }
  };
  const auto same = [](auto s) { return s; };
  switch (a.dtype) {
    case DType::boolean:
      return loop(std::uint8_t{}, [](auto s) { return std::uint8_t(s != 0); });
    case DType::u8:
      return loop(std::uint8_t{}, same);
    case DType::i8:
      return loop(std::int8_t{}, same);
    case DType::u16:
      return loop(std::uint16_t{}, same);
    case DType::i16:
      return loop(std::int16_t{}, same);
    case DType::u32:
      return loop(std::uint32_t{}, same);
    case DType::i32:
      return loop(std::int32_t{}, same);
    case DType::u64:
      return loop(std::uint64_t{}, same);
    case DType::i64:
      return loop(std::int64_t{}, same);
    case DType::f16:
      return loop(std::uint16_t{}, [](auto s) { return from_f16(s); });
    case DType::bf16:
      return loop(std::uint16_t{}, [](auto s) { return from_bf16(s); });
    case DType::f32:
      return loop(float{}, same);
    case DType::f64:
      return loop(double{}, same);
    case DType::c64:
    case DType::c128:
      break;
  }
}

/// Whether T can hold x: an integer exactly, since its conversion would otherwise be undefined or
/// lossy; a float without making a finite number infinite.
template <typename T, typename S>
[[nodiscard]] constexpr bool fits(S x) noexcept {
  if constexpr (std::is_floating_point_v<T> && std::is_floating_point_v<S> &&
                sizeof(T) < sizeof(S)) {
    // Half a step beyond the largest T rounds to infinity.
    constexpr S beyond = static_cast<S>(std::numeric_limits<T>::max()) * (1 + S(0x1p-25));
    constexpr S most = std::numeric_limits<S>::max();
    return !(x >= beyond && x <= most) && !(x <= -beyond && x >= -most);
  } else if constexpr (std::is_floating_point_v<T>)
    return true;
  else if constexpr (std::is_floating_point_v<S>) {
    // 2^digits is exact in every float; the largest T itself may not be.
    constexpr S below = std::is_signed_v<T>
                            ? -static_cast<S>(T{1} << (std::numeric_limits<T>::digits - 1)) * 2
                            : S{0};
    constexpr S above = static_cast<S>(T{1} << (std::numeric_limits<T>::digits - 1)) * 2;
    return x >= below && x < above && x == static_cast<S>(static_cast<T>(x));
  } else {
    return std::in_range<T>(x);
  }
}

}  // namespace detail

template <array_element T>
requires(!std::same_as<T, bool>) std::vector<T> Array::as(const std::string& where)
const {
  const FloatEnvironment own;
  if (is_complex(dtype)) {
    throw Error(where, "real numbers", std::string(name_of(dtype)), "Take real_pairs() first.");
  }
  std::vector<T> out(size());
  if (dtype == dtype_of<T>()) {
    if (!out.empty()) std::memcpy(out.data(), bytes.data(), bytes.size());
    return out;
  }
  detail::visit_elements(*this, [&](std::size_t i, auto x) {
    if (!detail::fits<T>(x)) {
      constexpr bool whole = std::is_integral_v<T>;
      throw Error(
          where,
          "values that " + std::string(name_of(dtype_of<T>())) +
              (whole ? " holds exactly" : " holds"),
          std::string(name_of(dtype)) + " " + detail::text_of_number(x) + " at element " +
              std::to_string(i),
          whole ? "Read it as a wider or floating type."
                : "Repair or drop this value: it stands where there is none, or has a wrong unit.");
    }
    out[i] = static_cast<T>(x);
  });
  return out;
}

/// Between C order and Fortran order: `to_c` reads Fortran, else writes it.
inline std::vector<std::byte> detail::reorder(const std::vector<std::byte>& in,
                                              const Extents& shape, std::size_t element,
                                              bool to_c) {
  std::vector<std::byte> out(in.size());
  std::vector<std::size_t> at(shape.size()), step(shape.size());
  std::size_t s = element;
  for (std::size_t k = 0; k < shape.size(); ++k) {
    step[k] = s;  // of the Fortran layout
    s *= static_cast<std::size_t>(shape[k]);
  }
  std::size_t f = 0;
  for (std::size_t c = 0; c < in.size(); c += element) {
    if (to_c)
      std::memcpy(out.data() + c, in.data() + f, element);
    else
      std::memcpy(out.data() + f, in.data() + c, element);
    for (std::size_t k = shape.size(); k-- > 0;) {
      f += step[k];
      if (++at[k] < static_cast<std::size_t>(shape[k])) break;
      f -= step[k] * at[k];
      at[k] = 0;
    }
  }
  return out;
}

/// The same elements with the axes in reverse, as numpy's a.T: what MATLAB 7.3 files need, whose
/// HDF5 datasets have all extents backwards.
[[nodiscard]] inline Array transposed(const Array& a) {
  Array t = a;
  std::reverse(t.shape.begin(), t.shape.end());
  t.bytes = detail::reorder(a.bytes, a.shape, size_of(a.dtype), false);
  return t;
}

inline void expect_finite(const Array& a, const std::string& where) {
  const FloatEnvironment own;
  const Array reals = a.real_pairs();
  detail::visit_elements(reals, [&](std::size_t i, auto x) {
    if constexpr (std::is_floating_point_v<decltype(x)>) {
      if (!(x - x == 0)) {
        throw Error(where, "finite numbers",
                    detail::text_of_number(x) + " at element " + std::to_string(i),
                    "Repair or drop this sample; a solver must not learn from it.");
      }
    }
  });
}

}  // namespace amq::io
