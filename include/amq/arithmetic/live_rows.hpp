#pragma once
/// @file
/// Which rows of a pass are computed: all, or those that a point gives bits to.

#include <amq/arithmetic/bit_plan.hpp>

#include <cstdint>
#include <deque>
#include <span>
#include <utility>
#include <vector>

namespace amq::arithmetics {

/// Reads a plan for all rows, or for those that a branch has chosen. What it gives out lives until
/// the next begin(); its memory is kept for the next plan.
class LiveRows {
 public:
  /// Rows of a branch, by their number outside of it.
  using Rows = std::vector<std::int32_t>;

  void begin(const BitPlan& plan) noexcept {
    plan_ = &plan;
    chosen_ = nullptr;
    n_choices_ = n_gathered_ = 0;
  }
  [[nodiscard]] const BitPlan& plan() const noexcept { return *plan_; }
  /// Rows now alive, and rows outside of all branches; 1 and 1 outside of them.
  [[nodiscard]] std::pair<Index, Index> share() const noexcept {
    if (!chosen_ || chosen_->row.empty()) return {1, 1};
    return {static_cast<Index>(chosen_->row.size()), chosen_->of};
  }

  /// The bits of n rows at a point; empty if they are all the plan's uniform bits.
  /// @param n  rows now computed
  /// @throws Error if the plan has another number of rows
  [[nodiscard]] std::span<const std::uint8_t> bits(PointId point, RowKind kind, Index n) {
    if (!chosen_) return plan_->bits(point, kind, n);
    const auto all = plan_->bits(point, kind, chosen_->of);
    if (all.empty()) return all;
    for (std::size_t k = 0; k < n_gathered_; ++k)
      if (const Gathered& g = gathered_[k]; g.from == all.data() && g.choice == chosen_)
        return g.bits;
    Gathered& g = next(gathered_, n_gathered_);
    g.from = all.data();
    g.choice = chosen_;
    g.bits.clear();
    g.bits.reserve(all.size());
    for (const std::int32_t row : chosen_->row)
      g.bits.push_back(all[static_cast<std::size_t>(row)]);
    return g.bits;
  }
  /// Runs f(rows) with those rows alone alive whose bits are not 0.
  /// @param bits  what bits() gave
  template <typename F>
  void with(std::span<const std::uint8_t> bits, const F& f) {
    const Choice& inner = choice_of(bits);
    const Choice* outer = std::exchange(chosen_, &inner);
    f(inner.here);
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
    for (std::size_t k = 0; k < n_choices_; ++k)
      if (choices_[k].by == bits.data()) return choices_[k];
    Choice& c = next(choices_, n_choices_);
    c.by = bits.data();
    c.of = chosen_ ? chosen_->of : static_cast<Index>(bits.size());
    for (Rows* rows : {&c.here, &c.row}) {
      rows->clear();
      rows->reserve(static_cast<std::size_t>(c.of));  // more may be alive in the next plan
    }
    for (std::size_t i = 0; i < bits.size(); ++i)
      if (bits[i] != 0) {
        c.here.push_back(static_cast<std::int32_t>(i));
        c.row.push_back(chosen_ ? chosen_->row[i] : static_cast<std::int32_t>(i));
      }
    return c;
  }

  template <typename T>
  static T& next(std::deque<T>& all, std::size_t& used) {
    if (used == all.size()) all.emplace_back();
    return all[used++];
  }

  const BitPlan* plan_ = nullptr;
  const Choice* chosen_ = nullptr;  // null: all rows
  std::deque<Choice> choices_;      // of stable addresses
  std::deque<Gathered> gathered_;
  std::size_t n_choices_ = 0, n_gathered_ = 0;  // of this plan
};

}  // namespace amq::arithmetics
