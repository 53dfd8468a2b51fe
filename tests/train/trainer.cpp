#include <amq/train/checkpoint.hpp>
#include <amq/train/mesh_training.hpp>

#include <amq/core/thread_pool.hpp>
#include <amq/mesh/random_square.hpp>

#include <doctest/doctest.h>

#include <array>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <vector>

using namespace amq;

namespace {

/// Fields a few layers can learn: the solution follows the input of a node and of its neighbours.
std::vector<GraphSample> learnable(std::size_t n) {
  std::vector<GraphSample> all(n);
  for (std::size_t k = 0; k < n; ++k) {
    Random random = Random::stream(5, k);
    const Mesh mesh = random_refined_square(random, 60);
    GraphSample& s = all[k];
    s.graph = cell_edges(mesh);
    const Index m = mesh.n_nodes();
    s.u.resize(m, 2);
    s.x.resize(m, 2);
    s.y.resize(m, 1);
    for (Index i = 0; i < m; ++i) {
      s.u(i, 0) = static_cast<float>(random.normal());
      s.u(i, 1) = mesh.node_type[static_cast<std::size_t>(i)] == NodeType::wall ? 1.0f : 0.0f;
      for (int d = 0; d < 2; ++d) s.x(i, d) = static_cast<float>(2 * mesh.point(i)[d] - 1);
    }
    for (Index i = 0; i < m; ++i) {
      float sum = 0;
      for (auto e = s.graph.first[static_cast<std::size_t>(i)];
           e < s.graph.first[static_cast<std::size_t>(i) + 1]; ++e)
        sum += s.u(s.graph.sender[static_cast<std::size_t>(e)], 0);
      s.y(i, 0) = std::tanh(s.u(i, 0)) + sum / static_cast<float>(s.graph.in_degree(i)) + s.x(i, 0);
    }
  }
  return all;
}

MpPdeConfig small() {
  MpPdeConfig c;
  c.hidden = 16;
  c.layers = 2;
  c.inputs = 2;
  return c;
}
const SchemeInfo scheme{8, RowRule::affine, {1, 2, 3, 4, 8}};

MeshTrainingOptions options(std::int64_t epochs) {
  MeshTrainingOptions o;
  o.trainer.epochs = epochs;
  o.trainer.batch = 4;
  o.trainer.seed = 3;
  o.lr = 5e-3;
  o.refit_weights_every = 5;
  return o;
}

double test_loss(Network<MpPde>& net, const std::vector<GraphSample>& samples,
                 const BitPlan* plan) {
  MeshTraining<MpPde> t(net, samples, options(1));
  t.make_tapes(1);
  double sum = 0;
  for (std::size_t k = 0; k < samples.size(); ++k) sum += t.pass(t.tape(0), k, plan, nullptr);
  return sum / static_cast<double>(samples.size());
}

}  // namespace

TEST_CASE("losses agree with their gradients by central differences") {
  Random random(1);
  Matrix t(6, 2);
  MatrixOf<double> y(6, 2), dy(6, 2), unused(6, 2);
  for (Index k = 0; k < 12; ++k) {
    t.data()[k] = static_cast<float>(random.normal());
    y.data()[k] = random.normal();
  }
  for (const Loss kind : {Loss::mse, Loss::relative_l2}) {
    loss<double>(kind, view(std::as_const(y)), view(std::as_const(t)), view(dy));
    for (Index k = 0; k < 12; ++k) {
      const double h = 1e-6, kept = y.data()[k];
      y.data()[k] = kept + h;
      const double up =
          loss<double>(kind, view(std::as_const(y)), view(std::as_const(t)), view(unused));
      y.data()[k] = kept - h;
      const double down =
          loss<double>(kind, view(std::as_const(y)), view(std::as_const(t)), view(unused));
      y.data()[k] = kept;
      CHECK(dy.data()[k] == doctest::Approx((up - down) / (2 * h)).epsilon(1e-6));
    }
  }
}

TEST_CASE("the schedule warms up linearly and ends a half cosine later") {
  const Schedule s{1.0, 0.1, 110, 10};
  CHECK(s(0) == doctest::Approx(0.1));
  CHECK(s(9) == doctest::Approx(1.0));
  CHECK(s(60) == doctest::Approx(0.55));
  CHECK(s(110) == doctest::Approx(0.1));
  for (int k = 10; k < 110; ++k) CHECK(s(k + 1) <= s(k));
}

