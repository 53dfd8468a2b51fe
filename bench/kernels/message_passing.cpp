// Question: what does a whole message-passing layer cost (10,000 nodes, 60,000 edges, hidden 128)
// in integers, beside the same layer in float, split and tiled as well as Eigen can?
//
//   hidden = swish(P_i + Q_j),  message = swish(hidden W^T + b),  m_i = mean
//   z = swish(R_i + m_i U^T),   f <- norm(f + swish(z V^T + c)),  [P | Q | R] = f [W1 | W2 | U1]^T
//
// Usage: bench_kernels_message_passing [table.csv] [--amx] [--threads=n] [--nodes=n]

#include <amq/arithmetic/ops.hpp>
#include <amq/core/eigen.hpp>
#include <amq/core/random.hpp>
#include <amq/core/thread_pool.hpp>
#include <amq/kernels/gemm.hpp>
#include <amq/kernels/node_update.hpp>

#include "timing.hpp"

#include <cstring>

using namespace amq;
using namespace amq::kernels;

namespace {

constexpr Index hidden = 128, degree = 6;

/// Senders near their receivers, as after renumbering.
Graph some_graph(Index nodes) {
  Graph g;
  Random random(5);
  g.first.push_back(0);
  for (Index i = 0; i < nodes; ++i) {
    for (Index e = 0; e < degree; ++e) {
      const Index j = i + static_cast<Index>(random.index(400)) - 200;
      g.sender.push_back(static_cast<std::int32_t>(std::clamp<Index>(j, 0, nodes - 1)));
      g.receiver.push_back(static_cast<std::int32_t>(i));
    }
    g.first.push_back(static_cast<std::int32_t>(g.sender.size()));
  }
  return g;
}

struct Dense {
  Matrix w;
  std::vector<float> bias;
  PackedWeights packed;
  Dense(Index n, Index k, int seed)
      : w(Matrix::Random(n, k) * 0.1f), bias(static_cast<std::size_t>(n), 0.01f) {
    std::srand(static_cast<unsigned>(seed));
    std::vector<std::int8_t> codes(static_cast<std::size_t>(n * k));
    const std::vector<float> step(static_cast<std::size_t>(n), 0.1f / 127);
    for (Index i = 0; i < n * k; ++i)
      codes[static_cast<std::size_t>(i)] =
          static_cast<std::int8_t>(std::lround(w.data()[i] / step[0]));
    packed = PackedWeights({codes.data(), n, k}, 8, step, bias);
  }
  Eigen::Map<const Eigen::RowVectorXf> b() const {
    return {bias.data(), static_cast<Index>(bias.size())};
  }
};

struct Layer {
  Graph graph;
  Dense from_features{3 * hidden, hidden, 1}, message{hidden, hidden, 2}, mean{hidden, hidden, 3},
      update{hidden, hidden, 4};
  Matrix f, parts, means, z, step, out;
  std::vector<float> deviation;
  Executor& executor;

  Layer(Index nodes, Executor& e)
      : graph(some_graph(nodes)),
        f(Matrix::Random(nodes, hidden)),
        parts(nodes, 3 * hidden),
        means(nodes, hidden),
        z(nodes, hidden),
        step(nodes, hidden),
        out(nodes, hidden),
        deviation(static_cast<std::size_t>(hidden)),
        executor(e) {}

  MatrixView<const float> part(Index i) const {
    return {parts.data() + i * hidden, parts.rows(), hidden, 3 * hidden};
  }

