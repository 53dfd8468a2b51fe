// Question: does giving bits to the nodes, edges, clusters and products that need them beat uniform
// bits at equal operations, for two networks on four problems?
//
// Trains and deploys every arm for every seed, appends a row to the CSV as it is finished, and
// skips rows that are there: stopped, it goes on where it was.

#include "../../examples/common/mesh_tasks.hpp"

#include <cstdlib>
#include <fstream>
#include <iostream>
#include <set>
#include <sstream>

using namespace study;

namespace {

struct Arm {
  std::string scheme, quantizer, score;
  std::vector<int> levels;
  double budget;
  [[nodiscard]] std::string key(const std::string& model, const std::string& task,
                                std::uint64_t seed) const {
    std::ostringstream s;
    s << model << ',' << task << ',' << scheme << ',' << quantizer << ',' << score << ',';
    for (std::size_t k = 0; k < levels.size(); ++k) s << (k ? " " : "") << levels[k];
    s << ',' << budget << ',' << seed;
    return s.str();
  }
};

const std::vector<int> coarse{2, 4, 8}, fine{1, 2, 3, 4, 5, 6, 8}, skipping{0, 1, 2, 3, 4, 5, 6, 8};

/// In order of worth: a run that is cut has the most telling rows.
std::vector<Arm> arms(const std::string& which) {
  std::vector<Arm> all;
  const auto uniform = [&](int b, const char* quantizer = "row_affine_shifted_lsq") {
    all.push_back({"uniform", quantizer, "none", {b}, static_cast<double>(b)});
  };
  const auto amq = [&](const std::vector<int>& levels, double b,
                       const char* score = "sensitivity") {
    all.push_back({"amq", "row_affine_shifted_lsq", score, levels, b});
  };
  if (which == "core" || which == "all") {
    all.push_back({"float32", "none", "none", {32}, 32});
    uniform(3);
    amq(fine, 3);
    uniform(3, "tensor_static_percentile");
    uniform(2);
    amq(fine, 2);
  }
  if (which == "ladder" || which == "all") {
    uniform(4);
    amq(fine, 4);
    amq(coarse, 3);
    amq(coarse, 4);
    amq(skipping, 3);
    uniform(6);
    amq(fine, 6);
    amq(coarse, 6);
    uniform(8);
  }
  if (which == "ablation" || which == "all")
    for (const char* score : {"loss_per_node", "sensitivity_per_node", "gradient"})
      amq(fine, 3, score);
  return all;
}

std::set<std::string> done(const std::string& path) {
  std::set<std::string> keys;
  std::ifstream in(path);
  std::string line;
  while (std::getline(in, line)) {
    std::vector<std::string> c;
    std::stringstream s(line);
    for (std::string field; std::getline(s, field, ',');) c.push_back(field);
    if (c.size() >= 13) {
      std::string key = c[0];
      for (const int k : {1, 2, 3, 4, 5, 6, 9}) key += ',' + c[static_cast<std::size_t>(k)];
      keys.insert(key);
    }
  }
  return keys;
}

/// Root mean square errors of long rollouts of the test trajectories, in units of each channel's
/// deviation, at some steps; the boundary's state is given, as in the public protocol.
template <typename Step>
void roll_out(const Data& d, const std::vector<Trajectory>& trajectories, const std::string& key,
              const std::string& csv, const Step& step_of) {
  const std::set<std::size_t> marks{1, 10, 25, 50, 100, 150, 200};
  std::vector<double> error(*marks.rbegin() + 1, 0.0);
  for (const auto& t : trajectories) {
    const auto step = step_of(t);
    for (std::size_t f = 1; f < std::min(error.size(), t.state.size()); ++f) {
      const Field& u = step([&](Field& next) {
        for (Index i = 0; i < next.rows(); ++i)
          if (t.mesh.node_type[static_cast<std::size_t>(i)] != NodeType::normal &&
              t.mesh.node_type[static_cast<std::size_t>(i)] != NodeType::outflow)
            next.row(i) = t.state[f].row(i);
      });
      double sum = 0;
      for (Index i = 0; i < u.rows(); ++i)
        for (Index c = 0; c < u.cols(); ++c) {
          const auto e =
              static_cast<double>((u(i, c) - t.state[f](i, c)) /
                                  d.encoding.input_deviation[static_cast<std::size_t>(c)]);
          sum += e * e;
        }
      error[f] += sum / static_cast<double>(u.size()) / static_cast<double>(trajectories.size());
    }
  }
  if (!std::filesystem::exists(csv))
    std::ofstream(csv) << "model,task,scheme,quantizer,score,levels,budget_bits,seed,step,rmse\n";
  std::ofstream out(csv, std::ios::app);
  for (const auto f : marks) out << key << ',' << f << ',' << std::sqrt(error[f]) << '\n';
}

template <typename Model>
Result run(const Options& o, const Data& d, const std::vector<Trajectory>& trajectories,
           Executor& executor, const Arm& arm, const std::string& key, const std::string& csv,
           const std::string& name) {
  const std::string rollouts =
      std::filesystem::path(csv).replace_filename("mesh_rollout.csv").string();
  if (arm.scheme == "float32") {
    const auto net = float_network<Model>(o, d, executor, true);
    if (!trajectories.empty())
      roll_out(d, trajectories, key, rollouts, [&](const Trajectory& t) {
        auto state = std::make_shared<Field>(t.state[0]);
        auto sample = std::make_shared<GraphSample>(d.encoding.encode(t.mesh, view(*state)));
        prepare_sample(net->model, *sample);
        return [&d, &net, state, sample](const auto& given) -> const Field& {
          Float32 a(net->layout, net->parameters);
          d.encoding.encode_given(view(std::as_const(*state)), *sample);
          *state += d.encoding.decode(forward(net->model, a, *sample).view());
          given(*state);
          return *state;
        };
      });
    return evaluate_float<Model>(d, *net);
  }
  std::unique_ptr<BasicMeshSolver<Model>> solver;
  if (arm.scheme == "uniform") {
    const bool fixed = arm.quantizer.starts_with("tensor");
    solver = uniform_solver<Model>(o, d, executor, arm.levels[0],
                                   fixed ? RowRule::fixed : RowRule::affine,
                                   fixed ? RangeRule::percentile : RangeRule::least_squares);
  } else {
    Adaptive how;
    how.levels = arm.levels;
    how.mean_bits = arm.budget;
    if (arm.score == "sensitivity_per_node") how.sharing = Sharing::node;
    if (arm.score == "loss_per_node") how.sharing = Sharing::node, how.score = ScoreKind::loss;
    if (arm.score == "gradient") how.score = ScoreKind::gradient;
    solver = adaptive_solver<Model>(o, d, executor, how);
  }
  const Result r = evaluate_solver<Model>(d, *solver);
  if (!trajectories.empty())
    roll_out(d, trajectories, key, rollouts, [&](const Trajectory& t) {
      auto rollout = std::make_shared<Rollout<Model>>(*solver, t.mesh, t.state[0]);
      return [rollout](const auto& given) -> const Field& { return rollout->step(given); };
    });
  save(o.folder + "/" + name + ".safetensors", *solver,
       {d.test_mesh[0], d.test_given[0], {arm.budget}});
  return r;
}

template <typename Model>
void run_all(const std::string& model, const std::string& task, Options o, Data d,
             const std::vector<Trajectory>& trajectories, const std::vector<std::uint64_t>& seeds,
             const std::string& which, const std::string& csv, Executor& executor) {
  o.folder += "/" + model;
  std::filesystem::create_directories(o.folder);
  prepare<Model>(o, d);
  for (const auto seed : seeds) {
    o.seed = seed;
    for (const Arm& arm : arms(which)) {
      const std::string key = arm.key(model, task, seed);
      if (done(csv).contains(key)) continue;
      std::string name = key;
      std::replace_if(
          name.begin(), name.end(), [](char c) { return c == ',' || c == ' '; }, '_');
      const Stopwatch watch;
      const Result r = run<Model>(o, d, trajectories, executor, arm, key, csv, name);
      const auto cut = key.rfind(',');
      char row[512];
      std::snprintf(row, sizeof row, "%s,%.6g,%.0f,%llu,%.6g,%.6g,%.3f\n",
                    key.substr(0, cut).c_str(), r.bops, r.bytes,
                    static_cast<unsigned long long>(seed), r.mse, r.rel_l2, r.ms);
      std::ofstream(csv, std::ios::app) << row << std::flush;
      std::cout << '\n' << row << "  (" << watch.seconds() << " s)" << std::endl;
    }
  }
}

/// A test sample of the adaptive solver of 3 bits as numbers: what scripts/plot_bits.py draws.
template <typename Model>
void picture(const std::string& model, const std::string& task, const Options& o, const Data& d) {
  using Fine = Scheme<Weights<8>, Activations<1, 2, 3, 4, 5, 6, 8>>;
  const std::string folder = o.folder + "/" + model;
  auto solver = load<Model, Fine>(folder + "/" + model + "_" + task +
                                  "_amq_row_affine_shifted_lsq_sensitivity_1_2_3_4_5_6_8_3_0"
                                  ".safetensors");
  solver.budget(mean_bits(3));
  const std::size_t k = d.test.size() / 2;
  const Field u = solver(d.test_mesh[k], d.test_given[k]);
  const Mesh& m = d.test_mesh[k];
  npz::write(folder + "/picture.npz",
             {{"points", Array::of(m.points, {m.n_nodes(), m.dim})},
              {"cells", Array::of(m.cells, {m.n_cells(), m.nodes_per_cell})},
              {"truth", Array::of(view(d.test_solution[k]))},
              {"predicted", Array::of(view(u))},
              {"bits", Array::of(solver.report().node_bits)}});
  std::cout << folder << "/picture.npz\n";
}

}  // namespace

