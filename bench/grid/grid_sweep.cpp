// Question: on four problems, how far do bits and resolution go before a network loses accuracy,
// which mixture of both is best at a given cost, and does the count of operations foretell time?
//
// Trains and deploys model x problem x scheme x resolution, the rows of most worth first, appends
// each to the CSV as it is finished, and skips rows that are there: stopped, it goes on where it
// was. --report lists what of each network runs in integers; --search answers from the rows.

#include "../../examples/common/arguments.hpp"
#include "grid_study.hpp"

#include <amq/io/file.hpp>
#include <amq_lab/problems/resample.hpp>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <memory>
#include <set>
#include <sstream>

using namespace grid_study;
using study::Argument, study::argument, study::read_arguments;

namespace {

constexpr const char* header =
    "model,task,scheme,resolution,bops,bytes,seed,test_nrmse,test_mse,ms,width,float_ops,passes,"
    "rows";

struct Arm {
  std::size_t model, task;
  SchemeChoice scheme;
  Index factor;
};

/// The order is that of worth: all pairs at full resolution, then lower ones, then what is left.
std::vector<Arm> arms(std::size_t n_models, std::size_t n_tasks) {
  std::vector<Arm> all;
  const auto add = [&](Index factor, bool core) {
    for (std::size_t m = 0; m < n_models; ++m)
      for (std::size_t t = 0; t < n_tasks; ++t)
        for (const auto& s : schemes())
          if ((s.name != "w8a32" && s.name != "w16a16") == core) all.push_back({m, t, s, factor});
  };
  add(1, true);
  add(2, true);
  add(4, true);
  for (const Index f : {1, 2, 4}) add(f, false);
  return all;
}

std::string resolution_text(Index factor) {
  return factor == 1 ? "1" : "1/" + std::to_string(factor);
}

using Row = std::map<std::string, std::string>;
std::vector<Row> read_rows(const std::string& path) {
  std::vector<Row> rows;
  std::ifstream in(path);
  std::string line;
  std::vector<std::string> names;
  while (std::getline(in, line)) {
    std::vector<std::string> c;
    std::stringstream s(line);
    for (std::string field; std::getline(s, field, ',');) c.push_back(field);
    if (names.empty()) {
      names = c;
    } else if (c.size() == names.size()) {
      Row r;
      for (std::size_t k = 0; k < c.size(); ++k) r[names[k]] = c[k];
      rows.push_back(std::move(r));
    }
  }
  return rows;
}
std::string key_of(const Row& r) {
  std::string key;
  for (const char* name :
       {"model", "task", "scheme", "resolution", "seed", "width", "passes", "rows"})
    key += r.at(name) + ',';
  return key;
}

GridShape coarse_grid(const Task& t, Index factor) {
  const GridSet set = t.describe();
  GridShape grid;
  grid.dims = static_cast<int>(set.u.points.size());
  for (int d = 0; d < grid.dims; ++d)
    grid[d] = coarsened(set.u.points[static_cast<std::size_t>(d)], factor, set.layout);
  return grid;
}

/// Counts the operations of finished rows anew: when what a network multiplies has changed, and
/// what it answers has not.
void recount(const std::string& path, Options o, const std::vector<Model>& models,
             const std::vector<Task>& tasks) {
  std::vector<Row> rows = read_rows(path);
  std::string text = std::string(header) + '\n';
  for (Row& r : rows) {
    for (const Arm& a : arms(models.size(), tasks.size())) {
      const Model& m = models[a.model];
      const Task& t = tasks[a.task];
      if (m.name != r["model"] || t.name != r["task"] || a.scheme.name != r["scheme"] ||
          resolution_text(a.factor) != r["resolution"])
        continue;
      argument("width", o.width).set(r["width"]);
      const std::string& kept = r["rows"];
      o.edge_weights = kept.find(" e16") != std::string::npos ? 16 : 8;
      const auto p = kept.find(" p");
      o.set_products(p != std::string::npos ? kept.substr(p + 1) : "");
      const PassCounts c(m.cost(o, t, a.scheme, coarse_grid(t, a.factor)), a.scheme.weights == 32);
      const auto put = [&](const char* name, double value) {
        char number[32];
        std::snprintf(number, sizeof number, "%.6g", value);
        r[name] = number;
      };
      put("bops", c.bops);
      put("float_ops", c.float_ops);
    }
    std::stringstream names(header);
    bool first = true;
    for (std::string name; std::getline(names, name, ','); first = false)
      text += (first ? "" : ",") + r[name];
    text += '\n';
  }
  write_file(path, text);
  std::cout << path << ": " << rows.size() << " rows counted anew\n";
}

/// What runs in integers, and what does not, of one network under one scheme; where it has been
/// trained, also how long each product takes and what its quantization spoils.
void report(const Options& o, const Model& m, const Task& t, const SchemeChoice& s, Index factor) {
  const GridShape grid = coarse_grid(t, factor);
  const bool floats = s.weights == 32;
  const PassCost c = m.cost(o, t, s, grid);
  const Shares shares =
      m.trained(o, t, s, factor) ? m.shares(o, make_data(o, t, factor), s) : Shares{};
  std::printf("\n%s on %s, %s, resolution %s (%s): one problem\n", m.name.c_str(), t.name.c_str(),
              s.name.c_str(), resolution_text(factor).c_str(), grid.text().c_str());
  std::printf("%-20s %-8s %9s %6s %6s %5s %5s %12s %12s %11s %11s%s\n", "product", "runs in",
              "rows", "in", "out", "w", "a", "MACs", "BOPs", "w bytes", "row bytes",
              shares.measured ? "        ms  error" : "");
  double integer = 0, all = 0, timed = 0;
  for (const auto& p : c.products) {
    const bool in_integers = !floats && p.weight_bits < 32 && p.mean_bits <= 16;
    (in_integers ? integer : all) += p.macs;
    const int w = floats ? 32 : p.weight_bits;
    std::printf("%-20s %-8s %9ld %6ld %6ld %5d %5.0f %12.0f %12.4g %11.0f %11.0f", p.weight.c_str(),
                in_integers ? "integers" : "float", static_cast<long>(p.rows),
                static_cast<long>(p.in), static_cast<long>(p.out), w, p.mean_bits, p.macs,
                floats ? p.macs * 1024 : p.bops, floats ? p.weight_bytes * 4 : p.weight_bytes,
                p.row_bytes);
    if (shares.measured) {
      const Share& share = shares.of[static_cast<std::size_t>(&p - c.products.data())];
      timed += share.ms;
      std::printf(" %9.3f %4.1f %%", share.ms, 100 * share.error);
    }
    std::printf("\n");
  }
  all += integer;
  std::printf(
      "in integers: %.1f %% of %.4g MACs; in float besides: %.4g operations between products "
      "(activations, sums, norms)\n",
      100 * integer / all, all, c.elementwise);
  if (shares.ms > 0)
    std::printf("a pass takes %.3f ms, %.3f of them outside these products\n", shares.ms,
                shares.ms - timed);
  if (!shares.measured && !floats)
    std::printf("no time and no share of error: not trained in this folder\n");
}

/// The best finished row for a bound on error or on cost.
void search(const std::vector<Row>& rows, const std::string& what, double bound,
            const std::string& cost, const std::string& model, const std::string& task) {
  std::map<std::string, const Row*> best;
  const auto number = [](const Row& r, const std::string& k) {
    return std::strtod(r.at(k).c_str(), nullptr);
  };
  const std::string bounded = what == "accuracy" ? "test_nrmse" : cost,
                    least = what == "accuracy" ? cost : "test_nrmse";
  for (const Row& r : rows) {
    if ((!model.empty() && r.at("model") != model) || (!task.empty() && r.at("task") != task) ||
        !(number(r, bounded) <= bound))
      continue;
    const Row*& b = best[r.at("task")];
    if (!b || number(r, least) < number(*b, least)) b = &r;
  }
  if (best.empty()) std::cout << "no finished row has " << bounded << " <= " << bound << '\n';
  for (const auto& [name, r] : best)
    std::cout << name << ": " << r->at("model") << ", " << r->at("scheme") << ", resolution "
              << r->at("resolution") << ", width " << r->at("width") << ": nRMSE "
              << r->at("test_nrmse") << ", " << r->at("bops") << " BOPs, " << r->at("ms") << " ms, "
              << r->at("bytes") << " bytes\n";
}

const char* const usage =
    "grid_sweep [--csv FILE] [--folder DIR] [--seed N] [--widths 0,N..] [--minutes M]\n"
    "  [--training F] [--data F]            times the passes, times the samples\n"
    "  [--further F] [--further-lr R]       passes of a quantized training, of the float "
    "ones\n"
    "  [--learn-steps yes|no]               weight steps by gradient, or by fits\n"
    "  [--edge-bits N] [--edge-weights N]   least bits of the last rows; of the first and last "
    "weights\n"
    "  [--range-bits N]                     least bits of rows by min-max\n"
    "  [--products p8x16]                   Fourier transforms and attention in integers: bits of "
    "matrix and rows\n"
    "  [--only-model M] [--only-task T] [--only-scheme S] [--only-resolution 1|1/2|1/4]\n"
    "  [--run no]                           no new rows\n"
    "  [--recount yes]                      operations of finished rows, counted anew\n"
    "  [--report yes]                       what runs in integers, layer by layer\n"
    "  [--accuracy E [--cost bops|ms|bytes]]  cheapest row with an nRMSE of at most E\n"
    "  [--budget C [--cost bops|ms|bytes]]    most accurate row that costs at most C\n";

}  // namespace

