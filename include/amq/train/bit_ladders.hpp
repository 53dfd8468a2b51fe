#pragma once
/// @file
/// Which weights and which rows have fewer bits, so that a pass costs no more than is allowed and
/// the answers change least: what everything spoils is measured alone, and the ladders are walked
/// down where a unit of cost saved spoils least.

#include <amq/allocation/product_times.hpp>
#include <amq/arithmetic/counting.hpp>
#include <amq/arithmetic/float32.hpp>
#include <amq/train/layer_errors.hpp>
#include <amq/train/quantized_network.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <limits>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace amq::training {

/// Bits of weights and of points' rows that have others than the scheme's, by name.
struct NamedBits {
  std::map<std::string, int> weights, rows;
};

/// Most that a network may cost; 0: no bound.
struct CostBounds {
  double bytes = 0;         ///< of the network as it is deployed
  double bops = 0;          ///< of a pass over the first sample
  double milliseconds = 0;  ///< the same, measured on this machine and one thread

  [[nodiscard]] bool any() const noexcept { return bytes > 0 || bops > 0 || milliseconds > 0; }
};

/// What a network costs; milliseconds where they are asked for.
struct NetworkCost {
  double bytes = 0, bops = 0, milliseconds = 0;
};

namespace detail {

/// What each weight spoils alone at `bits`, in the order of the layout's weights.
template <typename Model, typename Example>
std::vector<double> weight_changes(const Network<Model>& from, const std::vector<Example>& few,
                                   int bits) {
  Network<Model> narrow(from.model.config(), {bits, ByRange{}, {8}}, 0);
  for (const WeightEntry& w : from.layout.weights()) narrow.layout.fix_weight_bits(w.name, bits);
  narrow.take_weights(from.layout, from.parameters);
  narrow.quantizers.fit_weights(narrow.layout, narrow.parameters);
  const Parameters decoded = decoded_weights(narrow.layout, narrow.quantizers, narrow.parameters);
  const auto exact = answers_in_float(from, from.parameters, few);
  std::vector<double> all;
  for (const WeightEntry& w : narrow.layout.weights()) {
    const Parameters p = with_decoded(from.layout, from.parameters, w, narrow.layout, decoded);
    all.push_back(relative_distance(answers_in_float(from, p, few), exact));
  }
  return all;
}

/// `highest`, and those of 8, 4 and 2 bits that are below, most first.
[[nodiscard]] inline std::vector<int> rungs_from(int highest) {
  std::vector<int> all{highest};
  for (const int b : {8, 4, 2})
    if (b < highest) all.push_back(b);
  return all;
}

/// Ladders of weights and rows, and what a pass costs wherever they stand.
class BitLadders {
 public:
  enum class Unit : std::uint8_t { bytes, bops, milliseconds };

  /// A weight, or the rows of a point, whose bits may be fewer.
  struct Ladder {
    std::string name;
    bool rows = false;
    std::vector<int> bits;       ///< (rung) most first
    std::vector<double> spoils;  ///< (rung) squared |change of the answers| / |answers|, alone
    std::size_t at = 0;
    double numbers = 0;                 ///< of a weight
    std::vector<std::size_t> products;  ///< that it is a side of
  };
  /// A product of a pass with a weight. A side without a ladder has bits of its own.
  struct Product {
    double macs = 0;
    int weight_bits = 8;
    double row_bits = 8;
    Ladder* weight = nullptr;
    Ladder* rows = nullptr;
    /// [bits of the weight][bits of the rows], measured alone; empty: not measured.
    std::map<int, std::map<int, double>> milliseconds{};
  };

  std::vector<std::unique_ptr<Ladder>> ladders;  // who are pointed at
  std::vector<Product> products;
  double share = 1;  ///< of what products take alone, in a pass

