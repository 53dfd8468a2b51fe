// The code of docs/extending.md that no other test has: a network of one's own.
#include <amq/arithmetic/fixed.hpp>
#include <amq/arithmetic/float32.hpp>
#include <amq/models/graph_sample.hpp>
#include <amq/models/network.hpp>
#include <amq/nn/linear.hpp>

// [network]
/// A network that sees each node by itself: two linear layers with a swish between.
class NodeMlp {
 public:
  struct Config {
    amq::Index hidden = 32, inputs = 2, dim = 2, outputs = 1;
  };
  NodeMlp(amq::ParameterLayout& layout, const Config& c)
      : first_(layout, "first", amq::RowKind::node, c.inputs + c.dim, c.hidden, 8),
        second_(layout, "second", amq::RowKind::node, c.hidden, c.outputs) {}

  /// @param u, x  (node, input) given fields, (node, dim) positions
  template <amq::arithmetic A>
  typename A::Tensor operator()(A& a, amq::MatrixView<const float> u,
                                amq::MatrixView<const float> x) const {
    const auto given = a.input(u, amq::RowKind::node), at = a.input(x, amq::RowKind::node);
    return second_(a, first_(a, a.concat({given, at}), amq::Activation::swish));
  }
  template <amq::arithmetic A>
  friend typename A::Tensor forward(const NodeMlp& m, A& a, const amq::GraphSample& s) {
    return m(a, amq::view(s.u), amq::view(s.x));
  }

 private:
  amq::nn::Linear first_, second_;
};
// [network]

double in_float(const amq::GraphSample& s) {
  const amq::Network<NodeMlp> net({.hidden = 16}, {8, amq::RowRule::min_max, {4, 8}}, 1);
  amq::Float32 a(net.layout, net.parameters);
  return static_cast<double>(forward(net.model, a, s).view()(0, 0));
}
double in_integers(const amq::GraphSample& s) {
  const amq::Network<NodeMlp> net({.hidden = 16}, {8, amq::RowRule::min_max, {4, 8}}, 1);
  amq::BasicFixed a(net.layout, net.quantizers, net.parameters);
  const amq::BitPlan plan = amq::BitPlan::uniform(4);
  a.begin(plan);
  return static_cast<double>(forward(net.model, a, s).view()(0, 0));
}
