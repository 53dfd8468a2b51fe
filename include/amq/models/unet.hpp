#pragma once
/// @file
/// The UNet of PDEBench in 1 and 2 dimensions (pdebench/models/unet/unet.py, after Ronneberger,
/// Fischer, Brox 2015).

#include <amq/models/grid_model.hpp>
#include <amq/nn/conv.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace amq::models {

struct UnetConfig {
  int dims = 2;
  Index inputs = 10;  ///< channels of the given field: past steps x components
  Index outputs = 1;
  Index features = 32;  ///< of the finest level; every coarser one has twice as many
  Index levels = 4;     ///< halvings
  Activation activation = Activation::tanh;
  Padding beyond = Padding::zero;
  int edge_of_net_bits = 8;  ///< last layer's rows, in every scheme
  int input_bits = 16;       ///< given fields

  [[nodiscard]] GridChannels channels() const noexcept { return {dims, inputs, outputs}; }
  /// Every setting by name, as files keep it.
  template <typename Self, typename Visit>
  static void each(Self& c, const Visit& visit) {
    visit("dims", c.dims);
    visit("inputs", c.inputs);
    visit("outputs", c.outputs);
    visit("features", c.features);
    visit("levels", c.levels);
    visit("activation", c.activation);
    visit("beyond", c.beyond);
    visit("edge_of_net_bits", c.edge_of_net_bits);
    visit("input_bits", c.input_bits);
  }
};

}  // namespace amq::models

namespace amq {

/// Twice convolution, batch norm, tanh at each level; the largest of two points going down, a
/// transposed convolution going up, joined with what the level held on the way down. Parameter
/// names and shapes are those of the public implementation.
class Unet {
 public:
  using Config = models::UnetConfig;
  static constexpr std::string_view name = "Unet";

  /// @throws Error for sizes that make no network
  explicit Unet(arithmetics::ParameterLayout& layout, const Config& config,
                const std::string& prefix = "")
      : config_(check(config)) {
    const auto block = [&](const std::string& outer, const std::string& inner, Index in, Index out,
                           int bits) {
      nn::ConvShape s{config.dims, in, out};
      s.beyond = config.beyond;
      s.bias = false;
      const std::string at = prefix + outer + "." + inner;
      Block b;
      b.first = nn::Conv(layout, at + "conv1", s, at + "norm1", bits);
      s.in = out;
      b.second = nn::Conv(layout, at + "conv2", s, at + "norm2");
      return b;
    };
    Index width = config.features, in = config.inputs;
    for (Index l = 1; l <= config.levels; ++l, in = width, width *= 2) {
      const std::string n = std::to_string(l);
      down_.push_back(block("encoder" + n, "enc" + n, in, width, l == 1 ? config.input_bits : 0));
    }
    bottleneck_ = block("bottleneck", "bottleneck", in, width, 0);
    for (Index l = config.levels; l >= 1; --l) {
      const std::string n = std::to_string(l);
      nn::ConvShape up{config.dims, width, width / 2, 2, 2, 0};
      width /= 2;
      up_.push_back({nn::TransposedConv(layout, prefix + "upconv" + n, up),
                     block("decoder" + n, "dec" + n, 2 * width, width, 0)});
    }
    last_ = nn::Conv(layout, prefix + "conv", {config.dims, width, config.outputs, 1, 1, 0}, "",
                     config.edge_of_net_bits);
  }
  [[nodiscard]] const Config& config() const noexcept { return config_; }

  /// @param u  (sample x point, inputs)
  /// @returns  (sample x point, outputs)
  /// @throws Error for other shapes, numbers that are not finite, axes that 2^levels does not
  /// divide
  template <arithmetic A>
  typename A::Tensor operator()(A& a, const ops::GridShape& grid, MatrixView<const float> u) const {
    check_sizes(grid);
    ops::check_grid_input("Unet, input u", grid, u, config_.inputs);
    auto f = a.input(u, ops::RowKind::grid);
    std::vector<typename A::Tensor> kept;
    std::vector<ops::GridShape> grids{grid};
    for (const Block& b : down_) {
      kept.push_back(run(a, b, grids.back(), f));
      const ops::MaxPool pool(grids.back());
      f = a.apply(pool, kept.back());
      grids.push_back(pool.to);
    }
    f = run(a, bottleneck_, grids.back(), f);
    for (const Up& up : up_) {
      const auto finer = up.transposed(a, grids.back(), f);
      grids.pop_back();
      f = a.concat({finer, kept.back()});
      kept.pop_back();
      f = run(a, up.block, grids.back(), f);
    }
    return last_(a, grid, f);
  }
  /// The same for models that take positions: they are not read.
  template <arithmetic A>
  typename A::Tensor operator()(A& a, const ops::GridShape& grid, MatrixView<const float> u,
                                MatrixView<const float>) const {
    return (*this)(a, grid, u);
  }

 private:
  struct Block {
    nn::Conv first, second;
  };
  struct Up {
    nn::TransposedConv transposed;
    Block block;
  };
  template <typename A>
  typename A::Tensor run(A& a, const Block& b, const ops::GridShape& g,
                         const typename A::Tensor& x) const {
    return b.second(a, g, b.first(a, g, x, config_.activation), config_.activation);
  }
  static const Config& check(const Config& c) {
    if (c.dims < 1 || c.dims > 3 || c.inputs < 1 || c.outputs < 1 || c.features < 1 ||
        c.levels < 1 || c.levels > 16)
      throw Error("Unet", "1 to 3 dimensions, 1 to 16 levels and positive sizes",
                  "dims " + std::to_string(c.dims) + ", inputs " + std::to_string(c.inputs) +
                      ", outputs " + std::to_string(c.outputs) + ", features " +
                      std::to_string(c.features) + ", levels " + std::to_string(c.levels),
                  "Correct the configuration.");
    return c;
  }
  void check_sizes(const ops::GridShape& g) const {
    const Index unit = Index{1} << config_.levels;
    bool good = g.dims == config_.dims;
    for (int a = 0; a < g.dims; ++a) good = good && g[a] % unit == 0;
    if (!good)
      throw Error("Unet",
                  std::to_string(config_.dims) + " axes of a multiple of " + std::to_string(unit) +
                      " points, to be halved " + std::to_string(config_.levels) + " times",
                  g.text(), "Interpolate or pad the fields to such a grid, or take fewer levels.");
  }

  Config config_;
  std::vector<Block> down_;
  Block bottleneck_;
  std::vector<Up> up_;
  nn::Conv last_;
};

}  // namespace amq

namespace amq::models {

static_assert(grid_model<Unet>);

}  // namespace amq::models
