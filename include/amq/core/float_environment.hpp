#pragma once
/// @file
/// The floating-point environment that amq computes in, whatever the host has set.
///
/// Interval libraries leave another rounding mode behind, others flush denormals or trap. amq
/// promises equal bits, so load, solve and train set the environment a program begins with (to
/// nearest, denormals kept, no traps) and give the host's own back, on every thread they use.

#include <amq/core/executor.hpp>

#include <cfenv>
#include <cstddef>

namespace amq::core {

/// The environment of a program's start for as long as this object lives; the host's afterwards,
/// its flags of exceptions too. Costs less than 0.1 us.
class FloatEnvironment {
 public:
  FloatEnvironment() noexcept {
    std::fegetenv(&hosts_);
    std::fesetenv(FE_DFL_ENV);
  }
  FloatEnvironment(const FloatEnvironment&) = delete;
  FloatEnvironment& operator=(const FloatEnvironment&) = delete;
  ~FloatEnvironment() { std::fesetenv(&hosts_); }

 private:
  std::fenv_t hosts_;
};

/// Another executor's threads, each in amq's environment while it runs a body.
class FloatExecutor final : public Executor {
 public:
  /// @param inner  read as long as this object lives
  explicit FloatExecutor(Executor& inner) noexcept : inner_(&inner) {}
  void parallel_for(std::size_t n, std::size_t grain, const Body& body) override {
    inner_->parallel_for(n, grain, [&body](std::size_t begin, std::size_t end) {
      const FloatEnvironment own;
      body(begin, end);
    });
  }
  [[nodiscard]] std::size_t threads() const noexcept override { return inner_->threads(); }

 private:
  Executor* inner_;
};

}  // namespace amq::core
