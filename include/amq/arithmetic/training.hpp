#pragma once
/// @file
/// Quantization-aware training: fake quantization forwards, gradients backwards.

#include <amq/arithmetic/attention_ops.hpp>
#include <amq/arithmetic/concept.hpp>
#include <amq/arithmetic/fake_quantize.hpp>
#include <amq/arithmetic/grid_operation.hpp>
#include <amq/arithmetic/training_messages.hpp>
#include <amq/kernels/float_product.hpp>
#include <amq/kernels/gemm.hpp>

#include <algorithm>
#include <cmath>
#include <type_traits>
#include <vector>

namespace amq {

/// What a pass of Training reads and adds to. The parameters are those of the layout; gradients are
/// summed into `gradients`, of the same size.
template <typename T>
struct TrainingPass {
  const ParametersOf<T>* parameters = nullptr;
  std::vector<T>* gradients = nullptr;
  const BitPlan* plan = nullptr;  ///< null: no quantization at all, plain float training
  bool learn_weight_steps = false;
  /// Batch norms take mean and variance of the rows of this pass, and update_running() moves the
  /// running estimates towards them; else they are what the running estimates make them.
  bool batch_statistics = false;
};

/// One thread's tape. T is float; double where gradients are checked.
template <typename T>
class BasicTraining {
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
      : layout_(&layout), quantizers_(&quantizers) {}

  /// Forgets the last pass.
  void begin(const TrainingPass<T>& pass) {
    tape_.reset();
    visits_.clear();
    norms_.clear();
    weights_.assign(layout_->weights().size(), {});
    pass_ = pass;
  }
  [[nodiscard]] Tape<T>& tape() noexcept { return tape_; }
  [[nodiscard]] MatrixView<T> operator[](const Tensor& x) const noexcept { return tape_[x.ref]; }
  [[nodiscard]] const std::vector<Visit>& visits() const noexcept { return visits_; }
  /// The value computed last: a model's result, once its text has run.
  [[nodiscard]] MatrixView<T> output() const noexcept { return tape_.last(); }
  [[nodiscard]] RowKind kind_of(PointId p) const { return layout_->point(p).kind; }

  /// Moves the running estimates of the batch norms met in this pass towards the pass's own:
  /// r += momentum (own - r), the variance unbiased, as torch.nn.BatchNorm does. A momentum of 1 /
  /// k in the k-th of several passes leaves their average.
  void update_running(ParametersOf<T>& p, double momentum = 0.1) const {
    for (const NormVisit& v : norms_) {
      T *mean = p.view(layout_->entry(v.norm.mean)).data,
        *variance = p.view(layout_->entry(v.norm.variance)).data;
      const auto n = static_cast<double>(v.rows);
      const double unbiased = v.rows > 1 ? n / (n - 1) : 1;
      const auto move = [&](T& r, double own) {
        r = static_cast<T>(static_cast<double>(r) + momentum * (own - static_cast<double>(r)));
      };
      for (Index c = 0; c < v.cols; ++c) {
        move(mean[c], static_cast<double>(v.mean[c]));
        move(variance[c], static_cast<double>(v.variance[c]) * unbiased);
      }
    }
  }

