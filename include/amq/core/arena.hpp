#pragma once
/// @file
/// Memory for one pass, handed out front to back and given back all at once.

#include <amq/core/aligned.hpp>

#include <algorithm>
#include <cstddef>
#include <memory>
#include <type_traits>
#include <vector>

namespace amq::core {

/// After the first pass, a pass of the same or smaller size allocates nothing: reset() joins the
/// blocks that were needed into one. Pointers stay valid until reset().
class Arena {
 public:
  /// Uninitialised room for n objects that need no destructor, on a cache line of its own.
  template <typename T>
  [[nodiscard]] T* allocate(std::size_t n) {
    static_assert(std::is_trivially_destructible_v<T> && alignof(T) <= cache_line);
    const std::size_t bytes = (n * sizeof(T) + cache_line - 1) / cache_line * cache_line;
    if (blocks_.empty() || used_ + bytes > blocks_.back().size()) {
      full_ += blocks_.empty() ? 0 : blocks_.back().size();
      blocks_.emplace_back(std::max({bytes, full_, std::size_t{1} << 16}));
      used_ = 0;
    }
    std::byte* p = blocks_.back().data() + used_;
    used_ += bytes;
    return reinterpret_cast<T*>(p);
  }
  void reset() {
    if (blocks_.size() > 1) {
      const std::size_t total = capacity();
      blocks_.clear();
      blocks_.emplace_back(total);
    }
    used_ = full_ = 0;
  }
  [[nodiscard]] std::size_t capacity() const noexcept {
    std::size_t total = 0;
    for (const auto& b : blocks_) total += b.size();
    return total;
  }

 private:
  /// Not a vector: its elements would be zeroed first.
  class Block {
   public:
    explicit Block(std::size_t bytes)
        : data_(AlignedAllocator<std::byte>{}.allocate(bytes)), size_(bytes) {}
    [[nodiscard]] std::byte* data() const noexcept { return data_.get(); }
    [[nodiscard]] std::size_t size() const noexcept { return size_; }

   private:
    struct Free {
      void operator()(std::byte* p) const noexcept {
        AlignedAllocator<std::byte>{}.deallocate(p, 0);
      }
    };
    std::unique_ptr<std::byte, Free> data_;
    std::size_t size_;
  };
  std::vector<Block> blocks_;
  std::size_t used_ = 0, full_ = 0;
};

}  // namespace amq::core