int main(int argc, char** argv) try {
  Options o;
  std::string csv = "docs/results/grid.csv", only_model, only_task, only_scheme, what,
              cost = "bops";
  Index only_factor = 0;
  double bound = 0, minutes = 1e9;
  bool reports = false, recounts = false, runs = true;
  std::vector<Index> widths{0};
  const auto yes_or_no = [](const char* name, bool& value) {
    return Argument{name, [name, &value](const std::string& text) {
                      if (text != "yes" && text != "no")
                        throw Error(name, "yes or no", text, "Say --help.");
                      value = text == "yes";
                    }};
  };
  const auto bounded = [&](const char* name, const char* means) {
    return Argument{name, [name, means, &what, &bound](const std::string& text) {
                      what = means;
                      argument(name, bound).set(text);
                    }};
  };
  int status = 0;
  const bool go =
      read_arguments(argc, argv,
                     {argument("--csv", csv),
                      argument("--folder", o.folder),
                      argument("--seed", o.seed),
                      {"--widths",
                       [&](const std::string& text) {
                         widths.clear();
                         std::stringstream s(text);
                         for (std::string w; std::getline(s, w, ',');)
                           argument("--widths", widths.emplace_back()).set(w);
                       }},
                      argument("--training", o.scale),
                      argument("--data", o.data_scale),
                      argument("--further", o.further),
                      argument("--further-lr", o.further_lr),
                      argument("--edge-bits", o.edge_bits),
                      argument("--edge-weights", o.edge_weights),
                      argument("--range-bits", o.range_bits),
                      {"--products", [&](const std::string& text) { o.set_products(text); }},
                      yes_or_no("--learn-steps", o.learn_weight_steps),
                      argument("--only-model", only_model),
                      argument("--only-task", only_task),
                      argument("--only-scheme", only_scheme),
                      {"--only-resolution",
                       [&](const std::string& text) {
                         only_factor = 0;
                         for (const Index f : {1, 2, 4})
                           if (resolution_text(f) == text) only_factor = f;
                         if (only_factor == 0)
                           throw Error("--only-resolution", "1, 1/2 or 1/4", text, "Say --help.");
                       }},
                      argument("--minutes", minutes),
                      yes_or_no("--report", reports),
                      yes_or_no("--recount", recounts),
                      yes_or_no("--run", runs),
                      argument("--cost", cost),
                      bounded("--accuracy", "accuracy"),
                      bounded("--budget", "cost")},
                     usage, status);
  if (!go) return status;
  if (o.products && (only_model.empty() || only_model == "unet"))
    throw Error("--products", "--only-model fno or transformer",
                only_model.empty() ? "all models" : only_model,
                "A UNet has no products without weights.");
  const std::vector<Task> all_tasks = tasks(o);
  const std::vector<Model> all_models = grid_study::models();
  std::vector<Arm> wanted;
  for (const Arm& a : arms(all_models.size(), all_tasks.size()))
    if ((only_model.empty() || all_models[a.model].name == only_model) &&
        (only_task.empty() || all_tasks[a.task].name == only_task) &&
        (only_scheme.empty() || a.scheme.name == only_scheme) &&
        (only_factor == 0 || a.factor == only_factor))
      wanted.push_back(a);
  if (recounts) {
    recount(csv, o, all_models, all_tasks);
    return 0;
  }
  if (reports) {
    for (const Arm& a : wanted)
      report(o, all_models[a.model], all_tasks[a.task], a.scheme, a.factor);
    return 0;
  }
  const Stopwatch watch;
  std::string row_text;
  if (std::getenv("AMQ_QUIET") == nullptr)
    o.progress = [&](const Progress& p) {
      std::fprintf(stderr, "\r%s  %-28s %6lld / %lld  loss %.4f  %.0f s left   ", row_text.c_str(),
                   p.what.c_str(), static_cast<long long>(p.done), static_cast<long long>(p.total),
                   p.loss, p.seconds_left);
    };
  if (runs) {
    const auto folder = std::filesystem::path(csv).parent_path();
    if (!folder.empty()) std::filesystem::create_directories(folder);
    if (!std::filesystem::exists(csv)) std::ofstream(csv) << header << '\n';
    std::size_t made = 0, seen = 0;
    std::unique_ptr<Data> data;
    std::pair<std::size_t, Index> data_of{99, 0};
    for (const Index width : widths)
      for (const Arm& a : wanted) {
        ++seen;
        o.width = width;
        const Task& t = all_tasks[a.task];
        const Model& m = all_models[a.model];
        Row r{{"model", m.name},
              {"task", t.name},
              {"scheme", a.scheme.name},
              {"resolution", resolution_text(a.factor)},
              {"seed", std::to_string(o.seed)},
              {"passes", std::to_string(t.passes) + "+" + std::to_string(further_passes(o, t))},
              {"width", std::to_string(m.width(o, t))},
              {"rows", o.rows_text(a.scheme.rows)}};
        const std::string key = key_of(r);
        const auto rows = read_rows(csv);
        if (std::any_of(rows.begin(), rows.end(),
                        [&](const Row& old) { return key_of(old) == key; }) ||
            watch.seconds() > 60 * minutes)
          continue;
        const double left = made ? watch.seconds() / static_cast<double>(made) *
                                       static_cast<double>(wanted.size() * widths.size() - seen + 1)
                                 : 0;
        row_text = "row " + std::to_string(seen) + " of " +
                   std::to_string(wanted.size() * widths.size()) + " (" +
                   std::to_string(static_cast<int>(left / 60)) + " min left), " + r["model"] + " " +
                   t.name + " " + a.scheme.name + " " + r["resolution"];
        if (!data || data_of != std::pair{a.task, a.factor}) {
          data.reset();
          data = std::make_unique<Data>(make_data(o, t, a.factor));
          data_of = {a.task, a.factor};
        }
        const Result x = m.run(o, *data, a.scheme);
        char text[512];
        std::snprintf(text, sizeof text, "%s,%s,%s,%s,%.6g,%.0f,%s,%.6g,%.6g,%.4f,%s,%.6g,%s,%s\n",
                      r["model"].c_str(), r["task"].c_str(), r["scheme"].c_str(),
                      r["resolution"].c_str(), x.bops, x.bytes, r["seed"].c_str(), x.nrmse, x.mse,
                      x.ms, r["width"].c_str(), x.float_ops, r["passes"].c_str(),
                      r["rows"].c_str());
        std::ofstream(csv, std::ios::app) << text << std::flush;
        std::cout << '\n' << text << std::flush;
        ++made;
      }
  }
  if (!what.empty()) search(read_rows(csv), what, bound, cost, only_model, only_task);
} catch (const std::exception& e) {
  std::cerr << e.what() << '\n';
  return 1;
}
