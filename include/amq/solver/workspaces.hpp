#pragma once
/// @file
/// Workspaces for a solver that many threads share: each solve borrows one and gives it back.

#include <amq/core/rooms.hpp>

#include <memory>
#include <mutex>
#include <utility>
#include <vector>

namespace amq::solver {

/// As many are kept as were in use at once.
template <typename Workspace>
class Workspaces {
 public:
  /// Gives the workspace back when it goes, also past an exception.
  class Lease {
   public:
    Lease(Workspaces& from, std::unique_ptr<Workspace> w) noexcept
        : from_(&from), workspace_(std::move(w)) {}
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;
    ~Lease() { from_->give_back(std::move(workspace_)); }
    Workspace& operator*() const noexcept { return *workspace_; }
    Workspace* operator->() const noexcept { return workspace_.get(); }

   private:
    Workspaces* from_;
    std::unique_ptr<Workspace> workspace_;
  };

  /// @param make  make() -> unique_ptr, asked where all are in use
  template <typename Make>
  [[nodiscard]] Lease borrow(const Make& make) {
    {
      const std::lock_guard lock(mutex_);
      if (!free_.empty()) {
        auto w = std::move(free_.back());
        free_.pop_back();
        return Lease(*this, std::move(w));
      }
      // Giving back must not allocate, since it happens while exceptions fly.
      free_.reserve(++made_);
    }
    return Lease(*this, make());
  }

 private:
  void give_back(std::unique_ptr<Workspace> w) noexcept {
    const std::lock_guard lock(mutex_);
    free_.push_back(std::move(w));
  }
  std::mutex mutex_;
  std::vector<std::unique_ptr<Workspace>> free_;
  std::size_t made_ = 0;
};

}  // namespace amq::solver
