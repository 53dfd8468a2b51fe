#pragma once
// What each product of a deployed network costs in time, and what its quantization spoils.

#include "network_study.hpp"

#include <map>

namespace grid_study {

/// BasicFixed with a clock at every product, in the order BasicCounting lists them. Rows that are
/// encoded by themselves are on the account of the product that follows, activations that follow a
/// product at once on its own.
class TimedFixed : public BasicFixed {
  template <typename F>
  auto clocked(const F& run) {
    const auto start = timing::milliseconds(timing::Clock::process);
    auto y = run();
    pending_ += timing::milliseconds(timing::Clock::process) - start;
    return y;
  }
  template <typename F>
  auto product(const F& run) {
    auto y = clocked(run);
    if (at_ == ms_.size()) ms_.push_back(0);
    ms_[at_++] += std::exchange(pending_, 0);
    return y;
  }

 public:
  using BasicFixed::BasicFixed;

  Quantized quantize(PointId p, const Tensor& x) {
    return clocked([&] { return BasicFixed::quantize(p, x); });
  }
  Tensor linear(WeightId w, const Quantized& q) {
    return product([&] { return BasicFixed::linear(w, q); });
  }
  Tensor dense(PointId p, WeightId w, const Tensor& x, Activation f) {
    return product([&] { return BasicFixed::dense(p, w, x, f); });
  }
  template <typename Patches>
  Tensor convolve(const Patches& patches, PointId p, WeightId w, const Tensor& x, Activation f) {
    return product([&] { return BasicFixed::convolve(patches, p, w, x, f); });
  }
  template <ops::operation Op, typename... In>
  Tensor apply(const Op& op, In... in) {
    const auto run = [&] { return BasicFixed::apply(op, std::move(in)...); };
    if constexpr (ops::Run<Op>::has_macs)
      return product(run);
    else
      return run();
  }

  void next_pass() { at_ = 0; }
  /// By product, of all passes together.
  [[nodiscard]] const std::vector<double>& ms() const noexcept { return ms_; }

