// One kind of work, so many times: bench_kernels_instructions CASE REPEATS. For callgrind, which
// counts instructions whatever else the machine does: see scripts/count_instructions.sh.

#include <amq/core/eigen.hpp>
#include <amq/core/random.hpp>
#include <amq/kernels/gemm.hpp>
#include <amq/kernels/message_passing.hpp>

#include "some_graph.hpp"

#include <cstdio>
#include <cstdlib>
#include <string>

using namespace amq;
using namespace amq::arithmetics;
using namespace amq::kernels;

int main(int argc, char** argv) {
  if (argc != 3) {
    std::puts(
        "bench_kernels_instructions sums|codes_to_floats|floats_to_floats|codes_to_codes|"
        "quantize|swish|messages REPEATS");
    return 1;
  }
  const std::string what = argv[1];
  constexpr Index m = 480, k = 128, n = 128;
  Random random(1);
  std::vector<std::int8_t> codes(static_cast<std::size_t>(n * k));
  for (auto& c : codes) c = static_cast<std::int8_t>(static_cast<int>(random.index(255)) - 127);
  const std::vector<float> step(static_cast<std::size_t>(n), 0.001f),
      bias(static_cast<std::size_t>(n), 0.1f);
  const PackedWeights w({codes.data(), n, k}, 8, step, bias);
  const RowCoder coder{RowRule::min_max, 8, 1.0f / 255, 0};
  const Matrix x = Matrix::Random(m, k);
  Matrix y(m, n);
  AlignedVector<std::int32_t> sums(static_cast<std::size_t>(m * n));
  AlignedVector<std::uint8_t> from(static_cast<std::size_t>(m * k)), to(from);
  std::vector<RowGrid> grids(static_cast<std::size_t>(m)), grids2(grids);
  const RowsSpan rows{from.data(), m, k, k, 8, grids.data()},
      next{to.data(), m, n, n, 8, grids2.data()};
  quantize_rows(view(x), coder, rows);

  const Graph graph = some_graph(m / 6, 6);
  const Matrix at_receiver = Matrix::Random(graph.n_nodes(), k), at_sender = at_receiver;
  MessageLayer layer;
  layer.first = graph.first;
  layer.sender = graph.sender;
  layer.at_receiver = view(at_receiver);
  layer.at_sender = view(at_sender);
  layer.weights = &w;
  layer.activation = Activation::swish;
  layer.coders[8] = coder;
  Matrix means(graph.n_nodes(), n);

  for (int i = 0; i < std::atoi(argv[2]); ++i) {
    if (what == "sums")
      gemm_i32(rows, w, {sums.data(), m, n});
    else if (what == "codes_to_floats")
      linear(RowsView(rows), w, Activation::none, view(y));
    else if (what == "floats_to_floats")
      linear(view(x), coder, w, Activation::none, view(y));
    else if (what == "codes_to_codes")
      linear(RowsView(rows), w, Activation::none, coder, next);
    else if (what == "quantize")
      quantize_rows(view(x), coder, rows);
    else if (what == "swish")
      activate(Activation::swish, x.data(), y.data(), x.size());
    else if (what == "messages")
      message_mean(layer, view(means));
    else
      return 1;
  }
}