  Ladder& add(std::string name, bool rows, std::vector<int> bits) {
    ladders.push_back(std::make_unique<Ladder>());
    Ladder& l = *ladders.back();
    l.name = std::move(name);
    l.rows = rows;
    l.bits = std::move(bits);
    l.spoils.assign(l.bits.size(), 0.0);
    return l;
  }
  [[nodiscard]] Ladder* find(const std::string& name, bool rows) const {
    for (const auto& l : ladders)
      if (l->rows == rows && l->name == name) return l.get();
    return nullptr;
  }
  /// After the last ladder and product.
  void connect() {
    for (std::size_t k = 0; k < products.size(); ++k)
      for (Ladder* side : {products[k].weight, products[k].rows})
        if (side) side->products.push_back(k);
  }
  /// What is saved where a ladder is moved to a rung; below 0: what it costs.
  [[nodiscard]] double saved(Unit unit, const Ladder& l, std::size_t rung) const {
    if (unit == Unit::bytes) return l.rows ? 0 : l.numbers * (l.bits[l.at] - l.bits[rung]) / 8.0;
    double now = 0, then = 0;
    for (const std::size_t k : l.products) {
      const Product& p = products[k];
      const double rows = row_bits(p);
      const int weight = weight_bits(p);
      const double own = l.bits[rung];
      if (unit == Unit::bops) {
        now += p.macs * weight * rows;
        then += p.macs * (l.rows ? weight * own : own * rows);
      } else {
        now += time(p, weight, static_cast<int>(rows));
        then +=
            l.rows ? time(p, weight, l.bits[rung]) : time(p, l.bits[rung], static_cast<int>(rows));
      }
    }
    // Clocks waver: less than a tenth of what these products take is no gain.
    if (unit == Unit::bops) return now - then;
    return then < now && now - then < 0.1 * now ? 0 : share * (now - then);
  }
  /// Of all products, each alone, as the ladders stand.
  [[nodiscard]] double milliseconds() const {
    double sum = 0;
    for (const Product& p : products) sum += time(p, weight_bits(p), static_cast<int>(row_bits(p)));
    return sum;
  }
  /// A ladder, and a rung of it.
  struct Step {
    Ladder* ladder = nullptr;
    std::size_t rung = 0;
  };
  /// The step down by which a unit saved spoils least; none where nothing saves any.
  [[nodiscard]] Step cheapest(Unit unit) const {
    Step best;
    double least = 0;
    for (const auto& l : ladders)
      for (std::size_t rung = l->at + 1; rung < l->bits.size(); ++rung) {
        const double s = saved(unit, *l, rung);
        if (!(s > 0)) continue;
        const double price = (l->spoils[rung] - l->spoils[l->at]) / s;
        if (best.ladder && price >= least) continue;
        best = {l.get(), rung};
        least = price;
      }
    return best;
  }
  /// Adds the bits of all that has been stepped down.
  void put(NamedBits& named) const {
    for (const auto& l : ladders)
      if (l->at > 0) (l->rows ? named.rows : named.weights)[l->name] = l->bits[l->at];
  }

