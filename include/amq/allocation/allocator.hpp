#pragma once
/// @file
/// From scores to the bits of every row of a pass, within an exact budget.

#include <amq/allocation/engine.hpp>
#include <amq/allocation/price.hpp>
#include <amq/allocation/rows.hpp>
#include <amq/allocation/score.hpp>
#include <amq/arithmetic/bit_plan.hpp>
#include <amq/core/everyone.hpp>
#include <amq/core/portable_math.hpp>
#include <amq/models/network.hpp>
#include <amq/quant/gaussian.hpp>

#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace amq::allocation {

/// A plan and what it costs, to the last operation.
struct Planned {
  BitPlan plan;
  Cost cost = 0;                 ///< of the pass, fixed products and overhead included
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
  /// Those given, or, where no error was, Gaussian ones.
  /// @throws Error for levels that are none, or curves of other levels or another network
  [[nodiscard]] static PointCurves of(const ParameterLayout& layout, const std::vector<int>& levels,
                                      PointCurves given) {
    allocation::check_levels(levels);
    const auto columns = static_cast<std::size_t>(PointScores(layout).columns());
    if (given.error.empty()) {
      PointCurves c = gaussian(columns, levels);
      c.clusters = given.clusters;
      return c;
    }
    bool good = given.error.size() == columns && given.mean_score.size() == columns;
    for (const auto& e : given.error) good &= e.size() == levels.size();
    for (const double m : given.mean_score) good &= m > 0;
    if (!good)
      throw Error("Allocator",
                  "an error for each of " + std::to_string(levels.size()) + " levels at each of " +
                      std::to_string(columns) + " points, and positive mean scores",
                  std::to_string(given.error.size()) + " curves",
                  "Measure the curves of this network and scheme.");
    return given;
  }
};

/// The points whose bits are chosen, and what their rows cost: an allocator's policies, resolved.
struct PricedPoints {
  std::vector<PointId> id;               ///< (column)
  std::vector<RowKind> kind;             ///< (column)
  std::vector<Cost> work;                ///< (column) units of a row
  std::vector<std::vector<Cost>> price;  ///< (column)(level) of a unit
  Cost fixed = 0;                        ///< of the pass
  std::string_view unit = "BOPs";        ///< of costs
  bool alike = true;                     ///< all columns have one price list
  bool by_bit = true;                    ///< and it is the bits themselves

  template <typename Price>
  PricedPoints(const ParameterLayout& layout, const std::vector<int>& levels, const PassWork& pass,
               const Price& p)
      : id(PointScores(layout).points), fixed(p.fixed(pass)), unit(Price::unit) {
    for (std::size_t c = 0; c < id.size(); ++c) {
      const PointEntry& point = layout.point(id[c]);
      const RowWork row{c, point.kind, point.channels, pass.bops_per_bit[to_index(id[c])]};
      kind.push_back(point.kind);
      work.push_back(p.work(row));
      auto& own = price.emplace_back();
      for (std::size_t k = 0; k < levels.size(); ++k) {
        own.push_back(p.per_unit(row, k, levels[k]));
        by_bit &= own[k] == levels[k];
      }
      alike &= own == price.front();
    }
  }
  /// Of all rows at level k, the fixed part left out.
  [[nodiscard]] Cost at_level(const RowOwners& owners, std::size_t k) const {
    Cost sum = 0;
    for (std::size_t c = 0; c < id.size(); ++c)
      sum += work[c] * price[c][k] * static_cast<Cost>(owners.rows_in_all(kind[c]));
    return sum;
  }
  /// What a pass with every such row at `bits` costs; on the line between two levels.
  [[nodiscard]] Cost uniform(const RowOwners& owners, const std::vector<int>& levels,
                             double bits) const {
    if (!by_bit)
      return fixed + cost_between(levels, bits, [&](std::size_t k) { return at_level(owners, k); });
    Cost sum = 0;
    for (std::size_t c = 0; c < id.size(); ++c)
      sum += work[c] * static_cast<Cost>(owners.rows_in_all(kind[c]));
    return fixed + static_cast<Cost>(std::floor(static_cast<long double>(sum) * bits));
  }
};

/// Who competes for the bits of passes over one mesh: all of a Problem but the budget, with its
/// memory. What does not depend on scores is made once.
class Competition {
 public:
  std::vector<Cost> work;            ///< (element)
  std::vector<float> score;          ///< (element)
  std::vector<std::uint16_t> group;  ///< (element)
  std::vector<std::vector<Cost>> price;
  std::vector<std::vector<double>> error;

