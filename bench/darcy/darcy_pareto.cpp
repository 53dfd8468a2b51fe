// Question: at equal operations, does giving bits to the nodes and products that need them beat
// uniform bits on Darcy flow, and what does it owe to score, ladder and quantizer?
//
// Trains and deploys every arm for every seed, appends a row to the CSV as it is finished, and
// skips rows that are there: stopped, it goes on where it was.

#include "../../examples/common/darcy_study.hpp"

#include <amq/io/file.hpp>

#include <cstdlib>
#include <fstream>
#include <iostream>
#include <map>
#include <set>
#include <sstream>

using namespace study;

namespace {

struct Arm {
  std::string scheme, quantizer, score;
  std::vector<int> levels;
  double budget;
  [[nodiscard]] std::string key(std::uint64_t seed) const {
    std::ostringstream s;
    s << scheme << ',' << quantizer << ',' << score << ',';
    for (std::size_t k = 0; k < levels.size(); ++k) s << (k ? " " : "") << levels[k];
    s << ',' << budget << ',' << seed;
    return s.str();
  }
};

const std::vector<int> coarse{2, 4, 8}, fine{1, 2, 3, 4, 5, 6, 8}, skipping{0, 1, 2, 3, 4, 5, 6, 8};

std::vector<Arm> arms(bool ablation) {
  std::vector<Arm> all{{"float32", "none", "none", {32}, 32}};
  const auto uniform = [&](int b, const char* quantizer) {
    all.push_back({"uniform", quantizer, "none", {b}, static_cast<double>(b)});
  };
  const auto amq = [&](const std::vector<int>& levels, double b,
                       const char* score = "sensitivity") {
    all.push_back({"amq", "row_affine_shifted_lsq", score, levels, b});
  };
  for (const int b : {3, 4, 6}) {
    uniform(b, "row_affine_shifted_lsq");
    amq(fine, b);
    if (b == 3) uniform(b, "tensor_static_percentile");
  }
  for (const int b : {3, 4, 6}) amq(coarse, b);
  uniform(2, "row_affine_shifted_lsq");
  amq(fine, 2);
  uniform(8, "row_affine_shifted_lsq");
  uniform(4, "tensor_static_percentile");
  if (ablation) {
    for (const char* score : {"layerwise", "sensitivity_per_node", "loss_per_node", "gradient",
                              "random", "indicator", "oracle"})
      amq(fine, 3, score);
    amq(skipping, 3);
    uniform(3, "tensor_static_least_squares");
    uniform(3, "row_min_max_lsq");
    uniform(3, "row_symmetric_lsq");
  }
  return all;
}

/// Keys of the rows a CSV holds: scheme .. budget, seed.
std::set<std::string> done(const std::string& path) {
  std::set<std::string> keys;
  std::ifstream in(path);
  std::string line;
  while (std::getline(in, line)) {
    std::vector<std::string> c;
    std::stringstream s(line);
    for (std::string field; std::getline(s, field, ',');) c.push_back(field);
    if (c.size() >= 13)
      keys.insert(c[2] + ',' + c[3] + ',' + c[4] + ',' + c[5] + ',' + c[6] + ',' + c[9]);
  }
  return keys;
}

/// Bits from scores that need no auxiliary model: none (layerwise), random, an indicator, or an
/// oracle that has seen the sample's own Jacobian.
Result given_scores(const Options& o, const Data& d, Executor& executor, const Arm& arm) {
  const auto from = float_network(o, d, executor);
  Network<MpPde> net(model_config<MpPde>(o, d), SchemeInfo{8, RowRule::affine, arm.levels}, o.seed);
  net.take_weights(from->layout, from->parameters);
  const auto few = std::span(d.training).first(8);
  calibrate(net, few);
  MeshTraining<MpPde> t(net, d.training, training_options(o, arm.score, true));
  const PointScores shape(net.layout);
  BasicTraining<float> a(net.layout, net.quantizers);
  const auto score = [&](const GraphSample& s, std::size_t k) {
    PointScores p(net.layout, s.graph.n_nodes());
    Random random = Random::stream(o.seed + 0xabc, k);
    if (arm.score == "oracle") {
      MeshTraining<MpPde> one(net, std::span(&s, 1), training_options(o, "", true));
      return one.probe(a, 0, nullptr, random, 8);
    }
    std::vector<double> coefficient;
    for (Index i = 0; i < s.u.rows(); ++i) coefficient.push_back(std::exp(s.u(i, 1)));
    const auto jump = coefficient_jump(s.graph, coefficient);
    for (Index i = 0; i < p.nodes; ++i) {
      const double v = arm.score == "indicator" ? 0.1 + jump[static_cast<std::size_t>(i)]
                       : arm.score == "random"  ? std::exp(random.normal())
                                                : 1.0;
      for (Index c = 0; c < p.columns(); ++c) p.view()(i, c) = static_cast<float>(v);
    }
    return p;
  };
  std::vector<double> mean(static_cast<std::size_t>(shape.columns()), 0.0);
  double rows = 0;
  std::vector<PointScores> training, test;
  for (std::size_t k = 0; k < d.training.size(); ++k) training.push_back(score(d.training[k], k));
  for (std::size_t k = 0; k < d.test.size(); ++k)
    test.push_back(score(d.test[k], d.training.size() + k));
  for (const auto& s : training)
    for (Index i = 0; i < s.nodes; ++i, rows += 1)
      for (std::size_t c = 0; c < mean.size(); ++c)
        mean[c] += static_cast<double>(s.view()(i, static_cast<Index>(c)));
  for (double& m : mean) m = std::max(m / rows, 1e-18);
  const Planner planner(net.layout, 8, arm.levels,
                        measure_curves(net, few, arm.levels, arm.levels.back(), mean, executor));
  Cost spent = 0;
  const auto plan = [&](const GraphSample& s, const PointScores& scores) {
    const BitPlan any = BitPlan::uniform(8);
    BasicCounting count(net.layout, net.quantizers, any);
    forward(net.model, count, s);
    const PassWork work(net.layout, count.cost());
    Planned p = planner.plan(s, work, scores, planner.uniform_cost(s, work, arm.budget));
    spent += p.cost;
    return std::move(p.plan);
  };
  std::vector<BitPlan> plans, test_plans;
  for (std::size_t k = 0; k < d.training.size(); ++k)
    plans.push_back(plan(d.training[k], training[k]));
  spent = 0;
  for (std::size_t k = 0; k < d.test.size(); ++k) test_plans.push_back(plan(d.test[k], test[k]));
  t.run(executor, plans, o.progress);
  net.quantizers.fit_weights(net.layout, net.parameters);
  BasicFixed fixed(net.layout, net.quantizers, net.parameters);
  const auto solve = [&](std::size_t k) {
    fixed.begin(test_plans[k]);
    return Matrix(map(forward(net.model, fixed, d.test[k]).view()));
  };
  Result r = evaluate(d, solve);
  r.ms = median_ms(d.test.size(), solve);
  r.bops = static_cast<double>(spent) / static_cast<double>(d.test.size());
  r.mean_bits = arm.budget;
  for (const auto& w : net.layout.weights())
    r.bytes += static_cast<double>(w.out * w.in) * net.quantizers.weight_bits(w) / 8.0 +
               8.0 * static_cast<double>(w.out);
  return r;
}

Result run(const Options& o, const Data& d, Executor& executor, const Arm& arm) {
  if (arm.scheme == "float32") return evaluate_float(d, *float_network(o, d, executor, true));
  std::unique_ptr<BasicMeshSolver<MpPde>> solver;
  if (arm.scheme == "uniform") {
    const bool fixed = arm.quantizer.starts_with("tensor");
    const RowRule rule = fixed                                  ? RowRule::fixed
                         : arm.quantizer == "row_min_max_lsq"   ? RowRule::min_max
                         : arm.quantizer == "row_symmetric_lsq" ? RowRule::symmetric
                                                                : RowRule::affine;
    solver = uniform_solver(o, d, executor, arm.levels[0], rule,
                            arm.quantizer == "tensor_static_percentile" ? RangeRule::percentile
                                                                        : RangeRule::least_squares);
  } else if (arm.score == "layerwise" || arm.score == "random" || arm.score == "indicator" ||
             arm.score == "oracle") {
    return given_scores(o, d, executor, arm);
  } else {
    Adaptive how;
    how.levels = arm.levels;
    how.mean_bits = arm.budget;
    if (arm.score == "sensitivity_per_node") how.sharing = Sharing::node;
    if (arm.score == "loss_per_node") how.sharing = Sharing::node, how.score = ScoreKind::loss;
    if (arm.score == "gradient") how.score = ScoreKind::gradient;
    solver = adaptive_solver(o, d, executor, how);
  }
  const Result r = evaluate_solver(d, *solver);
  std::string name = arm.key(o.seed);
  std::replace_if(
      name.begin(), name.end(), [](char c) { return c == ',' || c == ' '; }, '_');
  save(o.folder + "/" + name + ".safetensors", *solver,
       {d.test_mesh[0], d.test_given[0], {arm.budget}});
  return r;
}

}  // namespace