 private:
  [[nodiscard]] static int weight_bits(const Product& p) {
    return p.weight ? p.weight->bits[p.weight->at] : p.weight_bits;
  }
  [[nodiscard]] static double row_bits(const Product& p) {
    return p.rows ? p.rows->bits[p.rows->at] : p.row_bits;
  }
  [[nodiscard]] static double time(const Product& p, int weight, int rows) {
    const auto w = p.milliseconds.find(weight);
    if (w == p.milliseconds.end()) return 0;
    const auto r = w->second.find(rows);
    return r == w->second.end() ? 0 : r->second;
  }
};

/// Ladders of a calibrated network, from the bits it has downwards.
/// @param net    with the bits that the search begins at
/// @param from   the same in float
/// @param named  bits that stay
/// @param rows   whether rows have ladders, too
template <typename Model, typename Example>
BitLadders ladders_of(const Network<Model>& net, const Network<Model>& from,
                      const std::vector<Example>& few, const PassCost& cost, const NamedBits& named,
                      bool rows, RangeRule ranges) {
  const SchemeInfo& scheme = net.quantizers.info();
  BitLadders all;
  const auto declared = models::declared_by<Model>(net.model.config());
  std::map<int, std::vector<double>> of_weights;
  for (std::size_t k = 0; k < net.layout.weights().size(); ++k) {
    const WeightEntry& w = net.layout.weights()[k];
    if (named.weights.contains(w.name) || declared.weights()[k].fixed_bits != 0) continue;
    auto& l = all.add(w.name, false, rungs_from(net.quantizers.weight_bits(w)));
    l.numbers = static_cast<double>(w.out * w.in);
    for (std::size_t r = 1; r < l.bits.size(); ++r) {
      auto& changes = of_weights[l.bits[r]];
      if (changes.empty()) changes = weight_changes(from, few, l.bits[r]);
      l.spoils[r] = changes[k] * changes[k];
    }
  }
  if (rows) {
    const int level = scheme.levels.front();
    for (std::size_t p = 0; p < net.layout.points().size(); ++p) {
      const PointEntry& point = net.layout.points()[p];
      const bool read = std::any_of(cost.products.begin(), cost.products.end(),
                                    [&](const ProductCost& c) { return c.point == point.name; });
      if (!read || named.rows.contains(point.name) || declared.points()[p].fixed_bits != 0)
        continue;
      static_cast<void>(
          all.add(point.name, true, rungs_from(point.fixed_bits ? point.fixed_bits : level)));
    }
    std::vector<int> levels;
    for (const auto& l : all.ladders)
      if (l->rows) levels.insert(levels.end(), l->bits.begin(), l->bits.end());
    std::sort(levels.begin(), levels.end());
    levels.erase(std::unique(levels.begin(), levels.end()), levels.end());
    if (!levels.empty()) {
      SchemeInfo info = scheme;
      info.levels = levels;
      info.words = false;
      const auto narrow = calibrated_network(from, info, few, ranges);
      for (const int b : levels) {
        if (b == levels.back()) continue;
        const auto changes = row_errors(*narrow, few, b);
        for (const auto& l : all.ladders)
          for (std::size_t r = 1; l->rows && r < l->bits.size(); ++r)
            if (const auto found = changes.find(l->name); l->bits[r] == b && found != changes.end())
              l->spoils[r] = found->second * found->second;
      }
    }
  }
  for (const ProductCost& c : cost.products) {
    all.products.push_back({c.macs, c.weight_bits, c.mean_bits, all.find(c.weight, false),
                            rows ? all.find(c.point, true) : nullptr});
  }
  all.connect();
  return all;
}

/// Measures every product of the ladders at all bits that its sides may have.
template <typename Model>
void measure(BitLadders& all, const Network<Model>& net, const PassCost& cost,
             const allocation::RowTimesOptions& o) {
  std::vector<int> of_weights, of_rows;
  for (const BitLadders::Product& p : all.products) {
    if (p.weight) of_weights.insert(of_weights.end(), p.weight->bits.begin(), p.weight->bits.end());
    if (p.rows) of_rows.insert(of_rows.end(), p.rows->bits.begin(), p.rows->bits.end());
    of_weights.push_back(p.weight_bits);
  }
  const auto distinct = [](std::vector<int>& v) {
    std::sort(v.begin(), v.end());
    v.erase(std::unique(v.begin(), v.end()), v.end());
  };
  distinct(of_weights), distinct(of_rows);
  if (of_rows.empty()) of_rows.push_back(net.quantizers.info().levels.front());
  // Rows without a ladder keep what they have.
  auto rows = net.own_row_bits();
  std::erase_if(rows, [&](const auto& own) { return all.find(own.first, true) != nullptr; });
  for (const int w : of_weights) {
    if (w != 2 && w != 4 && w != 8 && w != 16) continue;  // of products without weights
    SchemeInfo info = net.quantizers.info();
    info.weight_bits = w;
    info.levels = of_rows;
    info.words = info.words && of_rows.back() <= 8;
    // Times are those of any numbers.
    const Network<Model> other(net.model.config(), info, 0, rows);
    const auto times = allocation::measure_product_times(other.layout, other.quantizers,
                                                         other.parameters, cost, of_rows, o, false);
    for (std::size_t k = 0; k < times.size(); ++k) {
      BitLadders::Product& p = all.products[k];
      for (std::size_t r = 0; r < of_rows.size(); ++r)
        p.milliseconds[w][of_rows[r]] = times[k].milliseconds[r];
      if (!p.rows) p.milliseconds[w][static_cast<int>(p.row_bits)] = times[k].milliseconds.front();
    }
  }
}

[[nodiscard]] inline Error too_costly(const char* what, double least, const char* of,
                                      double bound) {
  return Error(std::string("quantize, ") + what, number_text(least) + " or more, " + of,
               number_text(bound), "Allow more, or train a smaller network.");
}

/// Whether costs are within their bounds.
[[nodiscard]] inline bool within(const NetworkCost& c, const CostBounds& most) noexcept {
  const auto held = [](double cost, double bound) { return bound == 0 || cost <= bound; };
  return held(c.bytes, most.bytes) && held(c.bops, most.bops) &&
         held(c.milliseconds, most.milliseconds);
}
/// What it costs when a ladder is moved.
[[nodiscard]] inline NetworkCost moved(const BitLadders& all, const NetworkCost& now,
                                       const BitLadders::Ladder& ladder, std::size_t rung) {
  using Unit = BitLadders::Unit;
  return {now.bytes - all.saved(Unit::bytes, ladder, rung),
          now.bops - all.saved(Unit::bops, ladder, rung),
          now.milliseconds - all.saved(Unit::milliseconds, ladder, rung)};
}
/// Gives back what a last long step has saved beyond the bounds: ladders go up again, those first
/// that spoil most.
inline void step_up(BitLadders& all, NetworkCost& now, const CostBounds& most) {
  std::vector<BitLadders::Ladder*> order;
  for (const auto& l : all.ladders) order.push_back(l.get());
  std::sort(order.begin(), order.end(), [](const auto* a, const auto* b) {
    return a->spoils[a->at] - a->spoils[0] > b->spoils[b->at] - b->spoils[0];
  });
  for (BitLadders::Ladder* l : order)
    for (std::size_t rung = 0; rung < l->at; ++rung) {
      const NetworkCost then = moved(all, now, *l, rung);
      if (!within(then, most)) continue;
      now = then;
      l->at = rung;
    }
}

/// Steps ladders down until a network costs no more than is allowed.
/// @param now   what it costs where the ladders stand; moved along
/// @throws amq::Error where the lowest rungs are not few enough
inline void step_down(BitLadders& all, NetworkCost& now, const CostBounds& most) {
  using Unit = BitLadders::Unit;
  const auto over = [](double cost, double bound) { return bound > 0 ? cost / bound : 0; };
  for (;;) {
    const std::array<std::pair<double, Unit>, 3> by{
        {{over(now.bytes, most.bytes), Unit::bytes},
         {over(now.bops, most.bops), Unit::bops},
         {over(now.milliseconds, most.milliseconds), Unit::milliseconds}}};
    const auto worst = std::max_element(
        by.begin(), by.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
    if (worst->first <= 1) return;
    const auto [ladder, rung] = all.cheapest(worst->second);
    if (!ladder) {
      if (worst->second == Unit::bytes)
        throw too_costly("bytes", now.bytes, "which weights of 2 bits take", most.bytes);
      if (worst->second == Unit::bops)
        throw too_costly("bops", now.bops, "which weights and rows of 2 bits cost", most.bops);
      throw too_costly("milliseconds", now.milliseconds, "by the fewest bits that save time here",
                       most.milliseconds);
    }
    now = moved(all, now, *ladder, rung);
    ladder->at = rung;
  }
}

}  // namespace detail
}  // namespace amq::training