  Competition(const PricedPoints& points, const Choosers& rows, const Elements& element,
              const PointCurves& curves)
      : work(element.count, 0), score(element.count, 0.0f), group(element.count, 0) {
    const bool over_points = rows.sharing.over_points;
    // Nodes of one width in a part of the network, and clusters of one, err as the sum of their
    // points' curves; a score weighs every point by its share of the error at the lowest level.
    const std::size_t kinds = rows.owners.n_clusters > 0 ? 2 : 1;
    const auto curve_of = [&](std::size_t c) {
      return element.part[c] * kinds + (points.kind[c] == RowKind::cluster ? 1 : 0);
    };
    std::vector<std::vector<double>> sums(kinds * element.parts,
                                          std::vector<double>(curves.error.front().size(), 0.0));
    for (std::size_t c = 0; c < points.id.size(); ++c)
      for (std::size_t k = 0; k < curves.error[c].size(); ++k)
        sums[curve_of(c)][k] += curves.error[c][k];
    for (std::size_t c = 0; c < points.id.size(); ++c) {
      total_.push_back(std::max(sums[curve_of(c)].front(), 1e-300));
      for (Index i = 0; i < rows.count(points.kind[c]); ++i) {
        const std::size_t e = element(static_cast<std::size_t>(i), c);
        if (rows.competes(points.kind[c], i))
          work[e] += points.work[c] * rows.rows_of(points.kind[c], i);
        group[e] = static_cast<std::uint16_t>(over_points ? c : curve_of(c));
      }
    }
    if (over_points) {
      error = curves.error;
      price = points.alike ? std::vector(1, points.price.front()) : points.price;
    } else if (points.alike) {
      error = std::move(sums);
      price.assign(1, points.price.front());
    } else {
      group_by_degree(points, rows, element, sums, kinds);
    }
  }
  /// Scores of the elements, by those of the nodes.
  void score_by(const PricedPoints& points, const Choosers& rows, const Elements& element,
                const PointScores& s, const PointCurves& curves) {
    const bool over_points = rows.sharing.over_points;
    constexpr std::size_t no_column = static_cast<std::size_t>(-1);
    std::size_t last = no_column;
    std::fill(score.begin(), score.end(), 0.0f);
    for (std::size_t c = 0; c < points.id.size(); ++c) {
      const double share = curves.error[c].front(), mean = curves.mean_score[c];
      const auto column = static_cast<Index>(c);
      const RowKind kind = points.kind[c];
      const auto add = [&](std::size_t i, double weight) {
        if (!rows.competes(kind, static_cast<Index>(i))) return;
        const double counts = weight * relative_[i];
        score[element(i, c)] +=
            static_cast<float>(over_points ? counts : counts * share / total_[c]);
      };
      if (kind == RowKind::cluster || rows.by_edge(kind)) {
        rows.weigh(kind == RowKind::cluster ? s.members() : s.view(), column, kind, weighed_);
        const auto& [weight, own, members] = weighed_;
        relative_.resize(weight.size());
        for (std::size_t i = 0; i < weight.size(); ++i)
          relative_[i] = weight[i] > 0 ? own[i] / weight[i] / mean : 0.0;
        portable::pow(relative_, curves.score_power);
        for (std::size_t i = 0; i < weight.size(); ++i) add(i, std::max(weight[i], 0.0));
        last = no_column;
        continue;
      }
      // Nodes choose, for themselves or for their edges. Where a layer has one score its columns
      // say the same, and powers are dear.
      const MatrixView<const float> scores = s.view();
      const auto n = static_cast<std::size_t>(rows.owners.n_nodes());
      bool again = last != no_column && mean == curves.mean_score[last];
      for (Index i = 0; again && i < scores.rows; ++i)
        again = scores(i, column) == scores(i, static_cast<Index>(last));
      if (!again) {
        relative_.resize(n);
        for (std::size_t i = 0; i < n; ++i)
          relative_[i] = static_cast<double>(scores(static_cast<Index>(i), column)) / mean;
        portable::pow(relative_, curves.score_power);
      }
      if (over_points && element.over_mesh) {
        float* const own = score.data() + element(0, c);
        for (std::size_t i = 0; i < n; ++i) own[i] += static_cast<float>(relative_[i]);
      } else {
        for (std::size_t i = 0; i < n; ++i) add(i, 1.0);
      }
      last = c;
    }
  }
  [[nodiscard]] Problem problem(const std::vector<int>& levels) const {
    Problem p;
    p.levels = levels;
    p.price = price;
    p.error = error;
    p.work = work;
    p.score = score;
    p.group = group;
    return p;
  }

