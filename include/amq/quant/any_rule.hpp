#pragma once
/// @file
/// A row rule that is chosen at run time: by a file, a command line, or a machine that is compiled
/// once for all rules. What knows its rule when it is compiled takes the rule's type instead.

#include <amq/core/error.hpp>
#include <amq/quant/row_rule.hpp>

#include <cmath>
#include <string>
#include <string_view>
#include <vector>

namespace amq::quant {

/// One of amq's rules, or a user's, whose type has been forgotten. Small, and never empty.
class AnyRule {
 public:
  constexpr AnyRule(RowRule rule = RowRule::affine) noexcept  // NOLINT: its name is a rule
      : table_(&table_of(rule)) {}
  template <row_rule R>
  constexpr AnyRule(R) noexcept : table_(&table<R>) {}  // NOLINT: as above

  /// The rule of amq that a file calls so, by its name or by the one that older files have.
  /// @throws Error for a name that is none of amq's: a program must name its own rules itself
  [[nodiscard]] static AnyRule named(std::string_view name, const std::string& where) {
    for (const RowRule r :
         {RowRule::min_max, RowRule::affine, RowRule::symmetric, RowRule::fixed}) {
      const Table& t = table_of(r);
      if (name == t.name || name == t.former_name) return r;
    }
    throw Error(where, "a row rule of amq: by_range, by_deviation, by_magnitude or static",
                "'" + std::string(name) + "'",
                "If it is a rule of yours, name it in the scheme: amq::Scheme<Weights<8>, "
                "Activations<...>, YourRule>.");
  }

  [[nodiscard]] constexpr RowRule kind() const noexcept { return table_->kind; }
  [[nodiscard]] constexpr std::string_view name() const noexcept { return table_->name; }
  /// What files of before the rules had their names call it.
  [[nodiscard]] constexpr std::string_view former_name() const noexcept {
    return table_->former_name;
  }
  [[nodiscard]] constexpr const RuleFacts& facts() const noexcept { return table_->facts; }
  [[nodiscard]] constexpr int lowest(int bits) const noexcept { return table_->lowest(bits); }
  [[nodiscard]] float default_a(int bits) const noexcept { return table_->default_a(bits); }
  [[nodiscard]] RowGrid grid(const float* x, Index n, int bits, float a, float o) const noexcept {
    return table_->grid(x, n, bits, a, o);
  }
  /// What the rule itself says, be it a grid or not. @pre n > 0
  [[nodiscard]] RowGrid unchecked_grid(const float* x, Index n, int bits, float a,
                                       float o) const noexcept {
    return table_->unchecked_grid(x, n, bits, a, o);
  }
  [[nodiscard]] friend constexpr bool operator==(const AnyRule& a, const AnyRule& b) noexcept {
    return a.kind() == b.kind() && a.name() == b.name();
  }

 private:
  struct Table {
    RowRule kind;
    std::string_view name, former_name;
    RuleFacts facts;
    int (*lowest)(int) noexcept;
    float (*default_a)(int) noexcept;
    RowGrid (*grid)(const float*, Index, int, float, float) noexcept;
    RowGrid (*unchecked_grid)(const float*, Index, int, float, float) noexcept;
  };
  template <row_rule R>
  [[nodiscard]] static constexpr std::string_view former_name_of() noexcept {
    if constexpr (requires { R::former_name; })
      return R::former_name;
    else
      return R::name;
  }
  template <row_rule R>
  static constexpr int lowest_code_of(int bits) noexcept {
    return lowest_of(R{}, bits);
  }
  template <row_rule R>
  static float default_of(int bits) noexcept {
    return R::default_a(bits);
  }
  template <row_rule R>
  static RowGrid grid_of(const float* x, Index n, int bits, float a, float o) noexcept {
    return row_grid(R{}, x, n, bits, a, o);
  }
  template <row_rule R>
  static RowGrid unchecked_grid_of(const float* x, Index n, int bits, float a, float o) noexcept {
    return R::grid(x, n, bits, a, o);
  }
  template <row_rule R>
  static constexpr Table table{
      kind_of(R{}),       R::name,        former_name_of<R>(), facts_of(R{}),
      &lowest_code_of<R>, &default_of<R>, &grid_of<R>,         &unchecked_grid_of<R>};
  [[nodiscard]] static constexpr const Table& table_of(RowRule rule) noexcept {
    switch (rule) {
      case RowRule::affine:
        return table<ByDeviation>;
      case RowRule::symmetric:
        return table<ByMagnitude>;
      case RowRule::fixed:
        return table<Static>;
      case RowRule::min_max:
      case RowRule::own:  // whose type would have to be known
        break;
    }
    return table<ByRange>;
  }
  const Table* table_;
};

// What is asked of a rule, whether its type is known or not.
[[nodiscard]] constexpr RowRule kind_of(const AnyRule& r) noexcept {
  return r.kind();
}
[[nodiscard]] constexpr RuleFacts facts_of(const AnyRule& r) noexcept {
  return r.facts();
}
[[nodiscard]] constexpr int lowest_of(const AnyRule& r, int bits) noexcept {
  return r.lowest(bits);
}
[[nodiscard]] inline RowGrid row_grid(const AnyRule& r, const float* x, Index n, int bits, float a,
                                      float o) noexcept {
  return r.grid(x, n, bits, a, o);
}

using RowCoder = BasicRowCoder<AnyRule>;

/// Looks at a user's rule as a network is built with it: at every level, on a few rows, steps are
/// positive and proportional to a, offsets finite, and the same row has the same grid again.
/// @throws Error naming the rule and the law it breaks
inline void check_row_rule(const AnyRule& rule, const std::vector<int>& levels) {
  if (rule.kind() != RowRule::own) return;
  const std::string where = "row rule '" + std::string(rule.name()) + "'";
  constexpr Index n = 37;
  std::vector<float> x(static_cast<std::size_t>(n));
  for (int shape = 0; shape < 3; ++shape) {
    for (Index k = 0; k < n; ++k) {
      const float t = static_cast<float>((7 * k) % n) / static_cast<float>(n);
      x[static_cast<std::size_t>(k)] = shape == 0   ? t - 0.4f
                                       : shape == 1 ? 3.0f + t * t
                                                    : -9.0f * t;
    }
    for (const int bits : levels) {
      const auto want = [&](bool ok, const char* law, float found) {
        if (!ok)
          throw Error(where, std::string(law) + " at " + std::to_string(bits) + " bits",
                      std::to_string(found),
                      "Mend grid(x, n, bits, a, o) or default_a(bits) of the rule.");
      };
      const float a = rule.default_a(bits);
      want(a > 0 && std::isfinite(a), "default_a above 0", a);
      want(rule.lowest(bits) <= 0, "a lowest code of at most 0",
           static_cast<float>(rule.lowest(bits)));
      const auto at = [&](float factor) {
        return rule.unchecked_grid(x.data(), n, bits, factor, 0);
      };
      const RowGrid g = at(a), again = at(a), twice = at(2 * a);
      want(std::isfinite(g.offset), "a finite offset", g.offset);
      want(g == again, "the same grid for the same row", again.step);
      if (bits == 0) continue;
      want(g.step > 0 && std::isfinite(g.step), "a positive step", g.step);
      want(std::fabs(twice.step - 2 * g.step) <= 1e-5f * g.step, "a step proportional to a",
           twice.step / g.step);
    }
  }
}

}  // namespace amq::quant
