// Options by their names, and what samples must be, for every network alike.
#include "any_trainer.hpp"

#include "boundary_channel.hpp"

#include <amq/core/from_text.hpp>
#include <amq/core/thread_pool.hpp>
#include <amq/mesh/sides.hpp>
#include <amq/solver/examine.hpp>
#include <amq/solver/stored.hpp>
#include <amq/train/mesh_samples.hpp>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>
#include <thread>

namespace amq::any {

using namespace training;
namespace {

/// What options say, before samples are looked at.
struct Said {
  TrainingWishes wishes{Kind::adaptive, {8, ByRange{}, {}}};
  std::size_t threads = 1;
  bool budgeted = false, shared = false;
  std::vector<int> axes{};  ///< of reflections
  std::vector<double> centre{};
  std::vector<Index> given_vectors{}, solution_vectors{};  ///< their first channels
  bool boundary_distance = false;
  std::vector<std::string> imposed{};  ///< as TYPE:CHANNEL=VALUE; channels may have names
};

/// One option's text.
class Text {
 public:
  Text(std::string name, std::string text) : name_(std::move(name)), text_(std::move(text)) {}

  [[noreturn]] void refuse(const std::string& expected) const {
    throw Error("training, " + name_, expected, "'" + text_.substr(0, 80) + "'",
                "Correct the option.");
  }
  [[nodiscard]] double number(double low, double high) const { return one(text_, low, high); }
  [[nodiscard]] std::int64_t count(std::int64_t low, std::int64_t high) const {
    return whole(text_, low, high);
  }
  /// One or more, with commas between.
  [[nodiscard]] std::vector<double> numbers(double low, double high) const {
    std::vector<double> all;
    for (const std::string& part : parts()) all.push_back(one(part, low, high));
    return all;
  }
  template <typename T>
  [[nodiscard]] std::vector<T> counts(std::int64_t low, std::int64_t high) const {
    std::vector<T> all;
    for (const std::string& part : parts()) all.push_back(static_cast<T>(whole(part, low, high)));
    return all;
  }
  [[nodiscard]] bool yes() const {
    return choice<bool>({{"yes", true}, {"true", true}, {"no", false}, {"false", false}});
  }
  template <typename T>
  [[nodiscard]] T choice(const std::vector<std::pair<const char*, T>>& all,
                         const std::string& what = "") const {
    std::string names;
    for (const auto& [name, value] : all) {
      if (text_ == name) return value;
      names += (names.empty() ? "" : ", ") + std::string(name);
    }
    refuse(what + "one of " + names);
  }
  [[nodiscard]] const std::string& text() const noexcept { return text_; }
  [[nodiscard]] bool empty() const noexcept { return text_.empty(); }
  /// What stands between commas.
  [[nodiscard]] std::vector<std::string> parts() const {
    std::vector<std::string> all;
    for (std::size_t from = 0; from < text_.size();) {
      const std::size_t to = std::min(text_.find(',', from), text_.size());
      all.push_back(text_.substr(from, to - from));
      from = to + 1;
    }
    return all;
  }
  /// What stands between commas, each with a number behind =. A comma before = is part of a name.
  [[nodiscard]] std::vector<std::string> assignments() const {
    std::vector<std::string> all;
    bool begun = false;
    for (std::string& part : parts()) {
      if (begun)
        all.back() += ',' + part;
      else
        all.push_back(std::move(part));
      begun = all.back().find('=') == std::string::npos;
    }
    return all;
  }

