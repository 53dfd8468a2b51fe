#pragma once
/// @file
/// What a pass costs, found by running the model's text on shapes.

#include <amq/arithmetic/bit_plan.hpp>
#include <amq/arithmetic/concept.hpp>
#include <amq/arithmetic/grid_concept.hpp>
#include <amq/arithmetic/quantizers.hpp>

#include <array>
#include <string>
#include <vector>

namespace amq {

/// One product of a pass.
struct ProductCost {
  std::string weight, point;
  RowKind kind = RowKind::node;
  bool adaptive = false;  ///< its rows' bits come from the plan
  Index rows = 0, in = 0, out = 0;
  int weight_bits = 0;
  double mean_bits = 0;                    ///< of a row
  double macs = 0;                         ///< rows * in * out
  double bops = 0;                         ///< sum over rows of in * out * weight bits * row bits
  double weight_bytes = 0, row_bytes = 0;  ///< packed codes
};

/// The cost of a pass. BOPs: one multiply-accumulate of a bits by b bits costs a * b; a float pass
/// is costed as 32 x 32.
struct PassCost {
  std::vector<ProductCost> products;
  double elementwise = 0;  ///< float operations outside products (additions, activations, norms)

  [[nodiscard]] double macs() const noexcept { return sum(&ProductCost::macs); }
  [[nodiscard]] double bops() const noexcept { return sum(&ProductCost::bops); }
  /// Weights as packed codes; scales and biases apart.
  [[nodiscard]] double weight_bytes() const noexcept { return sum(&ProductCost::weight_bytes); }
  [[nodiscard]] double float_bops() const noexcept { return macs() * 32.0 * 32.0; }

 private:
  [[nodiscard]] double sum(double ProductCost::*what) const noexcept {
    double s = 0;
    for (const auto& p : products) s += p.*what;
    return s;
  }
};

/// Runs a model's text on shapes.
class BasicCounting {
 public:
  struct Tensor {
    Index rows = 0, cols = 0;
    RowKind kind = RowKind::node;
  };
  struct Quantized {
    Index rows = 0, cols = 0;
    RowKind kind = RowKind::node;
    PointId point{};
  };

  BasicCounting(const ParameterLayout& layout, const Quantizers& quantizers, const BitPlan& plan)
      : layout_(&layout), quantizers_(&quantizers), plan_(&plan) {}

  [[nodiscard]] const PassCost& cost() const noexcept { return cost_; }

