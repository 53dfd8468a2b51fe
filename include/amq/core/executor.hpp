#pragma once
/// @file
/// Who runs a loop. The host owns the threads: amq starts none unless it is given a ThreadPool.

#include <cstddef>
#include <functional>

namespace amq {

/// Runs body(begin, end) over disjoint ranges that cover 0 .. n, and returns when all are done.
/// Which thread takes which range is the executor's business; a loop written for it must not care.
/// An exception of a body reaches the caller of parallel_for, after the others have finished.
class Executor {
 public:
  using Body = std::function<void(std::size_t begin, std::size_t end)>;
  Executor() = default;
  Executor(const Executor&) = delete;
  Executor& operator=(const Executor&) = delete;
  virtual ~Executor() = default;

  /// @param grain  the ranges are multiples of grain long, but for the last
  virtual void parallel_for(std::size_t n, std::size_t grain, const Body& body) = 0;
  [[nodiscard]] virtual std::size_t threads() const noexcept = 0;
};

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

}  // namespace amq
