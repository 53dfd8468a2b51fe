#pragma once
/// @file
/// Trains a network in float and quantized, and writes its errors.

#include "../kernels/timing.hpp"
#include "networks.hpp"
#include "rollouts.hpp"
#include "table.hpp"

#include <amq/io/state_dict.hpp>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>

namespace accuracy {

/// Mean over the test samples.
struct Errors {
  double rel_l2 = 0;
  double mse = 0;  ///< of solutions divided by their deviations over all training samples
};

struct Passes {
  Errors errors;
  double bops = 0;  ///< a sample
  double ms = 0;    ///< median of a solve
};

/// @param solve  (sample, bops) -> field
inline Passes measured(const Problem& p, const std::vector<float>& deviation, const auto& solve) {
  Passes all;
  std::vector<double> ms;
  for (const Sample& s : p.test) {
    // Of this thread: neighbours on the machine take no part in it.
    const double start = timing::seconds(timing::Clock::thread);
    const Field u = solve(s, all.bops);
    ms.push_back(1000 * (timing::seconds(timing::Clock::thread) - start));
    double error = 0, normalized = 0, norm = 0;
    for (Index i = 0; i < u.rows(); ++i)
      for (Index c = 0; c < u.cols(); ++c) {
        const double t = static_cast<double>(s.solution(i, c)),
                     d = static_cast<double>(u(i, c)) - t;
        error += d * d, norm += t * t;
        const double of = d / static_cast<double>(deviation[static_cast<std::size_t>(c)]);
        normalized += of * of;
      }
    all.errors.rel_l2 += std::sqrt(error / norm);
    all.errors.mse += normalized / static_cast<double>(u.size());
  }
  const auto n = static_cast<double>(p.test.size());
  all.errors.rel_l2 /= n, all.errors.mse /= n, all.bops /= n;
  std::nth_element(ms.begin(), ms.begin() + static_cast<std::ptrdiff_t>(ms.size() / 2), ms.end());
  all.ms = ms[ms.size() / 2];
  return all;
}

template <typename Model>
class Arms {
 public:
  Arms(const Run& r, const Problem& p, Executor& executor, typename Model::Config sizes)
      : r_(r), p_(p) {
    how_.epochs = r.epochs;
    how_.quantized_epochs = r.quantized_epochs;
    how_.batch = r.batch;
    how_.lr = r.lr;
    how_.quantized_lr = r.quantized_lr;
    how_.rate = RateShape::one_cycle;
    how_.average = r.average;
    how_.loss = p.loss;
    how_.augmentation = p.augmentation;
    how_.graph = p.graph;
    how_.imposed = p.imposed;
    // Latent attention reads no edges.
    if (r.network == "flare" || r.network == "transolver") how_.graph.lattices = {};
    how_.seed = r.seed;
    how_.validation = 0.05;
    how_.executor = &executor;
    std::ostringstream name;
    name << r.folder << "/" << r.network << "_" << p.name << "_" << p.training.size() << "_h"
         << r.hidden << "_l" << r.layers << "_e" << r.epochs << "_seed" << r.seed;
    how_.folder = name.str();
    how_.progress = [](const Progress& q) {
      std::fprintf(stderr, "\r%-24s %7lld / %lld  loss %.5f  %.0f s left   ", q.what.c_str(),
                   static_cast<long long>(q.done), static_cast<long long>(q.total), q.loss,
                   q.seconds_left);
    };
    if (r.weights.empty()) {
      net_.emplace(train<Model>(p.training, how_, sizes));
      net_->curve.write(curve_file());
      keep_weights();
    } else {
      TrainOptions none = how_;
      none.epochs = 0;
      none.folder.clear();
      net_.emplace(train<Model>(p.training, none, sizes));
      load_state_dict(safetensors::read(r.weights), net_->net->layout, net_->net->parameters);
    }
    std::filesystem::create_directories(how_.folder);
    deviation_ = net_->encoding.output_deviation;
    float_row();
  }

