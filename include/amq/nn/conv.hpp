#pragma once
/// @file
/// Convolutions on regular grids as products of patches: in 1, 2 and 3 dimensions, with strides,
/// transposed, with the batch norm that may follow.

#include <amq/nn/linear.hpp>
#include <amq/ops/convolution.hpp>
#include <amq/ops/group_norm.hpp>

#include <string>
#include <utility>
#include <vector>

namespace amq::nn {

struct ConvShape {
  int dims = 2;
  Index in = 1, out = 1;
  Index kernel = 3;  ///< along each axis
  Index stride = 1, padding = 1;
  Padding beyond = Padding::zero;
  bool bias = true;

  [[nodiscard]] Index taps() const noexcept {
    Index n = 1;
    for (int a = 0; a < dims; ++a) n *= kernel;
    return n;
  }
  [[nodiscard]] std::vector<Index> weight_shape(Index first, Index second) const {
    std::vector<Index> s{first, second};
    s.insert(s.end(), static_cast<std::size_t>(dims), kernel);
    return s;
  }
  /// @throws Error for sizes that make no layer
  void check(const std::string& name) const {
    if (dims < 1 || dims > 3 || in < 1 || out < 1 || kernel < 1 || stride < 1 || padding < 0)
      throw Error(name, "1 to 3 dimensions and positive sizes",
                  std::to_string(dims) + " dimensions, " + std::to_string(in) + " to " +
                      std::to_string(out) + " channels, kernel " + std::to_string(kernel) +
                      ", stride " + std::to_string(stride) + ", padding " + std::to_string(padding),
                  "Correct the configuration.");
  }
};

/// torch.nn.Conv1d to Conv3d, (sample x point, in) -> (sample x output point, out). A row that
/// meets integers is a patch of kernel^dims points, on one grid of its own: the cost is that a
/// point is encoded once for every patch it lies in. Parameters `name.weight` (out, in, kernel...),
/// and `name.bias`.
class Conv {
 public:
  Conv() = default;
  /// @param batch_norm  name of the batch norm that follows, or empty; the layer then has no bias
  /// @param bits  0: the row's own bits; else the same for every row in every scheme
  Conv(ParameterLayout& layout, const std::string& name, const ConvShape& shape,
       const std::string& batch_norm = "", int bits = 0)
      : shape_(shape) {
    shape.check(name);
    const Index taps = shape.taps(), fan_in = shape.in * taps;
    const auto w =
        layout.add(name + ".weight", shape.weight_shape(shape.out, shape.in), Init::fan_in(fan_in));
    const auto b = shape.bias
                       ? layout.add(name + ".bias", {shape.out}, Init::fan_in(fan_in), Role::vector)
                       : no_parameter;
    std::vector<Index> row, column;
    for (Index n = 0; n < shape.out; ++n) row.push_back(n * fan_in);
    for (Index t = 0; t < taps; ++t)
      for (Index c = 0; c < shape.in; ++c) column.push_back(c * taps + t);
    weight_ = taps == 1 ? layout.add_weight(name, {{w, 0, fan_in, b}})
                        : layout.add_mapped_weight(name, w, std::move(row), std::move(column), b);
    if (!batch_norm.empty()) layout.add_batch_norm(weight_, batch_norm);
    point_ = layout.add_point(name + ".patches", RowKind::grid, fan_in, bits);
  }
  /// @param f  what the result goes through, after the batch norm
  /// @throws Error where the grid is too small, or of another dimension
  template <arithmetic A>
  typename A::Tensor operator()(A& a, const GridShape& grid, const typename A::Tensor& x,
                                Activation f = Activation::none) const {
    if (shape_.kernel == 1 && shape_.stride == 1 && shape_.padding == 0)
      return dense(a, point_, weight_, x, f);
    return convolve(a, patches(grid), point_, weight_, x, f);
  }
  /// Of the result.
  [[nodiscard]] GridShape grid(const GridShape& g) const { return patches(g).to; }

 private:
  [[nodiscard]] ops::Patches patches(const GridShape& g) const {
    if (g.dims != shape_.dims)
      throw Error("convolution", std::to_string(shape_.dims) + " axes", g.text(),
                  "Pass a grid of the model's dimension.");
    return {g, shape_.kernel, shape_.stride, shape_.padding, shape_.beyond};
  }

