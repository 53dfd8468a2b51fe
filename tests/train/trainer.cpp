#include "learnable.hpp"

#include <amq/train/checkpoint.hpp>

#include <amq/core/thread_pool.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <span>
#include <vector>

using namespace amq;
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
