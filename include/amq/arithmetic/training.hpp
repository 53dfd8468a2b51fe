#pragma once
/// @file
/// Quantization-aware training: fake quantization forwards, gradients backwards.

#include <amq/arithmetic/concept.hpp>
#include <amq/arithmetic/fake_quantize.hpp>
#include <amq/arithmetic/live_rows.hpp>
#include <amq/arithmetic/message_passing.hpp>
#include <amq/arithmetic/training_context.hpp>
#include <amq/arithmetic/training_messages.hpp>
#include <amq/arithmetic/training_weights.hpp>
#include <amq/core/executor.hpp>
#include <amq/kernels/gemm.hpp>
#include <amq/ops/rows.hpp>

#include <algorithm>
#include <array>
#include <initializer_list>
#include <type_traits>
#include <vector>

namespace amq::arithmetics {

/// One thread's tape, the weights of its pass, and operations on it. T is float; double where
/// gradients are checked.
template <typename T>
class BasicTraining {
  using Context = TrainingContext<T>;
  using Weight = typename TrainingWeights<T>::Weight;

 public:
  using Ref = typename Tape<T>::Ref;
  struct Tensor {
    Ref ref{};
    RowKind kind = RowKind::node;
  };
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
      : on_{&layout, &quantizers} {}

  /// Forgets the last pass.
  void begin(const TrainingPass<T>& pass) {
    on_.tape.reset();
    visits_.clear();
    weights_.begin(*on_.layout);
    on_.pass = pass;
  }
  [[nodiscard]] Tape<T>& tape() noexcept { return on_.tape; }
  [[nodiscard]] MatrixView<T> operator[](const Tensor& x) const noexcept { return on_.tape[x.ref]; }
  [[nodiscard]] MatrixView<T> result(const Tensor& x) const noexcept { return on_.tape[x.ref]; }
  /// The value computed last: a model's result, once its text has run.
  [[nodiscard]] MatrixView<T> output() const noexcept { return on_.tape.last(); }
  [[nodiscard]] RowKind kind_of(PointId p) const { return on_.layout->point(p).kind; }
  [[nodiscard]] const std::vector<Visit>& visits() const noexcept { return visits_; }
  /// Moves the running estimates of the batch norms met in this pass towards the pass's own:
  /// r += momentum (own - r), the variance unbiased, as torch.nn.BatchNorm does. A momentum of 1 /
  /// k in the k-th of several passes leaves their average.
  void update_running(ParametersOf<T>& p, double momentum = 0.1) const {
    weights_.update_running(*on_.layout, p, momentum);
  }

  Tensor input(MatrixView<const float> x, RowKind kind) {
    const Ref r = on_.tape.value(x.rows, x.cols, false);
    map(on_.tape[r]) = map(x).template cast<T>();
    return {r, kind};
  }
  Tensor columns(const Tensor& x, Index first, Index n) {
    return {on_.tape.columns(x.ref, first, n), x.kind};
  }
  Tensor concat(std::initializer_list<Tensor> xs) {
    Index cols = 0;
    for (const Tensor& x : xs) cols += on_.tape[x.ref].cols;
    const Ref out = on_.tape.value(on_.tape[xs.begin()->ref].rows, cols, true);
    Index first = 0;
    for (const Tensor& x : xs) {
      const Ref in = x.ref;
      const Index n = on_.tape[in].cols;
      map(on_.tape[out]).middleCols(first, n) = map(on_.tape[in]);
      on_.tape.record([=](Tape<T>& t) {
        if (const auto g = t.grad(out); g.data) t.add_grad(in, map(g).middleCols(first, n));
      });
      first += n;
    }
    return {out, xs.begin()->kind};
  }
  /// What the operation points to must live until backward() is over.
  /// @param in  tensors and parameters, as many as the operation takes, a tensor first
  template <ops::operation Op, typename... In>
  Tensor apply(const Op& op, const In&... in) {
    using Run = ops::Run<Op>;
    static_assert(sizeof...(In) == Run::n, "apply: give as many inputs as the operation takes");
    const std::array<Input, Run::n> from{given<Op>(in)...};
    typename Run::template Inputs<T> x;
    for (std::size_t k = 0; k < Run::n; ++k) x[k] = from[k].value;
    const auto shapes = Run::template shapes<T>(x);
    const MatrixShape s = Run::shape(op, shapes);
    const Ref out = on_.tape.value(s.rows, s.cols, true);
    T* kept = on_.tape.template scratch_array<T>(Run::kept(op, shapes));
    Run::template forward<T>(op, x, on_.tape[out], kept, serial_executor());
    on_.tape.record([=](Tape<T>& t) {
      const auto g = t.grad(out);
      if (!g.data) return;
      std::array<ops::GradientSlot<T>, Run::n> d;
      bool wanted = false;
      for (std::size_t k = 0; k < Run::n; ++k) {
        if (from[k].ref == no_ref)
          d[k].grad = from[k].gradient;
        else if (t.differentiable(from[k].ref))
          d[k] = t.grad_slot(from[k].ref);
        wanted = wanted || d[k];
      }
      if (wanted) Run::template backward<T>(op, x, t[out], kept, g, d);
    });
    return {out, Run::kind(op, kind_of_first(in...))};
  }
  [[nodiscard]] ProductBits product_bits(ProductBits wanted) const noexcept {
    return on_.quantizes_rows() ? wanted : ProductBits();
  }

