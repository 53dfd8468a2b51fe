#pragma once
/// @file
/// The modern UNet of PDEArena (pdearena/modules/twod_unet.py; Gupta and Brandstetter 2022,
/// "Towards multi-spatiotemporal-scale generalized PDE modeling"): residual blocks with group norm
/// in front of each convolution, strided convolutions for pooling.

#include <amq/models/grid_model.hpp>
#include <amq/nn/conv.hpp>
#include <amq/nn/grid_attention.hpp>
#include <amq/nn/linear.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace amq::models {

struct ModernUnetConfig {
  int dims = 2;
  Index inputs = 4;
  Index outputs = 1;
  Index features = 64;                         ///< of the finest level
  std::vector<Index> multipliers{1, 2, 2, 4};  ///< of the channels, from one level to the next
  std::vector<bool> attention{};  ///< of each level; shorter than the levels: none where it ends
  bool middle_attention = false;
  Index blocks = 2;  ///< residual blocks of a level on the way down; one more on the way up
  bool norm = true;
  Activation activation = Activation::gelu;
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
    visit("multipliers", c.multipliers);
    visit("attention", c.attention);
    visit("middle_attention", c.middle_attention);
    visit("blocks", c.blocks);
    visit("norm", c.norm);
    visit("activation", c.activation);
    visit("beyond", c.beyond);
    visit("edge_of_net_bits", c.edge_of_net_bits);
    visit("input_bits", c.input_bits);
  }
};

}  // namespace amq::models

namespace amq {

/// Parameter names and shapes are those of the public implementation, of which attention deviates:
/// its softmax runs over the keys, not over the queries, and its norm, which no result reads, is
/// not declared.
class ModernUnet {
 public:
  using Config = models::ModernUnetConfig;
  static constexpr std::string_view name = "ModernUnet";

  /// @throws Error for sizes that make no network
  explicit ModernUnet(arithmetics::ParameterLayout& layout, const Config& config,
                      const std::string& prefix = "")
      : config_(check(config)) {
    const auto levels = config.multipliers.size();
    const auto part_name = [&](const char* part, std::size_t k) {
      return prefix + part + "." + std::to_string(k);
    };
    const auto attends = [&](std::size_t level) {
      return level < config.attention.size() && config.attention[level];
    };
    image_ = nn::Conv(layout, prefix + "image_proj", shape(config.inputs, config.features), "",
                      config.input_bits);
    Index in = config.features;
    for (std::size_t i = 0; i < levels; ++i) {
      const Index out = in * config.multipliers[i];
      for (Index b = 0; b < config.blocks; ++b, in = out)
        down_.push_back(
            {Block(layout, part_name("down", down_.size()), in, out, attends(i), config), {}});
      if (i + 1 < levels) {
        auto s = shape(in, in);
        s.stride = 2;
        down_.push_back({{}, nn::Conv(layout, part_name("down", down_.size()) + ".conv", s)});
        down_.back().moves = true;
      }
    }
    middle_ = Block(layout, prefix + "middle", in, in, config.middle_attention, config, "res1");
    middle2_ = Residual(layout, prefix + "middle.res2", in, in, config);
    for (std::size_t i = levels; i-- > 0;) {
      const Index last = in / config.multipliers[i];
      for (Index b = 0; b <= config.blocks; ++b) {
        const Index out = b == config.blocks ? last : in;
        up_.push_back(
            {Block(layout, part_name("up", up_.size()), in + out, out, attends(i), config), {}});
      }
      in = last;
      if (i > 0) {
        up_.push_back({{},
                       nn::TransposedConv(layout, part_name("up", up_.size()) + ".conv",
                                          {config.dims, in, in, 4, 2, 1})});
        up_.back().moves = true;
      }
    }
    if (config.norm) norm_ = nn::GroupNorm(layout, prefix + "norm", config.features, 8);
    last_ =
        nn::Conv(layout, prefix + "final", shape(in, config.outputs), "", config.edge_of_net_bits);
  }
  [[nodiscard]] const Config& config() const noexcept { return config_; }

  /// @param u  (sample x point, inputs)
  /// @returns  (sample x point, outputs)
  /// @throws Error for other shapes, numbers that are not finite, axes that cannot be halved
  template <arithmetic A>
  typename A::Tensor operator()(A& a, const ops::GridShape& grid, MatrixView<const float> u) const {
    check_sizes(grid);
    ops::check_grid_input("ModernUnet, input u", grid, u, config_.inputs);
    auto f = image_(a, grid, a.input(u, ops::RowKind::grid));
    std::vector<typename A::Tensor> kept{f};
    ops::GridShape g = grid;
    for (const auto& module : down_) {
      if (module.moves) {
        f = module.move(a, g, f);
        g = module.move.grid(g);
      } else {
        f = module.block(a, g, f, config_.activation);
      }
      kept.push_back(f);
    }
    f = middle2_(a, g, middle_(a, g, f, config_.activation), config_.activation);
    for (const auto& module : up_) {
      if (module.moves) {
        f = module.move(a, g, f);
        g = module.move.grid(g);
      } else {
        f = module.block(a, g, a.concat({f, kept.back()}), config_.activation);
        kept.pop_back();
      }
    }
    return last_(a, grid, arithmetics::activate(a, config_.activation, norm_(a, grid, f)));
  }
  /// The same for models that take positions: they are not read.
  template <arithmetic A>
  typename A::Tensor operator()(A& a, const ops::GridShape& grid, MatrixView<const float> u,
                                MatrixView<const float>) const {
    return (*this)(a, grid, u);
  }

