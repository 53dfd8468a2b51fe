#pragma once
/// @file
/// From scores to the bits of every row of a pass, within an exact budget.

#include <amq/allocation/allocate.hpp>
#include <amq/allocation/deciders.hpp>
#include <amq/allocation/grouped.hpp>
#include <amq/allocation/point_scores.hpp>
#include <amq/allocation/row_times.hpp>
#include <amq/arithmetic/counting.hpp>
#include <amq/core/portable_math.hpp>

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

namespace amq {

/// The work of one pass that bits decide, and what they do not.
struct PassWork {
  std::vector<Cost> macs_per_row;  ///< [PointId] multiply-accumulates a row's codes take part in
  Cost fixed_bops = 0;             ///< products of fixed bits, for the graph that was counted
  Cost float_bops = 0;             ///< the whole pass at 32 x 32 bits

  /// @param cost  of this graph, from BasicCounting at any plan
  PassWork(const ParameterLayout& layout, const PassCost& cost)
      : macs_per_row(layout.points().size(), 0) {
    for (const ProductCost& c : cost.products) {
      float_bops += static_cast<Cost>(c.macs) * 1024;
      if (!c.adaptive)
        fixed_bops += static_cast<Cost>(c.bops);
      else
        for (std::size_t p = 0; p < macs_per_row.size(); ++p)
          if (layout.points()[p].name == c.point)
            macs_per_row[p] += static_cast<Cost>(c.in) * static_cast<Cost>(c.out);
    }
  }
};

/// A plan and what it costs, to the last operation.
struct Planned {
  BitPlan plan;
  Cost cost = 0;                 ///< BOPs of the pass, fixed products and overhead included
  Cost budget = 0;               ///< never below cost
  std::vector<float> node_bits;  ///< (node) mean bits, weighted by work: for pictures
};

/// How much error each quantization point leaves at each level, and what scores are relative to.
/// Columns are those of PointScores.
struct PointCurves {
  std::vector<std::vector<double>> error;  ///< (column)(level) for rows of mean score
  std::vector<double> mean_score;          ///< (column)
  /// Scores count by this power of their ratio to the mean. 1 would be right if the errors of
  /// neighbouring rows were independent and the scores exact; 0 gives all rows of a point alike.
  double score_power = 0.25;
  EdgeDecider edges = EdgeDecider::receiver;
  ClusterScore clusters = ClusterScore::sum;

  /// D(b) of Gaussian rows, on top of the scores themselves.
  [[nodiscard]] static PointCurves gaussian(std::size_t columns, const std::vector<int>& levels) {
    PointCurves c;
    c.error.resize(columns);
    for (auto& e : c.error)
      for (const int b : levels) e.push_back(gaussian_distortion(b));
    c.mean_score.assign(columns, 1.0);
    c.score_power = 1;
    return c;
  }
};

/// Makes plans for a model under a scheme.
class Planner {
 public:
  /// @param curves  measured for the network in use; without errors: Gaussian ones
  Planner(const ParameterLayout& layout, int weight_bits, std::vector<int> levels,
          PointCurves curves = {})
      : layout_(&layout),
        weight_bits_(weight_bits),
        levels_(std::move(levels)),
        curves_(std::move(curves)) {
    const auto columns = static_cast<std::size_t>(PointScores(layout).columns());
    if (curves_.error.empty()) {
      PointCurves gaussian = PointCurves::gaussian(columns, levels_);
      gaussian.edges = curves_.edges;
      gaussian.clusters = curves_.clusters;
      curves_ = std::move(gaussian);
    }
    bool good = curves_.error.size() == columns && curves_.mean_score.size() == columns;
    for (const auto& e : curves_.error) good &= e.size() == levels_.size();
    for (const double m : curves_.mean_score) good &= m > 0;
    if (!good)
      throw Error("Planner",
                  "an error for each of " + std::to_string(levels_.size()) + " levels at each of " +
                      std::to_string(columns) + " points, and positive mean scores",
                  std::to_string(curves_.error.size()) + " curves",
                  "Measure the curves of this network and scheme.");
  }
  /// From now on costs are measured times, in picoseconds, of the rows that bits decide; no times:
  /// BOPs again.
  /// @throws Error for times of other levels or another network
  void price_by(RowTimes times) {
    if (!times.empty()) times.check(*layout_, levels_);
    times_ = std::move(times);
  }
  [[nodiscard]] const RowTimes& times() const noexcept { return times_; }
  [[nodiscard]] const PointCurves& curves() const noexcept { return curves_; }

