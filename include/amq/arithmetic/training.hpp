#pragma once
/// @file
/// Quantization-aware training: fake quantization forwards, gradients backwards.

#include <amq/arithmetic/concept.hpp>
#include <amq/arithmetic/fake_quantize.hpp>
#include <amq/arithmetic/training_messages.hpp>
#include <amq/arithmetic/training_weights.hpp>
#include <amq/kernels/gemm.hpp>

#include <algorithm>
#include <type_traits>
#include <vector>

namespace amq {

/// One thread's tape. T is float; double where gradients are checked.
template <typename T>
class BasicTraining : public TrainingWeights<T> {
  using Base = TrainingWeights<T>;

 public:
  using Base::gradient, Base::value;
  using typename Base::Ref;
  using typename Base::Tensor;
  struct Quantized {
    FakeRows<T> rows;
    RowKind kind = RowKind::node;
  };
  /// A quantization point as it was met in this pass: what arrived and what left. Of rows that are
  /// never stored, what backward() has learnt of them.
  struct Visit {
    PointId point{};
    Ref in{}, out{};
    const RowSlopes<T>* rows = nullptr;
  };

  BasicTraining(const ParameterLayout& layout, const Quantizers& quantizers)
      : Base(layout, quantizers) {}

  /// Forgets the last pass.
  void begin(const TrainingPass<T>& pass) {
    tape_.reset();
    visits_.clear();
    this->forget_weights();
    pass_ = pass;
  }
  [[nodiscard]] const std::vector<Visit>& visits() const noexcept { return visits_; }

  Quantized quantize(PointId id, const Tensor& x) {
    FakeRows<T> out;
    out.value = x.ref;
    if (quantizes_rows())
      out = fake_quantize(tape_, x.ref, row_quantization(id, tape_[x.ref].rows));
    visits_.push_back({id, x.ref, out.value});
    return {out, x.kind};
  }
  /// Rows as they are, for a product in float.
  [[nodiscard]] static Quantized unquantized(const Tensor& x) {
    Quantized q;
    q.rows.value = x.ref;
    q.kind = x.kind;
    return q;
  }
  /// Quantized rows are multiplied as codes, by the kernels of deployment: training sees what
  /// deployment computes, bit for bit. (In double, where gradients are checked, as values.)
  Tensor linear(WeightId id, const Quantized& x) { return product(id, x, no_base, false); }
  /// add() or subtract() of x and linear(), without its result in memory.
  Tensor linear_onto(const Tensor& x, bool minus, WeightId id,
                     const Quantized& q) requires std::is_same_v<T, float> {
    return product(id, q, x.ref, minus);
  }
  /// The edges of a message-passing layer whole, tile by tile, forwards and backwards: no tensor of
  /// edges is stored. The same as edge_sum, swish, quantize, linear, swish and segment_mean.
  Tensor message_mean(const Graph& g, const Tensor& at_receiver, const Tensor& at_sender,
                      PointId id, WeightId weight) requires std::is_same_v<T, float> {
    const WeightEntry& entry = layout_->weight(weight);
    Weight& w = this->effective_weight(weight);
    const Ref p = at_receiver.ref, q = at_sender.ref, wr = w.ref;
    MessageTraining m;
    m.graph = &g;
    m.at_receiver = tape_[p];
    m.at_sender = tape_[q];
    m.weight = tape_[wr];
    m.bias = w.bias;
    if (quantizes_rows()) {
      m.quantization = row_quantization(id, g.n_edges());
      if (!w.low.empty())
        throw Error("layer " + entry.name, "weights of at most 8 bits", "16",
                    "Layers of messages multiply bytes: choose Weights<8>.");
      m.packed = &w.packed[0];
    } else {
      m.transposed = this->transposed_weight(w, 0, entry);
    }
    const Ref out = tape_.value(g.n_nodes(), entry.out, true);
    m.check();
    m.forward(tape_[out]);
    RowSlopes<T>* seen = tape_.template scratch_array<RowSlopes<T>>(1);
    seen->power = tape_.template scratch_array<T>(g.n_edges());
    seen->slope = tape_.template scratch_array<T>(g.n_edges());
    T* d_bias = tape_.template scratch_array<T>(entry.out);
    std::fill_n(d_bias, entry.out, T(0));
    Index first = 0;
    for (const WeightPart& part : entry.parts) {
      const Index n = layout_->entry(part.weight).rows();
      if (T* into = part.bias == no_parameter ? nullptr : gradient(part.bias))
        tape_.record([=](Tape<T>&) { add_row(into, d_bias + first, n); });
      first += n;
    }
    tape_.record([=](Tape<T>& t) {
      if (const auto d = t.grad(out); d.data)
        m.backward(d, {t.grad_to_add(p), t.grad_to_add(q), t.grad_to_add(wr), d_bias, *seen});
    });
    visits_.push_back({id, p, out, seen});
    return {out, RowKind::node};
  }

 private:
  using Base::add_row, Base::bias_gradient, Base::exact, Base::layout_, Base::pass_,
      Base::quantizers_, Base::rows_of, Base::tape_;
  using Weight = typename Base::Weight;

  static constexpr Ref no_base{-1};

