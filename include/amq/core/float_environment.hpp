#pragma once
/// @file
/// The floating-point environment that amq computes in, whatever the host has set.
///
/// Interval libraries leave another rounding mode behind, others flush denormals or trap. amq
/// promises equal bits, so load, solve and train set the environment a program begins with (to
/// nearest, denormals kept, no traps) and give the host's own back, on every thread they use. What
/// they call of the host on the way runs in the host's again: see as_host().

#include <amq/core/executor.hpp>

#include <cfenv>
#include <cstddef>
#include <utility>

namespace amq::core {

/// The environment of a program's start for as long as this object lives; the host's afterwards,
/// its flags of exceptions too. Costs less than 0.1 us.
class FloatEnvironment {
 public:
  FloatEnvironment() noexcept : around_(entered) {
    std::fegetenv(&hosts_);
    std::fesetenv(FE_DFL_ENV);
    if (!entered) entered = this;
  }
  FloatEnvironment(const FloatEnvironment&) = delete;
  FloatEnvironment& operator=(const FloatEnvironment&) = delete;
  ~FloatEnvironment() {
    std::fesetenv(&hosts_);
    entered = around_;
  }

 private:
  friend class HostEnvironment;
  // The guard by which this thread came from the host into amq, who has the host's environment.
  static inline constinit thread_local FloatEnvironment* entered = nullptr;

  FloatEnvironment* around_;
  std::fenv_t hosts_;
};

/// The host's environment inside of guards, for as long as this object lives; amq's afterwards.
/// What the host changes meanwhile is what it finds when amq returns. Without a guard: nothing.
class HostEnvironment {
 public:
  HostEnvironment() noexcept : left_(std::exchange(FloatEnvironment::entered, nullptr)) {
    if (!left_) return;
    std::fegetenv(&own_);
    std::fesetenv(&left_->hosts_);
  }
  HostEnvironment(const HostEnvironment&) = delete;
  HostEnvironment& operator=(const HostEnvironment&) = delete;
  ~HostEnvironment() {
    if (!left_) return;
    std::fegetenv(&left_->hosts_);
    std::fesetenv(&own_);
    FloatEnvironment::entered = left_;
  }

 private:
  FloatEnvironment* left_;
  std::fenv_t own_;
};

/// Calls back into the host, in the host's environment. For who watches, sets boundaries or runs
/// loops; what decides amq's numbers, as a loss or a score of one's own, is called in amq's.
template <typename F>
decltype(auto) as_host(const F& f) {
  const HostEnvironment hosts;
  return f();
}

/// Another executor's threads, each in amq's environment while it runs a body.
class FloatExecutor final : public Executor {
 public:
  /// @param inner  read as long as this object lives
  explicit FloatExecutor(Executor& inner) noexcept : inner_(&inner) {}
  void parallel_for(std::size_t n, std::size_t grain, const Body& body) override {
    if (inner_ == &serial_executor()) {  // nobody's thread but this one
      const FloatEnvironment own;
      return inner_->parallel_for(n, grain, body);
    }
    as_host([&] {
      inner_->parallel_for(n, grain, [&body](std::size_t begin, std::size_t end) {
        const FloatEnvironment own;
        body(begin, end);
      });
    });
  }
  [[nodiscard]] std::size_t threads() const noexcept override { return inner_->threads(); }

 private:
  Executor* inner_;
};

}  // namespace amq::core
