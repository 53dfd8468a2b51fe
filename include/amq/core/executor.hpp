#pragma once
/// @file
/// Who runs a loop. The host owns the threads: amq starts none unless it is given a ThreadPool.

#include <amq/core/rooms.hpp>

#include <concepts>
#include <cstddef>
#include <memory>
#include <type_traits>

namespace amq::core {

/// What a loop does with a range, by reference: a call of parallel_for() allocates nothing. Copies
/// refer to the same function, which the caller of parallel_for() keeps until that returns.
class LoopBody {
 public:
  template <typename F>
  requires(!std::same_as<F, LoopBody> && std::is_object_v<F> &&
           std::invocable<const F&, std::size_t, std::size_t>) LoopBody(const F& f)
  noexcept  // NOLINT: loops are lambdas
      : of_(std::addressof(f)), run_([](const void* of, std::size_t begin, std::size_t end) {
          (*static_cast<const F*>(of))(begin, end);
        }) {}
  void operator()(std::size_t begin, std::size_t end) const { run_(of_, begin, end); }

 private:
  const void* of_;
  void (*run_)(const void* of, std::size_t begin, std::size_t end);
};

}  // namespace amq::core

namespace amq {

/// Runs body(begin, end) over disjoint ranges that cover 0 .. n, and returns when all are done.
/// Which thread takes which range is the executor's business; a loop written for it must not care.
/// An exception of a body reaches the caller of parallel_for, after the others have finished.
class Executor {
 public:
  using Body = core::LoopBody;
  Executor() = default;
  Executor(const Executor&) = delete;
  Executor& operator=(const Executor&) = delete;
  virtual ~Executor() = default;

  /// @param grain  the ranges are multiples of grain long, but for the last
  virtual void parallel_for(std::size_t n, std::size_t grain, const Body& body) = 0;
  [[nodiscard]] virtual std::size_t threads() const noexcept = 0;
};

}  // namespace amq

namespace amq::core {

/// The default: the caller's own thread.
class SerialExecutor final : public Executor {
 public:
  void parallel_for(std::size_t n, std::size_t, const Body& body) override {
    if (n > 0) body(0, n);
  }
  [[nodiscard]] std::size_t threads() const noexcept override { return 1; }
};

/// One for whoever was given none.
[[nodiscard]] inline Executor& serial_executor() noexcept {
  static SerialExecutor one;
  return one;
}

}  // namespace amq::core