 private:
  std::vector<double> ms_;
  std::size_t at_ = 0;
  double pending_ = 0;
};

namespace detail {

/// The first test problems as the network sees them.
inline std::vector<GridExample> some_problems(const Data& d, std::size_t most) {
  std::vector<GridExample> all;
  for (std::size_t k = 0; k < std::min(most, d.test.size()); ++k) {
    const GridField& g = d.test[k].given;
    const GridField coarse = d.factor == 1 ? g : resample(g, d.coarse_points(), d.full.layout);
    all.push_back({d.grid, d.encoding.given(coarse, 0, 0, coarse.n_times), d.x, {}});
  }
  return all;
}
template <typename M, typename A>
std::vector<Matrix> answers(const Network<M>& net, A& a, const std::vector<GridExample>& problems) {
  std::vector<Matrix> y;
  for (const auto& p : problems) y.push_back(map(forward(net.model, a, p).view()));
  return y;
}
inline double squared_distance(const std::vector<Matrix>& a, const std::vector<Matrix>& b) {
  double sum = 0;
  for (std::size_t k = 0; k < a.size(); ++k)
    sum += static_cast<double>((a[k] - b[k]).squaredNorm());
  return sum;
}

/// By weight: the squared change of the answers where it alone is quantized, rows in float.
template <typename M>
std::map<std::string, double> spoilt_by_weights(const Network<M>& net,
                                                const std::vector<GridExample>& problems) {
  std::map<std::string, double> error;
  Float32 exact(net.layout, net.parameters);
  const auto y = answers(net, exact, problems);
  const Parameters decoded = decoded_weights(net.layout, net.quantizers, net.parameters);
  for (const WeightEntry& w : net.layout.weights()) {
    const Parameters p = with_decoded(net.layout, net.parameters, w, net.layout, decoded);
    Float32 one(net.layout, p);
    error[w.name] = squared_distance(answers(net, one, problems), y);
  }
  return error;
}

/// By point: the squared change where its rows alone have the scheme's bits, all others 16. Points
/// of fixed bits and rows of 16 bits count as exact.
template <typename M>
std::map<std::string, double> spoilt_by_rows(const Options& o, const Data& d, const SchemeChoice& s,
                                             const Network<M>& trained, const PassCost& cost,
                                             const std::vector<GridExample>& problems) {
  std::map<std::string, double> error;
  if (s.rows >= 16) return error;
  const auto net = make_network<M>(o, d.coarse, *d.task, s, {s.rows, 16});
  for (std::size_t k = 0; k < net->layout.entries().size(); ++k) {
    // Steps of the scheme's level come first; those of 16 bits stay as they begin.
    const auto &from = trained.layout.entries()[k], &to = net->layout.entries()[k];
    std::copy_n(trained.parameters.values.begin() + from.offset, from.size(),
                net->parameters.values.begin() + to.offset);
  }
  BasicFixed a(net->layout, net->quantizers, net->parameters);
  BitPlan plan = BitPlan::uniform(16);
  a.begin(plan);
  const auto y = answers(*net, a, problems);
  for (std::size_t p = 0; p < net->layout.points().size(); ++p) {
    const PointEntry& point = net->layout.points()[p];
    if (point.fixed_bits) continue;
    Index rows = 0;
    for (const auto& c : cost.products)
      if (c.point == point.name) rows = c.rows;
    plan.by_point.assign(net->layout.points().size(), {});
    plan.by_point[p].assign(static_cast<std::size_t>(rows), static_cast<std::uint8_t>(s.rows));
    a.begin(plan);
    error[point.name] = squared_distance(answers(*net, a, problems), y);
  }
  return error;
}

}  // namespace detail

template <typename M>
bool trained(const Options& o, const Task& t, const SchemeChoice& s, Index factor) {
  return s.weights != 32 && std::filesystem::exists(quantized_path<M>(o, t, factor, s));
}

/// Of a network that is trained().
template <typename M>
Shares shares(const Options& o, const Data& d, const SchemeChoice& s) {
  Shares r;
  auto net = make_network<M>(o, d.coarse, *d.task, s);
  const BitPlan plan = BitPlan::uniform(s.rows);
  train_or_read(o, d, *net, quantized_path<M>(o, *d.task, d.factor, s), &plan, s.name, true);
  r.measured = true;
  const PassCost cost = cost_of(*net, d.grid, plan);
  const auto problems = detail::some_problems(d, 6);

  r.of.resize(cost.products.size());
  if (s.rows < 32) {
    TimedFixed a(net->layout, net->quantizers, net->parameters);
    a.begin(plan);
    constexpr int rounds = 5;
    const auto start = timing::milliseconds(timing::Clock::process);
    for (int k = 0; k < rounds; ++k)
      for (const auto& p : problems) {
        a.next_pass();
        static_cast<void>(forward(net->model, a, p));
      }
    const double passes = rounds * static_cast<double>(problems.size());
    r.ms = (timing::milliseconds(timing::Clock::process) - start) / passes;
    for (std::size_t k = 0; k < r.of.size(); ++k) r.of[k].ms = a.ms().at(k) / passes;
  }
  auto from_weights = detail::spoilt_by_weights(*net, problems);
  auto from_rows = detail::spoilt_by_rows<M>(o, d, s, *net, cost, problems);
  double error = 0;
  for (std::size_t k = 0; k < r.of.size(); ++k) {
    const auto& p = cost.products[k];
    // Rows that several products read are on the account of the first.
    r.of[k].error = std::exchange(from_weights[p.weight], 0) + std::exchange(from_rows[p.point], 0);
    error += r.of[k].error;
  }
  if (error > 0)
    for (Share& share : r.of) share.error /= error;
  return r;
}

template <typename M>
Model model_of() {
  Model m;
  m.name = Kind<M>::name;
  m.width = width<M>;
  m.run = run<M>;
  m.trained = trained<M>;
  m.shares = shares<M>;
  m.cost = [](const Options& o, const Task& t, const SchemeChoice& s, const GridShape& grid) {
    return cost_of(*make_network<M>(o, t.describe(), t, s), grid,
                   BitPlan::uniform(s.weights == 32 ? BitPlan::float_rows : s.rows));
  };
  return m;
}

}  // namespace grid_study
