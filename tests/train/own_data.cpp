#include <amq/train/train_mesh.hpp>

#include <amq/core/thread_pool.hpp>
#include <amq/mesh/random_square.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cfenv>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <functional>
#include <limits>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>
#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

namespace test_own_data {

using namespace amq;
using namespace amq::training;

namespace {

namespace fs = std::filesystem;

/// A field on meshes in metres far from the origin, and what follows from it, in some unit.
std::vector<Sample> own_samples(std::size_t n) {
  std::vector<Sample> all(n);
  for (std::size_t k = 0; k < n; ++k) {
    Random random = Random::stream(6, k);
    Sample& s = all[k];
    s.mesh = random_refined_square(random, 50);
    for (double& x : s.mesh.points) x = 100 + 20 * x;
    const Index m = s.mesh.n_nodes();
    s.given.resize(m, 1);
    s.solution.resize(m, 1);
    const double phase = random.uniform(0, 6.28);
    for (Index i = 0; i < m; ++i) {
      const double x = (s.mesh.point(i)[0] - 110) / 10, y = (s.mesh.point(i)[1] - 110) / 10;
      s.given(i, 0) = static_cast<float>(300 + 40 * std::sin(3 * x + phase));
      s.solution(i, 0) = static_cast<float>(2 + 5 * std::sin(3 * x + phase) + x * y);
    }
  }
  return all;
}
MpPdeConfig small() {
  MpPdeConfig c;
  c.hidden = 12;
  c.layers = 2;
  return c;
}
TrainOptions quick() {
  TrainOptions o;
  o.epochs = 8;
  o.quantized_epochs = 2;
  o.lr = 1e-2;
  o.validation = 0.25;
  o.graph.lattices.clear();
  o.adaptive.auxiliary.hidden = 4;
  return o;
}
struct Folder {
  std::string path;
  explicit Folder(const char* name)
      : path((fs::temp_directory_path() / ("amq_own_" + std::to_string(::getpid()) + name))
                 .string()) {
    fs::remove_all(path);
  }
  ~Folder() { fs::remove_all(path); }
};
template <typename Solve>
double relative_error(const std::vector<Sample>& samples, Solve&& solve) {
  double error = 0, norm = 0;
  for (const Sample& s : samples) {
    const Field u = solve(s);
    error += static_cast<double>((u - s.solution).squaredNorm());
    norm += static_cast<double>((s.solution.array() - 2).square().sum());
  }
  return std::sqrt(error / norm);
}
using Ladder = Scheme<Weights<8>, Activations<1, 2, 3, 4, 8>, ByRange>;
using Eight = Scheme<Weights<8>, Activations<8>, ByRange>;

}  // namespace

TEST_CASE("from one's own samples to a saved solver") {
  const std::vector<Sample> samples = own_samples(12);
  const Folder folder("docs");
  TrainOptions options = quick();
  const std::string file = folder.path + "/mine.safetensors";
  // [own]
  // std::vector<Sample>: mesh, given (node, channel), solution (node, channel), in your units
  options.folder = folder.path;  // a run that was stopped goes on from here
  const auto net = train<MpPde>(samples, options, small());     // in float
  auto solver = train_adaptive<Ladder>(net, samples, options);  // bits to the rows that need them
  save(file, solver);                                           // with a self-test
  const Field u = solver(samples[0].mesh, samples[0].given);    // in integers, in your units
  // [own]
  auto loaded = load<MpPde, Ladder>(file);
  loaded.budget(mean_bits(3));
  const Field v = loaded(samples[0].mesh, samples[0].given);
  CHECK(relative_error(samples, [&](const Sample& s) { return net(s.mesh, s.given); }) < 0.35);
  CHECK(relative_error(samples, [&](const Sample& s) { return solver(s.mesh, s.given); }) < 0.5);
  CHECK(relative_error({samples[0]}, [&](const Sample&) { return v; }) < 0.6);
  CHECK(u.rows() == v.rows());
  CHECK(fs::exists(folder.path + "/float.csv"));
  CHECK(solver.report.curve.rows().size() == 2);
}

TEST_CASE("a tolerance names the smallest budget that kept it on samples held out of training") {
  const auto samples = own_samples(12);
  auto o = quick();
  o.adaptive.mean_bits = {3, 5};
  const auto net = train<MpPde>(samples, o, small());
  const auto adaptive = train_adaptive<Ladder>(net, samples, o);
  const Folder folder("tolerance");
  fs::create_directories(folder.path);
  save(folder.path + "/mine.safetensors", adaptive);
  const auto solver = load<MpPde, Ladder>(folder.path + "/mine.safetensors");
  const auto& errors = solver.trained_on().errors;
  REQUIRE(errors.size() >= 3);
  const SampleSplit split = SampleSplit::of(samples.size(), o.validation, o.seed);
  double last = 0;
  bool has_three = false;
  for (const HeldOutError& e : errors) {
    CHECK(e.mean_bits > last);
    last = e.mean_bits;
    has_three |= e.mean_bits == 3;
    double sum = 0;
    for (const std::size_t k : split.validation) {
      const Field u = solver(samples[k].mesh, samples[k].given, mean_bits(e.mean_bits));
      sum += static_cast<double>((u - samples[k].solution).norm() / samples[k].solution.norm());
    }
    CHECK(e.relative_l2 ==
          doctest::Approx(sum / static_cast<double>(split.validation.size())).epsilon(1e-6));
    // The first budget that keeps it, so never a larger one than this.
    const Budget b = solver.budget_within(e.relative_l2);
    CHECK(b.mean_bits <= e.mean_bits);
    CHECK(solver(samples[0].mesh, samples[0].given, b).report.bops > 0);
  }
  CHECK(has_three);
  CHECK(solver.budget_within(100).mean_bits == errors.front().mean_bits);
  CHECK_THROWS_WITH_AS(static_cast<void>(solver.budget_within(0)),
                       doctest::Contains("the least that was measured"), Error);
  auto none = o;
  none.validation = 0;
  const auto blind = train_uniform<Scheme<Weights<8>, Activations<4>>>(net, samples, none);
  CHECK_THROWS_WITH_AS(static_cast<void>(blind.solver.budget_within(1)),
                       doctest::Contains("held out of training"), Error);
}

TEST_CASE("a scheme that is a value gives the bits of the scheme that is a type") {
  const auto samples = own_samples(6);
  auto o = quick();
  o.epochs = 2;
  const auto from = train<MpPde>(samples, o, small());
  const SchemeInfo ladder = SchemeInfo::of<Ladder>(), eight = SchemeInfo::of<Eight>();
  const auto same = [&](const auto& a, const auto& b) {
    CHECK(a.solver.net().parameters.values == b.solver.net().parameters.values);
    CHECK(a.test.mean_bits == b.test.mean_bits);
    const Sample& s = samples[0];
    CHECK(a.solver(s.mesh, view(s.given)).field == b.solver(s.mesh, view(s.given)).field);
  };
  same(train_adaptive<Ladder>(from, samples, o),
       train_adaptive<AnyScheme>(from, samples, o, ladder));
  same(train_uniform<Eight>(from, samples, o), train_uniform<AnyScheme>(from, samples, o, eight));
  same(quantize<Eight>(from, samples, o), quantize<AnyScheme>(from, samples, o, eight));
}

TEST_CASE("whatever a host has set, a training ends with the same weights and gives it back") {
  auto samples = own_samples(6);
  // A channel among denormals: what flushes them does not see it.
  for (Sample& s : samples) {
    s.given.conservativeResize(Eigen::NoChange, 2);
    for (Index i = 0; i < s.given.rows(); ++i)
      s.given(i, 1) = static_cast<float>(i % 7) * 0x1p-145f;
  }
  const auto weights = [&](const std::function<void()>& change) {
    std::vector<std::vector<float>> all;
    std::thread([&] {
      change();
      const int rounding = std::fegetround();
      ThreadPool pool(2);  // whose threads begin as this one is
      auto o = quick();
      o.epochs = 2;
      o.executor = &pool;
      const auto net = train<MpPde>(samples, o, small());
      all.push_back(net.net->parameters.values);
      for (const auto* e : {&net.encoding.input_mean, &net.encoding.input_deviation})
        all.push_back(*e);
      const Field u = net(samples[0].mesh, samples[0].given);
      all.emplace_back(u.data(), u.data() + u.size());
      all.push_back(quantize<Eight>(net, samples, o).solver.net().parameters.values);
      all.push_back(train_uniform<Eight>(net, samples, o).solver.net().parameters.values);
      all.push_back(train_adaptive<Ladder>(net, samples, o).solver.net().parameters.values);
      CHECK(std::fegetround() == rounding);
    }).join();
    return all;
  };
  const auto plain = weights([] {});
  for (const int mode : {FE_UPWARD, FE_TOWARDZERO}) {
    CAPTURE(mode);
    CHECK(weights([mode] { std::fesetround(mode); }) == plain);
  }
#if defined(__x86_64__)
  CHECK(weights([] { _mm_setcsr(_mm_getcsr() | 0x8040u); }) == plain);
#endif
#ifdef __GLIBC__
  CHECK(weights([] {
          std::feclearexcept(FE_ALL_EXCEPT);
          feenableexcept(FE_INVALID | FE_DIVBYZERO | FE_OVERFLOW | FE_UNDERFLOW);
        }) == plain);
#endif
}

TEST_CASE("one level leaves nothing to adapt: refused before the training, not after it") {
  const auto samples = own_samples(4);
  const auto o = quick();
  const auto net = train<MpPde>(samples, o, small());
  CHECK_THROWS_WITH_AS(
      static_cast<void>(train_adaptive<AnyScheme>(net, samples, o, SchemeInfo{8, ByRange(), {4}})),
      doctest::Contains("a scheme of several levels"), Error);
}

TEST_CASE("samples without types of nodes train a network that reads none") {
  auto samples = own_samples(4);
  for (Sample& s : samples) s.mesh.node_type.clear();
  auto o = quick();
  o.epochs = 1;
  const auto solver = quantize<Eight>(train<MpPde>(samples, o, small()), samples, o);
  CHECK_FALSE(solver.solver.encoding().boundary);
  CHECK(solver(samples[0].mesh, samples[0].given).field.allFinite());
  samples[2].mesh.node_type.assign(static_cast<std::size_t>(samples[2].mesh.n_nodes()),
                                   NodeType::wall);
  CHECK_THROWS_WITH_AS(train<MpPde>(samples, o, small()),
                       doctest::Contains("a type for every node"), Error);
}

TEST_CASE("known boundary values are those of every answer, exactly, also from a file") {
  auto samples = own_samples(4);
  for (Sample& s : samples)
    for (Index i = 0; i < s.mesh.n_nodes(); ++i)
      if (s.mesh.node_type[static_cast<std::size_t>(i)] == NodeType::wall) s.solution(i, 0) = -1.5f;
  auto o = quick();
  o.epochs = 1;
  const auto free = train<MpPde>(samples, o, small());
  o.imposed = {{NodeType::wall, 0, -1.5f}};
  const auto bound = train<MpPde>(samples, o, small());
  CHECK(bound.net->parameters.values == free.net->parameters.values);
  const auto solver = quantize<Eight>(bound, samples, o),
             unbound = quantize<Eight>(free, samples, o);
  const Folder folder("imposed");
  fs::create_directories(folder.path);
  save(folder.path + "/bound.safetensors", solver);
  const auto loaded = load<MpPde>(folder.path + "/bound.safetensors");
  const Sample& s = samples[1];
  const Field in_float = bound(s.mesh, s.given), float_free = free(s.mesh, s.given),
              in_integers = solver(s.mesh, s.given).field,
              integers_free = unbound(s.mesh, s.given).field,
              from_file = loaded(s.mesh, view(s.given)).field;
  CHECK(from_file == in_integers);
  for (Index i = 0; i < s.mesh.n_nodes(); ++i) {
    const bool wall = s.mesh.node_type[static_cast<std::size_t>(i)] == NodeType::wall;
    CHECK(in_float(i, 0) == (wall ? -1.5f : float_free(i, 0)));
    CHECK(in_integers(i, 0) == (wall ? -1.5f : integers_free(i, 0)));
  }

  const auto refused = [&](ImposedValue v, const char* said) {
    o.imposed = {v};
    CHECK_THROWS_WITH_AS(train<MpPde>(samples, o, small()), doctest::Contains(said), Error);
  };
  refused({NodeType::wall, 0, -1.25f}, "sample 0, solution");
  refused({NodeType::wall, 1, 0}, "channel 1 of 1");
  refused({NodeType::inflow, 0, 0}, "type that the network reads");
  // Types that training did not see are no walls, and samples without types have none.
  Mesh other = samples[1].mesh;
  other.node_type[0] = NodeType::outflow;
  CHECK_THROWS_WITH_AS(bound(other, samples[1].given), doctest::Contains("type 5 at node 0"),
                       Error);
  auto untyped = samples;
  for (std::size_t k = 1; k < untyped.size(); ++k) untyped[k].mesh.node_type.clear();
  o.imposed = {{NodeType::wall, 0, -1.5f}};
  CHECK_THROWS_WITH_AS(train<MpPde>(untyped, o, small()),
                       doctest::Contains("a type for every node"), Error);
  // Of several types each is told from the others.
  Mesh& mixed = samples[1].mesh;
  const auto at = std::find(mixed.node_type.begin(), mixed.node_type.end(), NodeType::wall);
  *at = NodeType::inflow;
  const Index inflow = at - mixed.node_type.begin();
  samples[1].solution(inflow, 0) = 4;
  o.imposed = {{NodeType::inflow, 0, 4}};
  const Field u = train<MpPde>(samples, o, small())(mixed, samples[1].given);
  for (Index i = 0; i < mixed.n_nodes(); ++i) CHECK((u(i, 0) == 4.0f) == (i == inflow));
}

TEST_CASE("train_adaptive takes the steps that could be taken by hand, to the bit") {
  const auto samples = own_samples(6);
  auto o = quick();
  o.validation = 0;
  const auto from = train<MpPde>(samples, o, small());
  const MeshEncoding e = MeshEncoding::of(samples, o.graph);
  std::vector<GraphSample> encoded;
  for (const Sample& s : samples) {
    encoded.push_back(e.encode(s.mesh, view(s.given)));
    e.encode_solution(view(s.solution), encoded.back());
  }
  Network<MpPde> net(from.net->model.config(), {8, RowRule::min_max, {8}}, 0);
  MeshTrainingOptions t;
  t.trainer.epochs = o.epochs;
  t.trainer.batch = o.batch;
  t.lr = o.lr;
  MeshTraining<MpPde>(net, encoded, t).run(serial_executor(), nullptr);
  CHECK(net.parameters.values == from.net->parameters.values);

  Network<MpPde> low(net.model.config(), SchemeInfo::of<Ladder>(), 0);
  low.take_weights(net.layout, net.parameters);
  calibrate(low, encoded);
  t.trainer.seed = 1000;
  t.trainer.epochs = o.quantized_epochs;
  t.lr = o.quantized_lr;
  const auto& levels = low.quantizers.info().levels;
  Auxiliary aux(o.adaptive.auxiliary, e.inputs(), 2, PointScores(low.layout).columns(), 7);
  AdaptiveTraining<MpPde> adaptive(low, aux, encoded, ScoreTarget::sensitivity(), t);
  std::vector<PointScores> seen;
  BasicTraining<float> a(low.layout, low.quantizers);
  for (std::size_t k = 0; k < encoded.size(); ++k) {
    Random random = Random::stream(0xbeef, k);
    seen.push_back(adaptive.observe(a, k, random, 4));
  }
  const PointCurves curves = measure_curves(low, std::span<const GraphSample>(encoded), levels,
                                            levels.back(), mean_scores(seen), serial_executor());
  adaptive.prepare(serial_executor(), encoded.size(), 4, 12);
  adaptive.run(serial_executor(), Allocator<>(low.layout, levels, curves), 3.0);
  const auto made = train_adaptive<Ladder>(from, samples, o);
  CHECK(made.solver.net().parameters.values == low.parameters.values);
  CHECK(made.solver.auxiliary()->net().parameters.values == aux.net().parameters.values);
}

TEST_CASE("a run killed at any moment and begun again ends with the bits of one that was not") {
  const auto samples = own_samples(8);
  struct Bits {
    std::vector<float> net, uniform, adaptive, auxiliary;
    bool operator==(const Bits&) const = default;
  };
  const auto run = [&](const std::string& folder) {
    auto o = quick();
    o.folder = folder;
    o.checkpoint_every = 2;
    o.average = 0.9;
    o.augmentation = reflections({0, 1}, {110, 110});
    const auto net = train<MpPde>(samples, o, small());
    const auto uniform =
        train_uniform<Scheme<Weights<8>, Activations<2, 4>, ByRange>>(net, samples, o);
    const auto adaptive = train_adaptive<Ladder>(net, samples, o);
    return Bits{net.net->parameters.values, uniform.solver.net().parameters.values,
                adaptive.solver.net().parameters.values,
                adaptive.solver.auxiliary()->net().parameters.values};
  };
  const auto begun = std::chrono::steady_clock::now();
  const Bits whole = run("");
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
  const Folder folder("killed");
  Random random(11);
  int killed = 0;
  for (int k = 0; k < 40 && killed < 5; ++k) {
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
      try {
        static_cast<void>(run(folder.path));
      } catch (...) {
        ::_exit(1);
      }
      ::_exit(0);
    }
    ::usleep(static_cast<useconds_t>(1e6 * seconds * random.uniform(0.1, 0.35)));
    ::kill(child, SIGKILL);
    int status = 0;
    ::waitpid(child, &status, 0);
    CHECK_FALSE((WIFEXITED(status) && WEXITSTATUS(status) == 1));
    killed += WIFSIGNALED(status) ? 1 : 0;
    if (WIFEXITED(status)) break;
  }
  CHECK(killed >= 2);
  CHECK(run(folder.path) == whole);
  // One folder holds runs of several schemes: a file is named after all of its own.
  const auto holds = [&](const std::string& name) {
    for (const auto& f : fs::directory_iterator(folder.path))
      if (f.path().filename().string().starts_with(name)) return true;
    return false;
  };
  CHECK(holds("uniform_w8a2,4_by_range."));
  CHECK(holds("adaptive_" + SchemeInfo::of<Ladder>().name() + "_mean"));
  // Finished, it is read.
  CHECK(run(folder.path) == whole);
  for (const auto& f : fs::directory_iterator(folder.path))
    CHECK(f.path().extension().string().find(".part") == std::string::npos);
}