 private:
  /// Points differ in price: what a node pays depends on how many edges come in, so nodes of one
  /// degree are a group in each part, and clusters another.
  void group_by_degree(const PricedPoints& points, const Choosers& rows, const Elements& element,
                       const std::vector<std::vector<double>>& sums, std::size_t kinds) {
    const auto nodes = static_cast<std::size_t>(rows.owners.n_nodes());
    const std::size_t both = element.count / element.parts, n_levels = points.price.front().size();
    for (std::size_t part = 0; part < element.parts; ++part) {
      std::vector<Cost> at_node(n_levels, 0), at_edge(at_node), at_cluster(at_node);
      for (std::size_t c = 0; c < points.id.size(); ++c) {
        if (element.part[c] != part) continue;
        auto& at = points.kind[c] == RowKind::edge      ? at_edge
                   : points.kind[c] == RowKind::cluster ? at_cluster
                                                        : at_node;
        for (std::size_t k = 0; k < at.size(); ++k) at[k] += points.work[c] * points.price[c][k];
      }
      std::map<Index, std::uint16_t> of_degree;
      for (std::size_t i = 0; i < nodes; ++i) {
        const Index degree = rows.owners.graph->in_degree(static_cast<Index>(i));
        const auto [it, fresh] =
            of_degree.try_emplace(degree, static_cast<std::uint16_t>(price.size()));
        if (fresh) {
          auto& own = price.emplace_back(at_node);
          for (std::size_t k = 0; k < own.size(); ++k) own[k] += degree * at_edge[k];
          error.push_back(sums[part * kinds]);
        }
        group[part * both + i] = it->second;
      }
      for (std::size_t i = nodes; i < both; ++i)
        group[part * both + i] = static_cast<std::uint16_t>(price.size());
      if (both > nodes) {
        price.push_back(at_cluster);
        error.push_back(sums[part * kinds + 1]);
      }
    }
    std::fill(work.begin(), work.end(), Cost{1});
  }

  std::vector<double> total_;     // (column) error at the lowest level of all that share bits
  std::vector<double> relative_;  // (chooser) of the column that is scored
  Choosers::Weighed weighed_;
};

/// From bits of elements to those of the rows that follow them.
class Spread {
 public:
  /// @param pass  whose work weighs the mean bits of nodes
  void operator()(const PricedPoints& points, const Choosers& rows, const Elements& element,
                  const PassWork& pass, const RowBits& bits, Planned& out) {
    const RowOwners& owners = rows.owners;
    const auto n = static_cast<std::size_t>(owners.n_nodes());
    owners.members(members_);
    out.plan.zero_skips = rows.sharing.by_block;
    out.plan.by_point.resize(pass.bops_per_bit.size());
    spent_.assign(n, 0);
    work_of_.assign(n, 0);
    for (std::size_t c = 0; c < points.id.size(); ++c) {
      const RowKind kind = points.kind[c];
      auto& map = out.plan.by_point[to_index(points.id[c])];
      map.resize(static_cast<std::size_t>(owners.rows(kind)));
      const auto level = [&](std::size_t i) {
        return static_cast<std::uint8_t>(bits[static_cast<Index>(element(i, c))]);
      };
      // A cluster's work is its members', an edge's its receiver's.
      const auto each = static_cast<double>(pass.bops_per_bit[to_index(points.id[c])]);
      const auto add = [&](std::size_t node, std::uint8_t b, double work) {
        spent_[node] += work * b;
        work_of_[node] += work;
      };
      if (kind == RowKind::edge) {
        const Graph& g = *owners.graph;
        if (rows.by_edge(kind)) {
          for (std::size_t e = 0; e < map.size(); ++e) {
            map[e] = level(e);
            add(static_cast<std::size_t>(g.receiver[e]), map[e], each);
          }
          continue;
        }
        for (std::size_t i = 0; i < n; ++i) {
          const std::uint8_t b = level(i);
          const Index degree = g.in_degree(static_cast<Index>(i));
          std::fill_n(map.begin() + g.first[i], degree, b);
          add(i, b, each * static_cast<double>(degree));
        }
      } else if (kind == RowKind::cluster) {
        for (std::size_t i = 0; i < map.size(); ++i) map[i] = level(i);
        for (std::size_t i = 0; i < n; ++i) {
          const auto row = static_cast<std::size_t>(owners.cluster_of[i]);
          add(i, map[row], each / static_cast<double>(members_[row]));
        }
      } else {
        for (std::size_t i = 0; i < n; ++i) {
          map[i] = level(i);
          add(i, map[i], each);
        }
      }
    }
    out.node_bits.resize(n);
    for (std::size_t i = 0; i < n; ++i)
      out.node_bits[i] = work_of_[i] > 0 ? static_cast<float>(spent_[i] / work_of_[i]) : 0.0f;
  }