 private:
  template <typename T>
  [[nodiscard]] T parsed(const std::string& part, T low, T high, const char* what) const {
    T x{};
    const auto [end, failed] = from_text(part.data(), part.data() + part.size(), x);
    if (failed != std::errc{} || end != part.data() + part.size() || !(x >= low && x <= high))
      refuse(what + std::string(" from ") + number_text(low) + " to " + number_text(high));
    return x;
  }
  [[nodiscard]] double one(const std::string& part, double low, double high) const {
    return parsed(part, low, high, "a number");
  }
  [[nodiscard]] std::int64_t whole(const std::string& part, std::int64_t low,
                                   std::int64_t high) const {
    return parsed(part, low, high, "a whole number");
  }
  std::string name_, text_;
};

struct Setter {
  const char* name;
  void (*set)(Said& to, const Text& t);
};
constexpr std::int64_t many = 1'000'000'000;
constexpr double large = 1e30;

const Setter setters[] = {
    {"kind",
     [](Said& to, const Text& t) {
       to.wishes.kind = t.choice<Kind>({{"adaptive", Kind::adaptive},
                                        {"uniform", Kind::uniform},
                                        {"quantized", Kind::quantized}});
     }},
    {"bits",
     [](Said& to, const Text& t) {
       auto& levels = to.wishes.scheme.levels;
       levels = t.counts<int>(0, max_bits);
       std::sort(levels.begin(), levels.end());
       if (levels.empty() || std::adjacent_find(levels.begin(), levels.end()) != levels.end())
         t.refuse("numbers of bits, each once");
     }},
    {"budget",
     [](Said& to, const Text& t) {
       to.wishes.options.adaptive.mean_bits = t.numbers(0, max_bits);
       to.budgeted = true;
       if (t.empty()) t.refuse("one or more mean bits");
     }},
    {"sharing",
     [](Said& to, const Text& t) {
       using namespace allocation;
       to.wishes.options.adaptive.sharing =
           t.choice<AnySharing>({{"node_and_point", PerNodeAndPoint()},
                                 {"edge", PerEdge()},
                                 {"block", PerBlock()},
                                 {"node", PerNode()},
                                 {"point", PerPoint()}});
       to.shared = true;
     }},
    {"weight_bits",
     [](Said& to, const Text& t) {
       to.wishes.scheme.weight_bits = t.choice<int>({{"2", 2}, {"4", 4}, {"8", 8}});
     }},
    {"epochs", [](Said& to, const Text& t) { to.wishes.options.epochs = t.count(0, many); }},
    {"quantized_epochs",
     [](Said& to, const Text& t) { to.wishes.options.quantized_epochs = t.count(0, many); }},
    {"batch",
     [](Said& to, const Text& t) {
       to.wishes.options.batch = static_cast<std::size_t>(t.count(1, many));
     }},
    {"lr", [](Said& to, const Text& t) { to.wishes.options.lr = t.number(0, large); }},
    {"quantized_lr",
     [](Said& to, const Text& t) { to.wishes.options.quantized_lr = t.number(0, large); }},
    {"lr_end", [](Said& to, const Text& t) { to.wishes.options.lr_end = t.number(0, large); }},
    {"rate",
     [](Said& to, const Text& t) {
       to.wishes.options.rate = t.choice<RateShape>({{"cosine", RateShape::cosine},
                                                     {"constant", RateShape::constant},
                                                     {"one_cycle", RateShape::one_cycle}});
     }},
    {"warm_up", [](Said& to, const Text& t) { to.wishes.options.warm_up = t.number(0, 1); }},
    {"clip", [](Said& to, const Text& t) { to.wishes.options.clip = t.number(0, large); }},
    {"weight_decay",
     [](Said& to, const Text& t) { to.wishes.options.weight_decay = t.number(0, large); }},
    {"average",
     [](Said& to, const Text& t) {
       to.wishes.options.average = t.number(0, std::nextafter(1.0, 0.0));
     }},
    {"loss",
     [](Said& to, const Text& t) {
       to.wishes.options.loss =
           t.choice<Loss>({{"mse", Loss::mse}, {"relative_l2", Loss::relative_l2}});
     }},
    {"validation",
     [](Said& to, const Text& t) {
       to.wishes.options.validation = t.number(0, std::nextafter(1.0, 0.0));
     }},
    {"keep_best", [](Said& to, const Text& t) { to.wishes.options.keep_best = t.yes(); }},
    {"patience", [](Said& to, const Text& t) { to.wishes.options.patience = t.count(0, many); }},
    {"folder", [](Said& to, const Text& t) { to.wishes.options.folder = t.text(); }},
    {"checkpoint_every",
     [](Said& to, const Text& t) { to.wishes.options.checkpoint_every = t.count(0, many); }},
    {"report_every",
     [](Said& to, const Text& t) { to.wishes.options.report_every = t.count(1, many); }},
    {"threads",
     [](Said& to, const Text& t) { to.threads = static_cast<std::size_t>(t.count(1, 1024)); }},
    {"seed",
     [](Said& to, const Text& t) {
       to.wishes.options.seed =
           static_cast<std::uint64_t>(t.count(0, std::numeric_limits<std::int64_t>::max()));
     }},
    {"lattices",
     [](Said& to, const Text& t) { to.wishes.options.graph.lattices = t.counts<int>(1, 1000); }},
    {"neighbours",
     [](Said& to, const Text& t) {
       to.wishes.options.graph.neighbours = static_cast<int>(t.count(0, 1000));
     }},
    {"calibration",
     [](Said& to, const Text& t) {
       to.wishes.options.calibration = static_cast<std::size_t>(t.count(1, many));
     }},
    {"learn_weight_steps",
     [](Said& to, const Text& t) { to.wishes.options.learn_weight_steps = t.yes(); }},
    {"reflections", [](Said& to, const Text& t) { to.axes = t.counts<int>(0, 2); }},
    {"centre", [](Said& to, const Text& t) { to.centre = t.numbers(-large, large); }},
    {"given_vectors", [](Said& to, const Text& t) { to.given_vectors = t.counts<Index>(0, many); }},
    {"solution_vectors",
     [](Said& to, const Text& t) { to.solution_vectors = t.counts<Index>(0, many); }},
    {"boundary_distance", [](Said& to, const Text& t) { to.boundary_distance = t.yes(); }},
    {"imposed", [](Said& to, const Text& t) { to.imposed = t.assignments(); }},
};

std::string listed(const std::vector<std::string>& names) {
  std::string all;
  for (const std::string& n : names) all += (all.empty() ? "" : ", ") + n;
  return all;
}
/// "MpPde" and "mp_pde" are one name.
std::string plain(std::string_view name) {
  std::string all;
  for (const char c : name)
    if (c != '_' && c != '-') all += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return all;
}
const Trainer& trainer_named(const std::string& name) {
  std::vector<std::string> all;
  for (const Trainer& t : trainers()) {
    if (plain(t.name) == plain(name)) return t;
    all.emplace_back(t.name);
  }
  throw Error("training, network", "one of " + listed(all), "'" + name.substr(0, 80) + "'",
              "Add the network to bindings/c/meson.build, or train it in C++.");
}

Said said_by(const std::vector<NamedOption>& options, const Trainer& of) {
  Said all;
  const std::vector<std::string> sizes = of.sizes();
  for (const NamedOption& option : options) {
    const std::string &name = option.first, &text = option.second;  // clang captures no bindings
    const Text t(name, text);
    const auto setter = std::find_if(std::begin(setters), std::end(setters),
                                     [&](const Setter& s) { return name == s.name; });
    if (setter != std::end(setters)) {
      setter->set(all, t);
    } else if (std::find(sizes.begin(), sizes.end(), name) != sizes.end()) {
      const bool flag = text == "yes" || text == "true" || text == "no" || text == "false";
      all.wishes.sizes[name] = flag ? t.yes() : static_cast<double>(t.count(0, 1'000'000));
    } else {
      throw Error("training, option '" + name.substr(0, 80) + "'",
                  "one of " + listed(option_names()) + ", or of " + std::string(of.name) + ": " +
                      listed(sizes),
                  "another name", "Correct the name.");
    }
  }
  TrainingWishes& w = all.wishes;
  std::vector<int>& levels = w.scheme.levels;
  if (levels.empty())
    levels = w.kind == Kind::adaptive  ? std::vector{1, 2, 3, 4, 5, 6, 8}
             : w.kind == Kind::uniform ? std::vector{4}
                                       : std::vector{8};
  if (w.kind != Kind::adaptive && all.shared)
    throw Error("training, sharing", "kind adaptive, where rows differ in bits", "another kind",
                "Leave sharing out.");
  if (w.kind != Kind::adaptive && levels.front() == 0)
    throw Error("training, bits", "1 to 16 bits, but for the kind adaptive", "0",
                "Rows of 0 bits are for those that have others beside them.");
  if (w.kind != Kind::adaptive && all.budgeted)
    throw Error("training, budget", "kind adaptive, where rows differ in bits", "another kind",
                "Say bits for rows that are all alike.");
  if (w.kind == Kind::adaptive) {
    if (levels.size() < 2)
      throw Error("training, bits", "two levels or more to choose from",
                  "the one of " + number_text(levels.front()),
                  "Leave bits out and say budget, or train the kind uniform.");
    for (const double b : w.options.adaptive.mean_bits)
      if (!(b >= levels.front() && b <= levels.back()))
        throw Error(
            "training, budget",
            "mean bits from " + number_text(levels.front()) + " to " + number_text(levels.back()),
            number_text(b), "Correct it, or the bits that rows may have.");
  }
  return all;
}

class Names {
 public:
  explicit Names(const TrainingCall& call) : names_(call.sample_names) {}
  [[nodiscard]] std::string operator()(std::size_t k) const {
    return k < names_.size() ? names_[k] : "sample " + number_text(k);
  }