TEST_CASE("a folder is one run's: other options, samples and a second process are refused") {
  auto samples = own_samples(6);
  const Folder folder("one");
  auto o = quick();
  o.epochs = 2;
  o.folder = folder.path;
  const auto net = train<MpPde>(samples, o, small());
  const auto refused = [&](const TrainOptions& other, const char* why) {
    CHECK_THROWS_WITH_AS(static_cast<void>(train<MpPde>(samples, other, small())),
                         doctest::Contains(why), Error);
  };
  auto other = o;
  other.epochs = 3;
  refused(other, "epochs 2 (here 3)");
  other = o;
  other.loss = Loss::relative_l2;
  refused(other, "loss mse (here own: relative L2 of decoded values)");
  other = o;
  other.augmentation = reflections({0}, {110, 110});
  refused(other, "approach none (here reflections of axes 0)");
  other = o;
  other.validation = 0.5;
  refused(other, "data");
  const auto with = [&](auto change, const char* why) {
    TrainOptions changed = o;
    change(changed);
    CAPTURE(why);
    refused(changed, why);
  };
  with([](auto& t) { t.batch = 3; }, "batch 2 (here 3)");
  with([](auto& t) { t.lr = 2e-2; }, "lr 0.01 to 1e-06 (here 0.02 to 1e-06)");
  with([](auto& t) { t.lr_end = 1e-5; }, "(here 0.01 to 1e-05)");
  with([](auto& t) { t.rate = RateShape::one_cycle; }, "one cycle");
  with([](auto& t) { t.warm_up = 0.6; }, "warm-up");
  with([](auto& t) { t.clip = 0; }, "adam");
  with([](auto& t) { t.weight_decay = 0; }, "adam");
  with([](auto& t) { t.average = 0.9; }, "average 0 (here 0.9)");
  with([](auto& t) { t.keep_best = false; }, "keep_best yes (here no)");
  with([](auto& t) { t.patience = 3; }, "patience 0 (here 3)");
  with([](auto& t) { t.seed = 1; }, "seed 0 (here 1)");
  with([](auto& t) { t.graph.lattices = {2}; }, "encoding");
  with([](auto& t) { t.graph.neighbours = 4; }, "encoding");
  with([](auto& t) { t.own_loss = {"mine", [](auto, auto, auto) { return 0.0; }}; }, "own: mine");
  // What leaves the shapes of parameters as they are makes another network all the same.
  MpPdeConfig layered = small();
  layered.norm = nn::NodeNorm::layer;
  CHECK_THROWS_WITH_AS(static_cast<void>(train<MpPde>(samples, o, layered)),
                       doctest::Contains("configuration"), Error);
  MpPdeConfig deeper = small();
  deeper.layers = 3;
  CHECK_THROWS_AS(static_cast<void>(train<MpPde>(samples, o, deeper)), Error);
  samples[0].solution(0, 0) += 1;
  refused(o, "encoding");
  samples[0].solution(0, 0) -= 1;
  const FileLock busy(folder.path + "/lock");
  refused(o, "another process or thread that holds the lock");
}