  /// See PointCurves. @throws Error if negative or NaN
  void score_power(double power) {
    if (!(power >= 0))
      throw Error("Planner::score_power", "a power of at least 0", std::to_string(power),
                  "1 takes scores as they are, 0 makes all rows of a point alike.");
    curves_.score_power = power;
  }

  [[nodiscard]] const std::vector<int>& levels() const noexcept { return levels_; }

  /// BOPs of a pass with every adaptive row at `bits` (need not be a level, nor whole); or, priced
  /// by times, picoseconds of these rows, on the line between two levels.
  [[nodiscard]] Cost uniform_cost(const RowOwners& owners, const PassWork& work,
                                  double bits) const {
    if (!times_.empty()) return uniform_time(owners, bits);
    return work.fixed_bops +
           static_cast<Cost>(std::floor(static_cast<long double>(adaptive_macs(owners, work)) *
                                        weight_bits_ * bits));
  }

  /// The plan of least predicted error whose cost, with `overhead` (the auxiliary model's pass),
  /// does not exceed `budget`.
  /// @throws amq::Error if the budget is below the lowest level everywhere or above the highest, or
  ///         scores are of another graph, negative or NaN
  [[nodiscard]] Planned plan(const RowOwners& owners, const PassWork& work,
                             const PointScores& scores, Cost budget, Cost overhead = 0,
                             Sharing sharing = Sharing::node_and_point) const {
    check_clusters(owners);
    if (scores.nodes != owners.n_nodes())
      throw Error("Planner", "scores of " + std::to_string(owners.n_nodes()) + " nodes",
                  std::to_string(scores.nodes), "Score the graph that is planned for.");
    if (!times_.empty()) return plan_by_time(owners, work, scores, budget, overhead, sharing);
    const Elements e = elements(owners, work, scores, sharing);
    GroupedProblem p;
    p.bits = levels_;
    p.price = bop_prices(weight_bits_, levels_);
    p.distortion = e.distortion;
    p.macs = e.macs;
    p.score = e.scores;
    p.group = e.group;
    p.overhead = work.fixed_bops + overhead;
    // Spending more than the dearest assignment is no merit; asking for less than the cheapest is
    // refused by the allocator.
    p.budget = std::min(budget, p.overhead + adaptive_macs(owners, work) * p.price.back());
    const Allocation a = allocate_grouped(p);
    Planned out = spread(owners, work, scores, sharing, a.bits);
    out.cost = a.cost;
    out.budget = budget;
    return out;
  }

