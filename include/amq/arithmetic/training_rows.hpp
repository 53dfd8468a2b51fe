#pragma once
/// @file
/// Training: what is done with rows that are neither quantized nor multiplied by weights.

#include <amq/arithmetic/grid_concept.hpp>
#include <amq/arithmetic/training_tape.hpp>
#include <amq/core/executor.hpp>
#include <amq/ops/masked_attention.hpp>
#include <amq/ops/rows.hpp>

#include <cmath>
#include <initializer_list>
#include <span>

namespace amq {

template <typename T>
class TrainingRows : public TrainingTape<T> {
  using Base = TrainingTape<T>;

 public:
  using Base::gradient, Base::value;
  using typename Base::Ref;
  using typename Base::Tensor;

  Tensor input(MatrixView<const float> x, RowKind kind) {
    const Ref r = tape_.value(x.rows, x.cols, false);
    map(tape_[r]) = map(x).template cast<T>();
    return {r, kind};
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

  [[nodiscard]] ProductBits product_bits(ProductBits wanted) const noexcept {
    const BitPlan* plan = pass_.plan;
    return plan && plan->uniform_bits != BitPlan::float_rows ? wanted : ProductBits();
  }

 protected:
  using Base::add_row, Base::bias_gradient, Base::contiguous, Base::exact, Base::pass_, Base::tape_;
  using Base::Base;

 private:
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
};

}  // namespace amq
