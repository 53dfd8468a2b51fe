#include <amq/allocation/product_times.hpp>

#include <amq/models/network.hpp>

#include <doctest/doctest.h>

#include <string>
#include <vector>

namespace test_product_times {

using namespace amq;
using namespace amq::allocation;

namespace {

/// Two products of the same rows, and one of three groups.
struct Products {
  struct Config {};
  PointId rows{}, modes{};

  Products(ParameterLayout& layout, const Config&) {
    rows = layout.add_point("rows", RowKind::node, 6);
    modes = layout.add_point("modes", RowKind::grid, 6);
    for (const char* name : {"a", "b"})
      layout.add_weight(
          name, {{layout.add(std::string(name) + ".weight", {4, 6}, Init::deviation(0.1f)), 0, 6,
                  no_parameter}});
    layout.add_grouped_weight("c", layout.add("c.weights", {12, 6}, Init::deviation(0.1f)), 3);
  }
};
ProductCost product(const char* weight, const char* point, PointId id, Index rows) {
  ProductCost c;
  c.weight = weight;
  c.point = point;
  c.id = id;
  c.rows = rows;
  c.in = 6;
  c.out = 4;
  return c;
}

}  // namespace

TEST_CASE("times of products are measured by the clock given, rows' codes counted once") {
  const Network<Products> net({}, {8, RowRule::affine, {0, 4, 8}}, 1);
  PassCost cost;
  cost.products = {product("a", "rows", net.model.rows, 9), product("b", "rows", net.model.rows, 9),
                   product("pool", "pool", {}, 9), product("c", "modes", net.model.modes, 6)};
  double now = 0;  // everything takes a second, the first round two
  int readings = 0;
  RowTimesOptions o;
  o.rounds = 3;
  o.clock = [&] { return now += ++readings % 8 == 2 ? 2.0 : 1.0; };
  const auto t =
      measure_product_times(net.layout, net.quantizers, net.parameters, cost, {0, 4, 8}, o);
  REQUIRE(t.size() == 4);
  using Times = std::vector<double>;
  CHECK(t[0].milliseconds == Times{0, 2000, 2000});
  CHECK(t[1].milliseconds == Times{0, 1000, 1000});
  CHECK(t[2].milliseconds == Times{0, 0, 0});
  CHECK(t[3].milliseconds == Times{0, 2000, 2000});
  CHECK(t[1].float_milliseconds == 1000);
  CHECK(t[2].float_milliseconds == 0);
  CHECK(t[3].float_milliseconds == 1000);
  CHECK(t[3].weight == "c");
  CHECK(t[3].point == "modes");
  o.rounds = 0;
  CHECK_THROWS_AS(static_cast<void>(measure_product_times(net.layout, net.quantizers,
                                                          net.parameters, cost, {8}, o)),
                  Error);
}

}  // namespace test_product_times
