#pragma once
/// @file
/// Training's weights: as this pass sees them, quantized and folded with their norms, and their
/// gradients.

#include <amq/arithmetic/training_context.hpp>
#include <amq/kernels/float_product.hpp>
#include <amq/kernels/packed_weights.hpp>
#include <amq/quant/weights.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <utility>
#include <vector>

namespace amq::arithmetics {

/// Of one layout; every function is given the context that the pass runs in.
template <typename T>
class TrainingWeights {
 public:
  using Context = TrainingContext<T>;
  using Ref = typename Context::Ref;

  /// Moves the running estimates of the batch norms met in this pass towards the pass's own:
  /// r += momentum (own - r), the variance unbiased, as torch.nn.BatchNorm does. A momentum of 1 /
  /// k in the k-th of several passes leaves their average.
  void update_running(const ParameterLayout& layout, ParametersOf<T>& p, double momentum) const {
    for (const NormVisit& v : norms_) {
      T *mean = p.view(layout.entry(v.norm.mean)).data,
        *variance = p.view(layout.entry(v.norm.variance)).data;
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

  /// Forgets the last pass.
  void begin(const ParameterLayout& layout) {
    norms_.clear();
    weights_.assign(layout.weights().size(), {});
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
  /// gamma (z - mean) / sqrt(variance + eps) + beta by the moments of these rows; sums in double.
  Ref batch_norm(Context& on, Ref in, const BatchNorm& norm) {
    const auto z = on.tape[in];
    const Index n = z.rows, cols = z.cols;
    T *mean = on.tape.template scratch_array<T>(cols),
      *variance = on.tape.template scratch_array<T>(cols),
      *inverse = on.tape.template scratch_array<T>(cols);
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
    const Ref out = on.tape.value(n, cols, true);
    const auto y = on.tape[out];
    const T *gamma = on.value(norm.gamma), *beta = on.value(norm.beta);
    T *d_gamma = on.gradient(norm.gamma), *d_beta = on.gradient(norm.beta);
    for (Index i = 0; i < n; ++i)
      for (Index c = 0; c < cols; ++c)
        y(i, c) = std::fma((z(i, c) - mean[c]) * inverse[c], gamma[c], beta[c]);
    on.tape.record([=](Tape<T>& t) {
      const auto g = t.grad(out);
      if (!g.data) return;
      std::vector<T> d_b(static_cast<std::size_t>(cols), T(0)), d_g(d_b);
      for (Index i = 0; i < n; ++i)
        for (Index c = 0; c < cols; ++c) {
          const auto k = static_cast<std::size_t>(c);
          d_b[k] += g(i, c);
          d_g[k] += g(i, c) * ((z(i, c) - mean[c]) * inverse[c]);
        }
      if (d_gamma) ops::detail::add_row(d_gamma, d_g.data(), cols);
      if (d_beta) ops::detail::add_row(d_beta, d_b.data(), cols);
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
  static MatrixView<const float> transposed(Context& on, Weight& w, Index group,
                                            const WeightEntry& entry) {
    const Index cols = entry.columns_out();
    if (!w.transposed.data) {
      w.transposed = on.tape.scratch(entry.groups * entry.in, cols);
      for (Index g = 0; g < entry.groups; ++g)
        kernels::transpose(detail::rows_of(on.tape[w.ref], g * cols, cols),
                           detail::rows_of(w.transposed, g * entry.in, entry.in));
    }
    return detail::rows_of(w.transposed, group * entry.in, entry.in);
  }
  Weight& effective(Context& on, WeightId id) {
    Weight& made = weights_[to_index(id)];
    if (made.ref != Ref{-1}) return made;
    const WeightEntry& w = on.layout->weight(id);
    const Ref ref = made.ref = on.tape.value(w.out, w.in, true);
    T* bias = on.tape.template scratch_array<T>(w.out);
    made.bias = bias;
    const bool quantized = on.pass.plan != nullptr;
    const T* step = quantized ? on.value(on.quantizers->step(id)) : nullptr;
    T* d_step =
        quantized && on.pass.learn_weight_steps ? on.gradient(on.quantizers->step(id)) : nullptr;
    const bool packed = Context::exact && quantized;
    const auto out = on.tape[ref];
    const int bits = on.quantizers->weight_bits(w);
    kernels::WeightGroups groups(packed ? w.out : 0, packed ? w.in : 0, w.groups, bits);
    const auto top = static_cast<T>(highest_weight_code(bits));
    // A norm that does not look at this pass's rows scales the weights' rows, as it does deployed.
    const bool folded = w.norm && !on.pass.batch_statistics;
    const T* scale = folded ? fold(on, w, made, bias) : nullptr;
    const T* steps = step;
    if (quantized && folded) {
      T* own = on.tape.template scratch_array<T>(w.out);
      for (Index r = 0; r < w.out; ++r) own[r] = step[r] * scale[r];
      steps = own;
    }
    Index first = 0;
    for (const WeightPart& part : w.parts) {
      const Source m = source(on, part);
      const Index biases = part.bias == no_parameter ? 1 : on.layout->entry(part.bias).size();
      for (Index n = 0; n < m.rows; ++n) {
        const Index r = first + n;
        if (!folded) bias[r] = part.bias == no_parameter ? T(0) : on.value(part.bias)[n % biases];
        T* to = out.row(r);
        m.copy(n, to);
        if (!quantized) {
          if (folded)
            for (Index k = 0; k < m.cols; ++k) to[k] *= scale[r];
          continue;
        }
        const T inverse = T(1) / step[r];
        const auto channel = packed ? groups.channel(r) : kernels::WeightGroups::Channel();
        for (Index k = 0; k < m.cols; ++k) {
          const T q = std::nearbyint(std::clamp(to[k] * inverse, -top, top));
          to[k] = steps[r] * q;
          if (packed) channel.put(k, static_cast<int>(q));
        }
      }
      weight_gradient(on, {ref, first, step, d_step, scale, made.d_shift, w.norm, top}, part, m);
      first += m.rows;
    }
    if constexpr (Context::exact)
      if (quantized) std::move(groups).pack(steps, bias, "layer " + w.name, made.packed, made.low);
    return made;
  }

 private:
  /// A batch norm as it was met in this pass: mean and biased variance of its rows.
  struct NormVisit {
    BatchNorm norm;
    const T *mean = nullptr, *variance = nullptr;
    Index rows = 0, cols = 0;
  };
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
  [[nodiscard]] static Source source(const Context& on, const WeightPart& part) {
    const auto& e = on.layout->entry(part.weight);
    Source s{on.value(part.weight) + part.first_col, WeightEntry::outputs(part, e.rows()),
             part.cols, e.cols()};
    if (part.mapped()) {
      s.row = part.row.data();
      s.column = part.column.data();
    }
    return s;
  }
  /// Scales of a folded norm, (out); its shifts become the biases.
  static const T* fold(Context& on, const WeightEntry& w, Weight& made, T* bias) {
    T* scale = on.tape.template scratch_array<T>(w.out);
    const T *gamma = on.value(w.norm.gamma), *beta = on.value(w.norm.beta),
            *mean = on.value(w.norm.mean), *variance = on.value(w.norm.variance);
    for (Index r = 0; r < w.out; ++r) {
      const FoldedNorm<T> f(gamma[r], beta[r], mean[r], variance[r]);
      scale[r] = f.scale;
      bias[r] = f.shift;
    }
    if (on.pass.gradients) {
      made.d_shift = on.tape.template scratch_array<T>(w.out);
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
  static void weight_gradient(Context& on, const WeightPass& w, const WeightPart& part,
                              const Source& m) {
    T* const values = on.gradient(part.weight);
    if (!values) return;
    T* const into = values + part.first_col;
    const T *gamma = nullptr, *mean = nullptr, *variance = nullptr;
    T *d_gamma = nullptr, *d_beta = nullptr;
    if (w.scale) {
      gamma = on.value(w.norm.gamma);
      mean = on.value(w.norm.mean);
      variance = on.value(w.norm.variance);
      d_gamma = on.gradient(w.norm.gamma);
      d_beta = on.gradient(w.norm.beta);
    }
    on.tape.record([=](Tape<T>& t) {
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
            ops::detail::add_row(into + n * m.stride, g.row(r), m.cols);
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

  std::vector<NormVisit> norms_;
  std::vector<Weight> weights_;
};

}  // namespace amq::arithmetics
