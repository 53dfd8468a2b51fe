#pragma once
/// @file
/// How a model's numbers are kept, as a type: Scheme<Weights<8>, Activations<2, 4, 8>>.

#include <amq/quant/any_rule.hpp>
#include <amq/quant/levels.hpp>
#include <amq/quant/row_rule.hpp>

#include <concepts>
#include <string>

namespace amq::quant {

/// What all InWords are.
struct RowsInWords {};
/// Of a scheme's name, where rows between products are words.
inline constexpr const char* words_suffix = "_words";

}  // namespace amq::quant

namespace amq {

/// Symmetric codes per output channel: 2, 4, 8 or 16 bits.
/// @tparam Bits   of every layer for which the model or the training names no others
/// @tparam Named  what they name beyond that, where it takes other kernels: Weights<8, 16>. Fewer
///                than 8 bits need no mention.
template <int Bits, int... Named>
struct Weights {
  static constexpr bool known(int b) { return b == 2 || b == 4 || b == 8 || b == 16; }
  static_assert(known(Bits) && (known(Named) && ...), "amq::Weights<Bits>: Bits is 2, 4, 8 or 16");
  static constexpr int bits = Bits;
  static constexpr bool wide = Bits == 16 || ((Named == 16) || ...);  ///< some of 16 bits
};

/// The levels a row of activations may have.
template <int... Bits>
struct Activations {
  using levels = quant::Levels<Bits...>;
};

/// The same where rows of messages between the products of a layer are words of 16 bits in fixed
/// point instead of floats (kernels/message_words.hpp): Scheme<Weights<8>,
/// InWords<Activations<8>>>. Of layers that have such a form, as MP-PDE's; with ByRange and at most
/// 8 bits. calibrate() finds two fractions a layer.
template <typename A>
struct InWords : quant::RowsInWords {
  using levels = typename A::levels;
};

/// @tparam A     Activations, or these InWords
/// @tparam Rule  a row_rule, amq's or a user's
template <typename W, typename A, typename Rule = ByRange>
struct Scheme {
  static_assert(
      quant::row_rule<Rule>,
      "amq::Scheme: a row rule is a struct of static members name, grid(x, n, bits, a, o) "
      "and default_a(bits), noexcept: see the concept row_rule");
  using levels = typename A::levels;
  using rule = Rule;
  static constexpr int weight_bits = W::bits;
  static constexpr bool words = std::derived_from<A, quant::RowsInWords>;  ///< between products
  static_assert(!words || (std::same_as<Rule, ByRange> && levels::bits.back() <= 8),
                "amq::Scheme: words between products become codes by range, of at most 8 bits: use "
                "ByRange and levels up to 8, or Activations that are not InWords");
  static constexpr bool wide_weights = W::wide;  ///< layers of 16 bits are compiled
  static_assert(
      !levels::contains(1) || quant::lowest_of(Rule{}, 1) < 0,
      "amq::Scheme: a symmetric row has nothing but zero at 1 bit; use ByRange, or drop level 1");

  /// "w8a2,4,8_by_range", as in tables and model files.
  [[nodiscard]] static std::string name() {
    std::string text = "w";
    text += std::to_string(weight_bits);
    char separator = 'a';
    for (const int b : levels::bits) {
      text += separator;
      text += std::to_string(b);
      separator = ',';
    }
    text += '_';
    text += Rule::name;
    if (words) text += quant::words_suffix;
    return text;
  }
};

/// A scheme that is read at run time: what is compiled for it serves all levels, the rules of amq
/// and those of users.
struct AnyScheme {
  using levels = quant::AnyLevels;
  using rule = quant::AnyRule;
};

}  // namespace amq

namespace amq::quant {

template <typename Scheme>
inline constexpr bool any_scheme = std::same_as<Scheme, AnyScheme>;

/// Whether kernels for weights of 16 bits are compiled.
template <typename Scheme>
[[nodiscard]] constexpr bool has_wide_weights() noexcept {
  if constexpr (any_scheme<Scheme>)
    return true;
  else
    return Scheme::wide_weights;
}

}  // namespace amq::quant
