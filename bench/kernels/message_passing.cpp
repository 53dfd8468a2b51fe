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

#include <amq/core/thread_pool.hpp>

#include "mp_layer.hpp"
#include "timing.hpp"

#include <cstring>

using namespace amq;
using namespace amq::quant;
using namespace amq::kernels;

namespace {

using namespace mp_layer;

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
      path = timing::table_path(argv[i]);
  }
  if (!simd::native_supported()) return 77;
  if (threads == 1)
    timing::pin(1 % std::max(1, static_cast<int>(std::thread::hardware_concurrency())));
  ThreadPool pool(static_cast<std::size_t>(threads));
  Layer layer(some_graph(nodes, degree, !far), pool);
  const double n = static_cast<double>(nodes);
  const std::string shape =
      std::to_string(nodes) + "x" + std::to_string(degree * nodes) + "x128" + (far ? "_far" : "");
  const double operations = layer.operations();
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
