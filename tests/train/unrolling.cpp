#include <amq/train/unrolling.hpp>

#include <amq/core/thread_pool.hpp>
#include <amq/mesh/random_square.hpp>
#include <amq/models/mp_pde.hpp>
#include <amq/train/mesh_training.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <vector>

namespace test_unrolling {

using namespace amq;
using namespace amq::training;

namespace {

constexpr Index channels = 2;
constexpr std::size_t frames = 6;

/// Two trajectories, in float units of their own: u = (state - mean) / in, y = change / out.
struct Walks {
  std::vector<GraphSample> samples;
  std::vector<std::vector<Matrix>> state;  ///< (trajectory)(frame), without noise
  Trajectories how;
  std::vector<float> in{2.0f, 0.5f}, mean{0.3f, -1.0f}, out{0.25f, 0.125f}, drift{0.5f, -0.25f};

  explicit Walks(double noise = 0) {
    for (std::size_t c = 0; c < channels; ++c) {
      how.rise.push_back(out[c] / in[c]);
      how.drift.push_back(drift[c] / in[c]);
    }
    for (std::size_t t = 0; t < 2; ++t) {
      Random random = Random::stream(4, t);
      const Mesh mesh = random_refined_square(random, 60);
      const Graph graph = cell_edges(mesh);
      const Index n = mesh.n_nodes();
      auto boundary = std::make_shared<std::vector<std::uint8_t>>();
      for (const auto type : mesh.node_type) boundary->push_back(type == NodeType::wall);
      std::vector<Matrix> walk;
      for (std::size_t f = 0; f <= frames; ++f) {
        Matrix s(n, channels);
        for (Index i = 0; i < s.size(); ++i)
          s.data()[i] =
              static_cast<float>(std::sin(static_cast<double>(f) + 0.1 * static_cast<double>(i)));
        walk.push_back(s);
      }
      for (std::size_t f = 0; f < frames; ++f) {
        GraphSample s;
        s.graph = graph;
        s.u = Matrix::Zero(n, channels + 1);
        s.x = Matrix::Zero(n, 2);
        s.y.resize(n, channels);
        for (Index i = 0; i < n; ++i) {
          s.u(i, channels) = static_cast<float>((*boundary)[static_cast<std::size_t>(i)]);
          for (Index c = 0; c < channels; ++c) {
            const auto k = static_cast<std::size_t>(c);
            const bool fixed = (*boundary)[static_cast<std::size_t>(i)] != 0;
            const float given =
                walk[f](i, c) + (fixed ? 0.0f : static_cast<float>(noise * random.normal()));
            s.u(i, c) = (given - mean[k]) / in[k];
            s.y(i, c) = (walk[f + 1](i, c) - given - drift[k]) / out[k];
          }
        }
        samples.push_back(std::move(s));
        how.next.push_back(f + 1 < frames ? samples.size() : Trajectories::none);
        how.prescribed.push_back(boundary);
      }
      state.push_back(std::move(walk));
    }
  }
  [[nodiscard]] Matrix in_users_units(const GraphSample& s) const {
    Matrix u = s.u.leftCols(channels);
    for (Index i = 0; i < u.rows(); ++i)
      for (Index c = 0; c < channels; ++c) {
        const auto k = static_cast<std::size_t>(c);
        u(i, c) = u(i, c) * in[k] + mean[k];
      }
    return u;
  }
  /// What the answer of a sample leads to.
  [[nodiscard]] Matrix after(const GraphSample& s) const {
    Matrix u = in_users_units(s);
    for (Index i = 0; i < u.rows(); ++i)
      for (Index c = 0; c < channels; ++c) {
        const auto k = static_cast<std::size_t>(c);
        u(i, c) += s.y(i, c) * out[k] + drift[k];
      }
    return u;
  }
};

MpPdeConfig small() {
  MpPdeConfig c;
  c.hidden = 16;
  c.layers = 1;
  c.inputs = channels + 1;
  c.outputs = channels;
  return c;
}
MeshTrainingOptions options(std::int64_t epochs) {
  MeshTrainingOptions o;
  o.trainer.epochs = epochs;
  o.trainer.batch = 2;
  o.trainer.seed = 3;
  return o;
}
double distance(const Matrix& a, const Matrix& b) {
  return static_cast<double>((a - b).cwiseAbs().maxCoeff());
}

}  // namespace

TEST_CASE("wherever a walk leads, the answer asked for leads back to the truth") {
  for (const double noise : {0.0, 0.3}) {
    const Walks w(noise);
    const Unrolling unrolling(w.samples, w.how, 3);
    Random random(1);
    GraphSample s;
    for (std::size_t at = 0; at < w.samples.size(); ++at)
      for (std::int64_t steps = 0; steps < 8; ++steps) {
        Matrix y;
        unrolling.walk(
            at, steps,
            [&](const GraphSample& seen) {
              y.resize(seen.u.rows(), channels);
              for (Index i = 0; i < y.size(); ++i)
                y.data()[i] = static_cast<float>(random.normal());
              return view(std::as_const(y));
            },
            s);
        const std::size_t frame =
            std::min(frames - 1, at % frames + static_cast<std::size_t>(steps));
        const auto& truth = w.state[at / frames];
        CHECK(distance(w.after(s), truth[frame + 1]) < 1e-5);
        // The boundary is where it is, and what is no state stays.
        const Matrix u = w.in_users_units(s);
        const auto& boundary = *w.how.prescribed[at];
        for (std::size_t i = 0; i < boundary.size(); ++i)
          if (boundary[i])
            for (Index c = 0; c < channels; ++c)
              CHECK(std::abs(u(static_cast<Index>(i), c) - truth[frame](static_cast<Index>(i), c)) <
                    1e-5f);
        CHECK((s.u.col(channels).array() == w.samples[at].u.col(channels).array()).all());
      }
  }
}

TEST_CASE("a walk of true answers goes through the true states") {
  const Walks w;
  const Unrolling unrolling(w.samples, w.how, 3);
  for (std::int64_t steps = 0; steps < 5; ++steps) {
    std::size_t at = 6;
    GraphSample s;
    Matrix y;
    unrolling.walk(
        6, steps,
        [&](const GraphSample& seen) {
          y = seen.y;
          ++at;
          return view(std::as_const(y));
        },
        s);
    CHECK(distance(w.in_users_units(s), w.state[1][static_cast<std::size_t>(steps)]) < 1e-5);
    CHECK(at == 6 + static_cast<std::size_t>(steps));
  }
}

TEST_CASE("0 steps train as without windows, more train otherwise, and threads do not matter") {
  const Walks w(0.05);
  const auto trained = [&](std::int64_t most, Executor& executor) {
    Network<MpPde> net(small(), {8, RowRule::min_max, {8}}, 1);
    MeshTraining<MpPde> t(net, w.samples, options(3));
    if (most >= 0) t.approach_by(Unrolling(w.samples, w.how, most, 1));
    t.run(executor, nullptr);
    return net.parameters.values;
  };
  const auto plain = trained(-1, serial_executor()), one = trained(2, serial_executor());
  CHECK(trained(0, serial_executor()) != one);
  ThreadPool pool(2);
  CHECK(trained(2, pool) == one);
  CHECK(plain != one);
  // A draw is spent on the number of steps: all else is as it was.
  CHECK(trained(0, serial_executor()) == plain);
}

TEST_CASE("windows of several steps as a user asks for them") {
  const Walks w(0.02);
  const std::vector<GraphSample>& samples = w.samples;
  const auto& [rise, drift, next, boundary] = w.how;
  Network<MpPde> net(small(), {8, RowRule::min_max, {8}}, 1);
  const auto before = net.parameters.values;
  // [unroll]
  Trajectories steps;           // how samples follow each other
  steps.rise = rise;            // (channel) of MeshEncoding: what an answer adds to a state,
  steps.drift = drift;          // in the units of the network
  steps.next = next;            // (sample) the one a step later, or Trajectories::none
  steps.prescribed = boundary;  // (sample) the rows that are given at every step
  MeshTraining<MpPde> t(net, samples, options(3));
  t.approach_by(Unrolling(samples, steps, 4, 1));  // 0 or 1 step first, in the last epoch 0 to 3
  t.run(serial_executor(), nullptr);
  // [unroll]
  CHECK(net.parameters.values != before);
}

TEST_CASE("adaptive training walks, too, within every budget") {
  const Walks w(0.05);
  const std::vector<int> levels{1, 2, 3, 4, 8};
  const auto trained = [&](std::int64_t most) {
    Network<MpPde> net(small(), {8, RowRule::min_max, levels}, 1);
    Auxiliary aux({8, 1, 4}, channels + 1, 2, PointScores(net.layout).columns(), 9);
    AdaptiveTraining<MpPde> t(net, aux, w.samples, ScoreTarget::sensitivity(), options(2));
    if (most > 0) t.main().approach_by(Unrolling(w.samples, w.how, most, 1));
    t.prepare(serial_executor(), 4, 2, 2);
    const Allocator<> allocator(net.layout, levels);
    t.run(serial_executor(), allocator, 3.0);
    BasicTraining<float> a(net.layout, net.quantizers),
        light(aux.net().layout, aux.net().quantizers);
    for (std::size_t k = 0; k < w.samples.size(); ++k) {
      const Planned p = t.make_plan(allocator, k, t.predict(light, k), 3.0);
      CHECK(p.cost <= p.budget);
      CHECK(std::isfinite(t.main().pass(a, k, &p.plan, nullptr)));
    }
    return net.parameters.values;
  };
  CHECK(trained(0) != trained(3));
}

TEST_CASE("samples that do not hang together are refused") {
  Walks w;
  CHECK_THROWS_AS(Unrolling(w.samples, w.how, -1), Error);
  const auto refused = [&](auto spoil, const char* why) {
    Trajectories bad = w.how;
    spoil(bad);
    CHECK_THROWS_WITH_AS(Unrolling(w.samples, bad, 2), doctest::Contains(why), Error);
  };
  refused([](Trajectories& t) { t.next.pop_back(); }, "a next sample and a boundary");
  refused([](Trajectories& t) { t.rise.pop_back(); }, "a rise and a drift");
  refused([](Trajectories& t) { t.rise[0] = 0; }, "rises above 0");
  refused([](Trajectories& t) { t.next[0] = 1000; }, "a sample below 12");
  refused([](Trajectories& t) { t.next[0] = 7; }, "nodes a step later");
  refused(
      [](Trajectories& t) {
        t.prescribed[3] = std::make_shared<const std::vector<std::uint8_t>>(3, std::uint8_t{0});
      },
      "a mark for each");
}

}  // namespace test_unrolling
