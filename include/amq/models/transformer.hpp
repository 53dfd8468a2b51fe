#pragma once
/// @file
/// Transformers on regular grids: one over patches with softmax attention, and the one without
/// softmax whose cost grows with the points (Cao 2021).

#include <amq/models/grid_model.hpp>
#include <amq/nn/conv.hpp>
#include <amq/nn/grid_attention.hpp>
#include <amq/nn/linear.hpp>
#include <amq/nn/spectral_conv.hpp>
#include <amq/ops/interpolation.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace amq::models {

struct PatchTransformerConfig {
  int dims = 2;
  Index inputs = 10;  ///< channels of the given field
  Index outputs = 1;
  Index patch = 4;  ///< points of a token along each axis
  Index width = 128;
  Index layers = 6;
  Index heads = 4;
  Index mlp_ratio = 4;
  int edge_of_net_bits = 8;      ///< last layer's rows, in every scheme
  int input_bits = 16;           ///< given fields and positions
  ProductBits attention_bits{};  ///< of products between rows, in every scheme; none: float

  [[nodiscard]] GridChannels channels() const noexcept { return {dims, inputs, outputs}; }
  /// Every setting by name, as files keep it.
  template <typename Self, typename Visit>
  static void each(Self& c, const Visit& visit) {
    visit("dims", c.dims);
    visit("inputs", c.inputs);
    visit("outputs", c.outputs);
    visit("patch", c.patch);
    visit("width", c.width);
    visit("layers", c.layers);
    visit("heads", c.heads);
    visit("mlp_ratio", c.mlp_ratio);
    visit("edge_of_net_bits", c.edge_of_net_bits);
    visit("input_bits", c.input_bits);
    visit("attention_bits", c.attention_bits);
  }
};

}  // namespace amq::models

namespace amq {

/// A vision transformer (Dosovitskiy et al. 2021) from field to field: patches become tokens,
/// blocks of softmax attention, a norm, and every token gives the points of its patch. Where a
/// token lies it knows from its points' positions, so that one network runs on any grid. Parameter
/// names are timm's.
class PatchTransformer {
 public:
  using Config = models::PatchTransformerConfig;
  static constexpr std::string_view name = "PatchTransformer";

  /// @throws Error for sizes that make no network
  explicit PatchTransformer(arithmetics::ParameterLayout& layout, const Config& config,
                            const std::string& prefix = "")
      : config_(check(config)) {
    Index points = 1;
    for (int a = 0; a < config.dims; ++a) points *= config.patch;
    embed_ = nn::Conv(
        layout, prefix + "patch_embed.proj",
        {config.dims, config.inputs + config.dims, config.width, config.patch, config.patch, 0}, "",
        config.input_bits);
    for (Index l = 0; l < config.layers; ++l)
      blocks_.emplace_back(layout, prefix + "blocks." + std::to_string(l), config.width,
                           config.heads, config.mlp_ratio * config.width, config.attention_bits);
    norm_ = nn::LayerNorm(layout, prefix + "norm", config.width);
    head_ = nn::Linear(layout, prefix + "head", ops::RowKind::grid, config.width,
                       points * config.outputs, config.edge_of_net_bits);
  }
  [[nodiscard]] const Config& config() const noexcept { return config_; }

  /// @param u  (sample x point, inputs)
  /// @param x  (sample x point, dims): positions in the unit box
  /// @returns  (sample x point, outputs)
  /// @throws Error for other shapes, numbers that are not finite, axes that are no whole patches
  template <arithmetic A>
  typename A::Tensor operator()(A& a, const ops::GridShape& grid, MatrixView<const float> u,
                                MatrixView<const float> x) const {
    check_sizes(grid);
    ops::check_grid_input("PatchTransformer, input u", grid, u, config_.inputs);
    ops::check_grid_input("PatchTransformer, input x", grid, x, config_.dims);
    const ops::GridShape tokens = embed_.grid(grid);
    auto f =
        embed_(a, grid, a.concat({a.input(u, ops::RowKind::grid), a.input(x, ops::RowKind::grid)}));
    for (const auto& block : blocks_) f = block(a, tokens, f);
    return a.apply(ops::SpreadSubpoints{tokens, grid, config_.patch, 0}, head_(a, norm_(a, f)));
  }

 private:
  static const Config& check(const Config& c) {
    if (c.dims < 1 || c.dims > 3 || c.inputs < 1 || c.outputs < 1 || c.patch < 1 || c.layers < 0 ||
        c.mlp_ratio < 1)
      throw Error("PatchTransformer", "1 to 3 dimensions and positive sizes",
                  "dims " + std::to_string(c.dims) + ", inputs " + std::to_string(c.inputs) +
                      ", outputs " + std::to_string(c.outputs) + ", patch " +
                      std::to_string(c.patch) + ", layers " + std::to_string(c.layers) +
                      ", mlp_ratio " + std::to_string(c.mlp_ratio),
                  "Correct the configuration.");
    nn::detail::check_heads("of PatchTransformer", c.width, c.heads);
    return c;
  }
  void check_sizes(const ops::GridShape& g) const {
    bool good = g.dims == config_.dims;
    for (int a = 0; a < g.dims; ++a) good = good && g[a] % config_.patch == 0;
    if (!good)
      throw Error("PatchTransformer",
                  std::to_string(config_.dims) + " axes of a multiple of " +
                      std::to_string(config_.patch) + " points",
                  g.text(), "Take another patch, or interpolate the fields to such a grid.");
  }