TEST_CASE("a stage of bits is resumed under its own options, from its first moment on") {
  struct Stopped {};
  const auto samples = own_samples(6);
  const Folder folder("stage");
  auto o = quick();
  o.epochs = 1;
  const auto net = train<MpPde>(samples, o, small());
  o.folder = folder.path;
  o.report_every = 1;
  const std::string weight = net.net->layout.weights()[1].name;
  // Stopped as soon as the auxiliary model is prepared, and nothing else is kept.
  o.progress = [](const Progress& p) {
    if (p.what.starts_with("adaptive")) throw Stopped();
  };
  CHECK_THROWS_AS(static_cast<void>(train_adaptive<Ladder>(net, samples, o)), Stopped);
  const auto refused = [&](auto change, const char* why) {
    TrainOptions changed = o;
    change(changed);
    CAPTURE(why);
    CHECK_THROWS_WITH_AS(static_cast<void>(train_adaptive<Ladder>(net, samples, changed)),
                         doctest::Contains(why), Error);
  };
  refused([](auto& t) { t.clip = 2; }, "adam");
  refused([](auto& t) { t.weight_decay = 0; }, "adam");
  refused([](auto& t) { t.lr_end = 1e-5; }, "lr of the auxiliary");
  refused([](auto& t) { t.rate = RateShape::constant; }, "lr of the auxiliary");
  refused([](auto& t) { t.warm_up = 0.6; }, "lr of the auxiliary");
  refused([](auto& t) { t.batch = 3; }, "batch");
  refused([](auto& t) { t.seed = 1; }, "seed");
  refused([](auto& t) { t.validation = 0.5; }, "data");
  refused([](auto& t) { t.adaptive.auxiliary_lr = 1e-3; }, "lr of the auxiliary");
  refused([](auto& t) { t.adaptive.auxiliary.hidden = 6; }, "auxiliary");
  refused([](auto& t) { t.adaptive.score = ScoreTarget::loss(); }, "scores");
  refused([](auto& t) { t.adaptive.score_power = 0.5; }, "score power");
  refused([](auto& t) { t.adaptive.sharing = allocation::PerNode(); }, "sharing");
  refused([](auto& t) { t.adaptive.clusters = ClusterScore::max; }, "clusters");
  refused([&](auto& t) { t.weight_bits = {{weight, 4}}; }, "begins as");
  refused([](auto& t) { t.learn_weight_steps = true; }, "steps of weights");
  // And what is compared once the training itself has begun.
  o.progress = {};
  static_cast<void>(train_adaptive<Ladder>(net, samples, o));
  refused([](auto& t) { t.quantized_epochs = 3; }, "epochs 2 (here 3)");
  refused([](auto& t) { t.quantized_lr = 1e-3; }, "lr 5e-04 to 1e-06 (here 0.001");
  refused([](auto& t) { t.average = 0.9; }, "average");
  refused([](auto& t) { t.adaptive.random_share = 0.2; }, "scores");
  refused([](auto& t) { t.adaptive.probe_share = 0.5; }, "scores");
}

