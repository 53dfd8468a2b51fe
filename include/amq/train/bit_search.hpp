#pragma once
/// @file
/// The search for bits after training: what is asked for, and how weights and rows come to bits
/// that keep a bound of the error, of what a network costs, or both.

#include <amq/allocation/row_times.hpp>
#include <amq/arithmetic/counting.hpp>
#include <amq/arithmetic/fixed.hpp>
#include <amq/train/bit_ladders.hpp>
#include <amq/train/layer_errors.hpp>
#include <amq/train/quantized_network.hpp>
#include <amq/train/weightless.hpp>

#include <algorithm>
#include <cstddef>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace amq::training {

struct QuantizeOptions {
  SchemeInfo scheme{8, ByRange{}, {8}};
  RangeRule ranges = RangeRule::least_squares;
  std::map<std::string, int> weight_bits{};  ///< of weights that have others than the scheme's
  std::map<std::string, int> row_bits{};     ///< the same of points' rows; both stay in a search
  /// |change of the answers| / |answers| that the integers may have on the samples. Weights then
  /// have 4 bits where that spoils least, as many as the bound allows. Where the scheme does not
  /// reach it, rows have 16 bits at those points that spoil most, then weights. 0: the scheme as it
  /// is. What no mixture of these reaches is tried with all rows of 16 bits, and attention in
  /// float.
  double error = 0;
  /// Most that the network may cost; 0: no bound. Weights then have fewer bits of 8, 4 and 2 where
  /// a unit saved spoils least, and where it is no matter of bytes so have rows, each point its
  /// own. Several hold at once, and beside a bound of the error, too.
  double bytes = 0;         ///< of the network as it is deployed
  double bops = 0;          ///< of a pass over the first sample
  double milliseconds = 0;  ///< the same, measured here and on one thread
  /// How milliseconds are measured; `rows` are those of the first sample.
  allocation::RowTimesOptions times{};

  [[nodiscard]] CostBounds most() const noexcept { return {bytes, bops, milliseconds}; }
};

namespace detail {

/// Least of some passes over a problem with all rows that the scheme decides at `bits`.
template <typename Model, typename Example>
double pass_milliseconds(const Network<Model>& net, const Example& e, int bits,
                         const allocation::RowTimesOptions& o) {
  const BitPlan plan = BitPlan::uniform(bits);
  BasicFixed integers(net.layout, net.quantizers, net.parameters);
  return 1e3 * allocation::least_seconds(o, [&] {
           integers.begin(plan);
           static_cast<void>(forward_sample(net.model, integers, e));
         });
}

template <typename Model>
PassCost counted(const Network<Model>& net, const auto& example, int bits) {
  const BitPlan plan = BitPlan::uniform(bits);
  BasicCounting count(net.layout, net.quantizers, plan);
  forward_sample(net.model, count, example);
  return count.cost();
}

/// A float file's network under some bits, and the search for them.
/// @tparam File  a float file: its net, how a problem is encoded (example), what the network says
///               of it (answer), a solver of a network (solver) and what that says (solved)
template <typename File, typename Problem>
class BitSearch {
 public:
  using Model = typename File::Model;
  using Solver = typename File::Solver;
  using Example = decltype(std::declval<const File&>().example(std::declval<const Problem&>()));
  struct Trial {
    std::unique_ptr<Solver> solver;
    double error = 0, milliseconds = 0;  ///< of a pass, where they were measured
  };

  /// @throws amq::Error for problems that cannot be encoded
  BitSearch(const File& from, std::span<const Problem> problems, const QuantizeOptions& o)
      : from_(&from), problems_(problems), o_(&o), scheme_(o.scheme) {
    for (const Problem& p : problems) {
      few_.push_back(from.example(p));
      exact_.push_back(from.answer(p));
    }
    named_ = {o.weight_bits, o.row_bits};
    if (level() == 16) widen_model();
    best_ = tried(named_);
  }

