#pragma once
/// @file
/// Shares of a whole, row by row: exponentials, softmax and its gradient. Sums run in sixteen
/// lanes, folded in the one order, so that every rung gives the same bits.

#include <amq/kernels/activation.hpp>
#include <amq/simd/batch.hpp>

#include <cstdint>

namespace amq::kernels {
inline namespace AMQ_LEVEL {

namespace detail {
/// f(k, n) for whole registers of a row and then for what is left of it, n lanes.
template <typename Function>
AMQ_INLINE void each_register(Index n, const Function& f) noexcept {
  Index k = 0;
  for (; k + simd::lanes <= n; k += simd::lanes) f(k, simd::lanes);
  if (k < n) f(k, static_cast<int>(n - k));
}
template <typename Arch>
AMQ_INLINE simd::Floats<Arch> some(const float* p, int n, float rest = 0) noexcept {
  using F = simd::Floats<Arch>;
  return n == simd::lanes ? F::load(p) : F::load_part(p, n, rest);
}
template <typename Arch>
AMQ_INLINE void store_some(simd::Floats<Arch> x, float* p, int n) noexcept {
  if (n == simd::lanes)
    x.store(p);
  else
    x.store_part(p, n);
}
}  // namespace detail

/// The sum of a[k] b[k], fused.
template <typename Arch = simd::Native>
[[nodiscard]] AMQ_INLINE float dot(const float* a, const float* b, Index n) noexcept {
  simd::Floats<Arch> all = simd::Floats<Arch>::splat(0.0f);
  detail::each_register(n, [&](Index k, int part) AMQ_INLINE_LAMBDA {
    all = fma(detail::some<Arch>(a + k, part), detail::some<Arch>(b + k, part), all);
  });
  return sum(all);
}

/// p[k] = exp((x[k] - max x) scale); p may be x. @returns the sum of p. @pre n > 0
template <typename Arch = simd::Native>
AMQ_INLINE float exponentials(const float* x, float* p, Index n, float scale) noexcept {
  using F = simd::Floats<Arch>;
  F top = F::splat(x[0]);
  detail::each_register(n, [&](Index k, int part) AMQ_INLINE_LAMBDA {
    top = max(top, detail::some<Arch>(x + k, part, x[0]));
  });
  const float highest = largest(top);
  map_floats<Arch>(x, p, n, [=](auto v) AMQ_INLINE_LAMBDA {
    using Wide = decltype(v);
    return kernels::exp((v - Wide::splat(highest)) * Wide::splat(scale));
  });
  F all = F::splat(0.0f);
  detail::each_register(
      n, [&](Index k, int part) AMQ_INLINE_LAMBDA { all = all + detail::some<Arch>(p + k, part); });
  return sum(all);
}

/// p = exponentials(x) over their sum; p may be x.
template <typename Arch = simd::Native>
AMQ_INLINE void softmax(const float* x, float* p, Index n, float scale) noexcept {
  scale_row<Arch>(p, n, 1.0f / exponentials<Arch>(x, p, n, scale));
}

/// How the gradient of a row's logits follows from that of its shares.
enum class SharesOf : std::uint8_t {
  one,   ///< the row sums to one: d = p (d - <p, d>)
  many,  ///< exponentials alone: d = p d
};

/// to[k] (+)= scale d'[k], where d' is the gradient of scale l, and d that of shares p = f(scale
/// l).
/// @param to      may be null
/// @param sum_of  += d', where it is not null
/// @returns       <d', l>
template <SharesOf Shares, typename Arch = simd::Native>
AMQ_INLINE float shares_gradient(const float* l, const float* p, const float* d, Index n,
                                 float scale, float* to, bool add,
                                 float* sum_of = nullptr) noexcept {
  using F = simd::Floats<Arch>;
  const F along = F::splat(Shares == SharesOf::one ? dot<Arch>(p, d, n) : 0.0f);
  F all = F::splat(0.0f);
  const F by = F::splat(scale);
  detail::each_register(n, [&](Index k, int part) AMQ_INLINE_LAMBDA {
    F g = detail::some<Arch>(d + k, part);
    if constexpr (Shares == SharesOf::one) g = g - along;
    g = g * detail::some<Arch>(p + k, part);
    all = fma(g, detail::some<Arch>(l + k, part), all);
    if (sum_of)
      detail::store_some<Arch>(detail::some<Arch>(sum_of + k, part) + g, sum_of + k, part);
    if (!to) return;
    detail::store_some<Arch>(add ? fma(g, by, detail::some<Arch>(to + k, part)) : g * by, to + k,
                             part);
  });
  return sum(all);
}

}  // namespace AMQ_LEVEL
}  // namespace amq::kernels
