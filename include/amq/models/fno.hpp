#pragma once
/// @file
/// The Fourier neural operator in 1, 2 and 3 dimensions, as PDEBench has it (pdebench/models/fno)
/// and as it was published (Li et al. 2021, fourier_1d.py to fourier_3d.py): the two differ in
/// padding and sizes alone.

#include <amq/models/grid_model.hpp>
#include <amq/nn/linear.hpp>
#include <amq/nn/spectral_conv.hpp>
#include <amq/ops/resize.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace amq {

struct FnoConfig {
  int dims = 2;
  std::array<Index, 3> modes{12, 12, 12};  ///< of each axis
  Index width = 20;
  Index layers = 4;
  Index inputs = 10;  ///< channels of the given field: past steps x components
  Index outputs = 1;
  Index projection = 128;                 ///< hidden channels of the last two layers
  std::array<Index, 3> padding{2, 2, 0};  ///< zeros at the far end of each axis
  int edge_of_net_bits = 8;               ///< last layer's rows, in every scheme
  int input_bits = 16;                    ///< given fields and positions
  int mode_bits = 0;                      ///< of modes, few rows that carry much; 0: the scheme's
  ProductBits transform_bits{};           ///< of Fourier transforms, in every scheme; none: float

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
};

/// Lift, four layers of GELU(spectral convolution + 1x1 convolution), project; no GELU after the
/// last. Parameter names are those of the public implementations, but for the spectral weights.
class Fno {
 public:
  using Config = FnoConfig;
  static constexpr std::string_view name = "Fno";

  /// @throws Error for sizes that make no network
  explicit Fno(ParameterLayout& layout, const Config& config, const std::string& prefix = "")
      : config_(check(config)) {
    const Index w = config.width;
    SpectralModes modes;
    modes.dims = config.dims;
    for (int a = 0; a < config.dims; ++a)
      modes.m[static_cast<std::size_t>(a)] = config.modes[static_cast<std::size_t>(a)];
    lift_ = nn::Linear(layout, prefix + "fc0", RowKind::grid, config.inputs + config.dims, w,
                       config.input_bits);
    for (Index l = 0; l < config.layers; ++l) {
      const std::string n = std::to_string(l);
      spectral_.emplace_back(layout, prefix + "conv" + n, w, w, modes, config.mode_bits,
                             config.transform_bits);
      local_.emplace_back(layout, prefix + "w" + n, RowKind::grid, w, w);
    }
    project_ = nn::Linear(layout, prefix + "fc1", RowKind::grid, w, config.projection,
                          config.edge_of_net_bits);
    project2_ = nn::Linear(layout, prefix + "fc2", RowKind::grid, config.projection, config.outputs,
                           config.edge_of_net_bits);
  }
  [[nodiscard]] const Config& config() const noexcept { return config_; }
  [[nodiscard]] const nn::SpectralConv& spectral(Index layer) const {
    return spectral_.at(static_cast<std::size_t>(layer));
  }

  /// @param u  (sample x point, inputs)
  /// @param x  (sample x point, dims): positions in the unit box
  /// @returns  (sample x point, outputs)
  /// @throws Error for other shapes, numbers that are not finite, grids too small for the modes
  template <arithmetic A>
  typename A::Tensor operator()(A& a, const GridShape& grid, MatrixView<const float> u,
                                MatrixView<const float> x) const {
    check_grid_input("Fno, input u", grid, u, config_.inputs);
    check_grid_input("Fno, input x", grid, x, config_.dims);
    auto f = lift_(a, a.concat({a.input(u, RowKind::grid), a.input(x, RowKind::grid)}));
    GridShape padded = grid;
    for (int k = 0; k < grid.dims; ++k) padded[k] += config_.padding[static_cast<std::size_t>(k)];
    const bool pads = !(padded == grid);
    if (pads) f = a.apply(ops::Resize{grid, padded}, f);
    for (std::size_t l = 0; l < spectral_.size(); ++l) {
      auto spectral = spectral_[l](a, padded, f);
      f = activate_sum(a, l + 1 < spectral_.size() ? Activation::gelu : Activation::none,
                       std::move(spectral), local_[l](a, f));
    }
    if (pads) f = a.apply(ops::Resize{padded, grid}, f);
    return project2_(a, project_(a, f, Activation::gelu));
  }

 private:
  static const Config& check(const Config& c) {
    bool good = c.dims >= 1 && c.dims <= 3 && c.width > 0 && c.layers > 0 && c.inputs >= 0 &&
                c.outputs > 0 && c.projection > 0;
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
  nn::Linear lift_, project_, project2_;
  std::vector<nn::SpectralConv> spectral_;
  std::vector<nn::Linear> local_;
};
static_assert(grid_model<Fno>);

}  // namespace amq