  ConvShape shape_;
  WeightId weight_{};
  PointId point_{};
};

/// torch.nn.ConvTranspose1d to ConvTranspose3d for kernels that are a multiple of the stride:
/// (sample x point, in) -> (sample x output point, out). A block of kernel / stride points along
/// each axis determines the stride output points between its last two: one product of patches gives
/// all of them, nothing is multiplied by an inserted zero and nothing is summed twice. Parameters
/// `name.weight` (in, out, kernel...), `name.bias`.
class TransposedConv {
 public:
  TransposedConv() = default;
  /// @throws Error unless the stride divides the kernel and the padding is less than the kernel
  TransposedConv(ParameterLayout& layout, const std::string& name, const ConvShape& shape,
                 int bits = 0)
      : shape_(shape) {
    shape.check(name);
    if (shape.kernel % shape.stride != 0 || shape.padding >= shape.kernel)
      throw Error(name, "a kernel that the stride divides, and less padding than that",
                  "kernel " + std::to_string(shape.kernel) + ", stride " +
                      std::to_string(shape.stride) + ", padding " + std::to_string(shape.padding),
                  "Take kernel 2 or 4 with stride 2.");
    const Index taps = shape.taps(), width = shape.kernel / shape.stride;
    const auto w = layout.add(name + ".weight", shape.weight_shape(shape.in, shape.out),
                              Init::fan_in(shape.out * taps));
    const auto b = shape.bias ? layout.add(name + ".bias", {shape.out},
                                           Init::fan_in(shape.out * taps), Role::vector)
                              : no_parameter;
    // Sub-point s of an axis hears the tap s + stride (width - 1 - j) of the block's point j.
    std::vector<Index> row, column;
    for (const Index s : lattice(shape.stride, 1, 0))
      for (Index o = 0; o < shape.out; ++o) row.push_back(o * taps + s);
    for (const Index j : lattice(width, -shape.stride, shape.stride * (width - 1)))
      for (Index c = 0; c < shape.in; ++c) column.push_back(c * shape.out * taps + j);
    weight_ = layout.add_mapped_weight(name, w, std::move(row), std::move(column), b);
    point_ = layout.add_point(name + ".patches", RowKind::grid,
                              shape.in * (taps / count(shape.stride)), bits);
  }
  template <arithmetic A>
  typename A::Tensor operator()(A& a, const GridShape& g, const typename A::Tensor& x) const {
    const Index width = shape_.kernel / shape_.stride;
    const GridShape to = grid(g);
    const ops::Patches patches(g, width, 1, width - 1);
    const auto rows =
        width == 1 ? dense(a, point_, weight_, x) : convolve(a, patches, point_, weight_, x);
    return a.apply(ops::SpreadSubpoints{patches.to, to, shape_.stride, shape_.padding}, rows);
  }
  /// Of the result: stride (n - 1) + kernel - 2 padding points along each axis.
  /// @throws Error for a grid of another dimension
  [[nodiscard]] GridShape grid(const GridShape& g) const {
    if (g.dims != shape_.dims)
      throw Error("transposed convolution", std::to_string(shape_.dims) + " axes", g.text(),
                  "Pass a grid of the model's dimension.");
    GridShape to = g;
    for (int a = 0; a < g.dims; ++a) {
      to[a] = shape_.stride * (g[a] - 1) + shape_.kernel - 2 * shape_.padding;
      if (to[a] < 1)
        throw Error("transposed convolution", "at least one point in the result", g.text(),
                    "Take less padding or a finer grid.");
    }
    return to;
  }

 private:
  /// factor i + shift along each axis, i < n, as places in the kernel, the last axis fastest.
  [[nodiscard]] std::vector<Index> lattice(Index n, Index factor, Index shift) const {
    std::vector<Index> places{0};
    for (int a = 0; a < shape_.dims; ++a) {
      std::vector<Index> next;
      for (const Index p : places)
        for (Index i = 0; i < n; ++i) next.push_back(p * shape_.kernel + factor * i + shift);
      places.swap(next);
    }
    return places;
  }
  [[nodiscard]] Index count(Index per_axis) const noexcept {
    Index n = 1;
    for (int a = 0; a < shape_.dims; ++a) n *= per_axis;
    return n;
  }

  ConvShape shape_;
  WeightId weight_{};
  PointId point_{};
};

/// torch.nn.GroupNorm: parameters `name.weight`, `name.bias`.
struct GroupNorm {
  ParameterId gamma = no_parameter, beta = no_parameter;
  Index groups = 1;

  GroupNorm() = default;
  /// @throws Error unless the groups divide the channels
  GroupNorm(ParameterLayout& layout, const std::string& name, Index channels, Index n_groups)
      : groups(n_groups) {
    if (groups < 1 || channels % groups != 0)
      throw Error("group norm " + name,
                  "groups that divide " + std::to_string(channels) + " channels",
                  std::to_string(groups) + " groups", "Correct the configuration.");
    gamma = layout.add(name + ".weight", {channels}, Init::constant(1), Role::vector);
    beta = layout.add(name + ".bias", {channels}, Init::constant(0), Role::vector);
  }
  template <arithmetic A>
  typename A::Tensor operator()(A& a, const GridShape& grid, const typename A::Tensor& x) const {
    if (gamma == no_parameter) return x;
    return a.apply(ops::Affine{}, a.apply(ops::GroupNorm{grid.samples, groups}, x), gamma, beta);
  }
};

}  // namespace amq::nn
