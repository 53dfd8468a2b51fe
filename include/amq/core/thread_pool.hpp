#pragma once
/// @file
/// An executor for programs that have no threads of their own.

#include <amq/core/executor.hpp>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

namespace amq {

/// n_threads - 1 workers and the caller. Ranges are handed out one grain at a time, so uneven
/// work balances itself. One parallel_for at a time; a nested call runs serially.
class ThreadPool final : public Executor {
 public:
  explicit ThreadPool(std::size_t n_threads = std::max(1u, std::thread::hardware_concurrency())) {
    for (std::size_t t = 1; t < n_threads; ++t) workers_.emplace_back([this] { work(); });
  }
  ~ThreadPool() override {
    {
      const std::lock_guard lock(mutex_);
      stop_ = true;
    }
    wake_.notify_all();
    for (auto& w : workers_) w.join();
  }

  void parallel_for(std::size_t n, std::size_t grain, const Body& body) override {
    if (n == 0) return;
    grain = std::max<std::size_t>(grain, 1);
    if (workers_.empty() || n <= grain || inside()) return body(0, n);
    const std::lock_guard one_at_a_time(callers_);
    {
      const std::lock_guard lock(mutex_);
      body_ = &body;
      n_ = n;
      grain_ = grain;
      next_.store(0, std::memory_order_relaxed);
      busy_ = workers_.size();
      ++round_;
    }
    wake_.notify_all();
    run();
    std::unique_lock lock(mutex_);
    done_.wait(lock, [this] { return busy_ == 0; });
    if (const auto e = std::exchange(error_, nullptr)) std::rethrow_exception(e);
  }
  [[nodiscard]] std::size_t threads() const noexcept override { return workers_.size() + 1; }

 private:
  static bool& inside() noexcept {
    thread_local bool flag = false;
    return flag;
  }
  void run() {
    inside() = true;
    for (;;) {
      const std::size_t begin = next_.fetch_add(grain_, std::memory_order_relaxed);
      if (begin >= n_) break;
      try {
        (*body_)(begin, std::min(n_, begin + grain_));
      } catch (...) {
        const std::lock_guard lock(mutex_);
        if (!error_) error_ = std::current_exception();
      }
    }
    inside() = false;
  }
  void work() {
    std::uint64_t seen = 0;
    std::unique_lock lock(mutex_);
    for (;;) {
      wake_.wait(lock, [&] { return stop_ || round_ != seen; });
      if (stop_) return;
      seen = round_;
      lock.unlock();
      run();
      lock.lock();
      if (--busy_ == 0) done_.notify_one();
    }
  }

  std::vector<std::thread> workers_;
  std::mutex mutex_, callers_;
  std::condition_variable wake_, done_;
  const Body* body_ = nullptr;
  std::size_t n_ = 0, grain_ = 1, busy_ = 0;
  std::atomic<std::size_t> next_{0};
  std::uint64_t round_ = 0;
  bool stop_ = false;
  std::exception_ptr error_;
};

}  // namespace amq
