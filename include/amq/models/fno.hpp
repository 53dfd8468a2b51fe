#pragma once
/// @file
/// The Fourier neural operator in 1, 2 and 3 dimensions, as PDEBench has it (pdebench/models/fno)
/// and as it was published (Li et al. 2021, fourier_1d.py to fourier_3d.py): the two differ in
/// padding and sizes alone. Also as neuraloperator 2 has it, whose blocks end with an MLP.

#include <amq/models/grid_model.hpp>
#include <amq/models/may_lack.hpp>
#include <amq/nn/linear.hpp>
#include <amq/nn/spectral_conv.hpp>
#include <amq/ops/elementwise.hpp>
#include <amq/ops/resize.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace amq::models {

/// How what a part of a block was given joins what it says.
enum class FnoSkip : std::uint8_t {
  linear,  ///< by a matrix
  gate,    ///< each channel by its own number: the soft gating of neuraloperator
};

struct FnoConfig {
  int dims = 2;
  std::array<Index, 3> modes{12, 12, 12};  ///< of each axis
  Index width = 20;
  Index layers = 4;
  Index inputs = 10;  ///< channels of the given field: past steps x components
  Index outputs = 1;
  Index projection = 128;                 ///< hidden channels of the last two layers
  std::array<Index, 3> padding{2, 2, 0};  ///< zeros at the far end of each axis
  Index lifting = 0;      ///< hidden channels of a lifting of two layers; 0: it is one layer
  Index channel_mlp = 0;  ///< hidden channels of the MLP that ends a block; 0: there is none
  FnoSkip skip = FnoSkip::linear;  ///< beside the spectral convolution
  /// Layers without an MLP end with GELU(GELU()), as neuraloperator 2 has them.
  bool activates_twice = false;
  FnoSkip channel_skip = FnoSkip::gate;  ///< beside the MLP
  int edge_of_net_bits = 8;  ///< rows inside the lifting and of the last layers, in every scheme
  int input_bits = 16;       ///< given fields and positions
  int mode_bits = 0;         ///< of modes, few rows that carry much; 0: the scheme's
  ProductBits transform_bits{};  ///< of Fourier transforms, in every scheme; none: float

  [[nodiscard]] GridChannels channels() const noexcept { return {dims, inputs, outputs}; }
  /// Every setting by name, as files keep it.
  template <typename Self, typename Visit>
  static void each(Self& c, const Visit& visit) {
    visit("dims", c.dims);
    visit("modes", c.modes);
    visit("width", c.width);
    visit("layers", c.layers);
    visit("inputs", c.inputs);
    visit("outputs", c.outputs);
    visit("projection", c.projection);
    visit("padding", c.padding);
    visit("edge_of_net_bits", c.edge_of_net_bits);
    visit("input_bits", c.input_bits);
    visit("mode_bits", c.mode_bits);
    visit("transform_bits", c.transform_bits);
    visit("lifting", c.lifting, may_lack);
    visit("channel_mlp", c.channel_mlp, may_lack);
    visit("skip", c.skip, may_lack);
    visit("channel_skip", c.channel_skip, may_lack);
    visit("activates_twice", c.activates_twice, may_lack);
  }

  /// PDEBench's: 2 zeros at the end of each axis in 1-D and 2-D, 6 at the end of the last in 3-D.
  [[nodiscard]] static FnoConfig pdebench(int dims, Index modes, Index width, Index inputs,
                                          Index outputs = 1) {
    FnoConfig c;
    c.dims = dims;
    c.modes = {modes, modes, modes};
    c.width = width;
    c.inputs = inputs;
    c.outputs = outputs;
    c.padding = dims == 3 ? std::array<Index, 3>{0, 0, 6} : std::array<Index, 3>{2, 2, 0};
    return c;
  }
  /// The published one: as PDEBench's, but 9 zeros at the end of each axis in 2-D.
  [[nodiscard]] static FnoConfig original(int dims, Index modes, Index width, Index inputs,
                                          Index outputs = 1) {
    FnoConfig c = pdebench(dims, modes, width, inputs, outputs);
    if (dims == 2) c.padding = {9, 9, 0};
    return c;
  }
  /// neuraloperator 2's FNO(n_modes, inputs, outputs, width) with all else as it is by default.
  /// @param n_modes  (axis) as that library counts them: both signs of a frequency; even
  [[nodiscard]] static FnoConfig neuraloperator(std::span<const Index> n_modes, Index width,
                                                Index inputs, Index outputs = 1) {
    FnoConfig c = pdebench(static_cast<int>(n_modes.size()), 1, width, inputs, outputs);
    for (std::size_t a = 0; a < std::min(n_modes.size(), c.modes.size()); ++a)
      c.modes[a] = n_modes[a] / 2 + (a + 1 == n_modes.size() ? 1 : 0);
    c.padding = {0, 0, 0};
    c.projection = c.lifting = 2 * width;
    // Python's round(): ties go to the even number.
    c.channel_mlp = width / 2 + (width % 4 == 3 ? 1 : 0);
    return c;
  }
};

}  // namespace amq::models

