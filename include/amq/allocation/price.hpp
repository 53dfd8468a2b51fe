#pragma once
/// @file
/// What a row costs at each level.
///
/// | price         | unit        | take it when                                                   |
/// |---------------|-------------|----------------------------------------------------------------|
/// | Bops          | BOPs        | costs are compared between machines; hardware of narrow widths |
/// | MeasuredTimes | picoseconds | this machine's clock is what counts                            |

#include <amq/allocation/problem.hpp>
#include <amq/allocation/rows.hpp>
#include <amq/arithmetic/counting.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace amq::allocation {

/// What the products of one pass cost, as far as it can be known before bits are given out: counted
/// once a mesh.
struct PassWork {
  std::vector<Cost> bops_per_bit;  ///< [PointId] BOPs of a pass for each bit of one row; 0 where
                                   ///< bits are fixed
  Cost fixed_bops = 0;             ///< products of fixed bits, for the graph that was counted
  Cost float_bops = 0;             ///< the whole pass at 32 x 32 bits
  Cost score_bops = 0;             ///< what scoring costs, paid from the budget

  PassWork() = default;
  /// @param cost  of this graph, from BasicCounting at any plan
  PassWork(const ParameterLayout& layout, const PassCost& cost)
      : bops_per_bit(layout.points().size(), 0) {
    for (const ProductCost& c : cost.products) {
      float_bops += static_cast<Cost>(c.macs) * 1024;
      if (c.adaptive)
        bops_per_bit[to_index(c.id)] +=
            static_cast<Cost>(c.in) * static_cast<Cost>(c.out) * c.weight_bits;
      else
        fixed_bops += static_cast<Cost>(c.bops);
    }
  }
};

}  // namespace amq::allocation

namespace amq {

/// Measured time of a row at each quantization point and level. Columns are those of PointScores.
struct RowTimes {
  std::vector<int> levels;          ///< bits
  std::vector<std::string> points;  ///< (column) names
  std::vector<std::vector<allocation::Cost>>
      picoseconds;      ///< (column)(level) of one row, coding and products
  std::string machine;  ///< where and how, for people
  /// What a pass of `rest_bops` float operations takes beside these rows, choosing bits included.
  /// Passes over other meshes take more or less as their operations are.
  allocation::Cost rest_picoseconds = 0, rest_bops = 0;

  /// Makes the sums of rows those of whole passes: a pass at one level everywhere takes the rest
  /// and its rows, to the picosecond. Alone a row is coded in other ways than between two products;
  /// what points cost beside each other is kept, and each level gets a factor. The rest is a pass
  /// of 0 bits where the scheme has them, so that rows pay for all that 0 bits leave out; else what
  /// rows of the highest level leave of their pass.
  /// @param rows      (level) picoseconds of all rows of a pass at that level, by these times
  /// @param passes    (level) measured picoseconds of that pass
  /// @param choosing  picoseconds
  /// @param bops      float operations of that pass
  void fit_to_passes(const std::vector<double>& rows, const std::vector<double>& passes,
                     double choosing, allocation::Cost bops) {
    const double rest = levels.front() == 0 ? *std::min_element(passes.begin(), passes.end())
                                            : std::max(0.0, passes.back() - rows.back());
    for (std::size_t k = 0; k < rows.size(); ++k) {
      const double factor = rows[k] > 0 ? std::max(0.0, passes[k] - rest) / rows[k] : 0.0;
      for (auto& column : picoseconds)
        column[k] =
            static_cast<allocation::Cost>(std::llround(factor * static_cast<double>(column[k])));
    }
    rest_picoseconds = static_cast<allocation::Cost>(std::llround(rest + choosing));
    rest_bops = bops;
  }