  Quantized quantize(PointId id, const Tensor& x) {
    FakeRows<T> out;
    out.value = x.ref;
    if (on_.quantizes_rows() && on_.pass.float_point != id)
      out = fake_quantize(on_.tape, x.ref, row_quantization(id, on_.tape[x.ref].rows));
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
  Tensor linear(WeightId id, const Quantized& x) { return product(id, x, no_ref, false); }
  /// x + branch(x), and x where a row has no bits at the point.
  template <typename Branch>
  Tensor residual(PointId id, const Tensor& x, const Branch& branch) {
    return where_bits(id, apply(ops::Add{}, x, branch(x)), x);
  }
  /// y, and x where a row skips the layer that ends with the point: see BitPlan::zero_skips.
  Tensor skipping(PointId id, const Tensor& x, const Tensor& y) {
    return on_.quantizes_rows() && on_.pass.plan->zero_skips ? where_bits(id, y, x) : y;
  }
  /// Add or Subtract of x and linear(), without its result in memory.
  Tensor linear_onto(const Tensor& x, bool minus, WeightId id,
                     const Quantized& q) requires std::is_same_v<T, float> {
    return product(id, q, x.ref, minus);
  }
  /// The edges of a message-passing layer whole, tile by tile, forwards and backwards: no tensor of
  /// edges is stored. The same as edge_sum, swish, quantize, linear, swish and segment_mean.
  Tensor message_mean(const Graph& g, const Tensor& at_receiver, const Tensor& at_sender,
                      PointId id, WeightId weight) requires std::is_same_v<T, float> {
    const WeightEntry& entry = on_.layout->weight(weight);
    // A tile multiplies bytes.
    if (on_.quantizes_rows() && on_.quantizers->weight_bits(entry) == 16)
      return message_mean_in_pieces(*this, g, at_receiver, at_sender, id, weight);
    Weight& w = weights_.effective(on_, weight);
    const Ref p = at_receiver.ref, q = at_sender.ref, wr = w.ref;
    MessageTraining m;
    m.graph = &g;
    m.at_receiver = on_.tape[p];
    m.at_sender = on_.tape[q];
    m.weight = on_.tape[wr];
    m.bias = w.bias;
    if (on_.quantizes_rows()) {
      m.quantization = row_quantization(id, g.n_edges());
      m.packed = &w.packed[0];
      m.words =
          word_fractions(*on_.layout, *on_.quantizers, on_.pass.parameters->values.data(), id);
    } else {
      m.transposed = weights_.transposed(on_, w, 0, entry);
    }
    const Ref out = on_.tape.value(g.n_nodes(), entry.out, true);
    m.check();
    m.forward(on_.tape[out]);
    RowSlopes<T>* seen = on_.tape.template scratch_array<RowSlopes<T>>(1);
    seen->power = on_.tape.template scratch_array<T>(g.n_edges());
    seen->slope = on_.tape.template scratch_array<T>(g.n_edges());
    T* d_bias = on_.tape.template scratch_array<T>(entry.out);
    std::fill_n(d_bias, entry.out, T(0));
    Index first = 0;
    for (const WeightPart& part : entry.parts) {
      const Index n = on_.layout->entry(part.weight).rows();
      if (T* into = part.bias == no_parameter ? nullptr : on_.gradient(part.bias))
        on_.tape.record([=](Tape<T>&) { ops::detail::add_row(into, d_bias + first, n); });
      first += n;
    }
    on_.tape.record([=](Tape<T>& t) {
      if (const auto d = t.grad(out); d.data)
        m.backward(d, {t.grad_to_add(p), t.grad_to_add(q), t.grad_to_add(wr), d_bias, *seen});
    });
    visits_.push_back({id, p, out, seen});
    return {out, RowKind::node};
  }

 private:
  static constexpr Ref no_ref{-1};

  /// What goes into an operation.
  struct Input {
    Ref ref = no_ref;  ///< of a tensor
    MatrixView<const T> value;
    MatrixView<T> gradient;  ///< of a parameter, if it is wanted
  };
  template <typename Op>
  Input given(const Tensor& x) {
    const Ref r = ops::takes_columns<Op> ? x.ref : whole_rows(x.ref);
    return {r, on_.tape[r], {}};
  }
  template <typename Op>
  Input given(ParameterRow p) {
    Input in{no_ref, {on_.value(p.first), 1, p.size}, {}};
    if (T* into = on_.gradient(p.first)) in.gradient = {into, 1, p.size};
    return in;
  }
  template <typename Op>
  Input given(ParameterId p) {
    return given<Op>(ParameterRow(*on_.layout, p));
  }
  template <typename... Rest>
  static RowKind kind_of_first(const Tensor& x, const Rest&...) noexcept {
    return x.kind;
  }
  Ref whole_rows(Ref r) {
    const auto v = on_.tape[r];
    if (v.contiguous()) return r;
    const Ref copy = on_.tape.value(v.rows, v.cols, true);
    map(on_.tape[copy]) = map(v);
    on_.tape.record([=](Tape<T>& t) {
      if (const auto g = t.grad(copy); g.data) t.add_grad(r, map(g));
    });
    return copy;
  }

  /// y where a row has bits at the point, x where it has none.
  Tensor where_bits(PointId id, const Tensor& y, const Tensor& x) {
    const PointEntry& point = on_.layout->point(id);
    if (!on_.quantizes_rows() || point.fixed_bits) return y;
    const auto bits = on_.pass.plan->bits(id, point.kind, on_.tape[x.ref].rows);
    if (bits.empty()) return on_.pass.plan->uniform_bits == 0 ? x : y;
    // The bits say which rows are y's.
    return LiveRows::any_of_zero(bits) ? apply(ops::ChooseRows{bits}, y, x) : y;
  }
  /// x W^T + b, or what it is added to or taken from.
  Tensor product(WeightId id, const Quantized& x, Ref base, bool minus) {
    const WeightEntry& entry = on_.layout->weight(id);
    Weight& w = weights_.effective(on_, id);
    const Ref in = x.rows.value, wr = w.ref;
    const Index groups = entry.groups, cols = entry.columns_out(), n = on_.tape[in].rows / groups;
    const Ref out = on_.tape.value(on_.tape[in].rows, cols, true);
    for (Index g = 0; g < groups; ++g) {
      const auto y = detail::rows_of(on_.tape[out], g * n, n);
      const T* bias = w.bias + g * cols;
      if constexpr (Context::exact) {
        if (x.rows.codes.codes) {
          RowsView codes = x.rows.codes;
          codes.rows = n;
          codes.codes = x.rows.codes.row(g * n);
          codes.grid = &x.rows.codes.grid_of(g * n);
          const auto& packed = w.packed[static_cast<std::size_t>(g)];
          const std::span<const RowsView> all(&codes, 1);
          if (base == no_ref)
            kernels::linear(codes, packed, Activation::none, y);
          else
            kernels::linear_onto(all, packed, minus, detail::rows_of(on_.tape[base], g * n, n), y);
          if (!w.low.empty())
            kernels::linear_onto(all, w.low[static_cast<std::size_t>(g)], minus, y, y);
          continue;
        }
        const auto v = detail::rows_of(on_.tape[in], g * n, n);
        kernels::affine<>(v, weights_.transposed(on_, w, g, entry), bias, y);
        if (base == no_ref) continue;
        const auto onto = map(detail::rows_of(on_.tape[base], g * n, n));
        if (minus)
          map(y) = onto - map(y);
        else
          map(y) += onto;
      } else {
        map(y).noalias() = map(detail::rows_of(on_.tape[in], g * n, n)) *
                           map(detail::rows_of(on_.tape[wr], g * cols, cols)).transpose();
        map(y).rowwise() += Eigen::Map<const Eigen::Matrix<T, 1, Eigen::Dynamic>>(bias, cols);
      }
    }
    on_.tape.record([=](Tape<T>& t) {
      auto d = t.grad(out);
      if (!d.data) return;
      if (base != no_ref) {
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
        const auto dy = detail::rows_of(d, g * n, n), x_rows = detail::rows_of(t[in], g * n, n),
                   weight = detail::rows_of(t[wr], g * cols, cols),
                   into = detail::rows_of(dw, g * cols, cols);
        if constexpr (Context::exact) {
          kernels::add_transposed_product<>(dy, x_rows, into);
          if (wanted)
            kernels::multiply<>(dy, weight, detail::rows_of(slot.grad, g * n, n), !slot.fresh);
        } else {
          map(into).noalias() += map(dy).transpose() * map(x_rows);
          if (!wanted) continue;
          auto dx = map(detail::rows_of(slot.grad, g * n, n));
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
        const Index rows = WeightEntry::outputs(part, on_.layout->entry(part.weight).rows());
        if (part.bias != no_parameter) {
          const Index biases = on_.layout->entry(part.bias).size();
          for (Index k = 0; k < rows; k += biases)
            on_.sum_columns(on_.gradient(part.bias), out, first + k, biases, minus);
        }
        first += rows;
      }
    on_.sum_columns(w.d_shift, out, 0, cols, minus);
    if (entry.norm && on_.pass.batch_statistics)
      return {weights_.batch_norm(on_, out, entry.norm), x.kind};
    return {out, x.kind};
  }
  /// What a point makes of n rows in this pass.
  RowQuantization<T> row_quantization(PointId id, Index n) {
    const PointEntry& point = on_.layout->point(id);
    const auto bits =
        point.fixed_bits ? std::span<const std::uint8_t>{} : on_.pass.plan->bits(id, point.kind, n);
    RowQuantization<T> spec(on_.quantizers->info().rule);
    spec.bits = bits.empty() ? nullptr : bits.data();
    spec.uniform_bits = point.fixed_bits ? point.fixed_bits : on_.pass.plan->uniform_bits;
    const auto fill = [&](int b) {
      const std::size_t k = on_.quantizers->level(point, b);
      auto& coder = spec.coders[static_cast<std::size_t>(b)];
      auto& sums = spec.sums[static_cast<std::size_t>(b)];
      coder.a = static_cast<float>(on_.value(on_.quantizers->step(id))[k]);
      if (on_.pass.gradients) sums.da = on_.gradient(on_.quantizers->step(id)) + k;
      if (on_.quantizers->offset(id) != no_parameter) {
        coder.offset = static_cast<float>(on_.value(on_.quantizers->offset(id))[k]);
        if (on_.pass.gradients) sums.d_offset = on_.gradient(on_.quantizers->offset(id)) + k;
      }
    };
    if (bits.empty())
      fill(spec.uniform_bits);
    else
      for (const int b : on_.quantizers->info().levels) fill(b);
    return spec;
  }

  Context on_;
  TrainingWeights<T> weights_;
  std::vector<Visit> visits_;
};

/// Training of a scheme: the same machine, told the scheme's levels, rule and weight bits.
template <typename Scheme, typename T = float>
class Training : public BasicTraining<T> {
 public:
  using scheme = Scheme;
  using BasicTraining<T>::BasicTraining;
};

static_assert(arithmetic<BasicTraining<float>>);

}  // namespace amq::arithmetics