int main(int argc, char** argv) try {
  std::string task = "flow2d", model = "mp_pde", which = "all", csv = "docs/results/mesh.csv";
  std::vector<std::uint64_t> seeds{0, 1, 2};
  for (int i = 1; i + 1 < argc; i += 2)
    if (std::string(argv[i]) == "--task") task = argv[i + 1];
  Options o = task_options(task);
  o.threads = 1;
  for (int i = 1; i < argc; i += 2) {
    const std::string key = argv[i], value = i + 1 < argc ? argv[i + 1] : "";
    const auto number = [&] { return std::strtoull(value.c_str(), nullptr, 10); };
    if (key == "--task")
      continue;
    else if (key == "--model")
      model = value;
    else if (key == "--arms")
      which = value;
    else if (key == "--seed")
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
    else if (key == "--blocks")
      o.blocks = static_cast<Index>(number());
    else if (key == "--width")
      o.width = static_cast<Index>(number());
    else if (key == "--points")
      o.points = number();
    else if (key == "--float-epochs")
      o.float_epochs = static_cast<std::int64_t>(number());
    else if (key == "--qat-epochs")
      o.qat_epochs = static_cast<std::int64_t>(number());
    else if (key == "--threads")
      o.threads = number();
    else {
      std::cout << "mesh_pareto --task darcy|elasticity|flow2d|flow3d --model mp_pde|graph_vit\n"
                   "  [--arms core|ladder|ablation|all|data|picture] [--seed N] [--csv FILE] "
                   "[--folder DIR]"
                   " [--training N] [--test N]\n"
                   "  [--hidden N] [--layers N] [--blocks N] [--width N] [--points N] "
                   "[--float-epochs N] [--qat-epochs N] [--threads N]\n";
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
  const Data data = task_data(task, o, pool);
  if (which == "data") return 0;
  if (which == "picture") {
    model == "graph_vit" ? picture<GraphVit>(model, task, o, data)
                         : picture<MpPde>(model, task, o, data);
    return 0;
  }
  const auto trajectories =
      task == "flow2d" ? flow2d_trajectories(o, true, pool) : std::vector<Trajectory>{};
  std::filesystem::create_directories(std::filesystem::path(csv).parent_path());
  if (!std::filesystem::exists(csv))
    std::ofstream(csv) << "model,task,scheme,quantizer,score,levels,budget_bits,bops,bytes,seed,"
                          "test_mse,test_rel_l2,ms\n";
  if (model == "mp_pde")
    run_all<MpPde>(model, task, o, data, trajectories, seeds, which, csv, pool);
  else if (model == "graph_vit")
    run_all<GraphVit>(model, task, o, data, trajectories, seeds, which, csv, pool);
  else
    throw Error("mesh_pareto", "mp_pde or graph_vit", model, "Name one of these models.");
} catch (const std::exception& e) {
  std::cerr << e.what() << '\n';
  return 1;
}