  Config config_;
  nn::Conv embed_;
  std::vector<nn::SoftmaxBlock> blocks_;
  nn::LayerNorm norm_;
  nn::Linear head_;
};

}  // namespace amq

namespace amq::models {

struct GalerkinTransformerConfig {
  int dims = 2;
  Index inputs = 10;  ///< channels of the given field
  Index outputs = 1;
  Index width = 128;
  Index layers = 6;
  Index heads = 4;
  Index hidden = 256;  ///< of the feed-forward networks
  nn::LinearAttentionKind kind = nn::LinearAttentionKind::galerkin;
  double norm_eps = 1e-7;
  /// More than 1: tokens are blocks of so many points along each axis, by a strided convolution;
  /// the encoder's result is interpolated back. The published network does as much with
  /// convolutions of its own between 141 and 43 points.
  Index coarsen = 1;
  Index modes = 12;  ///< of the decoder's spectral layers, along each axis
  Index spectral_width = 32;
  Index spectral_layers = 2;
  Index projection = 128;         ///< hidden channels of the last two layers
  bool decoder_positions = true;  ///< positions join the encoder's result, as published in 2-D
  int edge_of_net_bits = 8;       ///< last layer's rows, in every scheme
  int input_bits = 16;            ///< given fields and positions

  [[nodiscard]] GridChannels channels() const noexcept { return {dims, inputs, outputs}; }
  /// Every setting by name, as files keep it.
  template <typename Self, typename Visit>
  static void each(Self& c, const Visit& visit) {
    visit("dims", c.dims);
    visit("inputs", c.inputs);
    visit("outputs", c.outputs);
    visit("width", c.width);
    visit("layers", c.layers);
    visit("heads", c.heads);
    visit("hidden", c.hidden);
    visit("kind", c.kind);
    visit("norm_eps", c.norm_eps);
    visit("coarsen", c.coarsen);
    visit("modes", c.modes);
    visit("spectral_width", c.spectral_width);
    visit("spectral_layers", c.spectral_layers);
    visit("projection", c.projection);
    visit("decoder_positions", c.decoder_positions);
    visit("edge_of_net_bits", c.edge_of_net_bits);
    visit("input_bits", c.input_bits);
  }

  /// Burgers of the public examples: fourier attention, one head.
  [[nodiscard]] static GalerkinTransformerConfig burgers(Index inputs = 1, Index outputs = 1) {
    GalerkinTransformerConfig c;
    c.dims = 1;
    c.inputs = inputs;
    c.outputs = outputs;
    c.width = 96;
    c.layers = 4;
    c.heads = 1;
    c.hidden = 192;
    c.kind = nn::LinearAttentionKind::fourier;
    c.norm_eps = 1e-5;
    c.modes = 16;
    c.spectral_width = 48;
    c.projection = 96;
    c.decoder_positions = false;
    return c;
  }
};

}  // namespace amq::models

namespace amq {

/// Lift, blocks of attention without softmax, spectral layers SiLU(spectral convolution + linear),
/// project. Parameter names are those of the public implementation (libs/model.py of
/// scaomath/galerkin-transformer) but for the spectral weights, which SpectralConv::assign_torch()
/// takes; its rfft is "ortho", which cancels.
class GalerkinTransformer {
 public:
  using Config = models::GalerkinTransformerConfig;
  static constexpr std::string_view name = "GalerkinTransformer";