 private:
  struct Elements {
    std::vector<Cost> macs;
    std::vector<float> scores;
    std::vector<std::uint16_t> group;
    std::vector<std::vector<double>> distortion;
  };
  [[nodiscard]] Cost uniform_time(const RowOwners& owners, double bits) const {
    if (!(bits >= levels_.front() && bits <= levels_.back()))
      throw Error("Planner",
                  "a mean from " + std::to_string(levels_.front()) + " to " +
                      std::to_string(levels_.back()) + " bits",
                  std::to_string(bits), "Choose a mean between the lowest and highest level.");
    const PointScores shape(*layout_);
    const auto at = [&](std::size_t k) {
      Cost sum = 0;
      for (std::size_t c = 0; c < shape.points.size(); ++c)
        sum += times_.picoseconds[c][k] *
               static_cast<Cost>(owners.rows(layout_->point(shape.points[c]).kind));
      return sum;
    };
    std::size_t k = 0;
    while (k + 2 < levels_.size() && levels_[k + 1] <= bits) ++k;
    if (k + 1 == levels_.size()) return at(k);
    const long double t = (static_cast<long double>(bits) - levels_[k]) /
                          static_cast<long double>(levels_[k + 1] - levels_[k]);
    return at(k) + static_cast<Cost>(std::floor(static_cast<long double>(at(k + 1) - at(k)) * t));
  }
  /// Rows instead of multiply-accumulates, and prices of each point's own. A node that has one
  /// width everywhere does two kinds of work, its own rows' and its edges'.
  [[nodiscard]] Planned plan_by_time(const RowOwners& owners, const PassWork& work,
                                     const PointScores& scores, Cost budget, Cost overhead,
                                     Sharing sharing) const {
    PassWork rows = work;
    std::fill(rows.macs_per_row.begin(), rows.macs_per_row.end(), Cost{1});
    const Elements e = elements(owners, rows, scores, sharing);
    const Allocation a = [&] {
      if (sharing != Sharing::node) {
        GroupedProblem p;
        p.bits = levels_;
        p.prices = times_.picoseconds;
        p.distortion = e.distortion;
        p.macs = e.macs;
        p.score = e.scores;
        p.group = e.group;
        p.overhead = overhead;
        Cost most = overhead;
        for (std::size_t k = 0; k < e.macs.size(); ++k)
          most += e.macs[k] * *std::max_element(times_.picoseconds[e.group[k]].begin(),
                                                times_.picoseconds[e.group[k]].end());
        p.budget = std::min(budget, most);
        return allocate_grouped(p);
      }
      const auto n = static_cast<std::size_t>(owners.n_nodes());
      std::vector<Cost> node(e.scores.size(), 0), degree(node), cluster(node);
      std::vector<float> node_score(e.scores.size(), 0.0f), none(node_score), cluster_score(none);
      for (std::size_t k = 0; k < e.scores.size(); ++k) {
        (k < n ? node : cluster)[k] = 1;
        (k < n ? node_score : cluster_score)[k] = e.scores[k];
        if (k < n) degree[k] = static_cast<Cost>(owners.graph->in_degree(static_cast<Index>(k)));
      }
      AllocationProblem p;
      p.bits = levels_;
      std::vector<Cost> at_node(levels_.size(), 0), at_edge(at_node), at_cluster(at_node);
      for (std::size_t c = 0; c < scores.points.size(); ++c) {
        const RowKind kind = layout_->point(scores.points[c]).kind;
        auto& price = kind == RowKind::edge      ? at_edge
                      : kind == RowKind::cluster ? at_cluster
                                                 : at_node;
        for (std::size_t k = 0; k < levels_.size(); ++k) price[k] += times_.picoseconds[c][k];
      }
      const std::vector<double> nothing(levels_.size(), 0.0);
      p.classes.push_back({node, node_score, at_node, e.distortion.front()});
      p.classes.push_back({degree, none, at_edge, nothing});
      if (owners.n_clusters > 0)
        p.classes.push_back({cluster, cluster_score, at_cluster, e.distortion.back()});
      p.overhead = overhead;
      Cost most = overhead;
      for (Index i = 0; i < p.n_elements(); ++i) {
        Cost own = 0;
        for (int k = 0; k < p.n_levels(); ++k) own = std::max(own, p.cost(i, k));
        most += own;
      }
      p.budget = std::min(budget, most);
      return allocate_lagrangian(p);
    }();
    Planned out = spread(owners, work, scores, sharing, a.bits);
    out.cost = a.cost;
    out.budget = budget;
    return out;
  }
  void check_clusters(const RowOwners& owners) const {
    for (const auto& p : layout_->points())
      if (p.fixed_bits == 0 && p.kind == RowKind::cluster && owners.n_clusters == 0)
        throw Error("Planner", "clusters, since " + p.name + " quantizes rows of clusters", "none",
                    "Pass RowOwners with the cluster of each node.");
  }
  [[nodiscard]] Cost adaptive_macs(const RowOwners& owners, const PassWork& work) const {
    Cost sum = 0;
    for (std::size_t p = 0; p < work.macs_per_row.size(); ++p)
      sum += work.macs_per_row[p] * static_cast<Cost>(owners.rows(layout_->points()[p].kind));
    return sum;
  }
  [[nodiscard]] Deciders deciders(const RowOwners& owners, Sharing sharing) const noexcept {
    return {&owners, sharing, curves_.edges, curves_.clusters};
  }
  [[nodiscard]] Elements elements(const RowOwners& owners, const PassWork& work,
                                  const PointScores& s, Sharing sharing) const {
    const Deciders rows = deciders(owners, sharing);
    const DeciderNumbering number(*layout_, s, rows);
    const auto count = static_cast<std::size_t>(number.count);
    Elements e{std::vector<Cost>(count, 0), std::vector<float>(count, 0.0f),
               std::vector<std::uint16_t>(count, 0), curves_.error};
    // The rows of a node err together as the sum of the points' curves, those of a cluster as the
    // sum of theirs; a score weighs every point by its share of the error at the lowest level.
    double total[2] = {0, 0};
    if (sharing == Sharing::node) {
      e.distortion.assign(2, std::vector<double>(levels_.size(), 0.0));
      for (std::size_t c = 0; c < curves_.error.size(); ++c)
        for (std::size_t k = 0; k < levels_.size(); ++k)
          e.distortion[of_cluster(s.points[c])][k] += curves_.error[c][k];
      for (std::size_t k = 0; k < 2; ++k) total[k] = std::max(e.distortion[k].front(), 1e-300);
      if (owners.n_clusters == 0) e.distortion.pop_back();
      for (std::size_t k = static_cast<std::size_t>(owners.n_nodes()); k < count; ++k)
        e.group[k] = 1;
    }
    for (std::size_t column = 0; column < s.points.size(); ++column) {
      const PointId p = s.points[column];
      const RowKind kind = layout_->point(p).kind;
      const auto [weight, score] = rows.weigh(s, static_cast<Index>(column), kind);
      std::vector<double> relative(weight.size());
      for (std::size_t i = 0; i < weight.size(); ++i)
        relative[i] = weight[i] > 0 ? score[i] / weight[i] / curves_.mean_score[column] : 0.0;
      portable::pow(relative, curves_.score_power);
      for (std::size_t i = 0; i < weight.size(); ++i) {
        const std::size_t k = number(static_cast<Index>(i), column);
        e.macs[k] += work.macs_per_row[to_index(p)] * rows.rows_of(kind, static_cast<Index>(i));
        const double counts = weight[i] > 0 ? weight[i] * relative[i] : 0.0;
        e.scores[k] += static_cast<float>(
            sharing == Sharing::node ? counts * curves_.error[column].front() / total[of_cluster(p)]
                                     : counts);
        if (sharing != Sharing::node) e.group[k] = static_cast<std::uint16_t>(column);
      }
    }
    return e;
  }
  [[nodiscard]] std::size_t of_cluster(PointId p) const {
    return layout_->point(p).kind == RowKind::cluster ? 1 : 0;
  }
  [[nodiscard]] Planned spread(const RowOwners& owners, const PassWork& work, const PointScores& s,
                               Sharing sharing, const RowBits& bits) const {
    const Deciders rows = deciders(owners, sharing);
    const DeciderNumbering number(*layout_, s, rows);
    const auto n = static_cast<std::size_t>(owners.n_nodes());
    const std::vector<Index> members = owners.members();
    Planned out;
    out.plan.by_point.resize(layout_->points().size());
    std::vector<double> spent(n, 0), work_of(n, 0);
    for (std::size_t column = 0; column < s.points.size(); ++column) {
      const PointId p = s.points[column];
      const RowKind kind = layout_->point(p).kind;
      auto& map = out.plan.by_point[to_index(p)];
      map.reserve(static_cast<std::size_t>(owners.rows(kind)));
      for (Index i = 0; i < rows.count(kind); ++i)
        map.insert(map.end(), static_cast<std::size_t>(rows.rows_of(kind, i)),
                   static_cast<std::uint8_t>(bits[static_cast<Index>(number(i, column))]));
      // A cluster's work is its members', an edge's its receiver's.
      const auto each = static_cast<double>(work.macs_per_row[to_index(p)]);
      const auto add = [&](std::size_t node, std::size_t row, double macs) {
        spent[node] += macs * map[row];
        work_of[node] += macs;
      };
      if (kind == RowKind::edge) {
        for (std::size_t e = 0; e < map.size(); ++e)
          add(static_cast<std::size_t>(owners.graph->receiver[e]), e, each);
      } else {
        for (std::size_t i = 0; i < n; ++i) {
          const auto row = of_cluster(p) ? static_cast<std::size_t>(owners.cluster_of[i]) : i;
          add(i, row, of_cluster(p) ? each / static_cast<double>(members[row]) : each);
        }
      }
    }
    for (std::size_t i = 0; i < n; ++i)
      out.node_bits.push_back(work_of[i] > 0 ? static_cast<float>(spent[i] / work_of[i]) : 0.0f);
    return out;
  }

  const ParameterLayout* layout_;
  int weight_bits_;
  std::vector<int> levels_;
  PointCurves curves_;
  RowTimes times_;
};

}  // namespace amq