 private:
  const std::vector<std::string>& names_;
};

void check_field(const Field& f, Index nodes, Index channels, const std::string& where) {
  const auto text = [](Index rows, Index columns) {
    return number_text(rows) + " rows and " + number_text(columns) + " channels";
  };
  if (f.rows() != nodes || f.cols() != channels || channels == 0)
    throw Error(where, text(nodes, std::max<Index>(channels, 1)), text(f.rows(), f.cols()),
                "Give one row per node, and every sample the same channels.");
  for (Index i = 0; i < nodes; ++i)
    for (Index c = 0; c < channels; ++c)
      if (!std::isfinite(f(i, c)))
        throw Error(
            where, "finite numbers",
            number_text(f(i, c)) + " in row " + number_text(i) + ", channel " + number_text(c),
            "Repair the field, or leave the sample out.");
}
void check(std::span<const Sample> samples, const Names& name) {
  if (samples.empty())
    throw Error("training", "samples", "none", "Give meshes with given fields and solutions.");
  const Sample& first = samples.front();
  for (std::size_t k = 0; k < samples.size(); ++k) {
    const Sample& s = samples[k];
    const Mesh& m = s.mesh;
    try {
      static_cast<void>(examine(m, !m.cells.empty()));
    } catch (const Error& e) {
      throw Error(name(k) + ", " + e.where(), e.expected(), e.found(), e.mend());
    }
    if (m.dim != first.mesh.dim || m.cells.empty() != first.mesh.cells.empty() ||
        m.node_type.empty() != first.mesh.node_type.empty())
      throw Error(name(k), "dimensions, cells and types of nodes as " + name(0) + " has them",
                  "others", "Give them with every sample, or with none.");
    if (!m.node_type.empty() && static_cast<Index>(m.node_type.size()) != m.n_nodes())
      throw Error(name(k) + ", node_type", number_text(m.n_nodes()) + " types",
                  number_text(m.node_type.size()), "Give one for every node.");
    check_field(s.given, m.n_nodes(), first.given.cols(), name(k) + ", given");
    check_field(s.solution, m.n_nodes(), first.solution.cols(), name(k) + ", solution");
  }
  for (Index c = 0; c < first.solution.cols(); ++c) {
    const float value = first.solution(0, c);
    if (std::all_of(samples.begin(), samples.end(),
                    [&](const Sample& s) { return (s.solution.col(c).array() == value).all(); }))
      throw Error("training, solution", "channels that vary",
                  "channel " + number_text(c) + " is " + number_text(value) + " everywhere",
                  "Leave the channel out: there is nothing to learn.");
  }
}

void mark(std::span<Sample> samples, const Names& name) {
  for (std::size_t k = 0; k < samples.size(); ++k) {
    if (!samples[k].mesh.node_type.empty()) continue;
    try {
      mark_boundary(samples[k].mesh);
    } catch (const Error& e) {
      throw Error(name(k) + ", mark_boundary", e.expected(), e.found(), e.mend());
    }
  }
}

/// Reflections that options ask for, of samples that have been checked.
void reflect(Said& s, std::span<const Sample> samples) {
  const Mesh& first = samples.front().mesh;
  const auto dim = static_cast<std::size_t>(first.dim);
  for (const int a : s.axes)
    if (a >= first.dim)
      throw Error("training, reflections", "axes below " + number_text(dim), number_text(a),
                  "Axes count from 0.");
  if (s.axes.empty()) return;
  if (s.centre.empty()) {
    std::vector<double> low(dim, std::numeric_limits<double>::infinity()), high(dim, -low[0]);
    for (const Sample& sample : samples)
      for (std::size_t k = 0; k < sample.mesh.points.size(); ++k) {
        low[k % dim] = std::min(low[k % dim], sample.mesh.points[k]);
        high[k % dim] = std::max(high[k % dim], sample.mesh.points[k]);
      }
    for (std::size_t d = 0; d < dim; ++d) s.centre.push_back(0.5 * (low[d] + high[d]));
  }
  if (s.centre.size() != dim)
    throw Error("training, centre", number_text(dim) + " coordinates", number_text(s.centre.size()),
                "Give one for every axis.");
  const auto turning = [&](const std::vector<Index>& vectors, Index channels, const char* what) {
    std::vector<std::vector<Index>> of_axis(dim);
    for (const Index v : vectors) {
      if (v + first.dim > channels)
        throw Error(std::string("training, ") + what,
                    "first channels of vectors of " + number_text(dim) + " components",
                    number_text(v) + " of " + number_text(channels) + " channels",
                    "Channels count from 0.");
      for (std::size_t d = 0; d < dim; ++d) of_axis[d].push_back(v + static_cast<Index>(d));
    }
    return of_axis;
  };
  s.wishes.options.augmentation = reflections(
      s.axes, s.centre, turning(s.given_vectors, samples.front().given.cols(), "given_vectors"),
      turning(s.solution_vectors, samples.front().solution.cols(), "solution_vectors"));
  s.wishes.options.augmentation.name += " at " + numbers_text(s.centre) + ", vectors " +
                                        numbers_text(s.given_vectors) + " and " +
                                        numbers_text(s.solution_vectors);
}

/// The channel behind what the user gives.
void add_boundary_distance(std::span<Sample> samples, const Names& name) {
  for (std::size_t k = 0; k < samples.size(); ++k) try {
      samples[k].given = with_boundary_channel(samples[k].mesh, samples[k].given);
    } catch (const Error& e) {
      throw Error(name(k) + ", boundary_distance", e.expected(), e.found(), e.mend());
    }
}

/// What "wall:u=0" or, of the only channel, "wall=0" says.
ImposedValue imposed_value(const std::string& text, const std::vector<std::string>& channels,
                           Index n) {
  const Text t("imposed", text);
  const std::size_t equals = text.rfind('='), colon = text.substr(0, equals).find(':');
  const auto no = [&]() { t.refuse("TYPE:CHANNEL=VALUE, as wall:0=0 or inflow:u=1.5"); };
  if (equals == text.npos) no();
  std::vector<std::pair<const char*, NodeType>> types;
  for (const std::string_view name : solver::stored::names<NodeType>)
    types.emplace_back(name.data(), static_cast<NodeType>(types.size()));
  ImposedValue v;
  v.type =
      Text("imposed", text.substr(0, std::min(colon, equals))).choice(types, "a type of nodes, ");
  v.value = static_cast<float>(Text("imposed", text.substr(equals + 1)).number(-large, large));
  if (colon == text.npos) {
    if (n != 1) t.refuse("a channel of the " + number_text(n) + ", as wall:0=0");
    return v;
  }
  const std::string channel = text.substr(colon + 1, equals - colon - 1);
  const auto named = std::find(channels.begin(), channels.end(), channel);
  v.channel = named != channels.end()
                  ? static_cast<Index>(named - channels.begin())
                  : static_cast<Index>(Text("imposed, channel", channel).count(0, n - 1));
  return v;
}
/// Looked at before anything is trained. @throws amq::Error that names the sample
void impose(Said& s, std::span<const Sample> samples, const TrainingCall& call, const Names& name) {
  TrainOptions& o = s.wishes.options;
  for (const std::string& text : s.imposed)
    o.imposed.push_back(imposed_value(text, call.solution_names, samples.front().solution.cols()));
  if (o.imposed.empty()) return;
  try {
    static_cast<void>(MeshEncoding::of(samples, o.graph, o.imposed));
  } catch (const Error& e) {
    for (std::size_t k = 0; k < samples.size(); ++k)
      if (e.where() == "sample " + number_text(k) + ", solution")
        throw Error(name(k) + ", solution", e.expected(), e.found(), e.mend());
    throw;
  }
}

/// Another executor, which asks whether to go on.
class Interruptible final : public Executor {
 public:
  Interruptible(Executor& of, const std::function<void()>& ask) : of_(of), ask_(ask) {}
  void parallel_for(std::size_t n, std::size_t grain, const Body& body) override {
    const std::size_t piece = std::max<std::size_t>(grain, 1);
    if (of_.threads() == 1) {  // which would take all in one
      for (std::size_t from = 0; from < n; from += piece) {
        core::as_host(ask_);
        body(from, std::min(n, from + piece));
      }
      return;
    }
    const auto caller = std::this_thread::get_id();
    of_.parallel_for(n, grain, [&](std::size_t from, std::size_t end) {
      if (std::this_thread::get_id() == caller) core::as_host(ask_);
      body(from, end);
    });
  }
  [[nodiscard]] std::size_t threads() const noexcept override { return of_.threads(); }