  /// @throws Error for sizes that make no network
  explicit GalerkinTransformer(arithmetics::ParameterLayout& layout, const Config& config,
                               const std::string& prefix = "")
      : config_(check(config)) {
    const Index given = config.inputs + config.dims;
    if (config.coarsen > 1)
      coarse_lift_ = nn::Conv(layout, prefix + "downscaler.conv",
                              {config.dims, given, config.width, config.coarsen, config.coarsen, 0},
                              "", config.input_bits);
    else
      lift_ = nn::Linear(layout, prefix + "feat_extract.id", ops::RowKind::grid, given,
                         config.width, config.input_bits);
    for (Index l = 0; l < config.layers; ++l)
      blocks_.emplace_back(layout, prefix + "encoder_layers." + std::to_string(l), config.width,
                           config.heads, config.hidden, config.dims, config.kind, config.norm_eps);
    const std::string decoder = prefix + "regressor.";
    Index in = config.width;
    if (config.decoder_positions) {
      join_ = nn::Linear(layout, decoder + "fc", ops::RowKind::grid, in + config.dims,
                         config.spectral_width);
      in = config.spectral_width;
    }
    ops::SpectralModes modes;
    modes.dims = config.dims;
    for (int a = 0; a < config.dims; ++a) modes.m[static_cast<std::size_t>(a)] = config.modes;
    for (Index l = 0; l < config.spectral_layers; ++l, in = config.spectral_width) {
      const std::string n = decoder + "spectral_conv." + std::to_string(l);
      spectral_.emplace_back(layout, n, in, config.spectral_width, modes);
      local_.emplace_back(layout, n + ".linear", ops::RowKind::grid, in, config.spectral_width);
    }
    project_ = nn::Linear(layout, decoder + "regressor.0", ops::RowKind::grid, in,
                          config.projection, config.edge_of_net_bits);
    project2_ = nn::Linear(layout, decoder + "regressor.2", ops::RowKind::grid, config.projection,
                           config.outputs, config.edge_of_net_bits);
  }
  [[nodiscard]] const Config& config() const noexcept { return config_; }
  [[nodiscard]] const nn::SpectralConv& spectral(Index layer) const {
    return spectral_.at(static_cast<std::size_t>(layer));
  }

  /// @param u  (sample x point, inputs)
  /// @param x  (sample x point, dims): positions in the unit box
  /// @returns  (sample x point, outputs)
  /// @throws Error for other shapes, numbers that are not finite, grids too small for the modes or
  ///         that are no whole blocks
  template <arithmetic A>
  typename A::Tensor operator()(A& a, const ops::GridShape& grid, MatrixView<const float> u,
                                MatrixView<const float> x) const {
    check_sizes(grid);
    ops::check_grid_input("GalerkinTransformer, input u", grid, u, config_.inputs);
    ops::check_grid_input("GalerkinTransformer, input x", grid, x, config_.dims);
    const auto positions = a.input(x, ops::RowKind::grid);
    const auto given = a.concat({a.input(u, ops::RowKind::grid), positions});
    ops::GridShape tokens = grid;
    auto at = positions;
    typename A::Tensor f;
    if (config_.coarsen > 1) {
      tokens = coarse_lift_.grid(grid);
      at = a.apply(ops::MeanPool(grid, config_.coarsen), positions);
      f = coarse_lift_(a, grid, given);
    } else {
      f = lift_(a, given);
    }
    for (const auto& block : blocks_) f = block(a, tokens, f, at);
    if (config_.coarsen > 1)
      f = a.apply(ops::Interpolate{tokens, grid, mesh::GridPoints::centres}, f);
    if (config_.decoder_positions) f = join_(a, a.concat({f, positions}));
    for (std::size_t l = 0; l < spectral_.size(); ++l)
      f = arithmetics::activate_sum(a, core::Activation::swish, spectral_[l](a, grid, f),
                                    local_[l](a, f));
    return project2_(a, project_(a, f, core::Activation::swish));
  }

 private:
  static const Config& check(const Config& c) {
    if (c.dims < 1 || c.dims > 3 || c.inputs < 1 || c.outputs < 1 || c.layers < 0 || c.hidden < 1 ||
        c.coarsen < 1 || c.modes < 1 || c.spectral_width < 1 || c.spectral_layers < 0 ||
        c.projection < 1)
      throw Error("GalerkinTransformer", "1 to 3 dimensions and positive sizes",
                  "dims " + std::to_string(c.dims) + ", inputs " + std::to_string(c.inputs) +
                      ", outputs " + std::to_string(c.outputs) + ", layers " +
                      std::to_string(c.layers) + ", hidden " + std::to_string(c.hidden) +
                      ", coarsen " + std::to_string(c.coarsen) + ", modes " +
                      std::to_string(c.modes) + ", projection " + std::to_string(c.projection),
                  "Correct the configuration.");
    nn::detail::check_heads("of GalerkinTransformer", c.width, c.heads);
    return c;
  }
  void check_sizes(const ops::GridShape& g) const {
    bool good = g.dims == config_.dims;
    for (int a = 0; a < g.dims; ++a) good = good && g[a] % config_.coarsen == 0;
    if (!good)
      throw Error("GalerkinTransformer",
                  std::to_string(config_.dims) + " axes of a multiple of " +
                      std::to_string(config_.coarsen) + " points",
                  g.text(), "Take another coarsening, or interpolate the fields to such a grid.");
  }

  Config config_;
  nn::Conv coarse_lift_;
  nn::Linear lift_, join_, project_, project2_;
  std::vector<nn::LinearAttentionBlock> blocks_;
  std::vector<nn::SpectralConv> spectral_;
  std::vector<nn::Linear> local_;
};

}  // namespace amq

namespace amq::models {

static_assert(grid_model<PatchTransformer>);
static_assert(grid_model<GalerkinTransformer>);

}  // namespace amq::models