  /// Whether nothing was measured; a network may have no row that bits are chosen for.
  [[nodiscard]] bool empty() const noexcept { return levels.empty(); }
  /// @throws Error unless there is a time from 0 to 1 s for each of these levels at each adaptive
  ///         point of the layout
  void check(const arithmetics::ParameterLayout& layout, const std::vector<int>& expected) const {
    const allocation::PointScores shape(layout);
    bool good = levels == expected && picoseconds.size() == shape.points.size() &&
                points.size() == shape.points.size();
    for (std::size_t c = 0; good && c < points.size(); ++c)
      good &= points[c] == layout.point(shape.points[c]).name;
    for (const auto& column : picoseconds) {
      good &= column.size() == levels.size();
      for (const allocation::Cost t : column) good &= t >= 0 && t <= 1'000'000'000'000;
    }
    good &= rest_picoseconds >= 0 && rest_bops >= 0 && (rest_picoseconds == 0 || rest_bops > 0);
    if (!good)
      throw Error("row times",
                  "a time of 0 to 1 s for each of " + std::to_string(expected.size()) +
                      " levels at each of this network's " + std::to_string(shape.points.size()) +
                      " points",
                  std::to_string(levels.size()) + " levels at " +
                      std::to_string(picoseconds.size()) + " points",
                  "Measure this network under this scheme.");
  }
};

}  // namespace amq

namespace amq::allocation {

/// One row of a quantization point, as a price sees it.
struct RowWork {
  std::size_t column = 0;  ///< of PointScores
  RowKind kind = RowKind::node;
  Index channels = 0;
  Cost bops_per_bit = 0;  ///< see PassWork
};

/// A row costs work(row) units, each of which costs per_unit(row, k) at level k, of `bits` bits.
/// Both are at least 0, and so is fixed(pass), what the pass costs whatever the bits.
template <typename P>
concept price = requires(const P p, const RowWork& row, const PassWork& pass, std::size_t k) {
  { P::unit } -> std::convertible_to<std::string_view>;
  { p.work(row) } -> std::same_as<Cost>;
  { p.per_unit(row, k, 8) } -> std::same_as<Cost>;
  { p.fixed(pass) } -> std::same_as<Cost>;
};

/// Weight bits times activation bits for each multiply-accumulate, those of fixed bits included.
struct Bops {
  static constexpr std::string_view unit = "BOPs";
  [[nodiscard]] Cost work(const RowWork& row) const noexcept { return row.bops_per_bit; }
  [[nodiscard]] Cost per_unit(const RowWork&, std::size_t, int bits) const noexcept { return bits; }
  [[nodiscard]] Cost fixed(const PassWork& pass) const noexcept { return pass.fixed_bops; }
};
/// What a row takes on this machine, and, where whole passes were measured, what they take beside.
struct MeasuredTimes {
  static constexpr std::string_view unit = "picoseconds";
  RowTimes times;

  [[nodiscard]] Cost work(const RowWork&) const noexcept { return 1; }
  [[nodiscard]] Cost per_unit(const RowWork& row, std::size_t k, int) const noexcept {
    return times.picoseconds[row.column][k];
  }
  [[nodiscard]] Cost fixed(const PassWork& pass) const noexcept {
    if (times.rest_picoseconds == 0) return 0;
    return static_cast<Cost>(static_cast<double>(times.rest_picoseconds) /
                             static_cast<double>(times.rest_bops) *
                             static_cast<double>(pass.float_bops));
  }
  void check(const ParameterLayout& layout, const std::vector<int>& levels) const {
    times.check(layout, levels);
  }
};
/// One of the two, chosen at run time.
using AnyPrice = std::variant<Bops, MeasuredTimes>;

template <typename P>
concept price_or_any = price<P> || std::same_as<P, AnyPrice>;

/// Calls f(the price that is meant).
template <price_or_any P, typename F>
decltype(auto) with_price(const P& p, const F& f) {
  if constexpr (price<P>)
    return f(p);
  else
    return std::visit(f, p);
}

static_assert(price<Bops> && price<MeasuredTimes> && price_or_any<AnyPrice>);

}  // namespace amq::allocation