  void run() {
    for (const std::string& arm : r_.arms) {
      const std::string kind = arm.substr(0, arm.find(':'));
      if (kind == "float") continue;
      const std::string budgets = arm.substr(std::min(arm.size(), arm.find(':') + 1));
      if (kind == "amq_any") {
        any_budget<Ladder>(kind, budgets, SchemeInfo::of<Ladder>(), {});
        continue;
      }
      if (const std::size_t dash = kind.find('-'); dash != kind.npos) {
        SchemeInfo scheme{8, ByRange(), {}};
        for (const double b : numbers(kind.substr(dash + 1)))
          scheme.levels.push_back(static_cast<int>(b));
        const std::string sharing = kind.substr(0, dash);
        const bool by_layer = sharing == "layer_scores";
        any_budget<AnyScheme>(kind, budgets, scheme,
                              by_layer ? allocation::AnySharing()
                                       : allocation::AnySharing::of(sharing, "accuracy --arms"),
                              by_layer);
        continue;
      }
      const int bits = std::stoi(arm.substr(arm.find(':') + 1));
      const std::string key = r_.network + "," + p_.name + "," + kind + "," + std::to_string(bits) +
                              "," + std::to_string(r_.seed) + ",";
      if (has_row(r_.front, key)) continue;
      if (kind == "ptq")
        quantized(key, bits);
      else if (kind == "uniform")
        uniform(key, bits);
      else if (kind == "amq")
        adaptive(key, bits);
      else
        throw Error("accuracy --arms",
                    "float, ptq:BITS, uniform:BITS, amq:BITS, amq_any:BITS+BITS+... or "
                    "SHARING-LEVEL+LEVEL+...:BITS+BITS+..., where layer_scores is a sharing, too",
                    arm, "Name one of these.");
    }
  }

 private:
  template <int Bits>
  using Uniform = Scheme<Weights<8>, Activations<Bits>, ByRange>;
  using Ladder = Scheme<Weights<8>, Activations<1, 2, 3, 4, 5, 6, 8>, ByRange>;

  [[nodiscard]] std::string curve_file() const {
    const std::filesystem::path folder =
        std::filesystem::path(r_.csv).replace_filename("accuracy_curves");
    std::filesystem::create_directories(folder);
    return (folder / (std::filesystem::path(how_.folder).filename().string() + ".csv")).string();
  }
  /// As a state dict, for programs that compare.
  void keep_weights() const {
    safetensors::File f;
    f.path = how_.folder + "/float_weights.safetensors";
    typename Model::Config sizes = net_->net->model.config();
    ParameterLayout model_alone;
    const Model model(model_alone, sizes);
    for (const auto& e : model_alone.entries()) {
      const auto v =
          net_->net->parameters.view(net_->net->layout.entry(net_->net->layout.find(e.name)));
      f.tensors[e.name] =
          Array::of(std::span<const float>(v.data, static_cast<std::size_t>(e.size())), e.shape);
    }
    safetensors::write(f.path, f);
  }
  void float_row() {
    std::ostringstream key, row;
    key << r_.network << "," << p_.name << "," << p_.training.size() << "," << r_.epochs << ",";
    const Passes m = measured(p_, deviation_,
                              [&](const Sample& s, double&) { return (*net_)(s.mesh, s.given); });
    const double seconds = r_.weights.empty() ? net_->curve.back().seconds : 0;
    row << key.str() << std::lround(seconds) << "," << net_->net->layout.size() << "," << r_.seed
        << "," << m.errors.rel_l2 << "," << m.errors.mse << "," << r_.hidden << "," << r_.layers;
    std::ifstream in(r_.csv);
    bool there = false;
    for (std::string line; std::getline(in, line);) {
      const std::string tail = "," + std::to_string(r_.hidden) + "," + std::to_string(r_.layers);
      there |= line.starts_with(key.str()) && line.ends_with(tail) &&
               line.find("," + std::to_string(net_->net->layout.size()) + "," +
                         std::to_string(r_.seed) + ",") != std::string::npos;
    }
    if (!there && r_.weights.empty())
      add_row(r_.csv,
              "network,problem,samples,epochs,seconds,parameters,seed,rel_l2,mse,hidden,layers",
              row.str());
    const std::string front =
        r_.network + "," + p_.name + ",float32,32," + std::to_string(r_.seed) + ",";
    if (!has_row(r_.front, front)) front_row(front, m, net_->net->layout.size() * 4);
    rolled_out(front, [&](const study::Trajectory& t) {
      return [&, state = t.state[0]](const auto& given) mutable -> const Field& {
        state += (*net_)(t.mesh, state);
        given(state);
        return state;
      };
    });
  }
  void front_row(const std::string& key, const Passes& m, Index bytes) {
    std::ostringstream row;
    row << key << m.errors.rel_l2 << "," << m.errors.mse << "," << m.bops << "," << bytes << ","
        << m.ms;
    add_row(r_.front, front_head, row.str());
  }
  /// Rows of the rollouts, where the problem has any.
  void rolled_out(const std::string& key, const auto& stepper) const {
    const std::string csv =
        std::filesystem::path(r_.csv).replace_filename("accuracy_rollouts.csv").string();
    if (p_.trajectories.empty() || has_row(csv, key)) return;
    std::ostringstream rows;  // all at once: a run that is stopped has all of them or none
    for (const RolledOut& e : roll_out(p_.trajectories, net_->encoding.input_deviation, stepper))
      rows << (rows.tellp() > 0 ? "\n" : "") << key << e.step << "," << e.error << ","
           << e.mean_flow;
    add_row(csv, rollout_head, rows.str());
  }
  template <typename Trained>
  void deployed(const std::string& key, double bits, Trained& made) {
    const Passes m = measured(p_, deviation_, [&](const Sample& s, double& bops) {
      Solution u = made.solver(s.mesh, s.given, mean_bits(bits));
      bops += static_cast<double>(u.report.bops);
      return std::move(u.field);
    });
    TrainedOn seen = made.solver.trained_on();
    seen.given_names = p_.given_names, seen.given_units = p_.given_units;
    seen.solution_names = p_.solution_names, seen.solution_units = p_.solution_units;
    seen.length_unit = p_.length_unit;
    made.solver.trained_on(std::move(seen));
    std::string name = key.substr(0, key.size() - 1);
    std::replace(name.begin(), name.end(), ',', '_');
    const std::string file = how_.folder + "/" + name + ".safetensors";
    save(file, made);
    // A row of the front says that an arm is finished.
    rolled_out(key, [&](const study::Trajectory& t) {
      auto rollout = std::make_shared<RolloutOf<Trained>>(made.solver, t.mesh, t.state[0]);
      rollout->options(mean_bits(bits));
      return [rollout](const auto& given) -> const Field& { return rollout->step(given); };
    });
    front_row(key, m, static_cast<Index>(std::filesystem::file_size(file)));
  }
  /// Without training.
  void quantized(const std::string& key, int bits) {
    TrainOptions how = how_;
    how.calibration = 32;
    with_bits(bits, [&]<int B>() {
      auto made = quantize<Uniform<B>>(*net_, p_.training, how);
      deployed(key, bits, made);
    });
  }
  void uniform(const std::string& key, int bits) {
    with_bits(bits, [&]<int B>() {
      auto made = train_uniform<Uniform<B>>(*net_, p_.training, how_);
      deployed(key, bits, made);
    });
  }
  static void with_bits(int bits, const auto& with) {
    switch (bits) {
      case 2:
        return with.template operator()<2>();
      case 3:
        return with.template operator()<3>();
      case 4:
        return with.template operator()<4>();
      case 6:
        return with.template operator()<6>();
      case 8:
        return with.template operator()<8>();
      default:
        throw Error("accuracy --arms", "2, 3, 4, 6 or 8 uniform bits", std::to_string(bits),
                    "Name one of these.");
    }
  }
  void adaptive(const std::string& key, int bits) {
    TrainOptions how = how_;
    how.adaptive.mean_bits = {static_cast<double>(bits)};
    auto made = train_adaptive<Ladder>(*net_, p_.training, how);
    deployed(key, bits, made);
  }

