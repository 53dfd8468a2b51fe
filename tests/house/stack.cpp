// Every kernel that a deployed pass calls, so that the compiler says what stack they take.
#include <amq/kernels.hpp>

using namespace amq;
using namespace amq::arithmetics;
using namespace amq::kernels;

void products(std::span<const RowsView> rows, const PackedWeights& w, MatrixView<const float> x,
              MatrixView<float> y) {
  linear(rows, w, Activation::swish, y);
  linear_onto(rows, w, true, x, y);
  linear(x, RowCoder{}, w, Activation::gelu, y);
}
void layers(const MessageLayer& m, const NodeUpdate& n, const LayerUpdate& l, const CodedProduct& p,
            MatrixView<const float> x, MatrixView<float> y) {
  message_mean(m, y);
  node_update(n, y);
  layer_update(l, y);
  coded_linear(x, p, y);
}
void rows(MatrixView<const float> x, const RowsSpan& out) {
  quantize_rows(x, RowCoder{}, out);
}