TEST_CASE("a curve that cannot be written is said before an update is made") {
  const auto samples = own_samples(6);
  auto o = quick();
  o.curve = "/dev/null";
  o.report_every = 1;
  int updates = 0;
  o.progress = [&](const Progress&) { ++updates; };
  CHECK_THROWS_WITH_AS(static_cast<void>(train<MpPde>(samples, o, small())),
                       doctest::Contains("found a device"), Error);
  o.curve = "/nowhere/curve.csv";
  CHECK_THROWS_WITH_AS(static_cast<void>(train<MpPde>(samples, o, small())),
                       doctest::Contains("a folder to write into"), Error);
  CHECK(updates == 0);
}

TEST_CASE("quantized without training, a solver says which layer lost what") {
  const auto samples = own_samples(8);
  const auto net = train<MpPde>(samples, quick(), small());
  auto eight = quantize<Eight>(net, samples);
  auto two = quantize<Scheme<Weights<8>, Activations<2>, ByRange>>(net, samples);
  const auto in_float = [&](const Sample& s) { return net(s.mesh, s.given); };
  const double plain = relative_error(samples, in_float);
  CHECK(relative_error(samples, [&](const Sample& s) { return eight(s.mesh, s.given); }) <
        1.1 * plain + 0.02);
  double sum8 = 0, sum2 = 0, weights = 0, fixed = 0;
  REQUIRE(eight.report.layers.size() > 4);
  REQUIRE(eight.report.layers.size() == two.report.layers.size());
  for (std::size_t k = 0; k < two.report.layers.size(); ++k) {
    const auto &l = eight.report.layers[k], &m = two.report.layers[k];
    CHECK_FALSE(l.weight.empty());
    weights += l.of_weights;
    if (m.row_bits > 2) {  // the model decides: the same rows under both schemes
      CHECK(m.of_rows == doctest::Approx(l.of_rows));
      fixed += l.of_rows;
    } else {
      sum8 += l.of_rows, sum2 += m.of_rows;
    }
  }
  CHECK(weights > 0);
  CHECK(fixed > 0);
  CHECK(sum8 > 0);
  CHECK(sum2 > 10 * sum8);
  CHECK(eight.report.curve.empty());
  CHECK_THROWS_WITH_AS(static_cast<void>(quantize<Eight>(net, std::span<const Sample>())),
                       doctest::Contains("samples to fit steps to"), Error);
}