 private:
  std::vector<Index> members_;           // (cluster)
  std::vector<double> spent_, work_of_;  // (node)
};

/// The contest for the bits of passes over one mesh: made once, then asked again and again. After
/// the first plan nothing is allocated.
class Contest {
 public:
  /// @param pass    of the whole mesh
  /// @param blocks  read where layers choose
  Contest(PricedPoints points, const std::vector<int>& levels, PointCurves curves,
          const AnySharing& sharing, const PointBlocks& blocks, const RowOwners& owners,
          PassWork pass, Cost overhead)
      : points_(std::move(points)),
        curves_(std::move(curves)),
        sharing_(sharing),
        pass_(std::move(pass)),
        element_(points_.kind, blocks, choosers(owners)),
        competition_(points_, choosers(owners), element_, curves_),
        problem_(competition_.problem(levels)) {
    problem_.overhead = points_.fixed + overhead;
    problem_.unit = points_.unit;
  }
  /// See Allocator::plan().
  /// @param owners  of the mesh it was made for
  template <everyone All, typename Together>
  void plan(const RowOwners& owners, const PointScores& scores, Cost budget, All& all,
            const Together& together, Planned& out) {
    const Choosers rows = choosers(owners);
    Problem& p = problem_;
    together([&] {
      if (scores.nodes != owners.n_nodes())
        throw Error("Allocator", "scores of " + std::to_string(owners.n_nodes()) + " nodes",
                    std::to_string(scores.nodes), "Score the graph that is planned for.");
      competition_.score_by(points_, rows, element_, scores, curves_);
      // Vectors move with a contest, and keep their memory; these are always right.
      p.work = competition_.work, p.score = competition_.score, p.group = competition_.group;
      check(p);
      number(rows, all);
    });
    // Spending more than the dearest assignment is no merit; asking for less than the cheapest is
    // refused by the engine.
    Cost most = p.overhead;
    p.work_of_groups(of_group_);
    all.sum(of_group_);
    for (std::size_t g = 0; g < of_group_.size(); ++g)
      most += of_group_[g] * *std::max_element(p.price_of(g).begin(), p.price_of(g).end());
    p.budget = std::min(budget, most);
    Allocation& a = engine_.run(p, all, number_);
    tell_clusters(rows, all, a.bits);
    spread_(points_, rows, element_, pass_, a.bits, out);
    out.cost = a.cost;
    out.budget = budget;
  }

 private:
  [[nodiscard]] Choosers choosers(const RowOwners& owners) const noexcept {
    return {owners, sharing_, curves_.clusters};
  }
  /// (element) in the order in which one who has the whole mesh would number them.
  template <everyone All>
  void number(const Choosers& rows, All& all) {
    if (std::is_same_v<All, const Alone> || !number_.empty()) return;
    number_.assign(element_.count, 0);
    for (std::size_t c = 0; c < points_.id.size(); ++c)
      for (Index i = 0; i < rows.count(points_.kind[c]); ++i)
        number_[element_(static_cast<std::size_t>(i), c)] =
            element_.first_in_all[c] +
            (points_.kind[c] == RowKind::cluster ? std::int64_t{i} : all.number(i));
  }
  /// f(element, cluster) for every element that is a cluster, maybe more than once.
  template <typename F>
  void each_cluster(const Choosers& rows, const F& f) const {
    for (std::size_t c = 0; c < points_.id.size(); ++c)
      for (Index i = 0; points_.kind[c] == RowKind::cluster && i < rows.owners.n_clusters; ++i)
        f(static_cast<Index>(element_(static_cast<std::size_t>(i), c)), i);
  }
  /// A cluster's bits were chosen where it competes; all have its rows. Eight to a word.
  template <everyone All>
  void tell_clusters(const Choosers& rows, All& all, RowBits& bits) {
    if (std::is_same_v<All, const Alone> || rows.owners.n_clusters == 0) return;
    told_.clear();
    int shift = 64;
    each_cluster(rows, [&](Index e, Index cluster) {
      if (shift == 64) told_.push_back(shift = 0);
      if (rows.owners.counts(cluster)) told_.back() |= std::int64_t{bits[e]} << shift;
      shift += 8;
    });
    all.sum(told_);
    std::size_t byte = 0;
    each_cluster(rows, [&](Index e, Index) {
      bits.set(e, static_cast<int>((told_[byte / 8] >> (8 * (byte % 8))) & 0xff));
      ++byte;
    });
  }

