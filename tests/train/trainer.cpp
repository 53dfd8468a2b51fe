#include "learnable.hpp"

#include <amq/core/thread_pool.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <span>
#include <string>
#include <vector>

namespace test_trainer {

using namespace amq;
using namespace amq::training;
using namespace learning;

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

TEST_CASE("a constant rate stays at its peak, one cycle rises from a 25th of it and falls") {
  const Schedule constant{1.0, 0.1, 110, 10, RateShape::constant};
  CHECK(constant(4) == doctest::Approx(0.5));
  for (int k = 9; k < 110; ++k) CHECK(constant(k) == doctest::Approx(1.0));
  // torch.optim.lr_scheduler.OneCycleLR(max_lr=1, total_steps=100, pct_start=0.3).
  const Schedule cycle{1.0, 4e-6, 100, 30, RateShape::one_cycle};
  CHECK(cycle(14) == doctest::Approx(0.52));
  CHECK(cycle(29) == doctest::Approx(1.0));
  CHECK(cycle(100) == doctest::Approx(4e-6));
  for (int k = 0; k < 29; ++k) CHECK(cycle(k + 1) > cycle(k));
  for (int k = 30; k < 99; ++k) CHECK(cycle(k + 1) < cycle(k));
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

TEST_CASE("plans by turns: one is training at it, several serve all, none is refused") {
  const auto samples = learnable(16);
  Network<MpPde> start(small(), scheme, 1);
  MeshTraining<MpPde>(start, samples, options(4)).run(serial_executor(), nullptr);
  start.quantizers.fit_weights(start.layout, start.parameters);
  const std::vector<BitPlan> plans{BitPlan::uniform(1), BitPlan::uniform(2), BitPlan::uniform(8)};
  const auto train = [&](std::span<const BitPlan> by_turns, std::size_t threads) {
    Network<MpPde> net(small(), scheme, 1);
    net.parameters = start.parameters;
    ThreadPool pool(threads);
    MeshTraining<MpPde>(net, samples, options(4)).run_by_turns(pool, by_turns);
    return net.parameters;
  };
  Network<MpPde> several(small(), scheme, 1), one(small(), scheme, 1);
  several.parameters = train(plans, 1);
  CHECK(train(plans, 3).values == several.parameters.values);
  for (const BitPlan& plan : plans)
    CHECK(test_loss(several, samples, &plan) < test_loss(start, samples, &plan));
  one.parameters = start.parameters;
  MeshTraining<MpPde>(one, samples, options(4)).run(serial_executor(), &plans[2]);
  CHECK(train(std::span(plans).last(1), 1).values == one.parameters.values);
  CHECK(test_loss(several, samples, &plans[0]) < test_loss(one, samples, &plans[0]));
  CHECK_THROWS_WITH_AS(train({}, 1), doctest::Contains("a plan to train at"), Error);
}

TEST_CASE("a loss that is not finite stops the training by name") {
  auto samples = learnable(4);
  samples[2].y(0, 0) = std::nanf("");
  Network<MpPde> net(small(), scheme, 1);
  MeshTraining<MpPde> t(net, samples, options(1));
  CHECK_THROWS_WITH_AS(t.run(serial_executor(), nullptr), doctest::Contains("a finite loss"),
                       Error);
}

namespace {

/// Parameters w = (1, 1, 1) under a pass that gives the same gradient at every update but one.
struct Lone {
  ParameterLayout layout;
  Parameters parameters;
  Learner learner;

  Lone() {
    layout.add("w", {3}, Init::constant(1));
    initialize(layout, parameters, 0);
    learner = {&layout, &parameters, AdamW(layout, {}), {1e-3, 1e-6, 20, 0}};
  }
};

}  // namespace

TEST_CASE("a gradient that is not finite is refused by its update, and moves nothing") {
  for (const float bad :
       {std::numeric_limits<float>::infinity(), std::numeric_limits<float>::quiet_NaN()}) {
    Lone a, b;
    TrainerOptions o;
    o.epochs = 20;
    o.batch = 1;
    const auto train = [&](Lone& alone, std::int64_t at) {
      Trainer t({&alone.learner}, 1, o);
      t.run(serial_executor(), [&](Turn& turn) {
        for (auto& g : turn.gradients[0]) g = 0.1f;
        if (turn.step == at) turn.gradients[0][1] = bad;
        return 1.5;
      });
    };
    CHECK_THROWS_WITH_AS(train(a, 5), doctest::Contains("update 5: expected a finite gradient"),
                         Error);
    o.epochs = 5;
    b.learner.schedule = a.learner.schedule;
    train(b, 100);
    CHECK(a.parameters.values == b.parameters.values);
    CHECK(a.learner.optimizer.first() == b.learner.optimizer.first());
    CHECK(a.learner.optimizer.second() == b.learner.optimizer.second());
    CHECK(a.learner.optimizer.count() == 5);
    std::vector<float> gradient{1, bad, 1};
    CHECK_THROWS_WITH_AS(b.learner.optimizer.step(b.parameters, gradient, 1e-3),
                         doctest::Contains("in w"), Error);
    CHECK(a.parameters.values == b.parameters.values);
  }
}

TEST_CASE("of two learners none moves where the gradient of one is not finite") {
  Lone a, b;
  TrainerOptions o;
  o.batch = 1;
  Trainer t({&a.learner, &b.learner}, 1, o);
  CHECK_THROWS_AS(t.run(serial_executor(),
                        [&](Turn& turn) {
                          turn.gradients[0][0] = 1;
                          turn.gradients[1][0] = std::numeric_limits<float>::infinity();
                          return 1.0;
                        }),
                  Error);
  CHECK(a.parameters.values == std::vector<float>{1, 1, 1});
  CHECK(a.learner.optimizer.count() == 0);
}

TEST_CASE("samples that cannot teach are refused in a sentence") {
  Network<MpPde> net(small(), scheme, 1);
  auto samples = learnable(2);
  samples[1].y = Matrix();
  CHECK_THROWS_WITH_AS((MeshTraining<MpPde>(net, samples, options(1))),
                       doctest::Contains("sample 1: expected a solution of"), Error);
  samples[1].y = Matrix::Zero(samples[1].u.rows(), 1);
  auto o = options(1);
  o.loss = Loss::relative_l2;
  CHECK_THROWS_WITH_AS((MeshTraining<MpPde>(net, samples, o)),
                       doctest::Contains("a solution to be relative to"), Error);
  samples[1].y = Matrix::Ones(samples[1].u.rows(), 2);
  MeshTraining<MpPde> t(net, samples, options(1));
  CHECK_THROWS_WITH_AS(t.run(serial_executor(), nullptr),
                       doctest::Contains("a solution of 1 channels"), Error);
}

TEST_CASE("the run ends with the parameters of its best epoch, or stops where none gets better") {
  // The parameter walks from 1 by 1e-3 an epoch; it is best near 1 - 3e-3.
  TrainerOptions o;
  o.epochs = 20;
  o.batch = 1;
  const auto train = [&](Lone& alone) {
    alone.learner.schedule = {1e-3, 0, 20, 0, RateShape::constant};
    Trainer t({&alone.learner}, 1, o);
    t.run(
        serial_executor(),
        [&](Turn& turn) {
          turn.gradients[0][0] = 0.5f;
          return 1.0;
        },
        {}, {}, [&] { return std::abs(static_cast<double>(alone.parameters.values[0]) - 0.997); });
    return t.curve();
  };
  Lone best, last, early;
  CHECK(train(best).best().epoch == 3);
  CHECK(best.parameters.values[0] == doctest::Approx(0.997).epsilon(1e-4));
  o.keep_best = false;
  CHECK(train(last).rows().size() == 20);
  CHECK(last.parameters.values[0] == doctest::Approx(0.98).epsilon(1e-3));
  o.patience = 4;
  CHECK(train(early).rows().size() == 7);
  Trainer none({&early.learner}, 1, o);
  CHECK_THROWS_WITH_AS(none.run(serial_executor(), [](Turn&) { return 1.0; }),
                       doctest::Contains("a validation, to stop early by it"), Error);
}

TEST_CASE("the run may end with a running mean of its parameters") {
  TrainerOptions o;
  o.epochs = 30;
  o.batch = 1;
  o.average = 0.9;
  Lone a;
  a.learner.schedule = {1e-2, 0, 30, 0, RateShape::constant};
  double mean = 1;
  std::vector<float> seen;
  Trainer t({&a.learner}, 1, o);
  t.run(
      serial_executor(),
      [&](Turn& turn) {
        for (auto& g : turn.gradients[0]) g = turn.step % 3 == 0 ? -1.0f : 1.0f;
        return 1.0;
      },
      {},
      [&](std::int64_t step) {
        seen.push_back(a.parameters.values[0]);
        const double n = static_cast<double>(step), kept = std::min(0.9, (1 + n) / (10 + n));
        mean = kept * mean + (1 - kept) * static_cast<double>(seen.back());
      });
  CHECK(a.parameters.values[0] == doctest::Approx(mean).epsilon(1e-5));
  CHECK(a.parameters.values[0] != seen.back());
}

}  // namespace test_trainer