TEST_CASE("samples and shares that cannot be are refused in a sentence") {
  const auto good = own_samples(4);
  const auto refused = [&](auto spoil, const char* why) {
    auto samples = good;
    auto o = quick();
    spoil(samples, o);
    CHECK_THROWS_WITH_AS(static_cast<void>(train<MpPde>(samples, o, small())),
                         doctest::Contains(why), Error);
  };
  refused([](auto& s, auto&) { s.clear(); }, "0 samples");
  refused([](auto& s, auto&) { s[1].solution = Field(); }, "sample 1");
  refused([](auto& s, auto&) { s[2].solution(3, 0) = std::nanf(""); }, "sample");
  refused([](auto& s, auto&) { s[2].given(3, 0) = std::numeric_limits<float>::infinity(); },
          "expected finite numbers");
  refused([](auto& s, auto&) { s[3].given = Field::Zero(s[3].mesh.n_nodes(), 2); }, "1 channels");
  // By the user's number, whoever is held out.
  for (std::size_t k = 0; k < good.size(); ++k)
    refused([k](auto& s, auto&) { s[k].given(3, 0) = std::nanf(""); },
            ("sample " + std::to_string(k)).c_str());
  // What a solver would refuse is said before the training, and not when it is saved.
  refused([](auto& s, auto&) { s[1].mesh.points[4] = std::nan(""); }, "sample 1, mesh, node 2");
  refused([](auto& s, auto&) { s[1].mesh.cells[4] = 1 << 20; }, "sample 1, mesh, cell 1");
  refused([](auto& s, auto&) { s[1].mesh.node_type[4] = static_cast<NodeType>(200); },
          "sample 1, mesh, node 4");
  refused(
      [](auto& s, auto&) {
        s[3].mesh.points.insert(s[3].mesh.points.end(), {110.0, 110.0});
        s[3].mesh.node_type.push_back(NodeType::normal);
        for (Field* f : {&s[3].given, &s[3].solution}) {
          f->conservativeResize(f->rows() + 1, Eigen::NoChange);
          f->row(f->rows() - 1).setZero();
        }
      },
      "expected a node of at least one cell");
  refused([](auto&, auto& o) { o.validation = 1; }, "a validation share from 0 to below 1");
  refused([](auto&, auto& o) { o.validation = -0.1; }, "a validation share");
  refused([](auto&, auto& o) { o.validation = 0, o.patience = 2; },
          "a validation, to stop early by it");
  refused(
      [](auto& s, auto&) {
        for (auto& one : s) one.solution.setConstant(3);
      },
      "a solution that varies");
  refused(
      [](auto& s, auto& o) {
        s[1].solution.setZero();
        o.loss = Loss::relative_l2;
      },
      "sample 1: expected a solution to be relative to");
  refused(
      [](auto&, auto& o) {
        o.augmentation = {"shorter", [](Sample& s, Random&) {
                            s.mesh.points.resize(s.mesh.points.size() - 2);
                            s.mesh.node_type.pop_back();
                            s.given = s.given.topRows(s.mesh.n_nodes()).eval();
                            s.solution = s.solution.topRows(s.mesh.n_nodes()).eval();
                          }};
      },
      "nodes, as it was given");
}

