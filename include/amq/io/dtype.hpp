#pragma once
/// @file
/// The element types of files, and the two 16-bit floats C++20 does not know.

#include <amq/core/rooms.hpp>

#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <type_traits>

namespace amq::io {

enum class DType : std::uint8_t {
  boolean,
  u8,
  i8,
  u16,
  i16,
  u32,
  i32,
  u64,
  i64,
  f16,
  bf16,
  f32,
  f64,
  c64,
  c128
};

/// Bytes per element; a complex number counts as one element.
[[nodiscard]] constexpr std::size_t size_of(DType t) noexcept {
  switch (t) {
    case DType::boolean:
    case DType::u8:
    case DType::i8:
      return 1;
    case DType::u16:
    case DType::i16:
    case DType::f16:
    case DType::bf16:
      return 2;
    case DType::u32:
    case DType::i32:
    case DType::f32:
      return 4;
    case DType::u64:
    case DType::i64:
    case DType::f64:
    case DType::c64:
      return 8;
    case DType::c128:
      return 16;
  }
  return 0;
}
/// What a byte swap turns around: the half of a complex number.
[[nodiscard]] constexpr std::size_t word_of(DType t) noexcept {
  return t == DType::c64 || t == DType::c128 ? size_of(t) / 2 : size_of(t);
}
/// As people say it in an error message: "float32".
[[nodiscard]] constexpr std::string_view name_of(DType t) noexcept {
  constexpr std::string_view names[] = {
      "bool",  "uint8",   "int8",     "uint16",  "int16",   "uint32",    "int32",     "uint64",
      "int64", "float16", "bfloat16", "float32", "float64", "complex64", "complex128"};
  return names[static_cast<std::size_t>(t)];
}
[[nodiscard]] constexpr bool is_float(DType t) noexcept {
  return t == DType::f16 || t == DType::bf16 || t == DType::f32 || t == DType::f64;
}
[[nodiscard]] constexpr bool is_complex(DType t) noexcept {
  return t == DType::c64 || t == DType::c128;
}

template <typename T>
concept array_element = std::is_arithmetic_v<T> && !std::same_as<std::remove_cv_t<T>, long double>;

/// The DType of a C++ number, by size and sign, so that `long` and `long long` are both int64.
template <array_element T>
[[nodiscard]] constexpr DType dtype_of() noexcept {
  using U = std::remove_cv_t<T>;
  if constexpr (std::same_as<U, bool>) return DType::boolean;
  if constexpr (std::is_floating_point_v<U>) return sizeof(U) == 4 ? DType::f32 : DType::f64;
  constexpr bool s = std::is_signed_v<U>;
  switch (sizeof(U)) {
    case 1:
      return s ? DType::i8 : DType::u8;
    case 2:
      return s ? DType::i16 : DType::u16;
    case 4:
      return s ? DType::i32 : DType::u32;
    default:
      return s ? DType::i64 : DType::u64;
  }
}

/// IEEE 754 binary16, exact.
[[nodiscard]] constexpr float from_f16(std::uint16_t h) noexcept {
  const std::uint32_t sign = std::uint32_t{h & 0x8000u} << 16, exponent = (h >> 10) & 31u,
                      fraction = h & 0x3ffu;
  if (exponent == 0) {  // zero and subnormals are multiples of 2^-24, exact in float
    const float x = static_cast<float>(fraction) * 0x1p-24f;
    return sign ? -x : x;
  }
  const std::uint32_t e = exponent == 31 ? 255u : exponent + 112u;
  return std::bit_cast<float>(sign | (e << 23) | (fraction << 13));
}
/// To nearest, ties to even; overflow goes to infinity, NaN stays NaN.
[[nodiscard]] constexpr std::uint16_t to_f16(float x) noexcept {
  const auto bits = std::bit_cast<std::uint32_t>(x);
  const auto sign = static_cast<std::uint16_t>((bits >> 16) & 0x8000u);
  const std::uint32_t a = bits & 0x7fffffffu;
  if (a > 0x7f800000u) return static_cast<std::uint16_t>(sign | 0x7e00u);
  if (a >= 0x477ff000u) return static_cast<std::uint16_t>(sign | 0x7c00u);  // >= 65520
  if (a < 0x38800000u) {                                                    // below 2^-14
    // Adding 0.5 pushes the units of 2^-24 to the bottom of the fraction, rounded by the adder.
    const float shifted = std::bit_cast<float>(a) + 0.5f;
    return static_cast<std::uint16_t>(sign | (std::bit_cast<std::uint32_t>(shifted) - 0x3f000000u));
  }
  const std::uint32_t rounded = a + 0xfffu + ((a >> 13) & 1u) - (112u << 23);
  return static_cast<std::uint16_t>(sign | (rounded >> 13));
}
/// The upper half of a float.
[[nodiscard]] constexpr float from_bf16(std::uint16_t h) noexcept {
  return std::bit_cast<float>(std::uint32_t{h} << 16);
}
[[nodiscard]] constexpr std::uint16_t to_bf16(float x) noexcept {
  const auto bits = std::bit_cast<std::uint32_t>(x);
  if ((bits & 0x7fffffffu) > 0x7f800000u) return static_cast<std::uint16_t>((bits >> 16) | 0x40u);
  return static_cast<std::uint16_t>((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}

}  // namespace amq::io
