#pragma once
// The laws of amq/quant/quantizer.hpp: every quantizer passes through here.

#include <amq/quant/quantizer.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

template <amq::quant::quantizer Q>
void check_quantizer_laws(const Q& q, amq::Index i = 0, amq::Index j = 0) {
  using Code = typename Q::Code;
  const float step = q.step(i, j), low = q.decode(static_cast<Code>(Q::lowest), i, j),
              high = q.decode(static_cast<Code>(Q::highest), i, j);
  REQUIRE(step > 0);
  REQUIRE(low < high);
  for (int c = Q::lowest; c <= Q::highest; ++c)  // every code there is
    REQUIRE(q.encode(q.decode(static_cast<Code>(c), i, j), i, j) == c);
  int previous = Q::lowest;
  const int n = 4000;
  for (int k = -n / 4; k <= n + n / 4; ++k) {
    const float x = low + (high - low) * static_cast<float>(k) / n;
    const int c = q.encode(x, i, j);
    REQUIRE((Q::lowest <= c && c <= Q::highest));
    REQUIRE(c >= previous);  // monotone
    previous = c;
    const float error = std::fabs(q.decode(static_cast<Code>(c), i, j) - x);
    if (low <= x && x <= high)
      REQUIRE(error <= 0.5f * step + 4e-7f * std::fmax(std::fabs(low), std::fabs(high)));
  }
  const float inf = std::numeric_limits<float>::infinity();
  REQUIRE(q.encode(inf, i, j) == Q::highest);
  REQUIRE(q.encode(-inf, i, j) == Q::lowest);
  REQUIRE(q.encode(std::numeric_limits<float>::max(), i, j) == Q::highest);
}
