#pragma once
/// @file
/// Which rows of a pass are computed: all, or those that a point gives bits to.

#include <amq/arithmetic/bit_plan.hpp>

#include <cstdint>
#include <deque>
#include <span>
#include <utility>
#include <vector>

namespace amq {

/// Reads a plan for all rows, or for those that a branch has chosen. What it gives out lives until
/// the next begin().
class LiveRows {
 public:
  /// Rows of a branch, by their number outside of it.
  using Rows = std::vector<std::int32_t>;

  void begin(const BitPlan& plan) noexcept {
    plan_ = &plan;
    chosen_ = nullptr;
    choices_.clear();
    gathered_.clear();
  }
  [[nodiscard]] const BitPlan& plan() const noexcept { return *plan_; }

  /// The bits of n rows at a point; empty if they are all the plan's uniform bits.
  /// @param n  rows now computed
  /// @throws Error if the plan has another number of rows
  [[nodiscard]] std::span<const std::uint8_t> bits(PointId point, RowKind kind, Index n) {
    if (!chosen_) return plan_->bits(point, kind, n);
    const auto all = plan_->bits(point, kind, chosen_->of);
    if (all.empty()) return all;
    for (const Gathered& g : gathered_)
      if (g.from == all.data() && g.choice == chosen_) return g.bits;
    Gathered& g = gathered_.emplace_back();
    g.from = all.data();
    g.choice = chosen_;
    for (const std::int32_t row : chosen_->row)
      g.bits.push_back(all[static_cast<std::size_t>(row)]);
    return g.bits;
  }
  /// Runs f(rows) with those rows alone alive whose bits are not 0.
  /// @param bits  what bits() gave
  template <typename F>
  void with(std::span<const std::uint8_t> bits, const F& f) {
    const Choice& next = choice_of(bits);
    const Choice* outer = std::exchange(chosen_, &next);
    f(next.here);
    chosen_ = outer;
  }
  [[nodiscard]] static bool any_of_zero(std::span<const std::uint8_t> bits) noexcept {
    for (const auto b : bits)
      if (b == 0) return true;
    return false;
  }

 private:
  struct Choice {
    const std::uint8_t* by = nullptr;
    Index of = 0;    ///< rows outside of all branches
    Rows row, here;  ///< of the whole; of the rows alive outside this branch
  };
  struct Gathered {
    const std::uint8_t* from = nullptr;
    const Choice* choice = nullptr;
    std::vector<std::uint8_t> bits;
  };
  const Choice& choice_of(std::span<const std::uint8_t> bits) {
    for (const Choice& c : choices_)
      if (c.by == bits.data()) return c;
    Choice& c = choices_.emplace_back();
    c.by = bits.data();
    c.of = chosen_ ? chosen_->of : static_cast<Index>(bits.size());
    for (std::size_t i = 0; i < bits.size(); ++i)
      if (bits[i] != 0) {
        c.here.push_back(static_cast<std::int32_t>(i));
        c.row.push_back(chosen_ ? chosen_->row[i] : static_cast<std::int32_t>(i));
      }
    return c;
  }

  const BitPlan* plan_ = nullptr;
  const Choice* chosen_ = nullptr;  // null: all rows
  std::deque<Choice> choices_;      // of stable addresses
  std::deque<Gathered> gathered_;
};

}  // namespace amq
