#pragma once
/// @file
/// The spectral convolution of Fourier neural operators (Li et al. 2021, "Fourier neural operator
/// for parametric partial differential equations", eq. 4).

#include <amq/arithmetic/concept.hpp>
#include <amq/ops/spectral.hpp>

#include <span>
#include <string>
#include <vector>

namespace amq::nn {

/// irfftn(R rfftn(x)) with one complex (in, out) matrix R for each kept mode, PyTorch's "backward"
/// norm. The rows that meet integers are the modes: real and imaginary part of a mode are a row
/// each, quantized like any other, and [Wr | Wi] are the output channels of that mode. The
/// transforms run in float unless they are given bits.
///
/// The parameter `name.weights` is (mode, {re, im}, out, in) real; assign_torch() takes the blocks
/// (in, out, m0, m1.., 2) of the public implementations.
class SpectralConv {
 public:
  SpectralConv() = default;
  SpectralConv(ParameterLayout& layout, const std::string& name, Index in, Index out,
               const SpectralModes& modes, int bits = 0, ProductBits transforms = {})
      : modes_(modes), transforms_(transforms), in_(in), out_(out) {
    transforms.check(name);
    parameter_ = layout.add(name + ".weights", {modes.count() * 2 * out, in},
                            Init::positive(1.0f / static_cast<float>(in * out)));
    weight_ = layout.add_grouped_weight(name, parameter_, modes.count());
    point_ = layout.add_point(name + ".modes", RowKind::grid, in, bits);
  }
  /// (sample x point, in) -> (sample x point, out). @throws Error where the grid is too small
  template <arithmetic A>
  typename A::Tensor operator()(A& a, const GridShape& grid, const typename A::Tensor& x) const {
    modes_.check(grid);
    const ProductBits bits = a.product_bits(transforms_);
    const auto spectrum = a.apply(ops::SpectralForward{grid, modes_, bits}, x);
    return a.apply(ops::SpectralInverse{grid, modes_, bits},
                   a.linear(weight_, a.quantize(point_, spectrum)));
  }
  /// The shape of a corner's block in PyTorch, {re, im} as its last axis: (in, out, m0, .., 2).
  [[nodiscard]] std::vector<Index> torch_shape() const {
    std::vector<Index> shape{in_, out_};
    for (int a = 0; a < modes_.dims; ++a) shape.push_back(modes_.m[static_cast<std::size_t>(a)]);
    shape.push_back(2);
    return shape;
  }
  /// The shape of one tensor of all modes, whose frequencies ascend from -m: (in, out, 2 m0, .., m,
  /// 2).
  [[nodiscard]] std::vector<Index> ascending_shape() const {
    std::vector<Index> shape{in_, out_};
    for (int a = 0; a < modes_.dims; ++a) shape.push_back(modes_.kept(a));
    shape.push_back(2);
    return shape;
  }
  /// Takes neuraloperator's complex weights (in, out, frequencies...), one tensor for all corners:
  /// frequencies -m .. m - 1 of every axis but the last, which has 0 .. m - 1.
  /// @throws Error for another number of values
  void assign_ascending(const ParameterLayout& layout, Parameters& p,
                        std::span<const float> all) const {
    const Index per = modes_.count();
    const auto& e = layout.entry(parameter_);
    if (static_cast<Index>(all.size()) != 2 * in_ * out_ * per)
      throw Error(e.name, std::to_string(2 * in_ * out_ * per) + " numbers for all modes",
                  std::to_string(all.size()), "Check width, modes and dimension of the model.");
    float* w = p.view(e).data;
    for (Index k = 0; k < per; ++k) {
      Index left = k, mode = 0, stride = 1;
      for (int a = modes_.dims - 1; a >= 0; --a) {
        const Index n = modes_.kept(a), m = modes_.m[static_cast<std::size_t>(a)];
        const Index at = left % n;
        mode += (a + 1 == modes_.dims ? at : (at + m) % n) * stride;
        left /= n;
        stride *= n;
      }
      for (Index i = 0; i < in_; ++i)
        for (Index o = 0; o < out_; ++o)
          for (Index part = 0; part < 2; ++part)
            w[((mode * 2 + part) * out_ + o) * in_ + i] =
                all[static_cast<std::size_t>(((i * out_ + o) * per + k) * 2 + part)];
    }
  }
  /// Takes a block of PyTorch's complex weights (in, out, m...), real and imaginary parts beside
  /// each other. Bit a of `corner` is set where the block holds the negative frequencies of axis a:
  /// weights1 is 0, weights2 is 1, weights3 is 2, weights4 is 3.
  /// @throws Error for another number of values
  void assign_torch(const ParameterLayout& layout, Parameters& p, int corner,
                    std::span<const float> block) const {
    const Index per = modes_.m[0] * modes_.m[1] * modes_.m[2];
    const auto& e = layout.entry(parameter_);
    if (static_cast<Index>(block.size()) != 2 * in_ * out_ * per || corner < 0 ||
        corner >= (1 << (modes_.dims - 1)))
      throw Error(e.name, std::to_string(2 * in_ * out_ * per) + " numbers for a corner's modes",
                  std::to_string(block.size()) + " for corner " + std::to_string(corner),
                  "Check width, modes and dimension of the model.");
    float* w = p.view(e).data;
    for (Index i = 0; i < in_; ++i)
      for (Index o = 0; o < out_; ++o)
        for (Index k = 0; k < per; ++k) {
          Index left = k, mode = 0, stride = 1;
          for (int a = modes_.dims - 1; a >= 0; --a) {
            const Index m = modes_.m[static_cast<std::size_t>(a)];
            const bool negative = a + 1 < modes_.dims && (corner >> a & 1) != 0;
            mode += (left % m + (negative ? m : 0)) * stride;
            left /= m;
            stride *= modes_.kept(a);
          }
          for (Index part = 0; part < 2; ++part)
            w[((mode * 2 + part) * out_ + o) * in_ + i] =
                block[static_cast<std::size_t>(((i * out_ + o) * per + k) * 2 + part)];
        }
  }
  [[nodiscard]] const SpectralModes& modes() const noexcept { return modes_; }

 private:
  SpectralModes modes_;
  ProductBits transforms_;
  Index in_ = 0, out_ = 0;
  ParameterId parameter_ = no_parameter;
  WeightId weight_{};
  PointId point_{};
};

}  // namespace amq::nn
