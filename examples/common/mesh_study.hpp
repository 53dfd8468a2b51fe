#pragma once
/// @file
/// From the samples of a problem on meshes to a table: float training, uniform and adaptive
/// quantization-aware training, deployment in integers. Shared by the studies of bench/.

#include "timing.hpp"

#include <amq/core/thread_pool.hpp>
#include <amq/solver.hpp>
#include <amq/train/checkpoint.hpp>
#include <amq/train/quantized_network.hpp>
#include <amq/train/unrolling.hpp>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <memory>
#include <numeric>
#include <optional>
#include <string>
#include <vector>

namespace study {

using namespace amq;
using namespace amq::training;

struct Options {
  std::size_t training = 400, test = 64;
  Index least_nodes = 600, most_nodes = 1000;
  Index hidden = 48, layers = 4;
  Index width = 96, blocks = 2, cluster_size = 20;  ///< GraphViT's tokens
  Index heads = 8, tokens = 64;                     ///< of latent attention
  std::int64_t float_epochs = 12, qat_epochs = 3;
  std::size_t batch = 2;
  double lr = 2e-3, qat_lr = 5e-4;
  std::size_t points = 1200;  ///< of a car's surface
  double noise = 0.02;        ///< of unsteady training states, in deviations
  std::int64_t unroll = 0;    ///< further training of unsteady ones: most steps before the trained
  std::uint64_t seed = 0, data_seed = 77;
  std::uint64_t order = 0;  ///< further training: another draw of its samples' order
  AuxiliaryConfig auxiliary;
  std::size_t threads = 2;
  std::string folder = "out/darcy";  ///< data sets and checkpoints are kept here
  ProgressCallback progress;
};

/// A trajectory as rollouts are compared with it.
struct Trajectory {
  Mesh mesh;
  std::vector<Field> state;  ///< (frame): (node, channel)
};

/// The samples as networks see them, and the test meshes for pictures.
struct Data {
  MeshEncoding encoding;
  std::vector<GraphSample> training, test;
  std::vector<Mesh> test_mesh;
  std::vector<Field> test_given, test_solution;
  std::vector<std::size_t> training_mesh_id, test_mesh_id;  ///< empty: a mesh a sample
  std::vector<Trajectory> trajectories;                     ///< of an unsteady test
  Trajectories training_steps;  ///< how training samples follow each other; steady: empty
};

/// Whether a boundary gives the states of its nodes, in training windows and in rollouts.
inline bool prescribed(NodeType t) {
  return t != NodeType::normal && t != NodeType::outflow;
}

/// What a run is calibrated on.
inline std::span<const GraphSample> calibration_part(const Data& d) {
  return std::span(d.training).first(std::min<std::size_t>(8, d.training.size()));
}
/// Progress of samples being made.
inline auto sample_progress(const Options& o) {
  return [&o, watch = Stopwatch()](std::size_t done, std::size_t total) {
    const auto d = static_cast<std::int64_t>(done), t = static_cast<std::int64_t>(total);
    if (o.progress) o.progress({"samples", d, t, watch.seconds(), watch.seconds_left(d, t), 0});
  };
}

/// One row of the table.
struct Result {
  double bops = 0;    ///< per test sample, auxiliary model included
  double bytes = 0;   ///< of the model
  double mse = 0;     ///< of the normalized solution, in units of its variance
  double rel_l2 = 0;  ///< mean over samples, the user's units
  double ms = 0;      ///< median wall-clock time of a solve, one thread
  double mean_bits = 0;
};

/// A network's sizes for a problem; a model with more of them has its own, beside the program that
/// studies it.
template <typename Config>
void configure(Config& c, const Options& o, const Data& d) {
  c.hidden = o.hidden;
  c.layers = o.layers;
  c.inputs = d.encoding.inputs();
  c.dim = static_cast<Index>(d.encoding.centre.size());
  c.outputs = d.encoding.outputs();
}
template <typename Model>
typename Model::Config model_config(const Options& o, const Data& d) {
  typename Model::Config c;
  configure(c, o, d);
  return c;
}
/// Makes what the model reads of each mesh, once a mesh.
template <typename Model>
void prepare(const Options& o, Data& d) {
  ParameterLayout layout;
  const Model model(layout, model_config<Model>(o, d));
  for (auto* part : {&d.training, &d.test})
    for (std::size_t k = 0; k < part->size(); ++k) {
      const auto& id = part == &d.training ? d.training_mesh_id : d.test_mesh_id;
      if (k > 0 && !id.empty() && id[k] == id[k - 1]) {
        (*part)[k].of_mesh = (*part)[k - 1].of_mesh;
      } else {
        prepare_sample(model, (*part)[k]);
      }
    }
}
inline MeshTrainingOptions training_options(const Options& o, const std::string& what, bool qat,
                                            double random_share = 0.0) {
  MeshTrainingOptions t;
  t.trainer.what = what;
  t.trainer.epochs = qat ? o.qat_epochs : o.float_epochs;
  t.trainer.batch = o.batch;
  t.trainer.seed = o.seed + (qat ? 1000 + 100 * o.order : 0);
  t.trainer.report_every = 20;
  t.lr = qat ? o.qat_lr : o.lr;
  t.random_share = random_share;
  return t;
}

/// With --unroll a further training is on windows of several steps.
template <typename Training>
void unroll(const Options& o, const Data& d, Training& t) {
  if (o.unroll > 0 && !d.training_steps.next.empty())
    t.approach_by(Unrolling(d.training, d.training_steps, o.unroll, 1),
                  "unrolled " + std::to_string(o.unroll));
}
/// What tells this further training from others in the names of files.
inline std::string further(const Options& o) {
  return (o.unroll > 0 ? "_u" + std::to_string(o.unroll) : "") +
         (o.order > 0 ? "_o" + std::to_string(o.order) : "");
}

/// A network in float, trained, or read from the folder where an earlier run has left it. With
/// `longer`, trained on as long as a quantized one is, at the same learning rate.
template <typename Model = MpPde>
std::unique_ptr<Network<Model>> float_network(const Options& o, const Data& d, Executor& executor,
                                              bool longer = false) {
  const auto name = [&](const char* stage) {
    return o.folder + "/float_h" + std::to_string(o.hidden) + "_l" + std::to_string(o.layers) +
           "_n" + std::to_string(o.training) + "_e" + std::to_string(o.float_epochs) + stage +
           "_s" + std::to_string(o.seed) + ".safetensors";
  };
  auto net = std::make_unique<Network<Model>>(model_config<Model>(o, d),
                                              SchemeInfo{8, RowRule::min_max, {8}}, o.seed);
  Learner keeper{&net->layout, &net->parameters, AdamW(net->layout, {}), {}};
  Learner* all[] = {&keeper};
  const auto stage = [&](const std::string& path, bool qat) {
    if (std::filesystem::exists(path)) {
      static_cast<void>(load_checkpoint(path, all));
      return;
    }
    MeshTraining<Model> t(*net, d.training, training_options(o, qat ? "float, on" : "float", qat));
    if (qat) unroll(o, d, t);
    t.run(executor, nullptr, o.progress);
    save_checkpoint(path, 0, all);
  };
  stage(name(""), false);
  if (longer) stage(name(("_on" + std::to_string(o.qat_epochs) + further(o)).c_str()), true);
  return net;
}

/// Time of one call: the median of several, on the test samples in turn.
template <typename Solve>
double median_ms(std::size_t n_samples, const Solve& solve) {
  std::vector<double> ms;
  for (std::size_t k = 0; k < std::min<std::size_t>(n_samples, 15) + 2; ++k) {
    const double start = timing::milliseconds(timing::Clock::wall);
    solve(k % n_samples);
    if (k >= 2) ms.push_back(timing::milliseconds(timing::Clock::wall) - start);
  }
  return timing::median(ms);
}

/// Errors of a solve(sample) -> normalized output over the test samples.
template <typename Solve>
Result evaluate(const Data& d, const Solve& solve) {
  Result r;
  for (std::size_t k = 0; k < d.test.size(); ++k) {
    const Matrix y = solve(k);
    const auto& s = d.test[k];
    r.mse += static_cast<double>((y - s.y).squaredNorm()) / static_cast<double>(y.size());
    const Field u = d.encoding.decode(view(y));
    r.rel_l2 += static_cast<double>((u - d.test_solution[k]).norm() / d.test_solution[k].norm());
  }
  r.mse /= static_cast<double>(d.test.size());
  r.rel_l2 /= static_cast<double>(d.test.size());
  return r;
}

template <typename Model = MpPde>
Result evaluate_float(const Data& d, const Network<Model>& net) {
  Float32 a(net.layout, net.parameters);
  const auto solve = [&](std::size_t k) {
    return Matrix(map(forward(net.model, a, d.test[k]).view()));
  };
  Result r = evaluate(d, solve);
  r.ms = median_ms(d.test.size(), solve);
  for (const auto& s : d.test) {
    const BitPlan any = BitPlan::uniform(8);
    BasicCounting count(net.layout, net.quantizers, any);
    forward(net.model, count, s);
    r.bops += count.cost().float_bops() / static_cast<double>(d.test.size());
  }
  r.bytes = 4.0 * static_cast<double>(net.layout.entries()[net.quantizers.first_entry()].offset);
  r.mean_bits = 32;
  return r;
}

/// In integers, everything included: scores, allocation, the pass.
template <typename Model = MpPde, typename Scheme>
Result evaluate_solver(const Data& d, const MeshSolver<Model, Scheme>& solver) {
  double bops = 0, bits = 0;
  Result r = evaluate(d, [&](std::size_t k) {
    const auto [plan, report] = solver.plan(d.test[k]);
    bops += static_cast<double>(report.bops);
    const auto& b = report.node_bits;
    bits += std::accumulate(b.begin(), b.end(), 0.0) / static_cast<double>(b.size());
    return solver.normalized(d.test[k], plan);
  });
  r.ms = median_ms(d.test.size(),
                   [&](std::size_t k) { static_cast<void>(solver.normalized(d.test[k])); });
  r.bops = bops / static_cast<double>(d.test.size());
  r.mean_bits = bits / static_cast<double>(d.test.size());
  r.bytes = solver.model_bytes();
  return r;
}

/// Uniform bits, trained at them from the float network; of several widths each pass draws one.
template <typename Model = MpPde>
std::unique_ptr<MeshSolver<Model>> uniform_solver(const Options& o, const Data& d,
                                                  Executor& executor, const std::vector<int>& bits,
                                                  RowRule rule = RowRule::min_max,
                                                  RangeRule range = RangeRule::least_squares) {
  const auto from = float_network<Model>(o, d, executor);
  auto net =
      calibrated_network(*from, SchemeInfo{8, rule, bits}, calibration_part(d), range, o.seed);
  std::vector<BitPlan> plans;
  std::string widths;
  for (const int b : bits) {
    plans.push_back(BitPlan::uniform(b));
    widths += (widths.empty() ? "" : ",") + std::to_string(b);
  }
  MeshTraining<Model> t(*net, d.training, training_options(o, "uniform " + widths + " bits", true));
  unroll(o, d, t);
  t.run_by_turns(executor, plans, o.progress);
  net->quantizers.fit_weights(net->layout, net->parameters);
  auto solver = std::make_unique<MeshSolver<Model>>(std::move(net), nullptr, d.encoding);
  solver->budget(mean_bits(bits.front()));
  return solver;
}

struct Adaptive : AdaptiveOptions {
  std::vector<int> levels{1, 2, 3, 4, 5, 6, 8};
  RowRule rule = RowRule::min_max;
};

/// Bits by the auxiliary model, both trained jointly from the float network.
template <typename Model = MpPde>
std::unique_ptr<MeshSolver<Model>> adaptive_solver(const Options& o, const Data& d,
                                                   Executor& executor, const Adaptive& how) {
  const auto from = float_network<Model>(o, d, executor);
  const auto few = calibration_part(d);
  auto net = calibrated_network(*from, SchemeInfo{8, how.rule, how.levels}, few,
                                RangeRule::least_squares, o.seed);
  AdaptiveOptions adaptive = how;
  adaptive.auxiliary = o.auxiliary;
  auto made = train_adaptive_network<Model>(
      std::move(net), d.training, few, adaptive,
      training_options(o, "adaptive, mean " + std::to_string(how.mean_bits.front()).substr(0, 3),
                       true),
      o.seed, executor, o.progress, [&](MeshTraining<Model>& t) { unroll(o, d, t); });
  auto solver =
      std::make_unique<MeshSolver<Model>>(std::move(made.net), std::move(made.auxiliary),
                                          d.encoding, how.sharing, std::move(made.curves));
  solver->budget(mean_bits(how.mean_bits.front()));
  return solver;
}

}  // namespace study