  Tensor input(MatrixView<const float> x, RowKind kind) { return {x.rows, x.cols, kind}; }
  Quantized quantize(PointId point, const Tensor& x) { return {x.rows, x.cols, x.kind, point}; }
  Tensor linear(WeightId id, const Quantized& x) {
    const WeightEntry& w = layout_->weight(id);
    const PointEntry& p = layout_->point(x.point);
    ProductCost c{w.name, p.name, x.kind, p.fixed_bits == 0, x.rows, w.in, w.columns_out()};
    c.weight_bits = quantizers_->weight_bits(w);
    const bool floats = plan_->uniform_bits == BitPlan::float_rows;
    double bits = static_cast<double>(x.rows) *
                  (p.fixed_bits && !floats ? p.fixed_bits : plan_->uniform_bits);
    if (!p.fixed_bits && !floats)
      if (const auto own = plan_->bits(x.point, p.kind, x.rows); !own.empty()) {
        bits = 0;
        for (const auto b : own) bits += b;
      }
    const double product = static_cast<double>(w.in) * static_cast<double>(c.out);
    c.mean_bits = x.rows ? bits / static_cast<double>(x.rows) : 0;
    c.macs = static_cast<double>(x.rows) * product;
    c.bops = bits * product * c.weight_bits;
    c.weight_bytes = product * c.weight_bits / 8 * static_cast<double>(w.groups);
    c.row_bytes = bits * static_cast<double>(w.in) / 8;
    const Index c_out = c.out;
    cost_.products.push_back(std::move(c));
    return {x.rows, c_out, x.kind};
  }
  Tensor activate(Activation, const Tensor& x) { return each(x, 8); }
  Tensor add(const Tensor& x, const Tensor&) { return each(x, 1); }
  Tensor subtract(const Tensor& x, const Tensor&) { return each(x, 1); }
  Tensor scale_columns(const Tensor& x, std::span<const float>) { return each(x, 1); }
  Tensor columns(const Tensor& x, Index, Index n) { return {x.rows, n, x.kind}; }
  Tensor concat(std::initializer_list<Tensor> xs) {
    Tensor y = *xs.begin();
    y.cols = 0;
    for (const Tensor& x : xs) y.cols += x.cols;
    return y;
  }
  Tensor gather(const Tensor& x, std::span<const std::int32_t> ids, RowKind kind) {
    return {static_cast<Index>(ids.size()), x.cols, kind};
  }
  Tensor edge_sum(const Tensor& x, const Tensor&, const Graph& g) {
    return each({g.n_edges(), x.cols, RowKind::edge}, 1);
  }
  Tensor segment_mean(const Tensor& x, const Graph& g) { return segment_sum(x, g); }
  Tensor segment_sum(const Tensor& x, const Graph& g) {
    each(x, 1);
    return {g.n_nodes(), x.cols, RowKind::node};
  }
  Tensor instance_norm(const Tensor& x) { return each(x, 5); }
  Tensor layer_norm(const Tensor& x, ParameterId, ParameterId) { return each(x, 7); }
  Tensor windows(const Tensor& x, const ops::Windows& w) {
    return {x.rows * w.count(), w.channels * w.kernel, x.kind};
  }
  Tensor fold_windows(const Tensor& x, Index n) { return {x.rows / n, x.cols * n, x.kind}; }
  Tensor gate(const Tensor& x, const Tensor&) { return each(x, 1); }
  Tensor choose_rows(std::span<const std::uint8_t>, const Tensor& x, const Tensor&) { return x; }
  /// Its two products are between float rows: 32 by 32 bits each.
  Tensor masked_attention(const Tensor& x, Index heads, std::span<const std::uint8_t>) {
    ProductCost c{"attention", "attention", x.kind, false, x.rows, 2 * x.cols / 3, x.rows};
    c.weight_bits = 32;
    c.mean_bits = 32;
    c.macs = static_cast<double>(x.rows) * static_cast<double>(x.rows) *
             static_cast<double>(2 * x.cols / 3);
    c.bops = c.macs * 32 * 32;
    cost_.products.push_back(std::move(c));
    each({x.rows, x.rows * heads, x.kind}, 8);
    return {x.rows, x.cols / 3, x.kind};
  }
  template <grid_operation Op>
  Tensor apply(const Op& op, const Tensor& x) {
    cost_.elementwise += op.cost({x.rows, x.cols});
    const auto s = op.shape({x.rows, x.cols});
    // Products of rows that have no codes: 32 by 32 bits each.
    if constexpr (requires { op.macs(MatrixShape{}); }) {
      const char* name = "attention";
      if constexpr (requires { Op::name; }) name = Op::name;
      ProductCost c{name, name, x.kind, false, x.rows, x.cols, s.cols};
      c.weight_bits = 32;
      c.mean_bits = 32;
      if constexpr (requires { op.bits.matrix; })
        if (op.bits) {
          c.weight_bits = op.bits.matrix;
          c.mean_bits = op.bits.rows;
        }
      c.macs = op.macs({x.rows, x.cols});
      c.bops = c.macs * c.weight_bits * c.mean_bits;
      cost_.products.push_back(std::move(c));
    }
    return {s.rows, s.cols, x.kind};
  }
  Tensor affine(const Tensor& x, ParameterId, ParameterId) { return each(x, 2); }
  [[nodiscard]] ProductBits product_bits(ProductBits wanted) const noexcept {
    return plan_->uniform_bits == BitPlan::float_rows ? ProductBits() : wanted;
  }

 private:
  Tensor each(const Tensor& x, double operations) {
    cost_.elementwise += operations * static_cast<double>(x.rows) * static_cast<double>(x.cols);
    return x;
  }
  const ParameterLayout* layout_;
  const Quantizers* quantizers_;
  const BitPlan* plan_;
  PassCost cost_;
};

template <typename Scheme>
class Counting : public BasicCounting {
 public:
  using scheme = Scheme;
  using BasicCounting::BasicCounting;
};

static_assert(grid_arithmetic<BasicCounting>);

/// Multiply-accumulates per row and adaptive point: what one bit of a row costs at 1-bit weights,
/// times weight bits. Indexed by PointId; 0 where the point's bits are fixed or it was not met.
[[nodiscard]] inline std::vector<double> bops_per_bit(const ParameterLayout& layout,
                                                      const PassCost& cost) {
  std::vector<double> per(layout.points().size(), 0.0);
  for (const ProductCost& c : cost.products) {
    if (!c.adaptive) continue;
    for (std::size_t p = 0; p < per.size(); ++p)
      if (layout.points()[p].name == c.point)
        per[p] += static_cast<double>(c.in) * static_cast<double>(c.out) * c.weight_bits;
  }
  return per;
}

}  // namespace amq
