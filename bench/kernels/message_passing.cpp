// Question: what does a whole message-passing layer cost (10,000 nodes, 60,000 edges, hidden 128)
// in integers, beside the same layer in float, split and tiled as well as Eigen can?
//
//   hidden = swish(P_i + Q_j),  message = swish(hidden W^T + b),  m_i = mean
//   z = swish(R_i + m_i U^T),   f <- norm(f + swish(z V^T + c)),  [P | Q | R] = f [W1 | W2 | U1]^T
//
// --alone leaves the rival out, whose buffers would count: time and peak memory a node of larger
// graphs. --far: senders lie anywhere instead of nearby.
//
// Usage: bench_kernels_message_passing [table.csv] [--amx] [--threads=n] [--nodes=n] [--alone]
//                                      [--far] [--rounds=n]

#include <amq/core/eigen.hpp>
#include <amq/core/random.hpp>
#include <amq/core/thread_pool.hpp>
#include <amq/kernels/layer_update.hpp>
#include <amq/ops/norm.hpp>

#include "some_graph.hpp"
#include "timing.hpp"

#include <cstring>

using namespace amq;
using namespace amq::kernels;

namespace {

constexpr Index hidden = 128, degree = 6;

struct Dense {
  Matrix w;
  std::vector<float> bias;
  std::vector<std::int8_t> codes;
  PackedWeights packed;
  Dense(Index n, Index k, unsigned seed)
      : w(random(n, k, seed)), bias(static_cast<std::size_t>(n), 0.01f) {
    for (Index i = 0; i < n * k; ++i)
      codes.push_back(static_cast<std::int8_t>(std::lround(w.data()[i] * (127 / 0.1f))));
    packed = outputs(0, n);
  }
  static Matrix random(Index n, Index k, unsigned seed) {
    std::srand(seed);
    return Matrix::Random(n, k) * 0.1f;
  }
  PackedWeights outputs(Index first, Index n) const {
    const std::vector<float> step(static_cast<std::size_t>(n), 0.1f / 127);
    return {{codes.data() + first * w.cols(), n, w.cols()},
            8,
            step,
            std::span(bias).first(step.size())};
  }
  Eigen::Map<const Eigen::RowVectorXf> b() const {
    return {bias.data(), static_cast<Index>(bias.size())};
  }
};

struct Layer {
  Graph graph;
  /// Rows of the first: receiver's part, own part, sender's part.
  Dense from_features{3 * hidden, hidden, 1}, message{hidden, hidden, 2}, mean{hidden, hidden, 3},
      update{hidden, hidden, 4};
  PackedWeights to_own = from_features.outputs(0, 2 * hidden),
                to_sender = from_features.outputs(2 * hidden, hidden);
  Matrix f, at_sender, out;
  Matrix parts, means, z, step;  // of the rival
  std::vector<float> deviation;
  Executor& executor;

  Layer(Graph g, Executor& e)
      : graph(std::move(g)),
        f(Matrix::Random(graph.n_nodes(), hidden)),
        at_sender(graph.n_nodes(), hidden),
        out(graph.n_nodes(), hidden),
        deviation(static_cast<std::size_t>(hidden)),
        executor(e) {}

  /// Rows at `bits`; at 2 and 4 the codes are the same bytes in the panel.
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

/// Most of the memory this process has had at once, in MiB.
double peak_memory() {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;)
    if (word == "VmHWM:") {
      double kib = 0;
      status >> kib;
      return kib / 1024;
    }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  int threads = 1, rounds = 9;
  bool alone = false, far = false;
  Index nodes = 10'000;
  std::string path = "kernels.csv";
  for (int i = 1; i < argc; ++i) {
    if (!std::strcmp(argv[i], "--amx"))
      simd::request_amx();
    else if (!std::strncmp(argv[i], "--threads=", 10))
      threads = std::atoi(argv[i] + 10);
    else if (!std::strncmp(argv[i], "--nodes=", 8))
      nodes = std::atoi(argv[i] + 8);
    else if (!std::strncmp(argv[i], "--rounds=", 9))
      rounds = std::atoi(argv[i] + 9);
    else if (!std::strcmp(argv[i], "--alone"))
      alone = true;
    else if (!std::strcmp(argv[i], "--far"))
      far = true;
    else
      path = argv[i];
  }
  if (!simd::native_supported()) return 77;
  if (threads == 1)
    timing::pin(1 % std::max(1, static_cast<int>(std::thread::hardware_concurrency())));
  ThreadPool pool(static_cast<std::size_t>(threads));
  Layer layer(some_graph(nodes, degree, !far), pool);
  const double n = static_cast<double>(nodes), h = hidden;
  const std::string shape =
      std::to_string(nodes) + "x" + std::to_string(degree * nodes) + "x128" + (far ? "_far" : "");
  const double operations = 2 * h * h * (5 * n + degree * n);
  std::vector<timing::Contender> all;
  for (const int bits : alone ? std::vector{8} : std::vector{8, 4, 2})
    all.push_back({"amq_layer[" + timing::level() + "]", bits,
                   [&layer, bits] { layer.integers(bits, RowRule::affine); }});
  if (!alone) {
    all.push_back({"amq_layer_fixed_steps[" + timing::level() + "]", 8,
                   [&layer] { layer.integers(8, RowRule::fixed); }});
    all.push_back({"eigen_float_split_tiled", 32, [&layer] { layer.floats(); }, true});
  }
  const auto ns = timing::Table(path).measure("mp_layer", shape, operations, all, threads, rounds);
  if (alone && !ns.empty())
    std::printf("  %.0f ns a node, %.0f MiB at the peak\n", ns[0] / n, peak_memory());
}