 private:
  /// conv2(act(norm2(conv1(act(norm1(x)))))) + shortcut(x).
  struct Residual {
    nn::GroupNorm norm1, norm2;
    nn::Conv conv1, conv2, shortcut;
    bool projects = false;

    Residual() = default;
    Residual(arithmetics::ParameterLayout& layout, const std::string& at, Index in, Index out,
             const Config& c)
        : projects(in != out) {
      nn::ConvShape s{c.dims, in, out};
      s.beyond = c.beyond;
      conv1 = nn::Conv(layout, at + ".conv1", s);
      s.in = out;
      conv2 = nn::Conv(layout, at + ".conv2", s);
      if (projects) shortcut = nn::Conv(layout, at + ".shortcut", {c.dims, in, out, 1, 1, 0});
      if (c.norm) {
        norm1 = nn::GroupNorm(layout, at + ".norm1", in, 1);
        norm2 = nn::GroupNorm(layout, at + ".norm2", out, 1);
      }
    }
    template <typename A>
    typename A::Tensor operator()(A& a, const ops::GridShape& g, const typename A::Tensor& x,
                                  core::Activation f) const {
      const auto h = conv1(a, g, arithmetics::activate(a, f, norm1(a, g, x)));
      const auto y = conv2(a, g, arithmetics::activate(a, f, norm2(a, g, h)));
      return a.apply(ops::Add{}, y, projects ? shortcut(a, g, x) : x);
    }
  };
  /// A residual block, and one head of attention where wanted: x +
  /// output(attention(projection(x))).
  struct Block {
    Residual residual;
    nn::Linear projection, output;
    bool attends = false;

    Block() = default;
    Block(arithmetics::ParameterLayout& layout, const std::string& at, Index in, Index out,
          bool attention, const Config& c, const char* first = "res")
        : residual(layout, at + "." + first, in, out, c), attends(attention) {
      if (!attends) return;
      projection = nn::Linear(layout, at + ".attn.projection", ops::RowKind::grid, out, 3 * out);
      output = nn::Linear(layout, at + ".attn.output", ops::RowKind::grid, out, out);
    }
    template <typename A>
    typename A::Tensor operator()(A& a, const ops::GridShape& g, const typename A::Tensor& x,
                                  core::Activation f) const {
      const auto y = residual(a, g, x, f);
      if (!attends) return y;
      const auto heads = a.apply(ops::SoftmaxAttention{g.samples, 1}, projection(a, y));
      return a.apply(ops::Add{}, output(a, heads), y);
    }
  };
  /// A block of a level, or what leads to the next one.
  template <typename Move>
  struct Module {
    Block block;
    Move move;
    bool moves = false;
  };

  [[nodiscard]] nn::ConvShape shape(Index in, Index out) const {
    nn::ConvShape s{config_.dims, in, out};
    s.beyond = config_.beyond;
    return s;
  }
  static const Config& check(const Config& c) {
    bool good = c.dims >= 1 && c.dims <= 3 && c.inputs > 0 && c.outputs > 0 && c.features > 0 &&
                c.blocks > 0 && !c.multipliers.empty() && c.multipliers.size() < 16;
    std::string list;
    for (const Index m : c.multipliers) {
      good = good && m > 0;
      list += " " + std::to_string(m);
    }
    if (!good)
      throw Error("ModernUnet", "1 to 3 dimensions, 1 to 15 levels and positive sizes",
                  "dims " + std::to_string(c.dims) + ", inputs " + std::to_string(c.inputs) +
                      ", outputs " + std::to_string(c.outputs) + ", features " +
                      std::to_string(c.features) + ", blocks " + std::to_string(c.blocks) +
                      ", multipliers" + list,
                  "Correct the configuration.");
    return c;
  }
  void check_sizes(const ops::GridShape& g) const {
    const Index unit = Index{1} << (config_.multipliers.size() - 1);
    bool good = g.dims == config_.dims;
    for (int a = 0; a < g.dims; ++a) good = good && g[a] % unit == 0;
    if (!good)
      throw Error("ModernUnet",
                  std::to_string(config_.dims) + " axes of a multiple of " + std::to_string(unit) +
                      " points, to be halved " + std::to_string(config_.multipliers.size() - 1) +
                      " times",
                  g.text(), "Interpolate or pad the fields to such a grid, or take fewer levels.");
  }

  Config config_;
  nn::Conv image_, last_;
  nn::GroupNorm norm_;
  std::vector<Module<nn::Conv>> down_;
  std::vector<Module<nn::TransposedConv>> up_;
  Block middle_;
  Residual middle2_;
};

}  // namespace amq

namespace amq::models {

static_assert(grid_model<ModernUnet>);

}  // namespace amq::models