  Tensor input(MatrixView<const float> x, RowKind kind) {
    const Ref r = tape_.value(x.rows, x.cols, false);
    map(tape_[r]) = map(x).template cast<T>();
    return {r, kind};
  }
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
  Tensor activate(Activation f, const Tensor& x) {
    const Ref in = contiguous(x.ref);
    const auto v = tape_[in];
    const Ref out = tape_.value(v.rows, v.cols, true);
    if constexpr (exact) {
      kernels::activate(f, v.data, tape_[out].data, v.size());
      tape_.record([=](Tape<T>& t) {
        const auto g = t.grad(out);
        if (!g.data || !t.differentiable(in)) return;
        const auto slot = t.grad_slot(in);
        for (Index i = 0; i < v.rows; ++i)
          kernels::activation_gradient(f, v.row(i), g.row(i), slot.grad.row(i), v.cols,
                                       !slot.fresh);
      });
    } else {
      const auto slope = tape_.scratch(v.rows, v.cols);
      ops::activate<T>(f, v, tape_[out], slope.data);
      tape_.record([=](Tape<T>& t) {
        if (const auto g = t.grad(out); g.data) t.add_grad(in, map(g).cwiseProduct(map(slope)));
      });
    }
    return {out, x.kind};
  }
  /// The edges of a message-passing layer whole, tile by tile, forwards and backwards: no tensor of
  /// edges is stored. The same as edge_sum, swish, quantize, linear, swish and segment_mean.
  Tensor message_mean(const Graph& g, const Tensor& at_receiver, const Tensor& at_sender,
                      PointId id, WeightId weight) requires std::is_same_v<T, float> {
    const WeightEntry& entry = layout_->weight(weight);
    Weight& w = effective_weight(weight);
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
      m.transposed = transposed_weight(w, 0, entry);
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
  Tensor add(const Tensor& x, const Tensor& y) { return add_scaled(x, y, T(1)); }
  Tensor subtract(const Tensor& x, const Tensor& y) { return add_scaled(x, y, T(-1)); }
  Tensor scale_columns(const Tensor& x, std::span<const float> f) {
    const Ref in = x.ref;
    const auto v = tape_[in];
    auto* factors = tape_.template scratch_array<T>(v.cols);
    for (Index c = 0; c < v.cols; ++c) factors[c] = static_cast<T>(f[static_cast<std::size_t>(c)]);
    const auto diagonal = [=] {
      return Eigen::Map<const Eigen::Matrix<T, Eigen::Dynamic, 1>>(factors, v.cols).asDiagonal();
    };
    const Ref out = tape_.value(v.rows, v.cols, true);
    map(tape_[out]) = map(v) * diagonal();
    tape_.record([=](Tape<T>& t) {
      if (const auto g = t.grad(out); g.data) t.add_grad(in, map(g) * diagonal());
    });
    return {out, x.kind};
  }
  Tensor columns(const Tensor& x, Index first, Index n) {
    const Ref in = x.ref;
    return {tape_.columns(in, first, n), x.kind};
  }
  Tensor concat(std::initializer_list<Tensor> xs) {
    Index cols = 0;
    for (const Tensor& x : xs) cols += tape_[x.ref].cols;
    const Ref out = tape_.value(tape_[xs.begin()->ref].rows, cols, true);
    Index first = 0;
    for (const Tensor& x : xs) {
      const Ref in = x.ref;
      const Index n = tape_[in].cols;
      map(tape_[out]).middleCols(first, n) = map(tape_[in]);
      tape_.record([=](Tape<T>& t) {
        if (const auto g = t.grad(out); g.data) t.add_grad(in, map(g).middleCols(first, n));
      });
      first += n;
    }
    return {out, xs.begin()->kind};
  }
  /// `ids` must live until backward() is over.
  Tensor gather(const Tensor& x, std::span<const std::int32_t> ids, RowKind kind) {
    const Ref in = x.ref;
    const Ref out = tape_.value(static_cast<Index>(ids.size()), tape_[in].cols, true);
    ops::gather<T>(tape_[in], ids, tape_[out]);
    tape_.record([=](Tape<T>& t) {
      const auto g = t.grad(out);
      if (!g.data || !t.differentiable(in)) return;
      const auto d = t.grad_to_add(in);
      for (std::size_t r = 0; r < ids.size(); ++r)
        add_row(d.row(ids[r]), g.row(static_cast<Index>(r)), g.cols);
    });
    return {out, kind};
  }
  /// `g` must live until backward() is over.
  Tensor edge_sum(const Tensor& at_receiver, const Tensor& at_sender, const Graph& g) {
    const Ref a = at_receiver.ref, b = at_sender.ref;
    const Ref out = tape_.value(g.n_edges(), tape_[a].cols, true);
    ops::edge_sum<T>(tape_[a], tape_[b], g, tape_[out]);
    tape_.record([=, graph = &g](Tape<T>& t) {
      const auto d = t.grad(out);
      if (!d.data) return;
      const auto da = t.grad_to_add(a), db = t.grad_to_add(b);
      for (Index e = 0; e < d.rows; ++e) {
        const auto k = static_cast<std::size_t>(e);
        add_row(da.row(graph->receiver[k]), d.row(e), d.cols);
        add_row(db.row(graph->sender[k]), d.row(e), d.cols);
      }
    });
    return {out, RowKind::edge};
  }
  Tensor segment_mean(const Tensor& x, const Graph& g) { return reduce(x, g, true); }
  Tensor segment_sum(const Tensor& x, const Graph& g) { return reduce(x, g, false); }
  Tensor instance_norm(const Tensor& x) {
    const Ref in = x.ref;
    const auto v = tape_[in];
    const Ref out = tape_.value(v.rows, v.cols, true);
    auto* inverse = tape_.template scratch_array<T>(v.cols);
    ops::instance_norm<T>(v, norm_eps, tape_[out], inverse);
    tape_.record([=](Tape<T>& t) {
      const auto g = t.grad(out);
      if (!g.data) return;
      // d x = inverse (d y - mean(d y) - y mean(y d y)), per channel.
      const auto y = map(t[out]);
      const auto n = static_cast<T>(v.rows);
      const Eigen::Matrix<T, 1, Eigen::Dynamic> mean = map(g).colwise().sum() / n,
                                                along = map(g).cwiseProduct(y).colwise().sum() / n;
      const auto d = t.grad_to_add(in);
      for (Index i = 0; i < v.rows; ++i)
        for (Index c = 0; c < v.cols; ++c)
          d(i, c) += inverse[c] * (g(i, c) - mean[c] - y(i, c) * along[c]);
    });
    return {out, x.kind};
  }
  Tensor layer_norm(const Tensor& x, ParameterId gamma, ParameterId beta) {
    const Ref in = x.ref;
    const auto v = tape_[in];
    const Ref normal = tape_.value(v.rows, v.cols, true);
    auto* inverse = tape_.template scratch_array<T>(v.rows);
    ops::layer_norm<T>(v, norm_eps, tape_[normal], inverse);
    tape_.record([=](Tape<T>& t) {
      const auto g = t.grad(normal);
      if (!g.data) return;
      const auto d = t.grad_to_add(in);
      for (Index i = 0; i < v.rows; ++i) {
        const auto gi = map(g).row(i), yi = map(t[normal]).row(i);
        const T mean = gi.mean(), along = gi.dot(yi) / static_cast<T>(v.cols);
        for (Index c = 0; c < v.cols; ++c) d(i, c) += inverse[i] * (gi[c] - mean - yi[c] * along);
      }
    });
    if (gamma == no_parameter && beta == no_parameter) return {normal, x.kind};
    const Ref out = tape_.value(v.rows, v.cols, true);
    const T* scale = gamma == no_parameter ? nullptr : value(gamma);
    const T* shift = beta == no_parameter ? nullptr : value(beta);
    T* d_scale = gamma == no_parameter ? nullptr : gradient(gamma);
    // One rounding, as deployment has it.
    const auto y = tape_[out], u = tape_[normal];
    for (Index i = 0; i < v.rows; ++i)
      for (Index c = 0; c < v.cols; ++c)
        y(i, c) = std::fma(u(i, c), scale ? scale[c] : T(1), shift ? shift[c] : T(0));
    tape_.record([=](Tape<T>& t) {
      const auto g = t.grad(out);
      if (!g.data) return;
      const auto d = t.grad_to_add(normal);
      for (Index i = 0; i < g.rows; ++i)
        for (Index c = 0; c < g.cols; ++c) {
          if (d_scale) d_scale[c] += g(i, c) * u(i, c);
          d(i, c) += g(i, c) * (scale ? scale[c] : T(1));
        }
    });
    if (beta != no_parameter) bias_gradient(gradient(beta), out, 0, v.cols);
    return {out, x.kind};
  }
  Tensor windows(const Tensor& x, const ops::Windows& w) {
    const Ref in = x.ref;
    const Index n = w.count();
    const auto v = tape_[in];
    const Ref out = tape_.value(v.rows * n, w.channels * w.kernel, true);
    ops::windows<T>(v, w, tape_[out]);
    tape_.record([=](Tape<T>& t) {
      const auto g = t.grad(out);
      if (!g.data || !t.differentiable(in)) return;
      const auto d = t.grad_to_add(in);
      for (Index i = 0; i < v.rows; ++i)
        for (Index p = 0; p < n; ++p)
          for (Index c = 0; c < w.channels; ++c)
            for (Index k = 0; k < w.kernel; ++k) {
              const Index at = p * w.stride + k - w.padding;
              if (at >= 0 && at < w.length)
                d(i, c * w.length + at) += g(i * n + p, c * w.kernel + k);
            }
    });
    return {out, x.kind};
  }
  Tensor fold_windows(const Tensor& x, Index n) {
    const Ref in = x.ref;
    const auto v = tape_[in];
    const Ref out = tape_.value(v.rows / n, v.cols * n, true);
    ops::fold_windows<T>(v, n, tape_[out]);
    tape_.record([=](Tape<T>& t) {
      const auto g = t.grad(out);
      if (!g.data) return;
      const auto d = t.grad_to_add(in);
      for (Index i = 0; i < g.rows; ++i)
        for (Index p = 0; p < n; ++p)
          for (Index c = 0; c < v.cols; ++c) d(i * n + p, c) += g(i, c * n + p);
    });
    return {out, x.kind};
  }
  Tensor gate(const Tensor& x, const Tensor& y) {
    const Ref a = x.ref, b = y.ref;
    const Ref out = tape_.value(tape_[a].rows, tape_[a].cols, true);
    map(tape_[out]) = map(tape_[a]).cwiseProduct(map(tape_[b]));
    tape_.record([=](Tape<T>& t) {
      const auto g = t.grad(out);
      if (!g.data) return;
      t.add_grad(a, map(g).cwiseProduct(map(t[b])));
      t.add_grad(b, map(g).cwiseProduct(map(t[a])));
    });
    return {out, x.kind};
  }
  /// `rows` must live until backward() is over.
  Tensor choose_rows(std::span<const std::uint8_t> rows, const Tensor& x, const Tensor& y) {
    const Ref a = x.ref, b = y.ref;
    const auto v = tape_[a];
    const Ref out = tape_.value(v.rows, v.cols, true);
    for (Index i = 0; i < v.rows; ++i)
      std::copy_n(tape_[rows[static_cast<std::size_t>(i)] ? a : b].row(i), v.cols,
                  tape_[out].row(i));
    tape_.record([=](Tape<T>& t) {
      const auto g = t.grad(out);
      if (!g.data) return;
      for (Index i = 0; i < g.rows; ++i)
        if (const Ref from = rows[static_cast<std::size_t>(i)] ? a : b; t.differentiable(from))
          add_row(t.grad_to_add(from).row(i), g.row(i), g.cols);
    });
    return {out, x.kind};
  }
  /// `masked` is only read here.
  Tensor masked_attention(const Tensor& x, Index heads, std::span<const std::uint8_t> masked) {
    const Ref in = x.ref;
    const auto v = tape_[in];
    const Ref out = tape_.value(v.rows, v.cols / 3, true);
    T* shares = tape_.template scratch_array<T>(heads * v.rows * v.rows);
    ops::masked_attention<T>(v, heads, masked, tape_[out], shares);
    tape_.record([=](Tape<T>& t) {
      if (const auto g = t.grad(out); g.data)
        ops::masked_attention_backward<T>(t[in], heads, shares, g, t.grad_to_add(in));
    });
    return {out, x.kind};
  }

  template <grid_operation Op>
  Tensor apply(const Op& op, const Tensor& x) {
    const Ref in = contiguous(x.ref);
    const auto s = op.shape({tape_[in].rows, tape_[in].cols});
    const Ref out = tape_.value(s.rows, s.cols, true);
    op.forward(MatrixView<const T>(tape_[in]), tape_[out], serial_executor());
    tape_.record([=](Tape<T>& t) {
      const auto g = t.grad(out);
      if (!g.data || !t.differentiable(in)) return;
      op.backward(MatrixView<const T>(t[in]), MatrixView<const T>(t[out]), MatrixView<const T>(g),
                  t.grad_to_add(in));
    });
    return {out, x.kind};
  }
  Tensor affine(const Tensor& x, ParameterId scale, ParameterId shift) {
    const Ref in = x.ref;
    const auto v = tape_[in];
    const Ref out = tape_.value(v.rows, v.cols, true);
    const auto y = tape_[out];
    const T *a = value(scale), *b = value(shift);
    T *da = gradient(scale), *db = gradient(shift);
    for (Index i = 0; i < v.rows; ++i)
      for (Index c = 0; c < v.cols; ++c) y(i, c) = std::fma(v(i, c), a[c], b[c]);
    tape_.record([=](Tape<T>& t) {
      const auto g = t.grad(out);
      if (!g.data) return;
      const bool wanted = t.differentiable(in);
      const auto d = wanted ? t.grad_to_add(in) : typename Tape<T>::View();
      for (Index i = 0; i < g.rows; ++i)
        for (Index c = 0; c < g.cols; ++c) {
          if (wanted) d(i, c) += g(i, c) * a[c];
          if (da) da[c] += g(i, c) * v(i, c);
          if (db) db[c] += g(i, c);
        }
    });
    return {out, x.kind};
  }

  [[nodiscard]] const T* value(ParameterId p) const {
    return pass_.parameters->values.data() + layout_->entry(p).offset;
  }
  /// Where the gradient of a parameter is summed; null if gradients are not wanted.
  [[nodiscard]] T* gradient(ParameterId p) const {
    return pass_.gradients ? pass_.gradients->data() + layout_->entry(p).offset : nullptr;
  }

 private:
  // Plain loops where the destination is not ours to align: the order in which Eigen reduces
  // depends on alignment, and a gradient must not.
  static void add_row(T* to, const T* from, Index n) noexcept {
    for (Index c = 0; c < n; ++c) to[c] += from[c];
  }
  static constexpr Ref no_base{-1};

  /// x W^T + b, or what it is added to or taken from.
  Tensor product(WeightId id, const Quantized& x, Ref base, bool minus) {
    const WeightEntry& entry = layout_->weight(id);
    Weight& w = effective_weight(id);
    const Ref in = x.rows.value, wr = w.ref;
    const Index groups = entry.groups, cols = entry.columns_out(), n = tape_[in].rows / groups;
    const Ref out = tape_.value(tape_[in].rows, cols, true);
    for (Index g = 0; g < groups; ++g) {
      const auto y = rows_of(tape_[out], g * n, n);
      const T* bias = w.bias + g * cols;
      if constexpr (exact) {
        if (x.rows.codes.codes) {
          kernels::RowsView codes = x.rows.codes;
          codes.rows = n;
          codes.codes = x.rows.codes.row(g * n);
          codes.grid = &x.rows.codes.grid_of(g * n);
          const auto& packed = w.packed[static_cast<std::size_t>(g)];
          const std::span<const kernels::RowsView> all(&codes, 1);
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
        const auto transposed = transposed_weight(w, g, entry);
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
    if (entry.norm && pass_.batch_statistics) return {batch_norm(out, entry.norm), x.kind};
    return {out, x.kind};
  }
  Ref contiguous(Ref r) {
    const auto v = tape_[r];
    if (v.contiguous()) return r;
    const Ref copy = tape_.value(v.rows, v.cols, true);
    map(tape_[copy]) = map(v);
    tape_.record([=](Tape<T>& t) {
      if (const auto g = t.grad(copy); g.data) t.add_grad(r, map(g));
    });
    return copy;
  }
  Tensor add_scaled(const Tensor& x, const Tensor& y, T s) {
    const Ref a = x.ref, b = y.ref;
    const Ref out = tape_.value(tape_[a].rows, tape_[a].cols, true);
    map(tape_[out]) = map(tape_[a]) + s * map(tape_[b]);
    tape_.record([=](Tape<T>& t) {
      const auto g = t.grad(out);
      if (!g.data) return;
      t.add_grad(a, map(g));
      t.add_grad(b, s * map(g));
    });
    return {out, x.kind};
  }
  Tensor reduce(const Tensor& x, const Graph& g, bool mean) {
    const Ref in = x.ref;
    const Ref out = tape_.value(g.n_nodes(), tape_[in].cols, true);
    ops::segment_reduce<T>(tape_[in], g.first, mean, tape_[out]);
    tape_.record([=, graph = &g](Tape<T>& t) {
      const auto d = t.grad(out);
      if (!d.data) return;
      const auto dx = t.grad_to_add(in);
      for (Index i = 0; i < d.rows; ++i) {
        const Index degree = graph->in_degree(i), begin = graph->first[static_cast<std::size_t>(i)];
        const T share = mean && degree > 0 ? T(1) / static_cast<T>(degree) : T(1);
        for (Index e = begin; e < begin + degree; ++e)
          for (Index c = 0; c < d.cols; ++c) dx(e, c) += share * d(i, c);
      }
    });
    return {out, RowKind::node};
  }
  void bias_gradient(T* d, Ref out, Index first, Index n, bool minus = false) {
    if (d)
      tape_.record([=](Tape<T>& t) {
        if (const auto g = t.grad(out); g.data)
          for (Index i = 0; i < g.rows; ++i)
            for (Index c = 0; c < n; ++c) d[c] += minus ? -g(i, first + c) : g(i, first + c);
      });
  }
  static constexpr bool exact = std::is_same_v<T, float>;

  template <typename U>
  static MatrixView<U> rows_of(MatrixView<U> x, Index first, Index n) noexcept {
    return {x.data + first * x.stride, n, x.cols, x.stride};
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
  /// The stacked parts of a weight as the product sees them, made once per pass.
  struct Weight {
    Ref ref{-1};                                 ///< (out, in) step * code
    const T* bias = nullptr;                     ///< (out)
    std::vector<kernels::PackedWeights> packed;  ///< [group], of quantized weights in float
    std::vector<kernels::PackedWeights> low;     ///< [group] low digits, of 16-bit weights
    MatrixView<T> transposed;                    ///< [group](in, out / groups), where asked for
    T* d_shift = nullptr;  ///< (out) of a folded norm: where the gradient of its shift is summed
  };
  /// A batch norm as it was met in this pass: mean and biased variance of its rows.
  struct NormVisit {
    BatchNorm norm;
    const T *mean = nullptr, *variance = nullptr;
    Index rows = 0, cols = 0;
  };
  /// gamma (z - mean) / sqrt(variance + eps) + beta by the moments of these rows; sums in double.
  Ref batch_norm(Ref in, const BatchNorm& norm) {
    const auto z = tape_[in];
    const Index n = z.rows, cols = z.cols;
    T *mean = tape_.template scratch_array<T>(cols),
      *variance = tape_.template scratch_array<T>(cols),
      *inverse = tape_.template scratch_array<T>(cols);
    std::vector<double> sum(static_cast<std::size_t>(cols), 0.0), square(sum);
    const auto rows = static_cast<double>(n);
    for (Index i = 0; i < n; ++i)
      for (Index c = 0; c < cols; ++c)
        sum[static_cast<std::size_t>(c)] += static_cast<double>(z(i, c));
    for (double& s : sum) s /= rows;
    for (Index i = 0; i < n; ++i)
      for (Index c = 0; c < cols; ++c) {
        const auto k = static_cast<std::size_t>(c);
        const double d = static_cast<double>(z(i, c)) - sum[k];
        square[k] = std::fma(d, d, square[k]);
      }
    for (Index c = 0; c < cols; ++c) {
      const auto k = static_cast<std::size_t>(c);
      mean[c] = static_cast<T>(sum[k]);
      variance[c] = static_cast<T>(square[k] / rows);
      inverse[c] = static_cast<T>(1.0 / std::sqrt(square[k] / rows + FoldedNorm<T>::eps));
    }
    norms_.push_back({norm, mean, variance, n, cols});
    const Ref out = tape_.value(n, cols, true);
    const auto y = tape_[out];
    const T *gamma = value(norm.gamma), *beta = value(norm.beta);
    T *d_gamma = gradient(norm.gamma), *d_beta = gradient(norm.beta);
    for (Index i = 0; i < n; ++i)
      for (Index c = 0; c < cols; ++c)
        y(i, c) = std::fma((z(i, c) - mean[c]) * inverse[c], gamma[c], beta[c]);
    tape_.record([=](Tape<T>& t) {
      const auto g = t.grad(out);
      if (!g.data) return;
      std::vector<T> d_b(static_cast<std::size_t>(cols), T(0)), d_g(d_b);
      for (Index i = 0; i < n; ++i)
        for (Index c = 0; c < cols; ++c) {
          const auto k = static_cast<std::size_t>(c);
          d_b[k] += g(i, c);
          d_g[k] += g(i, c) * ((z(i, c) - mean[c]) * inverse[c]);
        }
      if (d_gamma) add_row(d_gamma, d_g.data(), cols);
      if (d_beta) add_row(d_beta, d_b.data(), cols);
      const auto d = t.grad_to_add(in);
      const T share = T(1) / static_cast<T>(n);
      for (Index i = 0; i < n; ++i)
        for (Index c = 0; c < cols; ++c) {
          const auto k = static_cast<std::size_t>(c);
          const T normal = (z(i, c) - mean[c]) * inverse[c];
          d(i, c) += gamma[c] * inverse[c] * (g(i, c) - share * (d_b[k] + normal * d_g[k]));
        }
    });
    return out;
  }
  /// A group's weight as a product in float reads it.
  MatrixView<const float> transposed_weight(Weight& w, Index group, const WeightEntry& entry) {
    const Index cols = entry.columns_out();
    if (!w.transposed.data) {
      w.transposed = tape_.scratch(entry.groups * entry.in, cols);
      for (Index g = 0; g < entry.groups; ++g)
        kernels::transpose(rows_of(tape_[w.ref], g * cols, cols),
                           rows_of(w.transposed, g * entry.in, entry.in));
    }
    return rows_of(w.transposed, group * entry.in, entry.in);
  }
  Weight& effective_weight(WeightId id) {
    Weight& made = weights_[to_index(id)];
    if (made.ref != Ref{-1}) return made;
    const WeightEntry& w = layout_->weight(id);
    const Ref ref = made.ref = tape_.value(w.out, w.in, true);
    T* bias = tape_.template scratch_array<T>(w.out);
    made.bias = bias;
    const bool quantized = pass_.plan != nullptr;
    const T* step = quantized ? value(quantizers_->step(id)) : nullptr;
    T* d_step = quantized && pass_.learn_weight_steps ? gradient(quantizers_->step(id)) : nullptr;
    const bool packed = exact && quantized;
    const auto out = tape_[ref];
    const int bits = quantizers_->weight_bits(w);
    const bool wide = bits == 16;
    auto* codes = packed ? tape_.template scratch_array<std::int8_t>(w.out * w.in) : nullptr;
    auto* low = packed && wide ? tape_.template scratch_array<std::int8_t>(w.out * w.in) : nullptr;
    const auto top = static_cast<T>(highest_weight_code(bits));
    // A norm that does not look at this pass's rows scales the weights' rows, as it does deployed.
    const bool folded = w.norm && !pass_.batch_statistics;
    const T* scale = folded ? fold(w, made, bias) : nullptr;
    const T* steps = step;
    if (quantized && folded) {
      T* own = tape_.template scratch_array<T>(w.out);
      for (Index r = 0; r < w.out; ++r) own[r] = step[r] * scale[r];
      steps = own;
    }
    Index first = 0;
    for (const WeightPart& part : w.parts) {
      const Source m = source(part, value(part.weight));
      const Index biases = part.bias == no_parameter ? 1 : layout_->entry(part.bias).size();
      for (Index n = 0; n < m.rows; ++n) {
        const Index r = first + n;
        if (!folded) bias[r] = part.bias == no_parameter ? T(0) : value(part.bias)[n % biases];
        T* to = out.row(r);
        m.copy(n, to);
        if (!quantized) {
          if (folded)
            for (Index k = 0; k < m.cols; ++k) to[k] *= scale[r];
          continue;
        }
        const T inverse = T(1) / step[r];
        for (Index k = 0; k < m.cols; ++k) {
          const T q = std::nearbyint(std::clamp(to[k] * inverse, -top, top));
          to[k] = steps[r] * q;
          if (low) {
            const WeightDigits digits = weight_digits(static_cast<int>(q));
            codes[r * w.in + k] = digits.high;
            low[r * w.in + k] = digits.low;
          } else if (packed) {
            codes[r * w.in + k] = static_cast<std::int8_t>(q);
          }
        }
      }
      weight_gradient({ref, first, step, d_step, scale, made.d_shift, w.norm, top}, part, m);
      first += m.rows;
    }
    if constexpr (exact)
      if (quantized) {
        const auto keep = [&](const std::int8_t* from, const T* offset, auto& to) {
          kernels::pack_groups({from, w.out, w.in}, w.groups, wide ? 8 : bits, steps, offset,
                               "layer " + w.name, to);
        };
        if (wide) {
          auto* high_steps = tape_.template scratch_array<T>(w.out);
          auto* nothing = tape_.template scratch_array<T>(w.out);
          for (Index r = 0; r < w.out; ++r) high_steps[r] = steps[r] * static_cast<T>(weight_digit);
          std::fill_n(nothing, w.out, T(0));
          keep(low, nothing, made.low);
          steps = high_steps;
        }
        keep(codes, bias, made.packed);
      }
    return made;
  }
  /// The numbers of a part where the parameter keeps them.
  struct Source {
    const T* data;
    Index rows, cols, stride;
    const Index *row = nullptr, *column = nullptr;  ///< of a mapped part

    void copy(Index n, T* to) const noexcept {
      if (!row) {
        std::copy_n(data + n * stride, cols, to);
        return;
      }
      const T* from = data + row[n];
      for (Index k = 0; k < cols; ++k) to[k] = from[column[k]];
    }
    /// Where number k of row n lies behind `data`.
    [[nodiscard]] Index place(Index n, Index k) const noexcept {
      return row ? row[n] + column[k] : n * stride + k;
    }
  };
  [[nodiscard]] Source source(const WeightPart& part, const T* values) const {
    const auto& e = layout_->entry(part.weight);
    Source s{values + part.first_col, WeightEntry::outputs(part, e.rows()), part.cols, e.cols()};
    if (part.mapped()) {
      s.row = part.row.data();
      s.column = part.column.data();
    }
    return s;
  }
  /// Scales of a folded norm, (out); its shifts become the biases.
  const T* fold(const WeightEntry& w, Weight& made, T* bias) {
    T* scale = tape_.template scratch_array<T>(w.out);
    const T *gamma = value(w.norm.gamma), *beta = value(w.norm.beta), *mean = value(w.norm.mean),
            *variance = value(w.norm.variance);
    for (Index r = 0; r < w.out; ++r) {
      const FoldedNorm<T> f(gamma[r], beta[r], mean[r], variance[r]);
      scale[r] = f.scale;
      bias[r] = f.shift;
    }
    if (pass_.gradients) {
      made.d_shift = tape_.template scratch_array<T>(w.out);
      std::fill_n(made.d_shift, w.out, T(0));
    }
    return scale;
  }
  /// What the gradient of a weight needs to know of the forward pass.
  struct WeightPass {
    Ref ref;
    Index first;
    const T* step;     ///< null: not quantized
    T* d_step;         ///< null: not wanted
    const T* scale;    ///< of a folded norm, or null
    const T* d_shift;  ///< of a folded norm: complete when the weight's turn comes
    BatchNorm norm;
    T top;
  };
  void weight_gradient(const WeightPass& w, const WeightPart& part, const Source& m) {
    T* const values = gradient(part.weight);
    if (!values) return;
    T* const into = values + part.first_col;
    const T *gamma = nullptr, *mean = nullptr, *variance = nullptr;
    T *d_gamma = nullptr, *d_beta = nullptr;
    if (w.scale) {
      gamma = value(w.norm.gamma);
      mean = value(w.norm.mean);
      variance = value(w.norm.variance);
      d_gamma = gradient(w.norm.gamma);
      d_beta = gradient(w.norm.beta);
    }
    tape_.record([=](Tape<T>& t) {
      const auto g = t.grad(w.ref);
      if (!g.data) return;
      for (Index n = 0; n < m.rows; ++n) {
        const Index r = w.first + n;
        const T scale = w.scale ? w.scale[r] : T(1);
        T along = 0;  // d loss / d scale
        if (!w.step) {
          if (m.row || w.scale)
            for (Index k = 0; k < m.cols; ++k) {
              const Index at = m.place(n, k);
              into[at] += scale * g(r, k);
              along += g(r, k) * m.data[at];
            }
          else
            add_row(into + n * m.stride, g.row(r), m.cols);
        } else {
          const T inverse = T(1) / w.step[r];
          T sum = 0;
          for (Index k = 0; k < m.cols; ++k) {
            const Index at = m.place(n, k);
            const T x = m.data[at] * inverse, c = std::clamp(x, -w.top, w.top);
            const T q = std::nearbyint(c);
            const bool inside = c == x;
            if (inside) into[at] += scale * g(r, k);
            sum += g(r, k) * (q - (inside ? x : T(0)));
            along += g(r, k) * (w.step[r] * q);
          }
          if (w.d_step) w.d_step[r] += scale * sum;
        }
        if (w.scale) {
          const FoldedNorm<T> f(gamma[r], T(0), mean[r], variance[r]);
          d_gamma[r] += f.inverse_deviation * (along - mean[r] * w.d_shift[r]);
          d_beta[r] += w.d_shift[r];
        }
      }
    });
  }

  const ParameterLayout* layout_;
  const Quantizers* quantizers_;
  Tape<T> tape_;
  TrainingPass<T> pass_;
  std::vector<Visit> visits_;
  std::vector<NormVisit> norms_;
  std::vector<Weight> weights_;
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