TEST_CASE("AdamW takes the steps of its published algorithm, and keeps quantizer steps positive") {
  ParameterLayout layout;
  layout.add("w", {1}, Init::constant(1));
  layout.add("b", {1}, Init::constant(1), Role::vector);
  layout.add("s", {1}, Init::constant(0.5f), Role::step);
  Parameters p;
  initialize(layout, p, 0);
  AdamWOptions o;
  o.weight_decay = 0.1;
  o.clip = 0;
  AdamW adam(layout, o);
  // In double, by hand: two updates with gradients 2 and -1.
  double w = 1, b = 1, m = 0, v = 0;
  for (int k = 1; k <= 2; ++k) {
    const double g = k == 1 ? 2 : -1;
    std::vector<float> gradient{static_cast<float>(g), static_cast<float>(g), 1e6f};
    adam.step(p, gradient, 0.01);
    m = 0.9 * m + 0.1 * g;
    v = 0.999 * v + 0.001 * g * g;
    const double update =
        0.01 * (m / (1 - std::pow(0.9, k))) / (std::sqrt(v / (1 - std::pow(0.999, k))) + 1e-8);
    w = w * (1 - 0.01 * 0.1) - update;
    b -= update;
    CHECK(p.values[0] == doctest::Approx(w).epsilon(1e-5));
    CHECK(p.values[1] == doctest::Approx(b).epsilon(1e-5));
  }
  CHECK(p.values[2] == doctest::Approx(0.5 * 0.99 * 0.99).epsilon(1e-4));
}

TEST_CASE("a gradient above the clip is scaled down to it") {
  ParameterLayout layout;
  layout.add("w", {2}, Init::constant(0));
  Parameters p;
  initialize(layout, p, 0);
  AdamW adam(layout, {});
  std::vector<float> g{30, 40};
  CHECK(adam.step(p, g, 0.1) == doctest::Approx(50));
  CHECK(g[0] == doctest::Approx(0.6));
  CHECK(g[1] == doctest::Approx(0.8));
}

TEST_CASE("training learns, and one thread and three give the same bits") {
  const auto samples = learnable(16);
  std::vector<float> first;
  for (const std::size_t threads : {1u, 3u}) {
    Network<MpPde> net(small(), scheme, 1);
    const double before = test_loss(net, samples, nullptr);
    ThreadPool pool(threads);
    MeshTraining<MpPde> t(net, samples, options(6));
    const BitPlan plan = BitPlan::uniform(4);
    t.run(pool, &plan);
    CHECK(test_loss(net, samples, &plan) < 0.5 * before);
    if (first.empty())
      first = net.parameters.values;
    else
      CHECK(first == net.parameters.values);
  }
}

TEST_CASE("a training that stops and resumes ends with the bits of one that did not") {
  const auto samples = learnable(8);
  const std::string path =
      (std::filesystem::temp_directory_path() / "amq_resume_test.safetensors").string();
  const auto run = [&](std::int64_t stop) {
    Network<MpPde> net(small(), scheme, 1);
    const auto o = options(4);
    const BitPlan plan = BitPlan::uniform(4);
    {
      MeshTraining<MpPde> t(net, samples, o);
      Learner learner{&net.layout, &net.parameters, AdamW(net.layout, o.adam), {}};
      Learner* all[] = {&learner};
      if (stop >= 0) {
        // Ends by an exception, as a killed job would, after a checkpoint at `stop`.
        struct Stopped {};
        try {
          t.run(
              serial_executor(), &plan,
              [&](const Progress& p) {
                if (p.done == stop) {
                  save_checkpoint(path, p.done, all);
                  throw Stopped{};
                }
              },
              0, &learner);
        } catch (const Stopped&) {
        }
        std::fill(net.parameters.values.begin(), net.parameters.values.end(), 0.0f);
        Learner again{&net.layout, &net.parameters, AdamW(net.layout, o.adam), {}};
        Learner* resumed[] = {&again};
        const auto next = load_checkpoint(path, resumed);
        CHECK(next == stop);
        MeshTraining<MpPde> rest(net, samples, o);
        rest.run(serial_executor(), &plan, {}, next, &again);
      } else {
        t.run(serial_executor(), &plan, {}, 0, &learner);
      }
    }
    return net.parameters.values;
  };
  auto o = options(4);
  CHECK(o.trainer.report_every == 10);
  const auto whole = run(-1);
  CHECK(run(8) == whole);
  // A damaged checkpoint is refused whole.
  std::filesystem::resize_file(path, std::filesystem::file_size(path) - 5);
  Network<MpPde> net(small(), scheme, 1);
  Learner learner{&net.layout, &net.parameters, AdamW(net.layout, {}), {}};
  Learner* all[] = {&learner};
  CHECK_THROWS_AS(static_cast<void>(load_checkpoint(path, all)), Error);
  std::filesystem::remove(path);
}

