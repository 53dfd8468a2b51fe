#include <amq/quant/any_rule.hpp>

#include "own_rule.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <string>
#include <type_traits>
#include <vector>

namespace test_any_rule {

using namespace amq;
using namespace amq::quant;

static_assert(std::is_trivially_copyable_v<AnyRule> && sizeof(AnyRule) == sizeof(void*));
static_assert(sizeof(BasicRowCoder<ByRange>) == sizeof(BasicRowCoder<AnyRule>) - sizeof(AnyRule),
              "a rule that is a type takes no room");
static_assert(AnyRule(ByQuartiles()).kind() == RowRule::own);

namespace {
std::string refusal(const AnyRule& rule) {
  try {
    check_row_rule(rule, {0, 2, 8});
  } catch (const Error& e) {
    return e.what();
  }
  return "";
}
struct Good {
  static constexpr std::string_view name = "good";
  static RowGrid grid(const float*, Index, int, float a, float) noexcept { return {a, 0}; }
  static float default_a(int) noexcept { return 0.5f; }
};
struct Negative : Good {
  static RowGrid grid(const float*, Index, int, float a, float) noexcept { return {-a, 0}; }
};
struct Infinite : Good {
  static RowGrid grid(const float*, Index, int, float a, float) noexcept {
    return {a, static_cast<float>(INFINITY)};
  }
};
struct Squared : Good {
  static RowGrid grid(const float*, Index, int, float a, float) noexcept { return {a * a, 0}; }
};
struct Moody : Good {
  static RowGrid grid(const float*, Index, int, float a, float) noexcept {
    static float mood = 0;
    return {a, mood += 1};
  }
};
struct Nothing : Good {
  static float default_a(int) noexcept { return 0; }
};
}  // namespace

TEST_CASE_TEMPLATE("a rule whose type is forgotten does what its type does", Rule, ByRange,
                   ByDeviation, ByMagnitude, Static, ByQuartiles) {
  const AnyRule any = Rule{};
  CHECK(any.name() == Rule::name);
  std::vector<float> x;
  for (int k = 0; k < 50; ++k)
    x.push_back(std::sin(static_cast<float>(k)) + 0.02f * static_cast<float>(k));
  for (int bits = 0; bits <= 16; ++bits) {
    const float a = Rule::default_a(bits);
    CHECK(any.default_a(bits) == a);
    CHECK(any.lowest(bits) == lowest_of(Rule{}, bits));
    std::vector<std::int16_t> known(50), forgotten(50);
    const RowGrid g =
        quantize_row(x.data(), 50, BasicRowCoder<Rule>{{}, bits, a, 0.1f}, known.data());
    const RowCoder coder{any, bits, a, 0.1f};
    CHECK(quantize_row(x.data(), 50, coder, forgotten.data()) == g);
    CHECK(known == forgotten);
  }
}

TEST_CASE("a rule is found by its name and by the one that older files have") {
  for (const RowRule r : {RowRule::affine, RowRule::symmetric, RowRule::min_max, RowRule::fixed}) {
    const AnyRule rule = r;
    CHECK(rule.kind() == r);
    CHECK(AnyRule::named(rule.name(), "test") == rule);
    CHECK(AnyRule::named(rule.former_name(), "test") == rule);
  }
  CHECK(AnyRule::named("row_min_max", "test") == RowRule::min_max);
  CHECK(AnyRule::named("row_affine", "test") == RowRule::affine);
  CHECK_THROWS_WITH_AS(static_cast<void>(AnyRule::named("by_quartiles", "a.safetensors")),
                       doctest::Contains("'by_quartiles'"), Error);
}

TEST_CASE("rules of different users are different, and none is one of amq's") {
  CHECK(AnyRule(ByQuartiles()) == AnyRule(ByQuartiles()));
  CHECK(AnyRule(ByQuartiles()) != AnyRule(Good()));
  CHECK(AnyRule(ByQuartiles()) != RowRule::min_max);
}

TEST_CASE("a user's rule that breaks a law is told which") {
  CHECK(refusal(ByQuartiles()) == "");
  CHECK(refusal(Good()) == "");
  CHECK(refusal(Negative()).find("a positive step at 2 bits") != std::string::npos);
  CHECK(refusal(Infinite()).find("a finite offset") != std::string::npos);
  CHECK(refusal(Squared()).find("a step proportional to a") != std::string::npos);
  CHECK(refusal(Moody()).find("the same grid for the same row") != std::string::npos);
  CHECK(refusal(Nothing()).find("default_a above 0") != std::string::npos);
}

}  // namespace test_any_rule
