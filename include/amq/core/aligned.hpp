#pragma once
/// @file
/// Storage whose first byte sits on a cache line, so that a vector register never straddles two.

#include <amq/core/rooms.hpp>

#include <cstddef>
#include <new>
#include <vector>

namespace amq::core {

inline constexpr std::size_t cache_line = 64;

template <typename T>
struct AlignedAllocator {
  using value_type = T;
  AlignedAllocator() noexcept = default;
  template <typename U>
  AlignedAllocator(const AlignedAllocator<U>&) noexcept {}  // NOLINT: the standard asks for it
  [[nodiscard]] T* allocate(std::size_t n) {
    return static_cast<T*>(::operator new (n * sizeof(T), std::align_val_t{cache_line}));
  }
  void deallocate(T* p, std::size_t) noexcept {
    ::operator delete (p, std::align_val_t{cache_line});
  }
  template <typename U>
  bool operator==(const AlignedAllocator<U>&) const noexcept {
    return true;
  }
};

template <typename T>
using AlignedVector = std::vector<T, AlignedAllocator<T>>;

/// Scratch that is kept from call to call: grown where it has less than n. What it held is no
/// longer meant.
template <typename T>
T* at_least(AlignedVector<T>& scratch, std::ptrdiff_t n) {
  if (scratch.size() < static_cast<std::size_t>(n)) scratch.resize(static_cast<std::size_t>(n));
  return scratch.data();
}

}  // namespace amq::core