  PricedPoints points_;
  PointCurves curves_;
  AnySharing sharing_;
  PassWork pass_;
  Elements element_;
  Competition competition_;
  Problem problem_;
  std::vector<std::int64_t> number_;  // (element) where one is not alone
  Engine engine_;
  std::vector<Cost> of_group_;
  std::vector<std::int64_t> told_;  // bits of clusters
  Spread spread_;
};

}  // namespace amq::allocation

namespace amq {

/// Gives every row of a pass its bits. What a row is scored by, what it costs, and what may differ
/// from what are policies; `Allocator<>` leaves all three to run time, as a solver that is read
/// from a file does. A value: it keeps no mesh, and may be shared by threads while none changes it.
template <typename Score = allocation::AnyScore, typename Price = allocation::AnyPrice,
          typename Sharing = allocation::AnySharing>
class Allocator {
  static_assert(allocation::score<Score>,
                "amq::Allocator<Score>: a score is a struct with a const function "
                "void operator()(const GraphSample&, MatrixView<float>): see allocation/score.hpp");
  static_assert(allocation::price_or_any<Price>,
                "amq::Allocator<, Price>: a price has unit, work(), per_unit() and fixed(): see "
                "allocation/price.hpp");
  static_assert(allocation::sharing<Sharing>,
                "amq::Allocator<,, Sharing>: a sharing has name, over_mesh, over_points and "
                "by_edge: see allocation/rows.hpp");

 public:
  /// @param layout  of the network; outlives the allocator
  /// @param curves  measured for the network in use; without errors: Gaussian ones
  /// @throws Error for no level, levels that do not ascend, curves of other levels or another
  ///         network, and for measured times that are not of this network
  Allocator(const arithmetics::ParameterLayout& layout, std::vector<int> levels,
            allocation::PointCurves curves = {}, Score score = {}, Price price = {},
            Sharing sharing = {})
      : layout_(&layout),
        blocks_(layout),
        levels_(std::move(levels)),
        curves_(allocation::PointCurves::of(layout, levels_, std::move(curves))),
        score_(std::move(score)),
        sharing_(std::move(sharing)) {
    price_by(std::move(price));
  }
  /// Another's policies, left to run time.
  template <typename S, typename P, typename H>
  requires(!std::same_as<Allocator<S, P, H>, Allocator> && std::convertible_to<S, Score> &&
           std::convertible_to<P, Price> && std::convertible_to<H, Sharing>)
      Allocator(const Allocator<S, P, H>& a)  // NOLINT: the same allocator
      : Allocator(a.layout(), a.levels(), a.curves(), a.score(), a.price(), a.sharing()) {}

  /// @throws Error for times of other levels or another network
  void price_by(Price price) {
    allocation::with_price(price, [&](const auto& p) {
      if constexpr (requires { p.check(*layout_, levels_); }) p.check(*layout_, levels_);
    });
    price_ = std::move(price);
  }
  void score_by(Score score) { score_ = std::move(score); }
  /// See PointCurves. @throws Error if negative or NaN
  void score_power(double power) {
    if (!(power >= 0))
      throw Error("Allocator::score_power", "a power of at least 0", std::to_string(power),
                  "1 takes scores as they are, 0 makes all rows of a point alike.");
    curves_.score_power = power;
  }

  [[nodiscard]] const arithmetics::ParameterLayout& layout() const noexcept { return *layout_; }
  [[nodiscard]] const std::vector<int>& levels() const noexcept { return levels_; }
  [[nodiscard]] const allocation::PointCurves& curves() const noexcept { return curves_; }
  [[nodiscard]] const Score& score() const noexcept { return score_; }
  [[nodiscard]] const Price& price() const noexcept { return price_; }
  [[nodiscard]] const Sharing& sharing() const noexcept { return sharing_; }
  /// What costs are counted in: "BOPs", "picoseconds".
  [[nodiscard]] std::string_view unit() const {
    return allocation::with_price(price_, [](const auto& p) {
      return std::string_view(std::remove_cvref_t<decltype(p)>::unit);
    });
  }