  /// More bits where the bound of the error needs them.
  /// @throws amq::Error for an error that 16 bits do not reach
  void keep_error() {
    if (best_.error > o_->error) widen_some();
    if (best_.error > o_->error) widen_all();
  }
  /// @returns whether anything had to give way
  /// @throws amq::Error where the fewest bits cost more
  bool keep_cost() {
    const CostBounds most = o_->most();
    const Network<Model>& net = best_.solver->net();
    const PassCost cost = counted(net, few_.front(), level());
    const bool timed = most.milliseconds > 0;
    NetworkCost now{best_.solver->model_bytes(), cost.bops(), 0};
    if (timed) now.milliseconds = best_.milliseconds = measured(net);
    if (within(now, most)) return false;
    const NamedBits kept{o_->weight_bits, o_->row_bits};
    BitLadders all = ladders_of(net, *from_->net, few_, cost, kept,
                                most.bops > 0 || most.milliseconds > 0, o_->ranges);
    if (timed) {
      measure(all, net, cost, o_->times);
      const double sum = all.milliseconds();
      all.share = sum > now.milliseconds ? now.milliseconds / sum : 1;
    }
    step_down(all, now, most);
    step_up(all, now, most);
    for (;; step_down(all, now, most)) {
      NamedBits named = named_;
      all.put(named);
      Trial t = tried(named);
      now.bytes = t.solver->model_bytes();
      now.bops = counted(t.solver->net(), few_.front(), level()).bops();
      if (timed) now.milliseconds = t.milliseconds = measured(t.solver->net());
      // Products alone promise more than a pass keeps: then further down, and not up again.
      if (!within(now, most)) continue;
      best_ = std::move(t);
      named_ = std::move(named);
      return true;
    }
  }
  /// Weights go to 4 bits as far as the bound of the error allows.
  void spend_error() {
    if (scheme_.weight_bits == 8) spend_on_weights();
  }
  [[nodiscard]] Trial& best() noexcept { return best_; }
  [[nodiscard]] const SchemeInfo& scheme() const noexcept { return scheme_; }
  [[nodiscard]] const std::vector<Example>& few() const noexcept { return few_; }
  [[nodiscard]] int level() const { return scheme_.levels.front(); }
  /// Whether anything has other bits than the scheme says.
  [[nodiscard]] bool mixed() const noexcept {
    return !named_.weights.empty() || !named_.rows.empty();
  }