 private:
  Executor& of_;
  const std::function<void()>& ask_;
};

/// A place that cannot be written to is better known before the training than behind it.
void check_place(const std::string& to) {
  namespace fs = std::filesystem;
  const fs::path parent = fs::path(to).parent_path();
  std::error_code failed;
  if (to.empty() || fs::is_directory(to, failed) ||
      (!parent.empty() && !fs::is_directory(parent, failed)))
    throw Error(to.empty() ? "training, out" : to, "a file in a folder that is there",
                to.empty() ? "no name" : "no such place", "Make the folder first.");
}

}  // namespace

std::vector<std::string> option_names() {
  std::vector<std::string> all;
  for (const Setter& s : setters) all.emplace_back(s.name);
  return all;
}

TrainingOutcome train(std::span<Sample> samples, const TrainingCall& call, const std::string& to) {
  const Trainer& trainer = trainer_named(call.network);
  Said said = said_by(call.options, trainer);
  check(samples, Names(call));
  if (call.mark_boundary) mark(samples, Names(call));
  reflect(said, samples);
  impose(said, samples, call, Names(call));
  check_place(to);
  const auto named = [](const std::vector<std::string>& names, Index channels, const char* what) {
    if (!names.empty() && static_cast<Index>(names.size()) != channels)
      throw Error(std::string("training, names of ") + what, number_text(channels) + " names",
                  number_text(names.size()), "Name every channel, or none.");
    return names;
  };
  said.wishes.given_names = named(call.given_names, samples.front().given.cols(), "given");
  said.wishes.solution_names =
      named(call.solution_names, samples.front().solution.cols(), "solution");
  if (said.boundary_distance) {
    auto& names = said.wishes.given_names;
    names.resize(static_cast<std::size_t>(samples.front().given.cols()));
    names.emplace_back(boundary_channel);
    add_boundary_distance(samples, Names(call));
  }
  std::optional<ThreadPool> pool;
  if (said.threads > 1) said.wishes.options.executor = &pool.emplace(said.threads);
  std::optional<Interruptible> asked;
  if (call.interrupt)
    said.wishes.options.executor = &asked.emplace(said.wishes.options.runs_on(), call.interrupt);
  said.wishes.options.progress = call.progress;
  return trainer.train(samples, said.wishes, to);
}

}  // namespace amq::any