  [[nodiscard]] static std::vector<double> numbers(const std::string& text) {
    std::vector<double> all;
    std::istringstream in(text);
    for (std::string one; std::getline(in, one, '+');) all.push_back(std::stod(one));
    return all;
  }
  /// One training and one file for all these budgets: a row for each.
  template <typename Scheme>
  void any_budget(const std::string& name, const std::string& budgets, const SchemeInfo& scheme,
                  const allocation::AnySharing& sharing, bool score_by_layer = false) {
    TrainOptions how = how_;
    how.adaptive.mean_bits = numbers(budgets);
    how.adaptive.sharing = sharing;
    how.adaptive.score_by_layer = score_by_layer;
    if (sharing.by_block) how.folder += "_" + std::string(sharing.name);
    if (score_by_layer) how.folder += "_layer_scores";
    const auto key = [&](double bits) {
      std::ostringstream k;
      k << r_.network << "," << p_.name << "," << name << "," << bits << "," << r_.seed << ",";
      return k.str();
    };
    if (std::all_of(how.adaptive.mean_bits.begin(), how.adaptive.mean_bits.end(),
                    [&](double b) { return has_row(r_.front, key(b)); }))
      return;
    auto made = train_adaptive<Scheme>(*net_, p_.training, how, scheme);
    for (const double b : how.adaptive.mean_bits)
      if (!has_row(r_.front, key(b))) deployed(key(b), b, made);
  }

  const Run& r_;
  const Problem& p_;
  TrainOptions how_;
  std::optional<FloatSolver<Model>> net_;
  std::vector<float> deviation_;  ///< (channel) of the solution
};

}  // namespace accuracy
