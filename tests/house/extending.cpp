// The code of docs/extending.md that is not a test's already: a network of one's own.
#include <amq/models/mesh_model.hpp>
#include <amq/nn/linear.hpp>

#include <string_view>

// [network]
/// A network that sees each node by itself: two linear layers with a swish between.
class NodeMlp {
 public:
  struct Config {  // sizes; each() names them for the file
    amq::Index hidden = 32, inputs = 2, dim = 2, outputs = 1;
    [[nodiscard]] amq::models::MeshChannels channels() const { return {inputs, dim, 0, outputs}; }
    template <typename Self, typename Visit>
    static void each(Self& c, const Visit& visit) {
      visit("hidden", c.hidden);
      visit("inputs", c.inputs);
      visit("dim", c.dim);
      visit("outputs", c.outputs);
    }
  };
  static constexpr std::string_view name = "NodeMlp";  // by which its files know it
  using MeshData = amq::models::NoMeshData;            // what it reads of a mesh beside its graph

  NodeMlp(amq::arithmetics::ParameterLayout& layout, const Config& c)
      : config_(c),
        first_(layout, "first", amq::ops::RowKind::node, c.inputs + c.dim, c.hidden, 8),
        second_(layout, "second", amq::ops::RowKind::node, c.hidden, c.outputs) {}

  [[nodiscard]] const Config& config() const { return config_; }
  [[nodiscard]] MeshData mesh_data(const amq::Graph&, amq::MatrixView<const float>) const {
    return {};
  }
  template <amq::arithmetic A>
  friend typename A::Tensor forward(const NodeMlp& m, A& a, const amq::models::MeshInputs& s) {
    const auto u = a.input(s.u, amq::ops::RowKind::node), x = a.input(s.x, amq::ops::RowKind::node);
    return m.second_(a, m.first_(a, a.concat({u, x}), amq::core::Activation::swish));
  }

 private:
  Config config_;
  amq::nn::Linear first_, second_;
};
static_assert(amq::models::mesh_model<NodeMlp>);  // require_mesh_model() says what is missing
// [network]

#include <amq/solver.hpp>

/// A solver of it is loaded like any other.
double solved(const amq::Mesh& mesh, const amq::Field& a) {
  using Scheme = amq::Scheme<amq::Weights<8>, amq::Activations<4, 8>>;
  auto solver = amq::load<NodeMlp, Scheme>("node_mlp.safetensors");
  return static_cast<double>(solver(mesh, a).field(0, 0));
}