  /// Rows at `bits`; at 2 and 4 the codes are the same bytes in the panel.
  void integers(int bits, RowRule rule) {
    const float a = rule == RowRule::fixed ? 3.0f / static_cast<float>(highest_code(bits))
                                           : static_cast<float>(gaussian_step(bits));
    const RowCoder coder{rule, bits, a, 0};
    linear(view(std::as_const(f)), coder, from_features.packed, Activation::none, view(parts),
           executor);
    MessageLayer l;
    l.first = graph.first;
    l.sender = graph.sender;
    l.at_receiver = part(0);
    l.at_sender = part(1);
    l.weights = &message.packed;
    l.bits = bits;
    l.coders[static_cast<std::size_t>(bits)] = coder;
    message_mean(l, view(means), executor);
    NodeUpdate u;
    u.means = view(std::as_const(means));
    u.own = part(2);
    u.features = view(std::as_const(f));
    u.first.weights = &mean.packed;
    u.second.weights = &update.packed;
    for (auto* p : {&u.first, &u.second}) {
      p->bits = bits;
      p->coders[static_cast<std::size_t>(bits)] = coder;
    }
    node_update(u, view(step), executor);
    finish();
  }
  void floats() {
    parts.noalias() = f * from_features.w.transpose();
    parts.rowwise() += from_features.b();
    executor.parallel_for(
        static_cast<std::size_t>(f.rows()), 256, [&](std::size_t begin, std::size_t end) {
          Matrix h(64, hidden), m(64, hidden);
          const auto first = static_cast<Index>(begin), last = static_cast<Index>(end);
          means.middleRows(first, last - first).setZero();
          const Index e1 = graph.first[end];
          for (Index e = graph.first[begin]; e < e1; e += 64) {
            const Index n = std::min<Index>(64, e1 - e);
            for (Index r = 0; r < n; ++r) {
              const auto at = static_cast<std::size_t>(e + r);
              const auto sum = (parts.row(graph.receiver[at]).head(hidden) +
                                parts.row(graph.sender[at]).segment(hidden, hidden))
                                   .array();
              h.row(r).array() = sum / (1 + (-sum).exp());
            }
            m.topRows(n).noalias() = h.topRows(n) * message.w.transpose();
            for (Index r = 0; r < n; ++r) {
              const auto x = (m.row(r) + message.b()).array();
              means.row(graph.receiver[static_cast<std::size_t>(e + r)]).array() +=
                  x / (1 + (-x).exp());
            }
          }
          for (Index i = first; i < last; ++i)
            if (const Index d = graph.in_degree(i); d > 0)
              means.row(i) *= 1.0f / static_cast<float>(d);
          const auto part_of = [&](Matrix& x) { return x.middleRows(first, last - first); };
          part_of(z).noalias() = part_of(means) * mean.w.transpose();
          part_of(z) += parts.middleRows(first, last - first).rightCols(hidden);
          part_of(z).array() /= 1 + (-part_of(z).array()).exp();
          part_of(step).noalias() = part_of(z) * update.w.transpose();
          part_of(step).rowwise() += update.b();
          part_of(step).array() /= 1 + (-part_of(step).array()).exp();
        });
    step += f;
    finish();
  }

 private:
  void finish() {
    ops::instance_norm(view(std::as_const(step)), 1e-5, view(out), deviation.data(), executor);
  }
};

}  // namespace

int main(int argc, char** argv) {
  int threads = 1;
  Index nodes = 10'000;
  std::string path = "kernels.csv";
  for (int i = 1; i < argc; ++i) {
    if (!std::strcmp(argv[i], "--amx"))
      simd::request_amx();
    else if (!std::strncmp(argv[i], "--threads=", 10))
      threads = std::atoi(argv[i] + 10);
    else if (!std::strncmp(argv[i], "--nodes=", 8))
      nodes = std::atoi(argv[i] + 8);
    else
      path = argv[i];
  }
  if (!simd::native_supported()) return 77;
  if (threads == 1)
    timing::pin(1 % std::max(1, static_cast<int>(std::thread::hardware_concurrency())));
  ThreadPool pool(static_cast<std::size_t>(threads));
  Layer layer(nodes, pool);
  std::vector<timing::Contender> all;
  for (const int bits : {8, 4, 2})
    all.push_back({"amq_layer[" + timing::level() + "]", bits,
                   [&layer, bits] { layer.integers(bits, RowRule::affine); }});
  all.push_back({"amq_layer_fixed_steps[" + timing::level() + "]", 8,
                 [&layer] { layer.integers(8, RowRule::fixed); }});
  all.push_back({"eigen_float_split_tiled", 32, [&layer] { layer.floats(); }, true});
  const double n = static_cast<double>(nodes), h = hidden;
  timing::Table(path).measure("mp_layer",
                              std::to_string(nodes) + "x" + std::to_string(degree * nodes) + "x128",
                              2 * h * h * (5 * n + degree * n), all, threads, 9);
}