namespace amq {

/// Lift, layers of GELU(spectral convolution + 1x1 convolution), project; no GELU after the last.
/// Where there are MLPs, a layer goes on with GELU(MLP + skip of what the layer was given), again
/// without the last GELU. Parameter names are those of the public implementations, but for the
/// spectral weights; what neuraloperator alone has is called `lifting`, `gate0`, `mlp0.fc1`,
/// `mlp0.fc2`, `mlp_gate0` or `mlp_w0`.
class Fno {
 public:
  using Config = models::FnoConfig;
  static constexpr std::string_view name = "Fno";

  /// @throws Error for sizes that make no network
  explicit Fno(arithmetics::ParameterLayout& layout, const Config& config,
               const std::string& prefix = "")
      : config_(check(config)) {
    const Index w = config.width;
    ops::SpectralModes modes;
    modes.dims = config.dims;
    for (int a = 0; a < config.dims; ++a)
      modes.m[static_cast<std::size_t>(a)] = config.modes[static_cast<std::size_t>(a)];
    const int bits = config.edge_of_net_bits;
    lift_ = nn::Linear(layout, prefix + "fc0", ops::RowKind::grid, config.inputs + config.dims,
                       config.lifting > 0 ? config.lifting : w, config.input_bits);
    if (config.lifting > 0)
      lift2_ = nn::Linear(layout, prefix + "lifting", ops::RowKind::grid, config.lifting, w, bits);
    for (Index l = 0; l < config.layers; ++l)
      blocks_.emplace_back(layout, prefix, std::to_string(l), config, modes);
    project_ = nn::Linear(layout, prefix + "fc1", ops::RowKind::grid, w, config.projection, bits);
    project2_ = nn::Linear(layout, prefix + "fc2", ops::RowKind::grid, config.projection,
                           config.outputs, bits);
  }
  [[nodiscard]] const Config& config() const noexcept { return config_; }
  [[nodiscard]] const nn::SpectralConv& spectral(Index layer) const {
    return blocks_.at(static_cast<std::size_t>(layer)).spectral;
  }

  /// @param u  (sample x point, inputs)
  /// @param x  (sample x point, dims): positions in the unit box
  /// @returns  (sample x point, outputs)
  /// @throws Error for other shapes, numbers that are not finite, grids too small for the modes
  template <arithmetic A>
  typename A::Tensor operator()(A& a, const ops::GridShape& grid, MatrixView<const float> u,
                                MatrixView<const float> x) const {
    ops::check_grid_input("Fno, input u", grid, u, config_.inputs);
    ops::check_grid_input("Fno, input x", grid, x, config_.dims);
    auto f = lift_(a, a.concat({a.input(u, ops::RowKind::grid), a.input(x, ops::RowKind::grid)}),
                   config_.lifting > 0 ? core::Activation::gelu : core::Activation::none);
    if (config_.lifting > 0) f = lift2_(a, f);
    ops::GridShape padded = grid;
    for (int k = 0; k < grid.dims; ++k) padded[k] += config_.padding[static_cast<std::size_t>(k)];
    const bool pads = !(padded == grid);
    if (pads) f = a.apply(ops::Resize{grid, padded}, f);
    for (std::size_t l = 0; l < blocks_.size(); ++l)
      f = blocks_[l](a, padded, f,
                     l + 1 < blocks_.size() ? core::Activation::gelu : core::Activation::none);
    if (pads) f = a.apply(ops::Resize{padded, grid}, f);
    return project2_(a, project_(a, f, core::Activation::gelu));
  }