  /// x W^T + b, or what it is added to or taken from.
  Tensor product(WeightId id, const Quantized& x, Ref base, bool minus) {
    const WeightEntry& entry = layout_->weight(id);
    Weight& w = this->effective_weight(id);
    const Ref in = x.rows.value, wr = w.ref;
    const Index groups = entry.groups, cols = entry.columns_out(), n = tape_[in].rows / groups;
    const Ref out = tape_.value(tape_[in].rows, cols, true);
    for (Index g = 0; g < groups; ++g) {
      const auto y = rows_of(tape_[out], g * n, n);
      const T* bias = w.bias + g * cols;
      if constexpr (exact) {
        if (x.rows.codes.codes) {
          RowsView codes = x.rows.codes;
          codes.rows = n;
          codes.codes = x.rows.codes.row(g * n);
          codes.grid = &x.rows.codes.grid_of(g * n);
          const auto& packed = w.packed[static_cast<std::size_t>(g)];
          const std::span<const RowsView> all(&codes, 1);
          if (base == no_base)
            kernels::linear(codes, packed, Activation::none, y);
          else
            kernels::linear_onto(all, packed, minus, rows_of(tape_[base], g * n, n), y);
          if (!w.low.empty())
            kernels::linear_onto(all, w.low[static_cast<std::size_t>(g)], minus, y, y);
          continue;
        }
        constexpr Index block = 96;  // its sums stay in L1 from the bias to the last product
        const auto v = rows_of(tape_[in], g * n, n);
        const auto transposed = this->transposed_weight(w, g, entry);
        for (Index i = 0; i < n; i += block) {
          const auto part = rows_of(y, i, std::min(block, n - i));
          for (Index r = 0; r < part.rows; ++r) std::copy_n(bias, cols, part.row(r));
          kernels::multiply<>(rows_of(v, i, part.rows), transposed, part, true);
          if (base == no_base) continue;
          const auto onto = map(rows_of(tape_[base], g * n + i, part.rows));
          if (minus)
            map(part) = onto - map(part);
          else
            map(part) += onto;
        }
      } else {
        map(y).noalias() =
            map(rows_of(tape_[in], g * n, n)) * map(rows_of(tape_[wr], g * cols, cols)).transpose();
        map(y).rowwise() += Eigen::Map<const Eigen::Matrix<T, 1, Eigen::Dynamic>>(bias, cols);
      }
    }
    tape_.record([=](Tape<T>& t) {
      auto d = t.grad(out);
      if (!d.data) return;
      if (base != no_base) {
        t.add_grad(base, map(d));
        if (minus) {
          const auto negative = t.scratch(d.rows, d.cols);
          map(negative) = -map(d);
          d = negative;
        }
      }
      const auto dw = t.grad_to_add(wr);
      const bool wanted = t.differentiable(in);
      const auto slot = wanted ? t.grad_slot(in) : typename Tape<T>::Slot();
      for (Index g = 0; g < groups; ++g) {
        const auto dy = rows_of(d, g * n, n), x_rows = rows_of(t[in], g * n, n),
                   weight = rows_of(t[wr], g * cols, cols), into = rows_of(dw, g * cols, cols);
        if constexpr (exact) {
          kernels::add_transposed_product<>(dy, x_rows, into);
          if (wanted) kernels::multiply<>(dy, weight, rows_of(slot.grad, g * n, n), !slot.fresh);
        } else {
          map(into).noalias() += map(dy).transpose() * map(x_rows);
          if (!wanted) continue;
          auto dx = map(rows_of(slot.grad, g * n, n));
          if (slot.fresh)
            dx.noalias() = map(dy) * map(weight);
          else
            dx.noalias() += map(dy) * map(weight);
        }
      }
    });
    Index first = 0;
    if (groups == 1)
      for (const WeightPart& part : entry.parts) {
        const Index rows = WeightEntry::outputs(part, layout_->entry(part.weight).rows());
        if (part.bias != no_parameter) {
          const Index biases = layout_->entry(part.bias).size();
          for (Index k = 0; k < rows; k += biases)
            bias_gradient(gradient(part.bias), out, first + k, biases, minus);
        }
        first += rows;
      }
    bias_gradient(w.d_shift, out, 0, cols, minus);
    if (entry.norm && pass_.batch_statistics) return {this->batch_norm(out, entry.norm), x.kind};
    return {out, x.kind};
  }
  [[nodiscard]] bool quantizes_rows() const noexcept {
    return pass_.plan && pass_.plan->uniform_bits != BitPlan::float_rows;
  }
  /// What a point makes of n rows in this pass.
  RowQuantization<T> row_quantization(PointId id, Index n) {
    const PointEntry& point = layout_->point(id);
    const auto bits =
        point.fixed_bits ? std::span<const std::uint8_t>{} : pass_.plan->bits(id, point.kind, n);
    RowQuantization<T> spec;
    spec.rule = quantizers_->info().rule;
    spec.bits = bits.empty() ? nullptr : bits.data();
    spec.uniform_bits = point.fixed_bits ? point.fixed_bits : pass_.plan->uniform_bits;
    const auto fill = [&](int b) {
      const std::size_t k = quantizers_->level(point, b);
      auto& level = spec.level[static_cast<std::size_t>(b)];
      level.a = static_cast<float>(value(quantizers_->step(id))[k]);
      if (pass_.gradients) level.da = gradient(quantizers_->step(id)) + k;
      if (quantizers_->offset(id) != no_parameter) {
        level.o = static_cast<float>(value(quantizers_->offset(id))[k]);
        if (pass_.gradients) level.d_offset = gradient(quantizers_->offset(id)) + k;
      }
    };
    if (bits.empty())
      fill(spec.uniform_bits);
    else
      for (const int b : quantizers_->info().levels) fill(b);
    return spec;
  }

  std::vector<Visit> visits_;
};

/// Training of a scheme: the same machine, told the scheme's levels, rule and weight bits.
template <typename Scheme, typename T = float>
class Training : public BasicTraining<T> {
 public:
  using scheme = Scheme;
  using BasicTraining<T>::BasicTraining;
};

static_assert(grid_arithmetic<BasicTraining<float>>);

}  // namespace amq
