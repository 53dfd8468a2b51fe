#pragma once
// A network on meshes with a layer of its own: one text that trains, deploys in integers and
// counts.

#include <amq/models/mesh_model.hpp>
#include <amq/nn/linear.hpp>
#include <amq/ops/elementwise.hpp>
#include <amq/ops/graph.hpp>
#include <amq/ops/rows.hpp>

#include <string>
#include <vector>

/// Node i: h_i + swish(W [h_i, mean of its neighbours' h] + b). (node, width)
struct Neighbours {
  amq::nn::Linear linear;

  Neighbours(amq::arithmetics::ParameterLayout& layout, const std::string& name, amq::Index width)
      : linear(layout, name, amq::ops::RowKind::node, 2 * width, width) {}
  template <amq::arithmetic A>
  typename A::Tensor operator()(A& a, const amq::Graph& g, const typename A::Tensor& h) const {
    const auto sent = a.apply(amq::ops::Gather{g.sender, amq::ops::RowKind::edge}, h);
    const auto mean = a.apply(amq::ops::SegmentMean{g}, sent);
    return a.apply(amq::ops::Add{}, h,
                   linear(a, a.concat({h, mean}), amq::core::Activation::swish));
  }
};

class Averaging {
 public:
  struct Config {
    amq::Index width = 24, layers = 3, inputs = 2, dim = 2, outputs = 1;
    [[nodiscard]] amq::models::MeshChannels channels() const { return {inputs, dim, 0, outputs}; }
    template <typename Self, typename Visit>
    static void each(Self& c, const Visit& visit) {
      visit("width", c.width), visit("layers", c.layers), visit("inputs", c.inputs);
      visit("dim", c.dim), visit("outputs", c.outputs);
    }
  };
  static constexpr std::string_view name = "Averaging";
  using MeshData = amq::models::NoMeshData;

  Averaging(amq::arithmetics::ParameterLayout& layout, const Config& c)
      : config_(c),
        lift_(layout, "lift", amq::ops::RowKind::node, c.inputs + c.dim, c.width, 8),
        read_(layout, "read", amq::ops::RowKind::node, c.width, c.outputs, 8) {
    for (amq::Index l = 0; l < c.layers; ++l)
      layers_.emplace_back(layout, "layer" + std::to_string(l), c.width);
  }
  [[nodiscard]] const Config& config() const { return config_; }
  [[nodiscard]] MeshData mesh_data(const amq::Graph&, amq::MatrixView<const float>) const {
    return {};
  }
  template <amq::arithmetic A>
  friend typename A::Tensor forward(const Averaging& m, A& a, const amq::models::MeshInputs& s) {
    const auto u = a.input(s.u, amq::ops::RowKind::node), x = a.input(s.x, amq::ops::RowKind::node);
    auto h = m.lift_(a, a.concat({u, x}), amq::core::Activation::swish);
    for (const Neighbours& layer : m.layers_) h = layer(a, *s.graph, h);
    return m.read_(a, h);
  }

 private:
  Config config_;
  amq::nn::Linear lift_, read_;
  std::vector<Neighbours> layers_;
};
static_assert(amq::models::mesh_model<Averaging>);
