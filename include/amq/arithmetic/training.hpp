#pragma once
/// @file
/// Quantization-aware training: fake quantization forwards, gradients backwards.

#include <amq/arithmetic/attention_ops.hpp>
#include <amq/arithmetic/concept.hpp>
#include <amq/arithmetic/fake_quantize.hpp>
#include <amq/arithmetic/grid_operation.hpp>

#include <algorithm>
#include <cmath>
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
  /// A quantization point as it was met in this pass: what arrived and what left.
  struct Visit {
    PointId point{};
    Ref in{}, out{};
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
    const PointEntry& point = layout_->point(id);
    FakeRows<T> out;
    out.value = x.ref;
    if (pass_.plan && pass_.plan->uniform_bits != BitPlan::float_rows) {
      const auto bits = point.fixed_bits ? std::span<const std::uint8_t>{}
                                         : pass_.plan->bits(id, point.kind, tape_[x.ref].rows);
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
      out = fake_quantize(tape_, x.ref, spec);
    }
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
  /// Quantized rows are multiplied as codes: sums of integers, exact in float up to 2^24 and in
  /// double beyond, then the epilogue of the kernels. So training sees what deployment computes,
  /// bit for bit.
  Tensor linear(WeightId id, const Quantized& x) {
    if (layout_->weight(id).groups > 1) return linear_grouped(id, x);
    const Weight w = effective_weight(id);
    const Ref in = x.rows.value, wr = w.ref;
    const Ref out = tape_.value(tape_[in].rows, tape_[wr].rows, true);
    const auto y = map(tape_[out]);
    const auto codes = x.rows.codes;
    if (!codes.data) {
      map(tape_[out]).noalias() = map(tape_[in]) * map(tape_[wr]).transpose();
      map(tape_[out]).rowwise() +=
          Eigen::Map<const Eigen::Matrix<T, 1, Eigen::Dynamic>>(w.bias, y.cols());
    } else {
      const double largest =
          static_cast<double>(codes.cols) * 127.0 * std::exp2(x.rows.highest_bits - 1);
      if (std::is_same_v<T, double> || largest < 0x1p24)
        map(tape_[out]).noalias() = map(codes) * map(w.codes).transpose();
      else
        map(tape_[out]) =
            (map(codes).template cast<double>() * map(w.codes).template cast<double>().transpose())
                .template cast<T>();
      const auto v = tape_[out];
      for (Index i = 0; i < v.rows; ++i) epilogue(x.rows.grids[i], w, 0, v.row(i), v.cols);
    }
    tape_.record([=](Tape<T>& t) {
      const auto g = t.grad(out);
      if (!g.data) return;
      t.add_grad(in, map(g) * map(t[wr]));
      t.add_grad(wr, map(g).transpose() * map(t[in]));
    });
    Index first = 0;
    for (const WeightPart& part : layout_->weight(id).parts) {
      const Index n = WeightEntry::outputs(part, layout_->entry(part.weight).rows());
      if (part.bias != no_parameter) {
        const Index biases = layout_->entry(part.bias).size();
        for (Index k = 0; k < n; k += biases)
          bias_gradient(gradient(part.bias), out, first + k, biases);
      }
      first += n;
    }
    if (w.d_shift) bias_gradient(w.d_shift, out, 0, y.cols());
    if (layout_->weight(id).norm && pass_.batch_statistics)
      return {batch_norm(out, layout_->weight(id).norm), x.kind};
    return {out, x.kind};
  }
  Tensor activate(Activation f, const Tensor& x) {
    const Ref in = contiguous(x.ref);
    const auto v = tape_[in];
    const Ref out = tape_.value(v.rows, v.cols, true);
    const auto slope = tape_.scratch(v.rows, v.cols);
    ops::activate<T>(f, v, tape_[out], slope.data);
    tape_.record([=](Tape<T>& t) {
      if (const auto g = t.grad(out); g.data) t.add_grad(in, map(g).cwiseProduct(map(slope)));
    });
    return {out, x.kind};
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
    const auto v = tape_[in];
    const Ref out = tape_.borrow({v.data + first, v.rows, n, v.stride}, true);
    tape_.record([=](Tape<T>& t) {
      if (const auto g = t.grad(out); g.data) map(t.grad_to_add(in)).middleCols(first, n) += map(g);
    });
    return {out, x.kind};
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
  void bias_gradient(T* d, Ref out, Index first, Index n) {
    if (d)
      tape_.record([=](Tape<T>& t) {
        if (const auto g = t.grad(out); g.data)
          for (Index i = 0; i < g.rows; ++i) add_row(d, g.row(i) + first, n);
      });
  }
  /// The stacked parts of a weight as the product sees them, made once per pass.
  struct Weight {
    Ref ref{-1};                ///< (out, in) step * code
    MatrixView<const T> codes;  ///< (out, in) integers kept as T; no data: not quantized
    const T* steps = nullptr;   ///< (out)
    const T* sums = nullptr;    ///< (out) sums of codes
    const T* bias = nullptr;    ///< (out)
    T* d_shift = nullptr;  ///< (out) of a folded norm: where the gradient of its shift is summed
  };
  /// A batch norm as it was met in this pass: mean and biased variance of its rows.
  struct NormVisit {
    BatchNorm norm;
    const T *mean = nullptr, *variance = nullptr;
    Index rows = 0, cols = 0;
  };
  /// The accumulators of one row become floats, as the kernels do it. `first` is the output channel
  /// of the first of them.
  static void epilogue(const RowGrid& grid, const Weight& w, Index first, T* r, Index cols) {
    const auto step = static_cast<T>(grid.step), offset = static_cast<T>(grid.offset);
    for (Index n = 0; n < cols; ++n) {
      const T shift = offset * w.sums[first + n];
      r[n] = std::fma(w.steps[first + n], std::fma(step, r[n], shift), w.bias[first + n]);
    }
  }
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
  /// linear() for groups of rows that have weights of their own.
  Tensor linear_grouped(WeightId id, const Quantized& x) {
    const WeightEntry& entry = layout_->weight(id);
    const Weight w = effective_weight(id);
    const Ref in = x.rows.value, wr = w.ref;
    const Index groups = entry.groups, cols = entry.columns_out(), n = tape_[in].rows / groups;
    const Ref out = tape_.value(tape_[in].rows, cols, true);
    const auto codes = x.rows.codes;
    const bool exact =
        std::is_same_v<T, double> || static_cast<double>(entry.in) * 127.0 *
                                             std::exp2(codes.data ? x.rows.highest_bits - 1 : 0) <
                                         0x1p24;
    for (Index g = 0; g < groups; ++g) {
      auto y = map(tape_[out]).middleRows(g * n, n);
      if (!codes.data)
        y.noalias() = map(tape_[in]).middleRows(g * n, n) *
                      map(tape_[wr]).middleRows(g * cols, cols).transpose();
      else if (exact)
        y.noalias() =
            map(codes).middleRows(g * n, n) * map(w.codes).middleRows(g * cols, cols).transpose();
      else
        y = (map(codes).middleRows(g * n, n).template cast<double>() *
             map(w.codes).middleRows(g * cols, cols).template cast<double>().transpose())
                .template cast<T>();
      if (codes.data)
        for (Index i = g * n; i < (g + 1) * n; ++i)
          epilogue(x.rows.grids[i], w, g * cols, tape_[out].row(i), cols);
    }
    tape_.record([=](Tape<T>& t) {
      const auto d = t.grad(out);
      if (!d.data) return;
      auto dw = map(t.grad_to_add(wr));
      const bool wanted = t.differentiable(in);
      const auto dx = wanted ? t.grad_to_add(in) : typename Tape<T>::View();
      for (Index g = 0; g < groups; ++g) {
        const auto dy = map(d).middleRows(g * n, n);
        dw.middleRows(g * cols, cols).noalias() += dy.transpose() * map(t[in]).middleRows(g * n, n);
        if (wanted)
          map(dx).middleRows(g * n, n).noalias() += dy * map(t[wr]).middleRows(g * cols, cols);
      }
    });
    return {out, x.kind};
  }
  const Weight& effective_weight(WeightId id) {
    Weight& made = weights_[to_index(id)];
    if (made.ref != Ref{-1}) return made;
    const WeightEntry& w = layout_->weight(id);
    const Ref ref = made.ref = tape_.value(w.out, w.in, true);
    T* bias = tape_.template scratch_array<T>(w.out);
    made.bias = bias;
    const bool quantized = pass_.plan != nullptr;
    const T* step = quantized ? value(quantizers_->step(id)) : nullptr;
    T* d_step = quantized && pass_.learn_weight_steps ? gradient(quantizers_->step(id)) : nullptr;
    typename Tape<T>::View codes;
    T* sums = nullptr;
    if (quantized) {
      made.codes = codes = tape_.scratch(w.out, w.in);
      made.sums = sums = tape_.template scratch_array<T>(w.out);
      made.steps = step;
    }
    const auto out = tape_[ref];
    const auto top = static_cast<T>(highest_code(quantizers_->weight_bits(w)));
    // A norm that does not look at this pass's rows scales the weights' rows, as it does deployed.
    const bool folded = w.norm && !pass_.batch_statistics;
    const T* scale = folded ? fold(w, made, bias) : nullptr;
    if (quantized && folded) {
      T* steps = tape_.template scratch_array<T>(w.out);
      for (Index r = 0; r < w.out; ++r) steps[r] = step[r] * scale[r];
      made.steps = steps;
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
        const T inverse = T(1) / step[r], own = made.steps[r];
        T sum = 0;
        for (Index k = 0; k < m.cols; ++k) {
          const T q = std::nearbyint(std::clamp(to[k] * inverse, -top, top));
          codes(r, k) = q;
          to[k] = own * q;
          sum += q;
        }
        sums[r] = sum;
      }
      weight_gradient({ref, first, step, d_step, scale, made.d_shift, w.norm, top}, part, m);
      first += m.rows;
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