 private:
  double measured(const Network<Model>& net) const {
    return pass_milliseconds(net, few_.front(), level(), o_->times);
  }
  Trial tried(const NamedBits& named) const {
    const Network<Model>& base = wide_ ? *wide_ : *from_->net;
    Trial t;
    t.solver = std::make_unique<Solver>(from_->solver(
        calibrated_network(base, scheme_, few_, o_->ranges, 0, named.weights, named.rows)));
    std::vector<Field> said;
    for (const Problem& p : problems_)
      said.push_back(from_->solved(*t.solver, p, mean_bits(level())));
    t.error = relative_distance(said, exact_);
    return t;
  }
  /// Points, then weights, get 16 bits where a bit operation more mends most.
  void widen_some() {
    struct Wish {
      double mends, price;
      bool rows;
      std::string name;
    };
    const Network<Model>& net = best_.solver->net();
    const PassCost cost = counted(net, few_.front(), level());
    std::vector<Wish> wishes;
    double sum = 0;  // of products without weights, too, which widen_all() alone mends
    for (const double e : weightless_errors(net, few_)) sum += e * e;
    for (const LayerError& l : layer_errors(net, few_, level())) {
      const double weights = l.of_weights * l.of_weights, rows = l.of_rows * l.of_rows;
      sum += weights + rows;
      if (weights > 0 && !named_.weights.contains(l.weight))
        wishes.push_back({weights, 0, false, l.weight});
      if (rows > 0 && !named_.rows.contains(l.point)) wishes.push_back({rows, 0, true, l.point});
    }
    // Two digits of a weight have floats between products, which words have not.
    const auto in_words = [&](const Wish& w) {
      return net.quantizers.info().words && !w.rows &&
             std::any_of(cost.products.begin(), cost.products.end(), [&](const ProductCost& c) {
               return c.weight == w.name && !may_widen(net, true, c.point);
             });
    };
    std::erase_if(wishes,
                  [&](const Wish& w) { return !may_widen(net, w.rows, w.name) || in_words(w); });
    for (Wish& w : wishes)
      for (const ProductCost& c : cost.products)
        if (w.name == (w.rows ? c.point : c.weight)) w.price += c.bops;
    std::sort(wishes.begin(), wishes.end(), [](const Wish& a, const Wish& b) {
      if (a.rows != b.rows) return a.rows;
      return a.mends * b.price > b.mends * a.price;
    });
    const double before = best_.error * best_.error;
    const double needed = 1 - o_->error * o_->error / before;
    std::size_t n = 0;
    for (double mended = 0; n < wishes.size() && mended < needed * sum; ++n)
      mended += wishes[n].mends;
    // What errors add up to is a guess, so the bound is measured: the fewest between those that do
    // not suffice and those that do.
    const NamedBits begun = named_;
    std::size_t failed = 0, good = 0;
    while (n > failed) {
      NamedBits named = begun;
      for (std::size_t k = 0; k < n; ++k)
        (wishes[k].rows ? named.rows : named.weights)[wishes[k].name] = 16;
      Trial t = tried(named);
      if (t.error <= o_->error) {
        good = n;
        best_ = std::move(t);
        named_ = std::move(named);
      } else {
        failed = n;
      }
      n = good > 0 ? failed + (good - failed) / 2 : std::min(2 * n, wishes.size());
    }
    if (good == 0) return;
    // Of those before the last, whose price decided their place, some mend little.
    wishes.resize(good);
    std::sort(wishes.begin(), wishes.end(),
              [](const Wish& a, const Wish& b) { return a.mends < b.mends; });
    const double spare = (o_->error * o_->error - best_.error * best_.error) * sum / before;
    std::size_t back = 0;
    for (double left = spare; back < good && wishes[back].mends < left; ++back)
      left -= wishes[back].mends;
    for (; back > 0; back /= 2) {
      NamedBits named = begun;
      for (std::size_t k = back; k < good; ++k)
        (wishes[k].rows ? named.rows : named.weights)[wishes[k].name] = 16;
      Trial t = tried(named);
      if (t.error > o_->error) continue;
      best_ = std::move(t);
      named_ = std::move(named);
      return;
    }
  }
  [[nodiscard]] static bool may_widen(const Network<Model>& net, bool rows,
                                      const std::string& name) {
    const auto named = [&](const auto& x) { return x.name == name; };
    const auto& points = net.layout.points();
    const auto& weights = net.layout.weights();
    if (rows) {
      const auto p = std::find_if(points.begin(), points.end(), named);
      return p != points.end() && !(net.quantizers.info().words && p->may_have_words);
    }
    const auto w = std::find_if(weights.begin(), weights.end(), named);
    return w != weights.end() && net.quantizers.weight_bits(*w) < 16;
  }
  /// All rows have 16 bits, then all weights.
  void widen_all() {
    for (const bool weights : {false, true}) {
      if (best_.error <= o_->error) return;
      scheme_.levels = {16};
      scheme_.words = false;
      if (weights) scheme_.weight_bits = 16;
      widen_model();
      best_ = tried(named_);
    }
    if (best_.error > o_->error)
      throw Error("quantize, error", "an error that 16 bits reach, " + number_text(best_.error),
                  number_text(o_->error), "Allow a larger one.");
  }
  /// Else the 8 bits of rows that the model keeps apart decide the error.
  void widen_model() {
    if constexpr (requires(typename Model::Config c) { c.edge_of_net_bits = 16; }) {
      auto config = from_->net->model.config();
      config.edge_of_net_bits = 16;
      if constexpr (requires { config.key_bits = 16, config.token_bits = 16; })
        config.key_bits = config.token_bits = 16;
      if constexpr (requires { config.attention_bits = ProductBits{}; })
        config.attention_bits = {};  // codes of 8 bits at most, or in float
      wide_ = std::make_unique<Network<Model>>(config, scheme_, 0);
      wide_->take_weights(from_->net->layout, from_->net->parameters);
    }
  }
  /// Weights go to 4 bits, least spoilt for a byte first, as many as the bound allows.
  void spend_on_weights() {
    const auto changes = weight_changes(*from_->net, few_, 4);
    std::vector<std::pair<double, std::size_t>> order;
    const auto& weights = from_->net->layout.weights();
    for (std::size_t k = 0; k < weights.size(); ++k)
      if (!named_.weights.contains(weights[k].name) && weights[k].fixed_bits == 0)
        order.emplace_back(
            changes[k] * changes[k] / static_cast<double>(weights[k].out * weights[k].in), k);
    std::sort(order.begin(), order.end());
    std::size_t n = 0;
    double sum = best_.error * best_.error;
    while (n < order.size()) {
      const double more = changes[order[n].second];
      if (sum + more * more > o_->error * o_->error) break;
      sum += more * more;
      ++n;
    }
    for (; n > 0; n /= 2) {
      NamedBits mixed = named_;
      for (std::size_t k = 0; k < n; ++k) mixed.weights[weights[order[k].second].name] = 4;
      Trial t = tried(mixed);
      if (t.error > o_->error) continue;
      best_ = std::move(t);
      named_ = std::move(mixed);
      return;
    }
  }

  const File* from_;
  std::span<const Problem> problems_;
  const QuantizeOptions* o_;
  SchemeInfo scheme_;
  NamedBits named_;
  std::vector<Example> few_;
  std::vector<Field> exact_;
  std::unique_ptr<Network<Model>> wide_;
  Trial best_;
};

}  // namespace detail
}  // namespace amq::training
