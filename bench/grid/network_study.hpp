#pragma once
// A network of one family: trained in float, quantized, deployed, counted.

#include "../../examples/common/timing.hpp"
#include "grid_study.hpp"

#include <amq/arithmetic/fixed.hpp>
#include <amq/arithmetic/float32.hpp>
#include <amq/train/calibrate.hpp>
#include <amq/train/checkpoint.hpp>
#include <amq_lab/problems/resample.hpp>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <span>

namespace grid_study {

/// solve(coarse input) -> normalized output on the coarse grid. Down, through it, up, compared.
template <typename Solve>
void evaluate(const Data& d, Result& r, const Solve& solve) {
  const auto whole = [&](const Data::Problem& p) {
    const GridField coarse =
        d.factor == 1 ? p.given : resample(p.given, d.coarse_points(), d.full.layout);
    const Matrix y = solve(d.encoding.given(coarse, 0, 0, coarse.n_times));
    GridField out(1, 1, d.coarse_points(), y.cols());
    std::copy_n(y.data(), y.size(), out.values.begin());
    for (float& v : out.values) v *= d.encoding.output_scale;
    if (d.factor != 1) out = resample(out, d.full.u.points, d.full.layout);
    if (d.task->mapping.change) {
      const auto last = p.given.frame(0, p.given.n_times - 1);
      for (std::size_t k = 0; k < out.values.size(); ++k) out.values[k] += last[k];
    }
    return out;
  };
  std::vector<double> ms;
  for (const auto& p : d.test) {
    const double start = timing::milliseconds(timing::Clock::process);
    const GridField y = whole(p);
    ms.push_back(timing::milliseconds(timing::Clock::process) - start);
    const MatrixView<const float> v(y.values.data(), p.solution.rows(), p.solution.cols());
    r.nrmse += normalized_rmse(v, view(p.solution));
    r.mse += static_cast<double>((map(v) - p.solution).squaredNorm()) /
             static_cast<double>(v.size()) / static_cast<double>(d.encoding.output_scale) /
             static_cast<double>(d.encoding.output_scale);
  }
  r.nrmse /= static_cast<double>(d.test.size());
  r.mse /= static_cast<double>(d.test.size());
  r.ms = timing::median(ms);
}

/// What has bits of its own.
struct EdgeBits {
  int last = 8;            ///< rows of the last layers
  int modes = 8;           ///< rows of spectral modes
  ProductBits products{};  ///< of transforms and attention
};
/// What the study must know of a model: its name, its configuration for a task, and its first and
/// last weights. These have more bits than others in every scheme: they multiply little, and what
/// is lost there is lost for all.
template <typename M>
struct Kind;
template <typename M>
Index width(const Options& o, const Task& t) {
  return Kind<M>::width(Kind<M>::config(t.describe(), t.mapping, o.width, {}));
}

template <typename M>
std::unique_ptr<Network<M>> make_network(const Options& o, const GridSet& set, const Task& t,
                                         const SchemeChoice& s, std::vector<int> levels = {}) {
  const bool integers = s.rows <= 16;
  const EdgeBits edges{integers ? std::max(o.edge_bits, s.rows) : 8,
                       integers ? std::min(16, 2 * s.rows) : 8,
                       integers ? o.products : ProductBits()};
  if (levels.empty()) levels = {integers ? s.rows : 8};
  auto net = std::make_unique<Network<M>>(
      Kind<M>::config(set, t.mapping, o.width, edges),
      SchemeInfo{s.weights == 32 ? 8 : s.weights, o.rows_of(s.rows), std::move(levels)}, o.seed);
  for (const auto& name : Kind<M>::edges()) net->layout.fix_weight_bits(name, o.edge_weights);
  net->reset_quantizers();
  return net;
}

/// Samples forward and back of a training.
inline Index wanted_passes(const Options& o, const Task& t, bool further) {
  return further ? further_passes(o, t) : t.passes;
}
/// Fewer passes than examples: the first of them, once. Else all of them, in whole epochs.
inline std::int64_t n_examples(const Options& o, const Task& t, bool further) {
  const Index all = t.training * (t.mapping.past > 0 ? t.mapping.windows : 1);
  return std::min(all, std::max<Index>(4, wanted_passes(o, t, further)));
}
inline std::int64_t n_epochs(const Options& o, const Task& t, bool further) {
  const auto n = n_examples(o, t, further);
  return std::max<std::int64_t>(1, (wanted_passes(o, t, further) + n / 2) / n);
}
inline std::span<const GridExample> examples(const Options& o, const Data& d, bool further) {
  return std::span(d.training).first(static_cast<std::size_t>(n_examples(o, *d.task, further)));
}
inline NetworkTrainingOptions training_options(const Options& o, const Task& task, std::string what,
                                               bool further) {
  NetworkTrainingOptions t;
  t.trainer.what = std::move(what);
  t.trainer.epochs = n_epochs(o, task, further);
  t.trainer.batch = 4;
  t.trainer.seed = o.seed + (further ? 1000 : 0);
  t.trainer.report_every = 25;
  t.lr = further ? o.further_lr : 2e-3;
  t.learn_weight_steps = further && o.learn_weight_steps;
  // Changes may be small: an error counts as much where they are.
  t.loss = task.mapping.change ? Loss::mse : Loss::relative_l2;
  return t;
}

/// Trains, or reads what an earlier run has left under this name.
template <typename M>
void train_or_read(const Options& o, const Data& d, Network<M>& net, const std::string& path,
                   const BitPlan* plan, const std::string& what, bool further) {
  Learner keeper{&net.layout, &net.parameters, AdamW(net.layout, {}), {}};
  Learner* all[] = {&keeper};
  if (std::filesystem::exists(path)) {
    static_cast<void>(load_checkpoint(path, all));
    return;
  }
  if (!plan && !further)
    settle_norms(net, std::span(d.training).first(std::min<std::size_t>(16, d.training.size())));
  GridTraining<M> t(net, examples(o, d, further), training_options(o, *d.task, what, further));
  t.run(serial_executor(), plan, o.progress);
  if (plan && !o.learn_weight_steps) net.quantizers.fit_weights(net.layout, net.parameters);
  save_checkpoint(path, 0, all);
}
template <typename M>
std::string network_path(const Options& o, const Task& t, Index factor, const std::string& scheme,
                         bool further) {
  const auto passes = [&](bool f) {
    return "_" + std::to_string(n_epochs(o, t, f) * n_examples(o, t, f));
  };
  return o.folder + "/" + Kind<M>::name + "_" + t.name + "_w" + std::to_string(width<M>(o, t)) +
         "_r" + std::to_string(factor) + "_s" + std::to_string(o.seed) + "_" + scheme +
         passes(false) + (further ? passes(true) : "") + ".safetensors";
}
template <typename M>
std::string quantized_path(const Options& o, const Task& t, Index factor, const SchemeChoice& s) {
  return network_path<M>(o, t, factor, s.name + (s.rows <= 16 ? o.products_text() : ""), true);
}
/// A network in float. With `further`, trained on for as long as a quantized one is, at the same
/// learning rate.
template <typename M>
std::unique_ptr<Network<M>> float_network(const Options& o, const Data& d, bool further) {
  auto net = make_network<M>(o, d.coarse, *d.task, schemes()[0]);
  const auto path = [&](bool on) { return network_path<M>(o, *d.task, d.factor, "float", on); };
  train_or_read(o, d, *net, path(false), nullptr, "float", false);
  if (further) train_or_read(o, d, *net, path(true), nullptr, "float, on", true);
  return net;
}

template <typename M>
PassCost cost_of(const Network<M>& net, const GridShape& grid, const BitPlan& plan) {
  BasicCounting count(net.layout, net.quantizers, plan);
  const GridExample any{grid,
                        Matrix::Zero(grid.rows(), net.model.config().inputs),
                        Matrix::Zero(grid.rows(), grid.dims),
                        {}};
  forward(net.model, count, any);
  return count.cost();
}

template <typename M>
Result run(const Options& o, const Data& d, const SchemeChoice& s) {
  Result r;
  GridExample now{d.grid, {}, d.x, {}};
  const auto in_float = [&](const Network<M>& net, const Parameters& p) {
    Float32 a(net.layout, p);
    evaluate(d, r, [&](Matrix u) {
      now.u = std::move(u);
      return Matrix(map(forward(net.model, a, now).view()));
    });
  };
  if (s.weights == 32) {
    const auto net = float_network<M>(o, d, true);
    in_float(*net, net->parameters);
    const PassCounts c(cost_of(*net, d.grid, BitPlan::uniform(8)), true);
    r.bops = c.bops;
    r.float_ops = c.float_ops;
    r.bytes =
        4.0 * static_cast<double>(net->layout.entries()[net->quantizers.first_entry()].offset);
    return r;
  }
  auto net = make_network<M>(o, d.coarse, *d.task, s);
  const BitPlan plan = BitPlan::uniform(s.rows);
  const std::string path = quantized_path<M>(o, *d.task, d.factor, s);
  if (!std::filesystem::exists(path)) {
    const auto from = float_network<M>(o, d, false);
    net->take_weights(from->layout, from->parameters);
    calibrate(*net, std::span(d.training).first(std::min<std::size_t>(16, d.training.size())));
  }
  train_or_read(o, d, *net, path, &plan, s.name, true);
  if (s.rows == 32) {
    in_float(*net, decoded_weights(net->layout, net->quantizers, net->parameters));
  } else {
    BasicFixed fixed(net->layout, net->quantizers, net->parameters);
    fixed.begin(plan);
    evaluate(d, r, [&](Matrix u) {
      now.u = std::move(u);
      return Matrix(map(forward(net->model, fixed, now).view()));
    });
  }
  const PassCounts c(cost_of(*net, d.grid, plan), false);
  r.bops = c.bops;
  r.float_ops = c.float_ops;
  r.bytes = deployed_bytes(net->layout, net->quantizers);
  return r;
}

}  // namespace grid_study