TEST_CASE("a loss that is not finite stops the training by name") {
  auto samples = learnable(4);
  samples[2].y(0, 0) = std::nanf("");
  Network<MpPde> net(small(), scheme, 1);
  MeshTraining<MpPde> t(net, samples, options(1));
  CHECK_THROWS_WITH_AS(t.run(serial_executor(), nullptr), doctest::Contains("a finite loss"),
                       Error);
}

TEST_CASE("adaptive training refuses a planner with measured times") {
  const auto samples = learnable(2);
  Network<MpPde> net(small(), scheme, 1);
  Auxiliary aux({8, 1, 4}, 2, 2, PointScores(net.layout).columns(), 9);
  Planner planner(net.layout, 8, {1, 2, 3, 4, 8});
  const BitPlan any = BitPlan::uniform(8);
  BasicCounting count(net.layout, net.quantizers, any);
  forward(net.model, count, samples[0]);
  planner.price_by(measure_row_times(net.layout, net.quantizers, count.cost(), {}));
  AdaptiveTraining<MpPde> t(net, aux, samples, ScoreKind::gradient, Sharing::node_and_point,
                            options(1));
  CHECK_THROWS_WITH_AS(t.run(serial_executor(), planner, 3.0),
                       doctest::Contains("a planner that prices by BOPs"), Error);
}

TEST_CASE("the power of scores is the one whose plans lose least") {
  const auto samples = learnable(6);
  Network<MpPde> net(small(), scheme, 1);
  {
    MeshTraining<MpPde> t(net, samples, options(4));
    t.run(serial_executor(), nullptr);
  }
  net.quantizers.fit_weights(net.layout, net.parameters);
  Auxiliary aux({8, 1, 4}, 2, 2, PointScores(net.layout).columns(), 9);
  AdaptiveTraining<MpPde> t(net, aux, samples, ScoreKind::sensitivity, Sharing::node_and_point,
                            options(1));
  t.prepare(serial_executor(), 6, 2, 10);
  Planner planner(net.layout, 8, {1, 2, 3, 4, 8});
  const std::array<double, 3> powers{0, 0.5, 1};
  const double best = t.best_power(planner, 2.0, 5, powers);
  BasicTraining<float> a(net.layout, net.quantizers), light(aux.net().layout, aux.net().quantizers);
  double least = 1e30, found = -1;
  for (const double power : powers) {
    planner.score_power(power);
    double loss = 0;
    for (std::size_t k = 0; k < 5; ++k) {
      const Planned p = t.make_plan(planner, k, t.predict(light, k), 2.0);
      loss += t.main().pass(a, k, &p.plan, nullptr);
    }
    if (loss < least) least = loss, found = power;
  }
  CHECK(best == found);
  CHECK_THROWS_AS(static_cast<void>(t.best_power(planner, 2.0, 0)), Error);
  CHECK_THROWS_AS(planner.score_power(-1), Error);
}

