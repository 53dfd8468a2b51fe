#pragma once
// A message-passing layer of 128 channels, in integers and as well as Eigen can in float.

#include <amq/core/eigen.hpp>
#include <amq/kernels/layer_update.hpp>
#include <amq/ops/norm.hpp>

#include "some_graph.hpp"

#include <cmath>
#include <span>
#include <utility>
#include <vector>

namespace mp_layer {

using namespace amq;
using namespace amq::quant;
using namespace amq::kernels;

inline constexpr Index hidden = 128, degree = 6;

struct Dense {
  Matrix w;
  std::vector<float> bias;
  int bits;
  float step;
  std::vector<std::int8_t> codes;
  PackedWeights packed;
  Dense(Index n, Index k, unsigned seed, int bits_w = 8)
      : w(random(n, k, seed)),
        bias(static_cast<std::size_t>(n), 0.01f),
        bits(bits_w),
        step(0.1f / static_cast<float>(highest_code(bits_w))) {
    for (Index i = 0; i < n * k; ++i)
      codes.push_back(static_cast<std::int8_t>(std::lround(w.data()[i] / step)));
    packed = outputs(0, n);
  }
  static Matrix random(Index n, Index k, unsigned seed) {
    std::srand(seed);
    return Matrix::Random(n, k) * 0.1f;
  }
  PackedWeights outputs(Index first, Index n) const {
    const std::vector<float> steps(static_cast<std::size_t>(n), step);
    return {{codes.data() + first * w.cols(), n, w.cols()},
            bits,
            steps,
            std::span(bias).first(steps.size())};
  }
  Eigen::Map<const Eigen::RowVectorXf> b() const {
    return {bias.data(), static_cast<Index>(bias.size())};
  }
};

struct Layer {
  Graph graph;
  /// Rows of the first: receiver's part, own part, sender's part.
  Dense from_features, message, mean, update;
  PackedWeights to_own = from_features.outputs(0, 2 * hidden),
                to_sender = from_features.outputs(2 * hidden, hidden);
  Matrix f, at_sender, out;
  Matrix parts, means, z, step;  // of the rival
  std::vector<float> deviation;
  Executor& executor;

  Layer(Graph g, Executor& e, int bits_w = 8)
      : graph(std::move(g)),
        from_features(3 * hidden, hidden, 1, bits_w),
        message(hidden, hidden, 2, bits_w),
        mean(hidden, hidden, 3, bits_w),
        update(hidden, hidden, 4, bits_w),
        f(Matrix::Random(graph.n_nodes(), hidden)),
        at_sender(graph.n_nodes(), hidden),
        out(graph.n_nodes(), hidden),
        deviation(static_cast<std::size_t>(hidden)),
        executor(e) {}

  /// Multiplications and additions of its products.
  [[nodiscard]] double operations() const {
    const auto n = static_cast<double>(graph.n_nodes()), e = static_cast<double>(graph.n_edges()),
               h = static_cast<double>(hidden);
    return 2 * h * h * (5 * n + e);
  }
  /// Rows at `bits`.
  void integers(int bits, RowRule rule) {
    const float a = rule == RowRule::fixed ? 3.0f / static_cast<float>(highest_code(bits))
                                           : static_cast<float>(gaussian_step(bits));
    const RowCoder coder{rule, bits, a, 0};
    linear(view(std::as_const(f)), coder, to_sender, Activation::none, view(at_sender), executor);
    LayerUpdate u;
    u.edges.first = graph.first;
    u.edges.sender = graph.sender;
    u.edges.at_sender = view(std::as_const(at_sender));
    u.edges.weights = &message.packed;
    u.edges.bits = bits;
    u.edges.coders[static_cast<std::size_t>(bits)] = coder;
    u.nodes.features = view(std::as_const(f));
    u.parts.weights = &to_own;
    u.nodes.first.weights = &mean.packed;
    u.nodes.second.weights = &update.packed;
    for (auto* p : {&u.parts, &u.nodes.first, &u.nodes.second}) {
      p->bits = bits;
      p->coders[static_cast<std::size_t>(bits)] = coder;
    }
    layer_update(u, view(out), executor);
    norm(out);
  }
  void floats() {
    for (Matrix* m : {&means, &z, &step}) m->resize(f.rows(), hidden);
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
                                parts.row(graph.sender[at]).tail(hidden))
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
          part_of(z) += parts.middleRows(first, last - first).middleCols(hidden, hidden);
          part_of(z).array() /= 1 + (-part_of(z).array()).exp();
          part_of(step).noalias() = part_of(z) * update.w.transpose();
          part_of(step).rowwise() += update.b();
          part_of(step).array() /= 1 + (-part_of(step).array()).exp();
        });
    step += f;
    norm(step);
  }

 private:
  void norm(const Matrix& sum) {
    ops::instance_norm(view(sum), 1e-5, view(out), deviation.data(), executor);
  }
};

}  // namespace mp_layer
