#pragma once
/// @file
/// Memory that fails when told to. Included by one file of a test program, whose every allocation
/// it counts: Eigen's and the C library's too, which do not pass operator new.

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <new>

// Sanitizers have a malloc of their own; operator new is then what fails.
#if defined(__GLIBC__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define AMQ_TEST_MALLOC
#endif

namespace failing {

inline std::atomic<long> calls{0}, live{0};
inline thread_local long of_thread = 0;  // calls
inline std::atomic<long> first{0};       // the call that fails, counted from 1; 0: none
inline std::atomic<bool> ever{false};    // and all that follow

[[nodiscard]] inline bool refuses() noexcept {
  ++of_thread;
  const long n = first.load(std::memory_order_relaxed);
  const long k = calls.fetch_add(1, std::memory_order_relaxed) + 1;
  return n != 0 && (k == n || (k > n && ever.load(std::memory_order_relaxed)));
}

/// While it lives, call n fails, or all calls from it on.
class Memory {
 public:
  Memory(long n, bool from_then_on) noexcept {
    calls = 0;
    ever = from_then_on;
    first = n;
  }
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;
  ~Memory() { first = 0; }
  /// Whether call n was reached.
  [[nodiscard]] static bool failed() noexcept { return first != 0 && calls >= first; }
};

/// Every call at first, then ever fewer: some 20 in every doubling of n.
[[nodiscard]] inline long next(long n, long all) noexcept {
  return n + std::max(1L, (n - all) / 30);
}

}  // namespace failing

#ifdef AMQ_TEST_MALLOC
extern "C" {
void* __libc_malloc(std::size_t) noexcept;
void* __libc_calloc(std::size_t, std::size_t) noexcept;
void* __libc_realloc(void*, std::size_t) noexcept;
void* __libc_memalign(std::size_t, std::size_t) noexcept;
void __libc_free(void*) noexcept;
}
namespace failing {
template <typename Take>
void* taken(const Take& take) noexcept {
  if (refuses()) {
    errno = ENOMEM;
    return nullptr;
  }
  void* p = take();
  if (p) live.fetch_add(1, std::memory_order_relaxed);
  return p;
}
}  // namespace failing
extern "C" {
void* malloc(std::size_t n) noexcept {
  return failing::taken([&] { return __libc_malloc(n); });
}
void* calloc(std::size_t n, std::size_t size) noexcept {
  return failing::taken([&] { return __libc_calloc(n, size); });
}
void* realloc(void* p, std::size_t n) noexcept {
  if (!p) return malloc(n);
  if (failing::refuses()) {
    errno = ENOMEM;
    return nullptr;
  }
  return __libc_realloc(p, n);
}
void* memalign(std::size_t align, std::size_t n) noexcept {
  return failing::taken([&] { return __libc_memalign(align, n); });
}
void* aligned_alloc(std::size_t align, std::size_t n) noexcept {
  return failing::taken([&] { return __libc_memalign(align, n); });
}
int posix_memalign(void** p, std::size_t align, std::size_t n) noexcept {
  void* got = failing::taken([&] { return __libc_memalign(align, n); });
  if (!got) return ENOMEM;
  *p = got;
  return 0;
}
void free(void* p) noexcept {
  if (p) failing::live.fetch_sub(1, std::memory_order_relaxed);
  __libc_free(p);
}
}
#else
namespace failing {
inline void* taken(std::size_t n, std::size_t align) {
  void* p = refuses()   ? nullptr
            : align > 0 ? std::aligned_alloc(align, (n + align - 1) / align * align)
                        : std::malloc(n ? n : 1);
  if (!p) throw std::bad_alloc();
  live.fetch_add(1, std::memory_order_relaxed);
  return p;
}
inline void given_back(void* p) noexcept {
  if (p) live.fetch_sub(1, std::memory_order_relaxed);
  std::free(p);
}
}  // namespace failing
void* operator new(std::size_t n) {
  return failing::taken(n, 0);
}
void* operator new(std::size_t n, std::align_val_t a) {
  return failing::taken(n, static_cast<std::size_t>(a));
}
void operator delete(void* p) noexcept {
  failing::given_back(p);
}
void operator delete(void* p, std::size_t) noexcept {
  failing::given_back(p);
}
void operator delete(void* p, std::align_val_t) noexcept {
  failing::given_back(p);
}
void operator delete(void* p, std::size_t, std::align_val_t) noexcept {
  failing::given_back(p);
}
#endif