TEST_CASE("adaptive training keeps every budget, and its scores predict the observed ones") {
  const auto samples = learnable(12);
  for (const ScoreKind kind : {ScoreKind::sensitivity, ScoreKind::gradient, ScoreKind::loss}) {
    Network<MpPde> net(small(), scheme, 1);
    {
      MeshTraining<MpPde> t(net, samples, options(6));
      t.run(serial_executor(), nullptr);
    }
    net.quantizers.fit_weights(net.layout, net.parameters);
    const Index columns = kind == ScoreKind::loss ? 1 : PointScores(net.layout).columns();
    Auxiliary aux({8, 1, 4}, 2, 2, columns, 9);
    const Planner planner(net.layout, 8, {1, 2, 3, 4, 8});
    AdaptiveTraining<MpPde> t(net, aux, samples, kind,
                              kind == ScoreKind::loss ? Sharing::node : Sharing::node_and_point,
                              options(4));
    t.prepare(serial_executor(), 12, 4, 20);
    BasicTraining<float> a(net.layout, net.quantizers),
        light(aux.net().layout, aux.net().quantizers);
    double xy = 0, xx = 0, yy = 0, sx = 0, sy = 0, n = 0;
    for (std::size_t k = 0; k < samples.size(); ++k) {
      Random random(k);
      const PointScores seen = t.observe(a, k, random, 8), said = t.predict(light, k);
      for (std::size_t i = 0; i < seen.values.size(); ++i) {
        const double p = std::log(seen.values[i] + 1e-20), q = std::log(said.values[i] + 1e-20);
        n += 1, sx += p, sy += q, xx += p * p, yy += q * q, xy += p * q;
      }
    }
    const double correlation =
        (n * xy - sx * sy) / std::sqrt((n * xx - sx * sx) * (n * yy - sy * sy));
    CAPTURE(static_cast<int>(kind));
    // What is left of the loss after training looks random here; what a row means does not.
    if (kind != ScoreKind::loss) CHECK(correlation > 0.6);
    t.run(serial_executor(), planner, 3.0);
    for (std::size_t k = 0; k < samples.size(); ++k) {
      const Planned p = t.make_plan(planner, k, t.predict(light, k), 3.0);
      CHECK(p.cost <= p.budget);
      BasicCounting count(net.layout, net.quantizers, p.plan);
      forward(net.model, count, samples[k]);
      const auto overhead = aux.cost(samples[k].graph, view(samples[k].u), view(samples[k].x));
      CHECK(static_cast<Cost>(count.cost().bops()) + overhead == p.cost);
    }
  }
}

TEST_CASE("training at several budgets serves each of them; at one it is training at that one") {
  const auto samples = learnable(12);
  const std::vector<double> asked{2, 3, 6};
  struct Outcome {
    std::vector<float> parameters;
    std::vector<double> before, after;  // (asked) loss at its plans
  };
  const auto train = [&](const auto& mean_bits, std::size_t threads) {
    Network<MpPde> net(small(), scheme, 1);
    MeshTraining<MpPde>(net, samples, options(6)).run(serial_executor(), nullptr);
    net.quantizers.fit_weights(net.layout, net.parameters);
    Auxiliary aux({8, 1, 4}, 2, 2, PointScores(net.layout).columns(), 9);
    const Planner planner(net.layout, 8, scheme.levels);
    AdaptiveTraining<MpPde> t(net, aux, samples, ScoreKind::sensitivity, Sharing::node_and_point,
                              options(4));
    t.prepare(serial_executor(), 12, 2, 10);
    BasicTraining<float> a(net.layout, net.quantizers),
        light(aux.net().layout, aux.net().quantizers);
    const auto losses = [&] {
      std::vector<double> sums;
      for (const double bits : asked) {
        double sum = 0;
        for (std::size_t k = 0; k < samples.size(); ++k) {
          const Planned p = t.make_plan(planner, k, t.predict(light, k), bits);
          REQUIRE(p.cost <= p.budget);
          sum += t.main().pass(a, k, &p.plan, nullptr);
        }
        sums.push_back(sum);
      }
      return sums;
    };
    Outcome o;
    o.before = losses();
    ThreadPool pool(threads);
    t.run(pool, planner, mean_bits);
    o.after = losses();
    o.parameters = net.parameters.values;
    return o;
  };
  const Outcome several = train(asked, 1), one = train(3.0, 1);
  for (std::size_t k = 0; k < asked.size(); ++k) {
    CAPTURE(asked[k]);
    CHECK(several.after[k] < several.before[k]);
  }
  // The least budget, of which training at 3 bits sees nothing, gains most.
  CHECK(several.after[0] < one.after[0]);
  CHECK(several.parameters != one.parameters);
  CHECK(train(asked, 3).parameters == several.parameters);
  CHECK(train(std::vector<double>{3}, 1).parameters == one.parameters);
  CHECK_THROWS_WITH_AS(train(std::vector<double>{}, 1), doctest::Contains("a budget to train at"),
                       Error);
}
