#pragma once
/// @file
/// What a pass costs, found by running the model's text on shapes.

#include <amq/arithmetic/bit_plan.hpp>
#include <amq/arithmetic/concept.hpp>
#include <amq/arithmetic/live_rows.hpp>
#include <amq/arithmetic/quantizers.hpp>
#include <amq/ops/elementwise.hpp>

#include <array>
#include <string>
#include <vector>

namespace amq::arithmetics {

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
  PointId id{};                            ///< of `point`, where adaptive
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
      : layout_(&layout), quantizers_(&quantizers), plan_(&plan) {
    live_.begin(plan);
  }

  [[nodiscard]] const PassCost& cost() const noexcept { return cost_; }

  Tensor input(MatrixView<const float> x, RowKind kind) { return {x.rows, x.cols, kind}; }
  Quantized quantize(PointId point, const Tensor& x) { return {x.rows, x.cols, x.kind, point}; }
  Tensor linear(WeightId id, const Quantized& x) {
    const WeightEntry& w = layout_->weight(id);
    const PointEntry& p = layout_->point(x.point);
    ProductCost c{w.name, p.name, x.kind, p.fixed_bits == 0, x.rows, w.in, w.columns_out()};
    c.id = x.point;
    c.weight_bits = quantizers_->weight_bits(w);
    const bool floats = plan_->uniform_bits == BitPlan::float_rows;
    double bits = static_cast<double>(x.rows) *
                  (p.fixed_bits && !floats ? p.fixed_bits : plan_->uniform_bits);
    if (!p.fixed_bits && !floats)
      if (const auto own = live_.bits(x.point, p.kind, x.rows); !own.empty()) {
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
  /// Of the branch, those rows alone that have bits at the point.
  template <typename Branch>
  Tensor residual(PointId id, const Tensor& x, const Branch& branch) {
    const PointEntry& point = layout_->point(id);
    const auto bits =
        point.fixed_bits ? std::span<const std::uint8_t>{} : live_.bits(id, point.kind, x.rows);
    if (bits.empty() && !point.fixed_bits && plan_->uniform_bits == 0) return x;
    if (!LiveRows::any_of_zero(bits)) return apply(ops::Add{}, x, branch(x));
    live_.with(bits, [&](const LiveRows::Rows& rows) {
      Tensor some = x;
      some.rows = static_cast<Index>(rows.size());
      apply(ops::Add{}, some, branch(some));
    });
    return x;
  }
  Tensor columns(const Tensor& x, Index, Index n) { return {x.rows, n, x.kind}; }
  Tensor concat(std::initializer_list<Tensor> xs) {
    Tensor y = *xs.begin();
    y.cols = 0;
    for (const Tensor& x : xs) y.cols += x.cols;
    return y;
  }
  /// @param in  tensors and parameters, as many as the operation takes, a tensor first
  template <ops::operation Op, typename... In>
  Tensor apply(const Op& op, const In&... in) {
    using Run = ops::Run<Op>;
    static_assert(sizeof...(In) == Run::n, "apply: give as many inputs as the operation takes");
    const typename Run::Shapes x{shape_of(in)...};
    const MatrixShape s = Run::shape(op, x);
    const RowKind kind = kind_of_first(in...);
    cost_.elementwise += Run::cost(op, x);
    // Products of rows that have no codes: 32 by 32 bits each.
    if constexpr (Run::has_macs) {
      const char* name = "product";
      if constexpr (requires { Op::name; }) name = Op::name;
      ProductCost c{name, name, kind, false, x[0].rows, x[0].cols, s.cols};
      c.weight_bits = 32;
      c.mean_bits = 32;
      if constexpr (requires { op.bits.matrix; })
        if (op.bits) {
          c.weight_bits = op.bits.matrix;
          c.mean_bits = op.bits.rows;
        }
      c.macs = Run::macs(op, x);
      c.bops = c.macs * c.weight_bits * c.mean_bits;
      cost_.products.push_back(std::move(c));
    }
    return {s.rows, s.cols, Run::kind(op, kind)};
  }
  [[nodiscard]] static MatrixShape result(const Tensor& x) noexcept { return {x.rows, x.cols}; }
  [[nodiscard]] ProductBits product_bits(ProductBits wanted) const noexcept {
    return plan_->uniform_bits == BitPlan::float_rows ? ProductBits() : wanted;
  }

 private:
  [[nodiscard]] static MatrixShape shape_of(const Tensor& x) noexcept { return {x.rows, x.cols}; }
  [[nodiscard]] MatrixShape shape_of(ParameterId p) const {
    return shape_of(ParameterRow(*layout_, p));
  }
  [[nodiscard]] static MatrixShape shape_of(ParameterRow r) noexcept { return {1, r.size}; }
  template <typename... Rest>
  static RowKind kind_of_first(const Tensor& x, const Rest&...) noexcept {
    return x.kind;
  }

  const ParameterLayout* layout_;
  const Quantizers* quantizers_;
  const BitPlan* plan_;
  LiveRows live_;
  PassCost cost_;
};

template <typename Scheme>
class Counting : public BasicCounting {
 public:
  using scheme = Scheme;
  using BasicCounting::BasicCounting;
};

static_assert(arithmetic<BasicCounting>);

}  // namespace amq::arithmetics
