#include <amq/train/grid_training.hpp>

#include <amq/arithmetic/counting.hpp>
#include <amq/arithmetic/fixed.hpp>
#include <amq/arithmetic/float32.hpp>
#include <amq/core/thread_pool.hpp>
#include <amq/models/fno.hpp>
#include <amq/models/unet.hpp>
#include <amq/train/calibrate.hpp>
#include <amq/train/checkpoint.hpp>
#include <amq/train/train_grid.hpp>

#include <doctest/doctest.h>

#include <cfenv>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <numbers>
#include <span>
#include <utility>
#include <vector>

namespace test_grid_training {

using namespace amq;
using namespace amq::training;

namespace {

/// u(x, t): waves that travel by one point a frame and decay. Frame t of sample i is known.
GridSet travelling(Index n_samples, Index n_times, Index n) {
  GridSet set;
  set.layout = GridPoints::periodic;
  set.axes.resize(1);
  for (Index j = 0; j < n; ++j)
    set.axes[0].push_back(static_cast<double>(j) / static_cast<double>(n));
  set.u = GridField(n_samples, n_times, {n});
  for (Index i = 0; i < n_samples; ++i) {
    Random random = Random::stream(4, static_cast<std::uint64_t>(i));
    const double a = random.uniform(0.5, 1.5), b = random.uniform(0.5, 1.5),
                 phase = random.uniform(0, 6.28);
    for (Index t = 0; t < n_times; ++t)
      for (Index j = 0; j < n; ++j) {
        const double x = 2 * std::numbers::pi * static_cast<double>(j - t) / static_cast<double>(n);
        set.u.frame(i, t)[static_cast<std::size_t>(j)] =
            static_cast<float>((a * std::sin(x + phase) + b * std::cos(2 * x)) *
                               std::exp(-0.05 * static_cast<double>(t)));
      }
  }
  return set;
}
const GridMapping usual{2, 3, 4};

FnoConfig small() {
  FnoConfig c = FnoConfig::pdebench(1, 4, 12, 2);
  c.layers = 2;
  c.projection = 16;
  return c;
}
NetworkTrainingOptions options(std::int64_t epochs, double lr = 5e-3) {
  NetworkTrainingOptions o;
  o.trainer.epochs = epochs;
  o.trainer.batch = 4;
  o.trainer.seed = 3;
  o.lr = lr;
  o.loss = Loss::relative_l2;
  o.refit_weights_every = 5;
  return o;
}
struct Task {
  GridSet set = travelling(12, 12, 24);
  GridEncoding encoding = GridEncoding::of(set, usual, 8);
  std::vector<GridExample> training = encoding.encode_all(set, usual, 0, 8),
                           test = encoding.encode_all(set, usual, 8, 4);
};

template <typename Model, typename Solve>
double error(const std::vector<GridExample>& test, const Solve& solve) {
  double sum = 0;
  for (const auto& e : test) {
    const Matrix y = solve(e);
    sum += normalized_rmse(view(y), view(e.y));
  }
  return sum / static_cast<double>(test.size());
}
template <typename Model>
double float_error(const Network<Model>& net, const Parameters& p,
                   const std::vector<GridExample>& test) {
  Float32 a(net.layout, p);
  return error<Model>(test,
                      [&](const auto& e) { return Matrix(map(forward(net.model, a, e).view())); });
}

}  // namespace

TEST_CASE("the chapter's example: float, then 8 bits, then integers") {
  const GridSet set = travelling(10, 12, 24);
  NetworkTrainingOptions training = options(6), further = options(2, 1e-3);
  further.learn_weight_steps = true;
  // [grid]
  const GridMapping mapping{2, 3, 4};                       // 2 frames -> the one 3 later, 4 times
  const auto encoding = GridEncoding::of(set, mapping, 8);  // means and deviations of 8 samples
  const auto seen = encoding.encode_all(set, mapping, 0, 8);  // std::vector<GridExample>
  const FnoConfig config = FnoConfig::pdebench(1, 4, 12, mapping.inputs(set));

  Network<Fno> net(config, {8, RowRule::affine, {8}}, 1);
  GridTraining<Fno>(net, seen, training).run(serial_executor(), nullptr);  // in float
  calibrate(net, std::span(seen).first(8));
  const BitPlan plan = BitPlan::uniform(8);
  GridTraining<Fno>(net, seen, further).run(serial_executor(), &plan);  // with 8-bit rows

  BasicFixed integers(net.layout, net.quantizers, net.parameters);
  integers.begin(plan);
  const GridExample unseen = encoding.encode(set, mapping, 9);
  const auto y = forward(net.model, integers, unseen);
  const double error = normalized_rmse(y.view(), view(unseen.y));
  // [grid]
  CHECK(error < 0.9);
}

TEST_CASE("values imposed by types of nodes are refused on grids") {
  TrainOptions o;
  o.imposed = {{NodeType::wall, 0, 0}};
  CHECK_THROWS_WITH_AS(train<Fno>(travelling(4, 12, 24), GridMapping{2, 3, 4}, o),
                       doctest::Contains("imposed"), Error);
}

TEST_CASE("an unsteady mapping gives frames in a row and seeks the one that follows by its lead") {
  const GridSet set = travelling(3, 12, 16);
  const GridEncoding e = GridEncoding::of(set, usual, 2);
  for (const Index i : {0, 2})
    for (Index w = 0; w < 4; ++w) {
      const Index first = usual.first(set, w);
      const GridExample x = e.encode(set, usual, i, w);
      REQUIRE(x.u.rows() == 16);
      REQUIRE(x.u.cols() == 2);
      for (Index j = 0; j < 16; ++j) {
        const auto at = static_cast<std::size_t>(j);
        for (Index k = 0; k < 2; ++k)
          CHECK(x.u(j, k) * e.input_deviation + e.input_mean ==
                doctest::Approx(set.u.frame(i, first + k)[at]).epsilon(1e-5));
        CHECK(x.y(j, 0) * e.output_scale ==
              doctest::Approx(set.u.frame(i, first + 1 + 3)[at]).epsilon(1e-5));
        CHECK(x.x(j, 0) == doctest::Approx(static_cast<double>(j) / 16));
      }
    }
}

TEST_CASE("where the change is sought it leads from the last given frame to the one that follows") {
  const GridSet set = travelling(3, 12, 16);
  GridMapping change = usual;
  change.change = true;
  const GridEncoding e = GridEncoding::of(set, change, 2), whole = GridEncoding::of(set, usual, 2);
  CHECK(e.input_deviation == whole.input_deviation);
  double square = 0;
  for (Index i = 0; i < 2; ++i)
    for (Index w = 0; w < 4; ++w) {
      const GridExample x = e.encode(set, change, i, w), y = whole.encode(set, usual, i, w);
      CHECK((x.u.array() == y.u.array()).all());
      const auto last = set.u.frame(i, change.first(set, w) + change.past - 1);
      for (Index j = 0; j < 16; ++j)
        CHECK(x.y(j, 0) * e.output_scale + last[static_cast<std::size_t>(j)] ==
              doctest::Approx(y.y(j, 0) * whole.output_scale).epsilon(1e-5));
      square += static_cast<double>(x.y.squaredNorm());
    }
  CHECK(square == doctest::Approx(2 * 4 * 16).epsilon(1e-5));
  GridMapping steady;
  steady.change = true;
  CHECK_THROWS_WITH_AS(static_cast<void>(steady.count(set)),
                       doctest::Contains("past frames to change from"), Error);
}

TEST_CASE("windows are spread from the first frame to the last") {
  const GridSet set = travelling(1, 12, 8);
  CHECK(usual.first(set, 0) == 0);
  CHECK(usual.first(set, 3) + usual.past + usual.lead == 12);
  for (Index w = 1; w < 4; ++w) CHECK(usual.first(set, w) > usual.first(set, w - 1));
  CHECK(GridMapping{2, 3, 1}.first(set, 0) == 3);  // one: the middle
}

TEST_CASE("a steady mapping gives the input field and seeks the solution, on squares too") {
  GridSet set;
  set.layout = GridPoints::centres;
  set.axes = {{0.25, 0.75}, {1.0 / 6, 0.5, 5.0 / 6}};
  set.input = GridField(2, 1, {2, 3}, 2);
  set.u = GridField(2, 1, {2, 3});
  for (std::size_t k = 0; k < set.input.values.size(); ++k)
    set.input.values[k] = static_cast<float>(k);
  for (std::size_t k = 0; k < set.u.values.size(); ++k)
    set.u.values[k] = static_cast<float>(10 + k);
  const GridEncoding e = GridEncoding::of(set, {}, 2);
  const GridExample x = e.encode(set, {}, 1);
  CHECK(x.grid == GridShape(1, {2, 3}));
  CHECK(x.u.cols() == 2);
  CHECK(x.u(4, 1) * e.input_deviation + e.input_mean == doctest::Approx(12 + 9));
  CHECK(x.y(5, 0) * e.output_scale == doctest::Approx(21));
  CHECK(x.x(4, 0) == 0.75f);
  CHECK(x.x(4, 1) == 0.5f);
}

TEST_CASE("encoded inputs have mean 0 and deviation 1, outputs a mean square of 1") {
  const Task p;
  double n = 0, sum = 0, square = 0, target = 0;
  for (const auto& e : p.training) {
    n += static_cast<double>(e.u.size());
    sum += static_cast<double>(e.u.sum());
    square += static_cast<double>(e.u.squaredNorm());
    target += static_cast<double>(e.y.squaredNorm()) * static_cast<double>(usual.past);
  }
  CHECK(sum / n == doctest::Approx(0).epsilon(1e-4));
  CHECK(square / n == doctest::Approx(1).epsilon(1e-4));
  CHECK(target / n == doctest::Approx(1).epsilon(1e-4));
}

TEST_CASE("sets with too few frames, without input, or constant, are refused") {
  const GridSet set = travelling(2, 4, 8);
  CHECK_THROWS_WITH_AS(static_cast<void>(GridEncoding::of(set, usual, 2)),
                       doctest::Contains("5 frames or more"), Error);
  CHECK_THROWS_WITH_AS(static_cast<void>(GridEncoding::of(set, {}, 2)),
                       doctest::Contains("an input field"), Error);
  GridSet flat = travelling(2, 12, 8);
  std::fill(flat.u.values.begin(), flat.u.values.end(), 0.0f);
  CHECK_THROWS_WITH_AS(static_cast<void>(GridEncoding::of(flat, usual, 2)),
                       doctest::Contains("fields vary"), Error);
}

TEST_CASE("a Fourier operator learns travelling waves, and 8 bits keep what it learned") {
  const Task p;
  Network<Fno> net(small(), {8, RowRule::affine, {8}}, 1);
  const double before = float_error(net, net.parameters, p.test);
  GridTraining<Fno>(net, p.training, options(40)).run(serial_executor(), nullptr);
  const double after = float_error(net, net.parameters, p.test);
  CHECK(before > 0.8);
  CHECK(after < 0.15 * before);

  Network<Fno> quantized(small(), {8, RowRule::affine, {8}}, 1);
  quantized.take_weights(net.layout, net.parameters);
  calibrate(quantized, p.training);
  const BitPlan plan = BitPlan::uniform(8);
  auto o = options(10, 1e-3);
  o.learn_weight_steps = true;
  GridTraining<Fno> t(quantized, p.training, o);
  const auto id = quantized.quantizers.step(WeightId{1});
  const float step = quantized.parameters.view(quantized.layout.entry(id)).data[0];
  t.run(serial_executor(), &plan);
  const float learned = quantized.parameters.view(quantized.layout.entry(id)).data[0];
  CHECK(learned != step);
  CHECK(learned > 0);
  BasicFixed fixed(quantized.layout, quantized.quantizers, quantized.parameters);
  fixed.begin(plan);
  const auto integers = [&](const auto& e) {
    return Matrix(map(forward(quantized.model, fixed, e).view()));
  };
  CHECK(error<Fno>(p.test, integers) < 1.3 * after);
  // What training saw is what is deployed, to the bit.
  t.make_tapes(1);
  t.tape(0).begin({&quantized.parameters, nullptr, &plan});
  const Matrix seen = map(t.tape(0)[t.forward(t.tape(0), p.test[0])]);
  CHECK((integers(p.test[0]).array() == seen.array()).all());
}

TEST_CASE("a dead layer keeps its default steps when it is calibrated, and the others do not") {
  const Task p;
  for (const RowRule rule :
       {RowRule::affine, RowRule::symmetric, RowRule::min_max, RowRule::fixed}) {
    Network<Fno> net(small(), {8, rule, {2, 8}}, 1);
    for (const auto& e : net.layout.entries())
      if (e.name.starts_with("fc1."))
        std::fill_n(net.parameters.values.begin() + e.offset, e.size(), 0.0f);
    Network<Fno> begun(small(), {8, rule, {2, 8}}, 1);
    begun.take_weights(net.layout, net.parameters);
    begun.reset_quantizers();
    calibrate(net, std::span(p.training).first(2));
    std::size_t kept = 0;
    for (std::size_t k = 0; k < net.layout.points().size(); ++k) {
      const auto& step = net.layout.entry(net.quantizers.step(static_cast<PointId>(k)));
      for (Index i = step.offset; i < step.offset + step.size(); ++i) {
        const auto at = static_cast<std::size_t>(i);
        CHECK(net.parameters.values[at] > 0);
        kept += net.parameters.values[at] == begun.parameters.values[at] ? 1 : 0;
      }
    }
    CAPTURE(static_cast<int>(rule));
    if (rule != RowRule::fixed) CHECK(kept > 0);
    CHECK(kept < 2 * net.layout.points().size());
  }
}

TEST_CASE("training on grids gives the same bits for any number of threads, and when resumed") {
  const Task p;
  const BitPlan plan = BitPlan::uniform(4);
  const auto trained = [&](Executor& executor, bool interrupted) {
    Network<Fno> net(small(), {4, RowRule::affine, {4}}, 1);
    auto o = options(2);
    o.trainer.seed = 8;
    if (interrupted) {
      struct Stop {};
      o.trainer.checkpoint = "grid_training_checkpoint.safetensors";
      o.trainer.checkpoint_every = 7;
      o.trainer.report_every = 1;
      Network<Fno> first(small(), {4, RowRule::affine, {4}}, 1);
      const auto stop = [](const Progress& progress) {
        if (progress.done == 9) throw Stop();
      };
      CHECK_THROWS_AS(GridTraining<Fno>(first, p.training, o).run(executor, &plan, stop), Stop);
    }
    GridTraining<Fno>(net, p.training, o).run(executor, &plan);
    std::remove("grid_training_checkpoint.safetensors");
    return net.parameters.values;
  };
  ThreadPool pool(3);
  const auto one = trained(serial_executor(), false);
  CHECK(trained(pool, false) == one);
  CHECK(trained(serial_executor(), true) == one);
}

TEST_CASE("with rows kept in float, training sees decoded weights and nothing else") {
  const Task p;
  Network<Fno> net(small(), {4, RowRule::affine, {8}}, 1);
  const BitPlan plan = BitPlan::uniform(BitPlan::float_rows);
  BasicTraining<float> a(net.layout, net.quantizers);
  a.begin({&net.parameters, nullptr, &plan});
  const Matrix seen = map(a[forward(net.model, a, p.test[0])]);
  const Parameters decoded = decoded_weights(net.layout, net.quantizers, net.parameters);
  const auto in_float = [&](const Parameters& q) {
    Float32 f(net.layout, q);
    return Matrix(map(forward(net.model, f, p.test[0]).view()));
  };
  CHECK((in_float(decoded) - seen).norm() < 1e-5f * seen.norm());
  CHECK((in_float(net.parameters) - seen).norm() > 1e-3f * seen.norm());
  // Decoding twice changes nothing: the codes are on the grid.
  CHECK(decoded_weights(net.layout, net.quantizers, decoded).values == decoded.values);

  BasicCounting count(net.layout, net.quantizers, plan);
  forward(net.model, count, p.test[0]);
  for (const auto& c : count.cost().products) {
    CHECK(c.mean_bits == 32);
    CHECK(c.bops == c.macs * 32 * c.weight_bits);
  }
}

TEST_CASE("transforms are counted as products of floats") {
  const Network<Fno> net(small(), {4, RowRule::affine, {8}}, 1);
  const BitPlan plan = BitPlan::uniform(8);
  BasicCounting count(net.layout, net.quantizers, plan);
  const Task p;
  forward(net.model, count, p.test[0]);
  double macs = 0;
  for (const auto& c : count.cost().products)
    if (c.weight.find("transform") != std::string::npos) {
      CHECK(c.bops == c.macs * 1024);
      macs += c.macs;
    }
  // Two layers, there and back: 26 points, 4 modes, real and imaginary part, 12 channels.
  CHECK(macs == 2 * 2 * 4 * (14 + 12) * 12);  // 14 sums and 12 differences of 26 points
}

TEST_CASE("a weight keeps the bits it is given in every scheme") {
  Network<Fno> net(small(), {4, RowRule::affine, {8}}, 1);
  net.layout.fix_weight_bits("fc0", 8);
  net.reset_quantizers();
  const auto& w = net.layout.weights()[0];
  REQUIRE(w.name == "fc0");
  CHECK(net.quantizers.weight_bits(w) == 8);
  CHECK_THROWS_WITH_AS(net.layout.fix_weight_bits("fc9", 8), doctest::Contains("fc9"), Error);
}

TEST_CASE("settled norms are those of the samples they were settled on") {
  UnetConfig c;
  c.dims = 1;
  c.inputs = 2;
  c.features = 4;
  c.levels = 2;
  Network<Unet> net(c, {8, RowRule::affine, {8}}, 1);
  const GridSet set = travelling(2, 12, 256);
  const std::vector<GridExample> one{GridEncoding::of(set, usual, 2).encode(set, usual, 0)};
  settle_norms(net, one);
  // On one sample the folded pass is the pass by the sample's own moments, but for n / (n - 1).
  BasicTraining<float> own(net.layout, net.quantizers);
  own.begin({&net.parameters, nullptr, nullptr, false, true});
  const Matrix expected = map(own[forward(net.model, own, one[0])]);
  Float32 a(net.layout, net.parameters);
  const Matrix folded = map(forward(net.model, a, one[0]).view());
  CHECK((folded - expected).norm() < 0.05f * expected.norm());
  // Before, they were not.
  const Network<Unet> raw(c, {8, RowRule::affine, {8}}, 1);
  Float32 b(raw.layout, raw.parameters);
  CHECK((Matrix(map(forward(raw.model, b, one[0]).view())) - expected).norm() >
        0.3f * expected.norm());
}

TEST_CASE(
    "from one's own set on a grid to integers, and again from the folder of a run that stopped") {
  const GridSet seen = travelling(10, 12, 24), unseen = travelling(12, 12, 24);
  TrainOptions how;
  how.epochs = 12;
  how.quantized_epochs = 3;
  how.batch = 4;
  how.lr = 5e-3;
  how.loss = Loss::relative_l2;
  how.learn_weight_steps = true;
  how.report_every = 1;
  using W8 = Scheme<Weights<8, 16>, Activations<8>, ByDeviation>;
  using Widths = Scheme<Weights<8>, Activations<2, 4>, ByDeviation>;
  const auto error = [&](auto& solve) {
    double sum = 0;
    for (Index i = 10; i < 12; ++i) {
      const auto truth = GridEncoding::sought(unseen, usual, i, 1);
      const Matrix u = solve(unseen, i, 1);
      sum += normalized_rmse(view(u), {truth.data(), u.rows(), u.cols()}) / 2;
    }
    return sum;
  };
  const auto made = [&](const TrainOptions& o) {
    auto net = train<Fno>(seen, usual, o, small());
    auto widths = train_uniform<Widths>(net, seen, o);
    return std::pair(std::move(net), std::move(widths));
  };
  auto [net, widths] = made(how);
  CHECK(net.curve.rows().size() == 12);
  const double in_float = error(net);
  CHECK(in_float < 0.7);
  auto eight = quantize<W8>(net, seen);
  CHECK(error(eight) < 1.1 * in_float + 0.01);
  CHECK(eight.report.layers.size() > 4);
  TrainOptions wide = how;
  wide.weight_bits = {{"fc0", 16}};
  const auto sixteen = quantize<W8>(net, seen, wide);
  CHECK(error(sixteen) < 1.1 * in_float + 0.01);
  CHECK(sixteen.report.layers.front().weight == "fc0");
  CHECK(sixteen.report.layers.front().weight_bits == 16);
  CHECK(sixteen.report.layers.front().of_weights < 0.02 * eight.report.layers.front().of_weights);
  CHECK_THROWS_WITH_AS(static_cast<void>(train_uniform<Widths>(net, seen, wide)),
                       doctest::Contains("Weights<8, 16>"), Error);
  widths.solver.budget(mean_bits(4));
  CHECK(error(widths) < 1.3);
  CHECK_THROWS_WITH_AS(widths.solver.budget(mean_bits(3)), doctest::Contains("levels"), Error);
  // Saved and loaded, it solves as before; what the network reads is as in training.
  save("own_grid.safetensors", widths);
  const auto loaded = load<Fno, Widths>("own_grid.safetensors");
  CHECK(loaded.trained_on().given.size() == static_cast<std::size_t>(usual.past));
  const Matrix given = GridEncoding::given_in_units(seen, usual, 0, 1);
  const Solution reread = loaded(RegularGrid{seen.axes}, given, mean_bits(4));
  CHECK((reread.field.array() == widths(seen, 0, 1).array()).all());
  CHECK(reread.report.outside.largest() == 0);
  const GridExample e = net.encoding.encode_given(seen, usual, 0, 1);
  Matrix u, x;
  loaded.encoding().encode(view(given), e.grid, u);
  loaded.encoding().positions({seen.axes}, e.grid, x);
  CHECK((u.array() == e.u.array()).all());
  CHECK((x.array() == e.x.array()).all());

  struct Stop {};
  TrainOptions kept = how;
  kept.folder = "own_grid_run";
  kept.checkpoint_every = 3;
  std::filesystem::remove_all(kept.folder);
  int stops = 0;
  for (bool done = false; !done;) {
    int updates = 0;
    kept.progress = [&](const Progress&) {
      CHECK(std::fegetround() == FE_UPWARD);  // who watches computes as its program does
      if (++updates == 11) throw Stop();
    };
    std::fesetround(FE_UPWARD);
    try {
      const auto [again, narrow] = made(kept);
      CHECK(again.net->parameters.values == net.net->parameters.values);
      CHECK(narrow.solver.net().parameters.values == widths.solver.net().parameters.values);
      done = true;
    } catch (const Stop&) {
      ++stops;
    }
    CHECK(std::fegetround() == FE_UPWARD);
    std::fesetround(FE_TONEAREST);
  }
  CHECK(stops > 1);
  kept.progress = {};
  kept.lr = 1e-3;
  CHECK_THROWS_WITH_AS(static_cast<void>(train<Fno>(seen, usual, kept, small())),
                       doctest::Contains("lr 0.005"), Error);
  std::filesystem::remove_all(kept.folder);
  how.augmentation = reflections({0}, {0.5});
  CHECK_THROWS_WITH_AS(static_cast<void>(train<Fno>(seen, usual, how, small())),
                       doctest::Contains("no augmentation"), Error);
}

}  // namespace test_grid_training
