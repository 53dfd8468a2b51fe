#pragma once
/// @file
/// Matrices that come and go within a pass, from buffers that stay: after the first pass of a
/// shape nothing is allocated.

#include <amq/core/aligned.hpp>
#include <amq/core/matrix_view.hpp>

#include <deque>
#include <utility>

namespace amq::core {

/// Not thread-safe: one pool, one arithmetic, one thread that runs the model's text.
template <typename T>
class BufferPool {
  struct Slot {
    AlignedVector<T> memory;
    int users = 0;
    bool in_pool = true;
  };

 public:
  /// A matrix in a buffer of the pool, shared by its copies; the last one gives the buffer back.
  class Handle {
   public:
    Handle() noexcept = default;
    Handle(const Handle& o) noexcept : slot_(o.slot_), view_(o.view_) {
      if (slot_) ++slot_->users;
    }
    Handle(Handle&& o) noexcept : slot_(std::exchange(o.slot_, nullptr)), view_(o.view_) {}
    Handle& operator=(Handle o) noexcept {
      std::swap(slot_, o.slot_);
      std::swap(view_, o.view_);
      return *this;
    }
    ~Handle() {
      if (slot_ && --slot_->users == 0 && !slot_->in_pool) free_alone(slot_);
    }
    [[nodiscard]] MatrixView<T> view() const noexcept { return view_; }
    [[nodiscard]] MatrixView<const T> read() const noexcept { return view_; }
    [[nodiscard]] bool sole_user() const noexcept { return slot_ && slot_->users == 1; }
    /// A part of the columns of the same memory.
    [[nodiscard]] Handle columns(Index first, Index n) const noexcept {
      Handle h(*this);
      h.view_ = MatrixView<T>(view_.data + first, view_.rows, n, view_.stride);
      return h;
    }

    /// The first n rows of the same memory.
    [[nodiscard]] Handle first_rows(Index n) const noexcept {
      Handle h(*this);
      h.view_ = MatrixView<T>(view_.data, n, view_.cols, view_.stride);
      return h;
    }

   private:
    friend class BufferPool;
    /// Out of line: g++ 12 does not see that of several handles only the last frees, and warns of
    /// every other as a use after it.
    [[gnu::noinline]] static void free_alone(Slot* slot) noexcept { delete slot; }

    Slot* slot_ = nullptr;
    MatrixView<T> view_;
  };

  /// From now on there is room for `whole` rows where `part` are asked for: in the next pass the
  /// part may be larger, and should need no other buffers. 1, 1: for those alone.
  void make_room(Index part, Index whole) noexcept {
    part_ = part;
    whole_ = whole;
  }
  /// As many rows as there is room for where so many are asked for.
  [[nodiscard]] Index room_for(Index rows) const noexcept {
    return (rows * whole_ + part_ - 1) / part_;
  }
  /// Uninitialised unless the buffer is new.
  [[nodiscard]] Handle acquire(Index rows, Index cols) {
    return acquire(rows, cols, room_for(rows * cols));
  }
  /// @param room  numbers that the buffer is to hold, of which rows x cols are asked for
  [[nodiscard]] Handle acquire(Index rows, Index cols, Index room) {
    const auto n = static_cast<std::size_t>(room);
    Slot* best = nullptr;  // the smallest that is free and large enough, else the largest free one
    for (Slot& s : slots_) {
      if (s.users > 0) continue;
      const bool fits = s.memory.size() >= n;
      const bool best_fits = best && best->memory.size() >= n;
      if (!best || (fits && !best_fits) ||
          (fits == best_fits &&
           (fits ? s.memory.size() < best->memory.size() : s.memory.size() > best->memory.size())))
        best = &s;
    }
    if (!best) best = &slots_.emplace_back();
    if (best->memory.size() < n) best->memory = AlignedVector<T>(n);
    Handle h;
    h.slot_ = best;
    h.view_ = MatrixView<T>(best->memory.data(), rows, cols);
    ++best->users;
    return h;
  }
  /// Memory of no pool, for a matrix that stands alone: freed with its last handle. Zeros.
  [[nodiscard]] static Handle alone(Index rows, Index cols) {
    Handle h;
    h.slot_ = new Slot{AlignedVector<T>(static_cast<std::size_t>(rows * cols)), 1, false};
    h.view_ = MatrixView<T>(h.slot_->memory.data(), rows, cols);
    return h;
  }
  [[nodiscard]] std::size_t bytes() const noexcept {
    std::size_t total = 0;
    for (const Slot& s : slots_) total += s.memory.size() * sizeof(T);
    return total;
  }

 private:
  std::deque<Slot> slots_;  // a deque: handles keep pointers to slots
  Index part_ = 1, whole_ = 1;
};

}  // namespace amq::core