TEST_CASE("a user's own loss sees the user's units, and its gradient reaches the network") {
  const auto samples = own_samples(6);
  auto o = quick();
  o.validation = 0;
  const auto by_mse = train<MpPde>(samples, o, small());
  double seen = 0;
  o.own_loss = {"squares in my unit", [&](auto y, auto t, auto dy) {
                  double sum = 0;
                  for (Index i = 0; i < y.rows; ++i) {
                    const double d = static_cast<double>(y(i, 0)) - static_cast<double>(t(i, 0));
                    dy(i, 0) = static_cast<float>(2 * d / static_cast<double>(y.rows));
                    sum += d * d;
                    seen = std::max(seen, static_cast<double>(t(i, 0)));
                  }
                  return sum / static_cast<double>(y.rows);
                }};
  const auto by_own = train<MpPde>(samples, o, small());
  CHECK(seen > 6);  // normalized values stay below 3
  const double unit = static_cast<double>(by_own.encoding.output_deviation[0]);
  CHECK(by_own.curve.back().training ==
        doctest::Approx(by_mse.curve.back().training * unit * unit).epsilon(0.6));
  CHECK(by_own.curve.back().training < by_own.curve.rows()[0].training);
  o.own_loss = {};
  o.loss = Loss::relative_l2;
  const auto relative = train<MpPde>(samples, o, small());
  CHECK(relative.curve.back().training < 0.6);
  CHECK(relative.curve.back().training < relative.curve.rows()[0].training);
}

}  // namespace test_own_data