 private:
  /// What joins a part of a block, of what that part was given.
  class Skip {
   public:
    Skip() = default;
    /// @param linear, gate  what the parameters are called in the one and the other form
    /// @param bias  whether it adds one: the spectral convolution has none of its own
    Skip(arithmetics::ParameterLayout& layout, const std::string& linear, const std::string& gate,
         models::FnoSkip kind, Index width, bool bias) {
      const bool is_linear = kind == models::FnoSkip::linear;
      const std::string& own = is_linear ? linear : gate;
      const arithmetics::ParameterId weight =
          is_linear ? layout.add(own + ".weight", {width, width}, arithmetics::Init::fan_in(width))
                    : layout.add(own + ".weight", {width}, arithmetics::Init::constant(1),
                                 arithmetics::Role::vector);
      if (bias)
        bias_ = layout.add(
            own + ".bias", {width},
            is_linear ? arithmetics::Init::fan_in(width) : arithmetics::Init::constant(0),
            arithmetics::Role::vector);
      if (!is_linear) {
        gate_ = weight;
        return;
      }
      linear_.weight = layout.add_weight(own, {{weight, 0, width, bias_}});
      linear_.point = layout.add_point(own + ".input", ops::RowKind::grid, width);
    }
    template <arithmetic A>
    typename A::Tensor operator()(A& a, const typename A::Tensor& x) const {
      if (gate_ == arithmetics::no_parameter) return linear_(a, x);
      return bias_ == arithmetics::no_parameter ? a.apply(ops::Gate{}, x, gate_)
                                                : a.apply(ops::Affine{}, x, gate_, bias_);
    }

   private:
    nn::Linear linear_;
    arithmetics::ParameterId gate_ = arithmetics::no_parameter, bias_ = arithmetics::no_parameter;
  };

  struct Block {
    nn::SpectralConv spectral;
    Skip local, around;
    nn::Linear first, second;
    bool has_mlp = false, twice = false;

    Block(arithmetics::ParameterLayout& layout, const std::string& prefix, const std::string& n,
          const Config& c, const ops::SpectralModes& modes)
        : spectral(layout, prefix + "conv" + n, c.width, c.width, modes, c.mode_bits,
                   c.transform_bits),
          local(layout, prefix + "w" + n, prefix + "gate" + n, c.skip, c.width, true),
          has_mlp(c.channel_mlp > 0),
          twice(c.activates_twice) {
      if (!has_mlp) return;
      const std::string mlp = prefix + "mlp" + n;
      first = nn::Linear(layout, mlp + ".fc1", ops::RowKind::grid, c.width, c.channel_mlp);
      second = nn::Linear(layout, mlp + ".fc2", ops::RowKind::grid, c.channel_mlp, c.width);
      around = Skip(layout, prefix + "mlp_w" + n, prefix + "mlp_gate" + n, c.channel_skip, c.width,
                    false);
    }
    template <arithmetic A>
    typename A::Tensor operator()(A& a, const ops::GridShape& grid, const typename A::Tensor& x,
                                  core::Activation f) const {
      auto y = spectral(a, grid, x);
      y = arithmetics::activate_sum(a, f, std::move(y), local(a, x));
      if (!has_mlp) return twice ? arithmetics::activate(a, f, std::move(y)) : y;
      return arithmetics::activate_sum(a, f, around(a, x),
                                       second(a, first(a, y, core::Activation::gelu)));
    }
  };

  static const Config& check(const Config& c) {
    bool good = c.dims >= 1 && c.dims <= 3 && c.width > 0 && c.layers > 0 && c.inputs >= 0 &&
                c.outputs > 0 && c.projection > 0 && c.lifting >= 0 && c.channel_mlp >= 0;
    for (int a = 0; a < 3 && good; ++a)
      good =
          c.modes[static_cast<std::size_t>(a)] > 0 && c.padding[static_cast<std::size_t>(a)] >= 0;
    if (!good)
      throw Error("Fno", "1 to 3 dimensions and positive sizes",
                  "dims " + std::to_string(c.dims) + ", modes " + std::to_string(c.modes[0]) +
                      ", width " + std::to_string(c.width) + ", layers " +
                      std::to_string(c.layers) + ", inputs " + std::to_string(c.inputs) +
                      ", outputs " + std::to_string(c.outputs),
                  "Correct the configuration.");
    return c;
  }

  Config config_;
  nn::Linear lift_, lift2_, project_, project2_;
  std::vector<Block> blocks_;
};

}  // namespace amq

namespace amq::models {

static_assert(grid_model<Fno>);

}  // namespace amq::models