int main(int argc, char** argv) try {
  Options o;
  o.threads = 1;
  std::string csv = "docs/results/darcy.csv";
  std::vector<std::uint64_t> seeds{0, 1, 2};
  std::uint64_t ablation_seeds = 1;
  for (int i = 1; i < argc; i += 2) {
    const std::string key = argv[i], value = i + 1 < argc ? argv[i + 1] : "";
    const auto number = [&] { return std::strtoull(value.c_str(), nullptr, 10); };
    if (key == "--seed")
      seeds = {number()};
    else if (key == "--csv")
      csv = value;
    else if (key == "--folder")
      o.folder = value;
    else if (key == "--training")
      o.training = number();
    else if (key == "--test")
      o.test = number();
    else if (key == "--hidden")
      o.hidden = static_cast<Index>(number());
    else if (key == "--layers")
      o.layers = static_cast<Index>(number());
    else if (key == "--least-nodes")
      o.least_nodes = static_cast<Index>(number());
    else if (key == "--most-nodes")
      o.most_nodes = static_cast<Index>(number());
    else if (key == "--float-epochs")
      o.float_epochs = static_cast<std::int64_t>(number());
    else if (key == "--qat-epochs")
      o.qat_epochs = static_cast<std::int64_t>(number());
    else if (key == "--ablation-seeds")
      ablation_seeds = number();
    else if (key == "--threads")
      o.threads = number();
    else {
      std::cout << "darcy_pareto [--seed N] [--csv FILE] [--folder DIR] [--training N] [--test N] "
                   "[--hidden N] [--layers N]\n"
                   "  [--least-nodes N] [--most-nodes N] [--float-epochs N] [--qat-epochs N] "
                   "[--ablation-seeds N] [--threads N]\n";
      return key == "--help" ? 0 : 1;
    }
  }
  const bool terminal = std::getenv("AMQ_QUIET") == nullptr;
  o.progress = [&](const Progress& p) {
    if (terminal)
      std::fprintf(stderr, "\r%-24s %6lld / %lld  loss %.4f  %.0f s left   ", p.what.c_str(),
                   static_cast<long long>(p.done), static_cast<long long>(p.total), p.loss,
                   p.seconds_left);
  };
  ThreadPool pool(o.threads);
  const Data data = make_data(o, pool);
  std::filesystem::create_directories(std::filesystem::path(csv).parent_path());
  if (!std::filesystem::exists(csv))
    std::ofstream(csv) << "model,task,scheme,quantizer,score,levels,budget_bits,bops,bytes,seed,"
                          "test_mse,test_rel_l2,ms\n";
  for (const auto seed : seeds) {
    o.seed = seed;
    for (const Arm& arm : arms(seed < ablation_seeds)) {
      if (done(csv).contains(arm.key(seed))) continue;
      const Result r = run(o, data, pool, arm);
      const std::string key = arm.key(seed);
      const auto cut = key.rfind(',');
      char row[512];
      std::snprintf(row, sizeof row, "mp_pde,darcy,%s,%.6g,%.0f,%llu,%.6g,%.6g,%.3f\n",
                    key.substr(0, cut).c_str(), r.bops, r.bytes,
                    static_cast<unsigned long long>(seed), r.mse, r.rel_l2, r.ms);
      std::ofstream(csv, std::ios::app) << row << std::flush;
      std::cout << '\n' << row << std::flush;
    }
  }
} catch (const std::exception& e) {
  std::cerr << e.what() << '\n';
  return 1;
}