  /// What can be known of a pass before bits are given out: once a mesh. The score's own cost is
  /// counted in, where it has one.
  template <typename Model>
  [[nodiscard]] allocation::PassWork prepare(const Network<Model>& net,
                                             const models::GraphSample& sample) const {
    const arithmetics::BitPlan any = arithmetics::BitPlan::uniform(levels_.back());
    arithmetics::BasicCounting counting(net.layout, net.quantizers, any);
    forward(net.model, counting, sample);
    allocation::PassWork work(net.layout, counting.cost());
    work.score_bops = allocation::cost_of(score_, sample);
    return work;
  }
  /// What a pass with every such row at `bits` costs: by BOPs of any number of bits, else on the
  /// line between two levels.
  /// @throws Error for bits outside the levels, where it matters
  [[nodiscard]] allocation::Cost uniform_cost(const allocation::RowOwners& owners,
                                              const allocation::PassWork& work, double bits) const {
    return priced(work).uniform(owners, levels_, bits);
  }

  /// The plan of least predicted error whose cost, with `overhead`, does not exceed `budget`.
  /// @throws amq::Error if the budget is below the cheapest level everywhere, or scores are of
  ///         another graph, negative or NaN
  [[nodiscard]] allocation::Planned plan(const allocation::RowOwners& owners,
                                         const allocation::PassWork& work,
                                         const allocation::PointScores& scores,
                                         allocation::Cost budget,
                                         allocation::Cost overhead = 0) const {
    const core::Alone all;
    return plan(owners, work, scores, budget, overhead, all, [](const auto& f) { f(); });
  }
  /// The same of a mesh that several share: each is told the bits of its own rows and of all
  /// clusters, which are those of one who has the whole mesh. Rows must be able to choose by what
  /// their own node knows: nodes choose for their edges.
  /// @param owners   own rows, and how many there are in all
  /// @param work, budget, overhead  of the whole mesh
  /// @param together  together(f) runs f() and throws with all others where it threw for one
  template <core::everyone All, typename Together>
  [[nodiscard]] allocation::Planned plan(const allocation::RowOwners& owners,
                                         const allocation::PassWork& work,
                                         const allocation::PointScores& scores,
                                         allocation::Cost budget, allocation::Cost overhead,
                                         All& all, const Together& together) const {
    std::optional<allocation::Contest> c;
    together([&] { c.emplace(contest(owners, work, overhead)); });
    allocation::Planned out;
    c->plan(owners, scores, budget, all, together, out);
    return out;
  }
  /// For many plans on one mesh.
  /// @throws Error for owners without the clusters that the network quantizes rows of
  [[nodiscard]] allocation::Contest contest(const allocation::RowOwners& owners,
                                            const allocation::PassWork& work,
                                            allocation::Cost overhead = 0) const {
    allocation::PricedPoints points = priced(work);
    for (std::size_t c = 0; c < points.id.size(); ++c)
      if (points.kind[c] == ops::RowKind::cluster && owners.n_clusters == 0)
        throw Error(
            "Allocator",
            "clusters, since " + layout_->point(points.id[c]).name + " quantizes rows of clusters",
            "none", "Pass RowOwners with the cluster of each node.");
    return {std::move(points), levels_, curves_, sharing_, blocks_, owners, work, overhead};
  }
  /// What rows cost, for uniform costs on one mesh.
  [[nodiscard]] allocation::PricedPoints priced(const allocation::PassWork& work) const {
    return allocation::with_price(price_, [&](const auto& p) {
      return allocation::PricedPoints(*layout_, levels_, work, p);
    });
  }
  /// The same from the allocator's own score, at what `mean_bits` everywhere would cost; the
  /// score's own cost is paid from it.
  [[nodiscard]] allocation::Planned operator()(const models::GraphSample& sample,
                                               const allocation::PassWork& work,
                                               double mean_bits) const {
    allocation::PointScores scores(*layout_, sample.graph.n_nodes());
    score_(sample, scores.view());
    return plan(sample, work, scores, uniform_cost(sample, work, mean_bits),
                unit() == allocation::Bops::unit ? work.score_bops : 0);
  }

 private:
  const arithmetics::ParameterLayout* layout_;
  allocation::PointBlocks blocks_;
  std::vector<int> levels_;
  allocation::PointCurves curves_;
  [[no_unique_address]] Score score_;
  [[no_unique_address]] Price price_{};
  [[no_unique_address]] Sharing sharing_;
};

}  // namespace amq
